#include "daemon/base/internal.h"
#include "daemon/store/base.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_text(struct digest *digest, const char *text)
{
    digest_update(digest, text ? text : "", text ? strlen(text) + 1 : 1);
}

static void add_list(struct digest *digest, const struct config_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        add_text(digest, list->items[i]);
    add_text(digest, NULL);
}

/* A digest, since variables may have secret values. */
void base_settings(const struct config *config, char settings[static DIGEST_HEX_SIZE])
{
    struct digest digest;
    char numbers[160];

    digest_begin(&digest);
    add_list(&digest, &config->validation.command);
    add_list(&digest, &config->validation.launcher);
    add_list(&digest, &config->validation.environment);
    add_list(&digest, &config->validation.read_only);
    for (size_t i = 0; i < config->validation.pass_environment.count; i++) {
        add_text(&digest, config->validation.pass_environment.items[i]);
        add_text(&digest, getenv(config->validation.pass_environment.items[i]));
    }
    add_text(&digest, config->validation.expect);
    add_text(&digest, config->validation.cache ? "cache" : NULL);
    snprintf(numbers, sizeof(numbers), "%d %d %" PRIu64 " %" PRIu64 " %u %" PRIu64 " %" PRIu64,
             (int)config->validation.sandbox, (int)config->validation.network,
             config->validation.timeout_ms, config->validation.limits.memory,
             config->validation.limits.processes, config->validation.limits.file_size,
             config->validation.limits.cpu_time_ms);
    add_text(&digest, numbers);
    digest_end(&digest, settings);
}

bool base_settings_in_force(const struct config *config, const char *settings)
{
    char now[DIGEST_HEX_SIZE];

    base_settings(config, now);
    return strcmp(settings, now) == 0;
}

static void take_stored(struct base_verdict *verdict, const struct store_base *stored)
{
    *verdict = (struct base_verdict){.at_ms = stored->at_ms};
    if (!stored->at_ms)
        return;
    verdict->state = !stored->passed ? BASE_FAILED : stored->flaky ? BASE_FLAKY : BASE_PASSED;
    snprintf(verdict->commit, sizeof(verdict->commit), "%s", stored->commit);
    snprintf(verdict->reason, sizeof(verdict->reason), "%s", stored->reason);
    test_report_read(&verdict->report, stored->report);
}

int base_recall_under(const struct base *base, const char *commit, const char *settings,
                      struct base_verdict *verdict, struct error *error)
{
    CLEANUP(store_base_clear) struct store_base stored = {0};

    if (store_find_base(base->options.store, commit, settings, &stored, error) < 0)
        return -1;
    take_stored(verdict, &stored);
    return 0;
}

int base_recall(const struct base *base, const char *commit, struct base_verdict *verdict,
                struct error *error)
{
    char settings[DIGEST_HEX_SIZE];

    base_settings(base->options.config, settings);
    return base_recall_under(base, commit, settings, verdict, error);
}

bool base_believes_failure(const struct base *base, const char *commit, const char *settings)
{
    return base->failed.state == BASE_FAILED && strcmp(base->failed.commit, commit) == 0 &&
           strcmp(base->failed_settings, settings) == 0 &&
           uv_now(base->options.loop) - base->failed_at < BASE_HOUR_MS;
}

#include "daemon/validation/settings.h"

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
void settings_digest(const struct config *config, char settings[static DIGEST_HEX_SIZE])
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

bool settings_in_force(const struct config *config, const char *settings)
{
    char now[DIGEST_HEX_SIZE];

    settings_digest(config, now);
    return strcmp(settings, now) == 0;
}

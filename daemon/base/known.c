#include "daemon/base/internal.h"
#include "daemon/store/base.h"
#include "daemon/validation/settings.h"

#include <stdio.h>
#include <string.h>

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

    settings_digest(base->options.config, settings);
    return base_recall_under(base, commit, settings, verdict, error);
}

bool base_believes_failure(const struct base *base, const char *commit, const char *settings)
{
    return base->failed.state == BASE_FAILED && strcmp(base->failed.commit, commit) == 0 &&
           strcmp(base->failed_settings, settings) == 0 &&
           uv_now(base->options.loop) - base->failed_at < BASE_HOUR_MS;
}

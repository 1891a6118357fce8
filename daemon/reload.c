#include "daemon/reload.h"

#include "common/log.h"
#include "common/memory.h"
#include "common/text.h"
#include "daemon/events.h"

bool reload_configuration(struct config *running, const char *path)
{
    CLEANUP(config_freep) struct config *fresh = NULL;
    CLEANUP_TEXT struct text restart = {0};
    struct config_problems problems = {0};
    bool good = config_load(&fresh, path, &problems) == 0;

    for (size_t i = 0; i < problems.count; i++)
        log_event(&event_configuration_refused, LOG_TEXT("reason", problems.items[i].message));
    config_problems_free(&problems);
    if (!good)
        return false;
    config_exchange(running, fresh, &restart);
    if (restart.length)
        log_event(&event_restart_needed, LOG_TEXT("keys", text_string(&restart)));
    log_event(&event_configuration_reloaded, LOG_TEXT("file", path));
    return true;
}

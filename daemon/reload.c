#include "daemon/reload.h"

#include "common/log.h"
#include "common/memory.h"
#include "common/text.h"
#include "daemon/events.h"

#include <stdlib.h>
#include <string.h>

#define SWAP(a, b)                                                                                 \
    do {                                                                                           \
        unsigned char held_[sizeof(a)];                                                            \
        memcpy(held_, &(a), sizeof(a));                                                            \
        memcpy(&(a), &(b), sizeof(a));                                                             \
        memcpy(&(b), held_, sizeof(a));                                                            \
    } while (0)

/* What names places and the forge stays as it was at the start. */
static void apply(struct config *running, struct config *fresh)
{
    SWAP(running->forge.labels, fresh->forge.labels);
    SWAP(running->forge.create_labels, fresh->forge.create_labels);
    SWAP(running->forge.reviewers, fresh->forge.reviewers);
    SWAP(running->forge.timeout_ms, fresh->forge.timeout_ms);
    SWAP(running->forge.poll_ms, fresh->forge.poll_ms);
    SWAP(running->change, fresh->change);
    SWAP(running->metrics, fresh->metrics);
    SWAP(running->metric_count, fresh->metric_count);
    SWAP(running->validation, fresh->validation);
    SWAP(running->validation.sandbox, fresh->validation.sandbox); /* stays, too */
    SWAP(running->queue, fresh->queue);
    SWAP(running->log, fresh->log);
    SWAP(running->status, fresh->status);
}

bool reload_configuration(struct reload *reload, struct config *running, const char *path)
{
    CLEANUP_TEXT struct text restart = {0};
    struct config_problems problems = {0};
    struct config *fresh = NULL;
    bool good = config_load(&fresh, path, &problems) == 0;

    for (size_t i = 0; i < problems.count; i++)
        log_event(&event_configuration_refused, LOG_TEXT("reason", problems.items[i].message));
    config_problems_free(&problems);
    if (!good)
        return false;
    config_restart_needed(running, fresh, &restart);
    if (restart.length)
        log_event(&event_restart_needed, LOG_TEXT("keys", text_string(&restart)));
    apply(running, fresh);
    reload->retired = memory_resize(reload->retired,
                                    (reload->count + 1) * sizeof(*reload->retired));
    reload->retired[reload->count++] = fresh;
    log_event(&event_configuration_reloaded, LOG_TEXT("file", path));
    return true;
}

void reload_clear(struct reload *reload)
{
    for (size_t i = 0; i < reload->count; i++)
        config_free(reload->retired[i]);
    free(reload->retired);
}

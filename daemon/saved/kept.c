/*
 *     which parents are named, slice by slice ─▶ which refs there are ─▶ drop those that nobody needs, slice by slice
 */

#include "daemon/saved/kept.h"

#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "daemon/events.h"

#include <stdlib.h>
#include <string.h>

#define PARENTS_SLICE 256
#define REFS_SLICE    64

struct kept {
    uv_loop_t *loop;
    struct store *store;
    struct repository *repository;
    struct operation *step; /* the next slice; NULL: nothing is being done */
    int64_t at;             /* the result whose parent was read last */
    struct config_list parents;
    struct config_list refs; /* experiments that have one */
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void end(struct kept *kept)
{
    kept->at = 0;
    config_list_clear(&kept->parents);
    config_list_clear(&kept->refs);
}

static void fail(struct kept *kept, const struct error *error)
{
    log_event(&event_store_failed, LOG_TEXT("reason", error->message));
    end(kept);
}

static int drop_if_unneeded(struct kept *kept, const char *experiment_id, struct error *error)
{
    bool needs;

    if (kept->parents.count > 0 && bsearch(&experiment_id, kept->parents.items, kept->parents.count,
                                           sizeof(*kept->parents.items), compare_names))
        return 0;
    if (store_needs_commit(kept->store, experiment_id, &needs, error) < 0)
        return -1;
    if (!needs)
        repository_forget_kept(kept->repository, experiment_id);
    return 0;
}

static void on_refs(void *data)
{
    struct kept *kept = data;
    struct error error;

    kept->step = NULL;
    for (int i = 0; i < REFS_SLICE && kept->refs.count > 0; i++) {
        CLEANUP_FREE char *experiment_id = kept->refs.items[--kept->refs.count];

        if (drop_if_unneeded(kept, experiment_id, &error) < 0) {
            fail(kept, &error);
            return;
        }
    }
    if (kept->refs.count > 0)
        kept->step = loop_after(kept->loop, 0, on_refs, kept);
    else
        end(kept);
}

static void on_parents(void *data)
{
    struct kept *kept = data;
    struct error error;
    int more;

    kept->step = NULL;
    more = store_list_parents(kept->store, &kept->at, PARENTS_SLICE, &kept->parents, &error);
    if (more < 0) {
        fail(kept, &error);
    } else if (more > 0) {
        kept->step = loop_after(kept->loop, 0, on_parents, kept);
    } else {
        if (kept->parents.count > 0)
            qsort(kept->parents.items, kept->parents.count, sizeof(*kept->parents.items),
                  compare_names);
        repository_list_kept(kept->repository, &kept->refs);
        kept->step = loop_after(kept->loop, 0, on_refs, kept);
    }
}

void kept_prune(struct kept *kept)
{
    if (!kept->step)
        kept->step = loop_after(kept->loop, 0, on_parents, kept);
}

void kept_new(struct kept **kept, uv_loop_t *loop, struct store *store,
              struct repository *repository)
{
    struct kept *made = memory_new(sizeof(*made));

    made->loop = loop;
    made->store = store;
    made->repository = repository;
    *kept = made;
}

void kept_free(struct kept *kept)
{
    if (!kept)
        return;
    operation_clear(&kept->step);
    end(kept);
    free(kept);
}

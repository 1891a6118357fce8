#include "daemon/saved.h"

#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "daemon/events.h"
#include "daemon/result.h"
#include "daemon/saved/kept.h"

#include <stdlib.h>

#define AGAIN_MS    30000 /* until a source that could not be read is asked again */
#define PATIENCE_MS 5000  /* for how long jobs wait for a slice */
#define PRUNE_SLICE 128

struct unsaved {
    struct store_unsaved *items;
    size_t count;
};

struct saved {
    uv_loop_t *loop;
    struct saved_options options;
    struct operation *step;  /* the next slice, or the git that fetches it; NULL: nothing to do */
    struct operation *again; /* the pause */
    struct operation *patience; /* NULL: nothing is being fetched, or not for jobs to wait for */
    struct unsaved slice;
    int64_t at;   /* id of the last result that was looked at in this round */
    bool unread;  /* a source could not be read in this round */
    bool waiting; /* another round is due */

    struct operation *pruning;
    bool released; /* some content was, since the refs of parents were looked through */
    struct kept *kept;
};

static void on_slice(void *data);

static void unsaved_clear(struct unsaved *slice)
{
    store_unsaved_free(slice->items, slice->count);
    *slice = (struct unsaved){0};
}

/* ---- saving ------------------------------------------------------------------------------------- */

static void on_again(void *data)
{
    struct saved *saved = data;

    saved->again = NULL;
    saved_look(saved);
}

static void end_round(struct saved *saved)
{
    bool waiting = saved->waiting;

    if (saved->unread && !saved->again)
        saved->again = loop_after(saved->loop, AGAIN_MS, on_again, saved);
    saved->at = 0;
    saved->unread = saved->waiting = false;
    if (waiting)
        saved->step = loop_after(saved->loop, 0, on_slice, saved);
    saved->options.changed(saved->options.data);
}

/* A source is slow, or does not answer. The results of others need not wait for that. */
static void on_impatient(void *data)
{
    struct saved *saved = data;

    saved->patience = NULL;
    saved->options.changed(saved->options.data);
}

static int forget_if_unneeded(struct saved *saved, const char *experiment_id, struct error *error)
{
    bool needs;

    if (store_needs_commit(saved->options.store, experiment_id, &needs, error) < 0)
        return -1;
    if (!needs && *experiment_id)
        repository_forget_saved(saved->options.repository, experiment_id);
    return 0;
}

/* A commit that was fetched, or cannot be, is not asked for again. Its result may have been decided since. */
static int note_slice(struct saved *saved, bool unread, struct error *error)
{
    struct store *store = saved->options.store;
    char commit[GIT_HASH_SIZE];

    int status = 0;

    if (store_begin(store, error) < 0)
        return -1;
    for (size_t i = 0; status == 0 && i < saved->slice.count; i++) {
        const struct store_unsaved *item = &saved->slice.items[i];

        if (unread &&
            !repository_find_saved(saved->options.repository, item->experiment_id, commit))
            continue;
        status = store_end_saving(store, item->id, error);
        if (status == 0)
            status = forget_if_unneeded(saved, item->experiment_id, error);
    }
    return store_end(store, status, error);
}

static void end_slice(struct saved *saved, bool unread)
{
    struct error error;

    operation_clear(&saved->patience);
    saved->unread |= unread;
    if (note_slice(saved, unread, &error) < 0) {
        log_event(&event_store_failed, LOG_TEXT("reason", error.message));
        saved->unread = true;
    }
    saved->at = saved->slice.items[saved->slice.count - 1].id;
    unsaved_clear(&saved->slice);
    saved->step = loop_after(saved->loop, 0, on_slice, saved);
    saved->options.changed(saved->options.data);
}

static void on_saved(void *data, const struct error *error)
{
    struct saved *saved = data;

    saved->step = NULL;
    end_slice(saved, error != NULL);
}

/* Returns the measured commit of a result, or the commit that it was made on; NULL: an experiment, or
 * nothing. The caller frees it. */
static char *commit_of(const struct saved *saved, const struct result *result)
{
    CLEANUP(store_result_freep) struct store_result *row = NULL;
    struct error ignored;

    if (result->change == RESULT_CHANGE_COMMIT)
        return memory_copy(result->commit);
    if (!result->parent || store_find(saved->options.store, result->parent, &row, &ignored) < 0 ||
        row)
        return NULL;
    return result_commit_digits(result->parent);
}

/* Returns how many of a slice name a commit. */
static size_t read_slice(const struct saved *saved, struct result **results, char **commits,
                         struct repository_named *named)
{
    const struct unsaved *slice = &saved->slice;
    struct error ignored;
    size_t count = 0;

    for (size_t i = 0; i < slice->count; i++) {
        if (result_parse_canonical(&results[i], slice->items[i].parsed, &ignored) < 0)
            continue;
        commits[i] = commit_of(saved, results[i]);
        if (commits[i])
            named[count++] = (struct repository_named){
                .experiment_id = slice->items[i].experiment_id,
                .commit = commits[i],
                .repository = results[i]->repository,
            };
    }
    return count;
}

static void save_slice(struct saved *saved)
{
    struct unsaved *slice = &saved->slice;
    CLEANUP_FREE struct result **results = memory_new_array(slice->count, sizeof(struct result *));
    CLEANUP_FREE struct repository_named *named = memory_new_array(slice->count, sizeof(*named));
    CLEANUP_FREE char **commits = memory_new_array(slice->count, sizeof(char *));
    size_t total = slice->count, count = read_slice(saved, results, commits, named);

    if (count > 0) {
        saved->step = repository_save(saved->options.repository, named, count, on_saved, saved);
        saved->patience = loop_after(saved->loop, PATIENCE_MS, on_impatient, saved);
    } else {
        end_slice(saved, false);
    }
    for (size_t i = 0; i < total; i++) {
        result_free(results[i]);
        free(commits[i]);
    }
}

static void on_slice(void *data)
{
    struct saved *saved = data;
    struct error error;

    saved->step = NULL;
    if (store_list_unsaved(saved->options.store, saved->at, REPOSITORY_SAVE_LIMIT,
                           &saved->slice.items, &saved->slice.count, &error) < 0) {
        log_event(&event_store_failed, LOG_TEXT("reason", error.message));
        unsaved_clear(&saved->slice);
        saved->unread = true;
    }
    if (saved->slice.count > 0)
        save_slice(saved);
    else
        end_round(saved);
}

void saved_look(struct saved *saved)
{
    if (saved->step)
        saved->waiting = true;
    else if (saved->options.config->sources.count > 0)
        saved->step = loop_after(saved->loop, 0, on_slice, saved);
}

bool saved_pending(const struct saved *saved, const struct store_result *row)
{
    bool taken = saved->slice.count > 0; /* the others come after this slice */

    return row->saving && saved->step && (saved->patience || !taken) &&
           (saved->waiting || row->id > saved->at);
}

bool saved_idle(const struct saved *saved)
{
    return !saved->step;
}

/* ---- refs that nobody needs -------------------------------------------------------------------- */

/* The ref goes first: after a crash this is done again. */
static int prune_slice(struct saved *saved, size_t *count, struct error *error)
{
    struct store *store = saved->options.store;
    struct store_released *items;
    int status = store_list_released(store, PRUNE_SLICE, &items, count, error);
    bool begun = status == 0 && *count > 0 && (status = store_begin(store, error)) == 0;

    for (size_t i = 0; begun && status == 0 && i < *count; i++) {
        status = forget_if_unneeded(saved, items[i].experiment_id, error);
        if (status == 0)
            status = store_end_released(store, items[i].id, error);
    }
    store_released_free(items, *count);
    return begun ? store_end(store, status, error) : status;
}

static void on_prune(void *data)
{
    struct saved *saved = data;
    struct error error;
    size_t count = 0;

    saved->pruning = NULL;
    if (prune_slice(saved, &count, &error) < 0)
        log_event(&event_store_failed, LOG_TEXT("reason", error.message));
    else if (count == PRUNE_SLICE)
        saved->pruning = loop_after(saved->loop, 0, on_prune, saved);
    saved->released |= count > 0;
    if (saved->released && !saved->pruning)
        kept_prune(saved->kept);
    saved->released &= saved->pruning != NULL;
}

void saved_maintain(struct saved *saved)
{
    if (!saved->pruning)
        saved->pruning = loop_after(saved->loop, 0, on_prune, saved);
}

/* ---- life --------------------------------------------------------------------------------------- */

void saved_new(struct saved **saved, uv_loop_t *loop, const struct saved_options *options)
{
    struct saved *made = memory_new(sizeof(*made));

    made->loop = loop;
    made->options = *options;
    made->released = true; /* perhaps, before the start */
    kept_new(&made->kept, loop, options->store, options->repository);
    *saved = made;
    saved_look(made);
}

void saved_free(struct saved *saved)
{
    if (!saved)
        return;
    operation_clear(&saved->step);
    operation_clear(&saved->again);
    operation_clear(&saved->patience);
    operation_clear(&saved->pruning);
    kept_free(saved->kept);
    unsaved_clear(&saved->slice);
    free(saved);
}

#include "daemon/validation/cache.h"

#include "common/file.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "common/process.h"
#include "daemon/events.h"
#include "daemon/validation/cache-child.h"
#include "daemon/validation/overlay.h"
#include "daemon/validation/remover.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANEW           "anew"
#define HOUR_MS        ((uint64_t)60 * 60 * 1000)
#define SAID_LIMIT     256
#define SIZE_LIMIT     64
#define ARGUMENTS_OVER 5 /* the overlay's own, before those of what it becomes */

struct kept {
    struct kept *next; /* an older one */
    unsigned long long number;
    unsigned shares;
};

struct cache {
    uv_loop_t *loop;
    const struct config *config;
    char *directory;
    struct remover *remover;
    struct kept *kept;     /* the latest first; older ones only while they are used */
    uint64_t copies_until; /* uv_now(); no overlay before that */
};

struct cache_share {
    struct cache *cache;
    struct kept *kept;
    bool overlay;
    char *files; /* of the cache */
    char *upper; /* in the checkout, as the next two */
    char *work;
    char *place; /* ~/.cache */
};

static bool is_on(const struct config *config)
{
    return config->validation.cache && config->validation.base != BASE_RUNS_NEVER;
}

static char *path_of(const struct cache *cache, const struct kept *kept, const char *name)
{
    return memory_format("%s/%llu%s%s", cache->directory, kept->number, name ? "/" : "",
                         name ? name : "");
}

static uint64_t read_size(const char *directory, unsigned long long number)
{
    CLEANUP_FREE char *path = memory_format("%s/%llu/" CACHE_SIZE, directory, number);
    CLEANUP_FREE char *line = NULL;
    struct error ignored;
    size_t length;

    if (file_read(&line, &length, AT_FDCWD, path, SIZE_LIMIT, &ignored) < 0)
        return 0;
    return strtoull(line, NULL, 10);
}

/* ---- what is kept ------------------------------------------------------------------------------- */

/* The number that is an entry's name; 0: it is none. */
static unsigned long long number_of(const char *name)
{
    char *end;
    unsigned long long number = name[0] > '0' && name[0] <= '9' ? strtoull(name, &end, 10) : 0;

    return number && !*end ? number : 0;
}

/* Other directories of such a name are not ours. */
static bool has_files(int directory, const char *name)
{
    CLEANUP_FREE char *files = file_join(name, CACHE_FILES);
    struct stat status;

    return fstatat(directory, files, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
}

static unsigned long long find_latest(const char *directory)
{
    CLEANUP_LISTING DIR *listing = opendir(directory);
    const struct dirent *entry;
    unsigned long long latest = 0;

    while (listing && (entry = readdir(listing)))
        if (number_of(entry->d_name) > latest && has_files(dirfd(listing), entry->d_name))
            latest = number_of(entry->d_name);
    return latest;
}

static void set_aside(struct cache *cache, const char *path)
{
    struct error error;

    if (remover_set_aside(cache->directory, path, &error) < 0)
        log_event(&event_checkout_left, LOG_TEXT("reason", error.message));
}

static void remove_others(struct cache *cache, unsigned long long number)
{
    CLEANUP_LISTING DIR *listing = opendir(cache->directory);
    const struct dirent *entry;

    while (listing && (entry = readdir(listing))) {
        CLEANUP_FREE char *path = file_join(cache->directory, entry->d_name);

        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            strcmp(entry->d_name, REMOVER_FOLDER) != 0 &&
            (!number || (number_of(entry->d_name) != number && strcmp(entry->d_name, ANEW) != 0)))
            set_aside(cache, path);
    }
}

/* Removes the older ones that no run uses, and the latest as well if validation.cache is false. */
static void prune(struct cache *cache)
{
    struct kept **place = &cache->kept;
    bool removed = false;

    while (*place) {
        struct kept *kept = *place;
        CLEANUP_FREE char *path = path_of(cache, kept, NULL);

        if (kept->shares || (kept == cache->kept && is_on(cache->config))) {
            place = &kept->next;
            continue;
        }
        set_aside(cache, path);
        *place = kept->next;
        free(kept);
        removed = true;
    }
    if (removed)
        remover_start(cache->remover);
}

static void add(struct cache *cache, unsigned long long number)
{
    struct kept *kept = memory_new(sizeof(*kept));

    kept->number = number;
    kept->next = cache->kept;
    cache->kept = kept;
}

struct cache *cache_new(uv_loop_t *loop, const struct config *config)
{
    struct cache *cache = memory_new(sizeof(*cache));

    cache->loop = loop;
    cache->config = config;
    cache->directory = file_join(config->state, "cache");
    cache->remover = remover_new(loop, cache->directory);
    return cache;
}

void cache_free(struct cache *cache)
{
    if (!cache)
        return;
    remover_free(cache->remover);
    while (cache->kept) {
        struct kept *kept = cache->kept;

        cache->kept = kept->next;
        free(kept);
    }
    free(cache->directory);
    free(cache);
}

void cache_sweep(struct cache *cache)
{
    unsigned long long latest = is_on(cache->config) ? find_latest(cache->directory) : 0;

    remove_others(cache, latest);
    remover_start(cache->remover);
    if (latest && !cache->kept)
        add(cache, latest);
}

void cache_read(struct cache_figures *figures, const char *state)
{
    CLEANUP_FREE char *directory = file_join(state, "cache");
    unsigned long long latest = find_latest(directory);
    CLEANUP_FREE char *path = memory_format("%s/%llu", directory, latest);
    struct stat status;

    *figures = (struct cache_figures){0};
    if (!latest || stat(path, &status) < 0)
        return;
    figures->bytes = read_size(directory, latest);
    figures->at_ms = (int64_t)status.st_mtime * 1000;
}

/* ---- children ----------------------------------------------------------------------------------- */

struct work {
    struct operation operation; /* first */
    struct cache *cache;
    struct operation *child;
    cache_callback callback;
    void *data;
    char *experiment_id;       /* of a copy */
    char *place;               /* the same: what is made */
    unsigned long long number; /* of one that is kept */
};

static void work_free(struct work *work)
{
    free(work->experiment_id);
    free(work->place);
    free(work);
}

static void work_discard(struct operation *operation)
{
    struct work *work = (struct work *)operation;

    operation_clear(&work->child);
    work_free(work);
}

static struct work *start_work(struct cache *cache, const char *const *argv, process_callback ended,
                               cache_callback callback, void *data)
{
    struct work *work = memory_new(sizeof(*work));
    const struct process_options options = {
        .argv = argv,
        .this_program = true,
        .output_limit = SAID_LIMIT,
    };

    work->operation.discard = work_discard;
    work->cache = cache;
    work->callback = callback;
    work->data = data;
    work->child = process_start(cache->loop, &options, ended, work);
    return work;
}

static void finish(struct work *work)
{
    cache_callback callback = work->callback;
    void *data = work->data;

    work_free(work);
    callback(data);
}

/* Why a child failed; NULL: it did not. `buffer` has PROCESS_DESCRIPTION_SIZE bytes. */
static const char *failure_of(const struct process_result *result, char *buffer)
{
    if (process_succeeded(result))
        return NULL;
    process_describe(buffer, PROCESS_DESCRIPTION_SIZE, result);
    return result->errors && *result->errors ? result->errors : buffer;
}

/* ---- what a run gets ---------------------------------------------------------------------------- */

static void tell(const char *experiment_id, const char *way)
{
    log_event(&event_cache_seen, LOG_TEXT("experiment", experiment_id), LOG_TEXT("way", way));
}

static void tell_missing(const char *experiment_id, const char *reason)
{
    log_event(&event_cache_missing, LOG_TEXT("experiment", experiment_id),
              LOG_TEXT("reason", reason));
}

static void on_copied(void *data, const struct process_result *result)
{
    struct work *work = data;
    char buffer[PROCESS_DESCRIPTION_SIZE];
    const char *failure = failure_of(result, buffer);
    CLEANUP_FREE char *way = memory_format("%.*s", (int)result->output_length, result->output);

    work->child = NULL;
    way[strcspn(way, "\n")] = '\0';
    if (failure) {
        tell_missing(work->experiment_id, failure);
        /* A child that was killed may have left files. */
        set_aside(work->cache, work->place);
        remover_start(work->cache->remover);
    } else {
        tell(work->experiment_id, way);
    }
    finish(work);
}

static struct operation *start_copy(struct cache_share *share, const char *experiment_id,
                                    cache_callback callback, void *data)
{
    struct cache *cache = share->cache;
    char bytes[32];
    const char *const argv[] = {CACHE_PROGRAM, "copy", share->files, share->place, bytes, NULL};
    struct work *work;

    snprintf(bytes, sizeof(bytes), "%" PRIu64, read_size(cache->directory, share->kept->number));
    work = start_work(cache, argv, on_copied, callback, data);
    work->experiment_id = memory_copy(experiment_id);
    work->place = memory_copy(share->place);
    return &work->operation;
}

/* A run writes into its checkout, so that the files count as the run's and are removed with it. */
static bool make_places(const struct cache_share *share, struct error *error)
{
    return file_make_directories(share->upper, 0700, error) == 0 &&
           file_make_directories(share->work, 0700, error) == 0 &&
           file_make_directories(share->place, 0700, error) == 0;
}

static struct cache_share *new_share(struct cache *cache, const struct checkout *checkout)
{
    struct cache_share *share = memory_new(sizeof(*share));

    share->cache = cache;
    share->kept = cache->kept;
    share->kept->shares++;
    share->files = path_of(cache, cache->kept, CACHE_FILES);
    share->upper = file_join(checkout->layers, "upper");
    share->work = file_join(checkout->layers, "work");
    share->place = file_join(checkout->home, ".cache");
    return share;
}

static bool is_to_begin_anew(const struct cache *cache)
{
    CLEANUP_FREE char *path = file_join(cache->directory, ANEW);

    return access(path, F_OK) == 0;
}

/* Whether the run on the base removed ~/.cache itself. That works in a copy only: an overlay is mounted there. */
static bool was_removed(const struct cache *cache)
{
    CLEANUP_FREE char *path = path_of(cache, cache->kept, CACHE_REMOVED);

    return access(path, F_OK) == 0;
}

/* An empty directory, where later runs have a full one. */
static void give_empty(const struct checkout *checkout, const char *experiment_id)
{
    CLEANUP_FREE char *place = file_join(checkout->home, ".cache");
    struct error error;

    if (file_make_directories(place, 0700, &error) < 0)
        tell_missing(experiment_id, error.message);
}

struct operation *cache_give(struct cache *cache, struct cache_share **sharep,
                             const char *experiment_id, const struct checkout *checkout,
                             enum cache_purpose purpose, cache_callback callback, void *data)
{
    struct cache_share *share;
    struct error error;

    *sharep = NULL;
    prune(cache);
    if (!is_on(cache->config))
        return NULL;
    if (purpose == CACHE_FOR_BASE && (!cache->kept || is_to_begin_anew(cache)))
        give_empty(checkout, experiment_id);
    if (!cache->kept || (purpose == CACHE_FOR_BASE && is_to_begin_anew(cache)))
        return NULL;
    *sharep = share = new_share(cache, checkout);
    if (purpose != CACHE_FOR_TESTS || uv_now(cache->loop) < cache->copies_until ||
        was_removed(cache))
        return start_copy(share, experiment_id, callback, data);
    share->overlay = make_places(share, &error);
    if (share->overlay)
        tell(experiment_id, "overlay");
    else
        tell_missing(experiment_id, error.message);
    return NULL;
}

char **cache_mount(const struct cache_share *share, char **arguments, bool *this_program)
{
    size_t count = 0;
    char **more;

    *this_program = share && share->overlay;
    if (!*this_program)
        return arguments;
    while (arguments[count])
        count++;
    more = memory_new_array(ARGUMENTS_OVER + count + 1, sizeof(*more));
    more[0] = memory_copy(OVERLAY_PROGRAM);
    more[1] = memory_copy(share->files);
    more[2] = memory_copy(share->upper);
    more[3] = memory_copy(share->work);
    more[4] = memory_copy(share->place);
    memcpy(more + ARGUMENTS_OVER, arguments, count * sizeof(*more));
    free(arguments);
    return more;
}

bool cache_may_be_why(const struct cache_share *share)
{
    return share && share->overlay;
}

void cache_prefer_copies(struct cache *cache, const char *reason)
{
    cache->copies_until = uv_now(cache->loop) + HOUR_MS;
    log_event(&event_cache_copies, LOG_TEXT("reason", reason));
}

void cache_leave(struct cache_share **sharep)
{
    struct cache_share *share = *sharep;

    *sharep = NULL;
    if (!share)
        return;
    share->kept->shares--;
    prune(share->cache);
    free(share->files);
    free(share->upper);
    free(share->work);
    free(share->place);
    free(share);
}

/* ---- what the base's run leaves ----------------------------------------------------------------- */

static void set_anew(const struct cache *cache, bool anew)
{
    CLEANUP_FREE char *path = file_join(cache->directory, ANEW);
    struct error error;

    if (anew ? file_make_directories(cache->directory, 0700, &error) == 0 &&
                   file_replace(AT_FDCWD, path, "", 0, 0600, &error) == 0
             : unlink(path) == 0 || errno == ENOENT)
        return;
    log_event(&event_checkout_left, LOG_TEXT("reason", anew ? error.message : strerror(errno)));
}

static void take_kept(struct cache *cache, unsigned long long number, uint64_t bytes)
{
    log_event(&event_cache_kept, LOG_INTEGER("bytes", (int64_t)bytes));
    add(cache, number);
    set_anew(cache, false);
    prune(cache);
}

static void take_large(struct cache *cache)
{
    CLEANUP_FREE char *reason = memory_format("it is larger than validation.cache_limit, %" PRIu64
                                              " bytes",
                                              cache->config->validation.cache_limit);

    log_event(&event_cache_not_kept, LOG_TEXT("key", "validation.cache_limit"),
              LOG_TEXT("reason", reason));
    set_anew(cache, true);
}

static void on_kept(void *data, const struct process_result *result)
{
    struct work *work = data;
    char buffer[PROCESS_DESCRIPTION_SIZE];
    const char *failure = failure_of(result, buffer);
    char word[8];
    uint64_t bytes = 0;

    work->child = NULL;
    if (failure || sscanf(result->output, "%7s %" SCNu64, word, &bytes) != 2)
        log_event(&event_cache_not_kept, LOG_TEXT("reason", failure ? failure : result->output));
    else if (strcmp(word, CACHE_KEPT) == 0)
        take_kept(work->cache, work->number, bytes);
    else
        take_large(work->cache);
    finish(work);
}

/* When a file was made, in nanoseconds; 0: it is not there, or its file system does not know. */
static int64_t made_ns(const char *path)
{
    struct statx status;

    if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BTIME, &status) < 0 ||
        !(status.stx_mask & STATX_BTIME))
        return 0;
    return status.stx_btime.tv_sec * 1000000000 + status.stx_btime.tv_nsec;
}

/* What the tests left is not the directory that they were given, but one that they made. */
static bool is_made_by_tests(const struct checkout *checkout, const char *place)
{
    int64_t begun = made_ns(checkout->begun);

    return begun > 0 && made_ns(place) > begun;
}

/* They left none: later runs see the one that is kept, which is not theirs. */
static void note_removed(const struct cache *cache)
{
    CLEANUP_FREE char *path = cache->kept ? path_of(cache, cache->kept, CACHE_REMOVED) : NULL;
    struct error error;

    if (path && file_replace(AT_FDCWD, path, "", 0, 0600, &error) < 0)
        log_event(&event_cache_not_kept, LOG_TEXT("reason", error.message));
}

struct operation *cache_keep(struct cache *cache, const struct checkout *checkout,
                             cache_callback callback, void *data)
{
    CLEANUP_FREE char *place = file_join(checkout->home, ".cache");
    unsigned long long number = cache->kept ? cache->kept->number + 1 : 1;
    char name[32], limit[32];
    const char *const argv[] = {CACHE_PROGRAM,
                                is_made_by_tests(checkout, place) ? "keep-removed" : "keep",
                                checkout->directory,
                                place,
                                cache->directory,
                                name,
                                limit,
                                NULL};
    struct stat status;
    struct work *work;

    if (!is_on(cache->config))
        return NULL;
    if (lstat(place, &status) < 0 || !S_ISDIR(status.st_mode)) {
        note_removed(cache);
        return NULL;
    }
    snprintf(name, sizeof(name), "%llu", number);
    snprintf(limit, sizeof(limit), "%" PRIu64, cache->config->validation.cache_limit);
    work = start_work(cache, argv, on_kept, callback, data);
    work->number = number;
    return &work->operation;
}

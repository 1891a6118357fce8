#include "daemon/keep.h"

#include "common/file.h"
#include "common/loop.h"
#include "common/memory.h"
#include "common/process.h"
#include "common/text.h"
#include "daemon/events.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define DAY_MS     ((uint64_t)24 * 60 * 60 * 1000)
#define NOTE       "kept"
#define NOTE_LIMIT 4096
#define SAID_LIMIT 256 /* bytes that a child may print */

struct keep {
    uv_loop_t *loop;
    const struct config *config;
    void (*swept)(void *data);
    void *data;
    struct operation *step; /* the pause, or the child */
    bool has_swept;
};

static const struct {
    const char *name;
    bool in_spool; /* else in the state directory */
    const char *directory;
    bool days; /* with a directory for each day */
} places[KEEP_PLACES] = {
    [KEEP_VALIDATION_LOGS] = {"validation_logs", false, "validation", false},
    [KEEP_ARCHIVE] = {"archive", true, ".archive", true},
    [KEEP_REJECTED] = {"rejected", true, ".rejected", false},
};

const char *keep_name(enum keep_place place)
{
    return places[place].name;
}

/* ---- the child ---------------------------------------------------------------------------------- */

struct sweep {
    int64_t before_ms; /* files that came before this are removed; 0: none */
    uint64_t files, bytes;
    uint64_t removed;
    char *path;    /* of the directory that is being swept */
    char *problem; /* the first that was met, beginning with a path; NULL: none */
};

/* A file that cannot be removed does not stop the sweep. A file that is gone is no problem. `name` NULL: the
 * directory itself. */
static void note_problem(struct sweep *sweep, const char *name)
{
    if (errno != ENOENT && !sweep->problem)
        sweep->problem = memory_format("%s%s%s: %s", sweep->path, name ? "/" : "", name ? name : "",
                                       strerror(errno));
}

/* The age of a file counts from its change time: a move sets that, and keeps the modification time. */
static bool is_old(const struct sweep *sweep, const struct timespec *since)
{
    return (int64_t)since->tv_sec * 1000 + since->tv_nsec / 1000000 < sweep->before_ms;
}

static void sweep_directory(struct sweep *sweep, int parent, const char *name, bool days);

static void sweep_entry(struct sweep *sweep, int directory, const char *name, bool days)
{
    struct stat status;

    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        note_problem(sweep, name);
    } else if (S_ISDIR(status.st_mode)) {
        if (!days)
            return; /* it is not ours */
        sweep_directory(sweep, directory, name, false);
        /* A directory of today may be about to be used. One that is in use is not empty. */
        if (is_old(sweep, &status.st_mtim))
            unlinkat(directory, name, AT_REMOVEDIR);
    } else if (is_old(sweep, &status.st_ctim) && unlinkat(directory, name, 0) == 0) {
        sweep->removed++;
    } else {
        if (is_old(sweep, &status.st_ctim))
            note_problem(sweep, name);
        sweep->files++;
        sweep->bytes += (uint64_t)status.st_size;
    }
}

/* No link is followed: any directory of the spool may have been replaced with one. */
static void sweep_directory(struct sweep *sweep, int parent, const char *name, bool days)
{
    CLEANUP_LISTING DIR *listing = NULL;
    char *above = sweep->path;
    CLEANUP_FREE char *path = file_join(above, name);
    int descriptor = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    const struct dirent *entry;

    sweep->path = path;
    listing = descriptor < 0 ? NULL : fdopendir(descriptor);
    while (listing && (errno = 0, entry = readdir(listing))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            sweep_entry(sweep, descriptor, entry->d_name, days);
    }
    if (errno != 0)
        note_problem(sweep, NULL);
    sweep->path = above;
}

static void sweep_place(struct sweep *sweep, enum keep_place place, const char *state,
                        const char *spool)
{
    CLEANUP_FREE char *parent = memory_copy(places[place].in_spool ? spool : state);
    CLEANUP_DESCRIPTOR int descriptor = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    sweep->path = parent;
    if (descriptor < 0)
        note_problem(sweep, NULL);
    else
        sweep_directory(sweep, descriptor, places[place].directory, places[place].days);
    sweep->path = NULL;
}

/* Prints all problems, in one line. */
static void tell_problem(bool *well, const char *problem)
{
    fprintf(stderr, "%s%s", *well ? "" : "; ", problem);
    *well = false;
}

int keep_main(int argc, char **argv)
{
    CLEANUP_TEXT struct text note = {0};
    CLEANUP_FREE char *path = argc == 3 + KEEP_PLACES ? file_join(argv[1], NOTE) : NULL;
    int64_t now = clock_now_ms();
    uint64_t removed = 0;
    bool well = true;
    struct error error;

    if (!path)
        return EX_USAGE;
    text_append_format(&note, "%" PRId64 "\n", now);
    for (enum keep_place place = 0; place < KEEP_PLACES; place++) {
        long long limit = atoll(argv[3 + place]);
        struct sweep sweep = {.before_ms = limit > 0 ? now - limit : 0};

        sweep_place(&sweep, place, argv[1], argv[2]);
        if (sweep.problem)
            tell_problem(&well, sweep.problem);
        free(sweep.problem);
        text_append_format(&note, "%s %" PRIu64 " %" PRIu64 "\n", places[place].name, sweep.files,
                           sweep.bytes);
        removed += sweep.removed;
    }
    if (file_replace(AT_FDCWD, path, note.data, note.length, 0640, &error) < 0) {
        tell_problem(&well, error.message);
        return EX_IOERR;
    }
    printf("%" PRIu64 "\n", removed);
    return fflush(stdout) == 0 && well ? EX_OK : EX_IOERR;
}

/* ---- the daemon --------------------------------------------------------------------------------- */

static void look(void *data);

static void on_looked(void *data, const struct process_result *result)
{
    struct keep *keep = data;
    char end[PROCESS_DESCRIPTION_SIZE];
    long long removed;

    keep->step = loop_after(keep->loop, DAY_MS, look, keep);
    keep->has_swept = true;
    process_describe(end, sizeof end, result);
    removed = process_succeeded(result) ? atoll(result->output) : 0;
    if (!process_succeeded(result))
        log_event(&event_keep_failed, LOG_TEXT("reason", *result->errors ? result->errors : end));
    if (removed > 0)
        log_event(&event_kept_no_longer, LOG_INTEGER("files", removed));
    if (keep->swept)
        keep->swept(keep->data);
}

static void look(void *data)
{
    struct keep *keep = data;
    const struct config *config = keep->config;
    const uint64_t limits[KEEP_PLACES] = {
        [KEEP_VALIDATION_LOGS] = config->keep.validation_logs_ms,
        [KEEP_ARCHIVE] = config->keep.archive_ms,
        [KEEP_REJECTED] = config->keep.rejected_ms,
    };
    char words[KEEP_PLACES][24];
    const char *argv[3 + KEEP_PLACES + 1] = {KEEP_PROGRAM, config->state, config->spool};
    struct process_options options = {
        .argv = argv,
        .this_program = true,
        .output_limit = SAID_LIMIT,
    };

    for (enum keep_place place = 0; place < KEEP_PLACES; place++) {
        snprintf(words[place], sizeof words[place], "%" PRIu64, limits[place]);
        argv[3 + place] = words[place];
    }
    keep->step = process_start(keep->loop, &options, on_looked, keep);
}

struct keep *keep_new(uv_loop_t *loop, const struct config *config, uint64_t first_ms,
                      void (*swept)(void *data), void *data)
{
    struct keep *keep = memory_new(sizeof *keep);

    keep->loop = loop;
    keep->config = config;
    keep->swept = swept;
    keep->data = data;
    keep->step = loop_after(loop, first_ms, look, keep);
    return keep;
}

void keep_free(struct keep *keep)
{
    if (!keep)
        return;
    operation_clear(&keep->step);
    free(keep);
}

bool keep_has_swept(const struct keep *keep)
{
    return !keep || keep->has_swept;
}

/* ---- who only looks ----------------------------------------------------------------------------- */

/* Returns the note, or NULL where there is none; the caller frees it. `at_ms` gets when it was written. */
static char *read_note(const char *state, int64_t *at_ms)
{
    CLEANUP_FREE char *path = file_join(state, NOTE);
    CLEANUP_FREE char *bytes = NULL;
    struct error ignored;
    size_t length;

    if (file_read(&bytes, &length, AT_FDCWD, path, NOTE_LIMIT, &ignored) < 0 ||
        sscanf(bytes, "%" SCNd64, at_ms) != 1)
        return NULL;
    return TAKE(bytes);
}

bool keep_is_due(const char *state)
{
    CLEANUP_FREE char *path = file_join(state, NOTE);
    int64_t now = clock_now_ms(), at_ms = 0;
    CLEANUP_FREE char *note = read_note(state, &at_ms);
    CLEANUP_FREE char *begun = note ? NULL : memory_format("%" PRId64 "\n", now);
    struct error ignored;

    if (note)
        return now - at_ms >= (int64_t)DAY_MS || now < at_ms;
    (void)file_replace(AT_FDCWD, path, begun, strlen(begun), 0640, &ignored);
    return false;
}

void keep_read(struct keep_sizes *sizes, const char *state)
{
    struct keep_sizes read = {0};
    CLEANUP_FREE char *bytes = read_note(state, &read.at_ms);
    const char *at;

    *sizes = (struct keep_sizes){0};
    if (!bytes)
        return;
    at = strchr(bytes, '\n');
    for (enum keep_place place = 0; place < KEEP_PLACES; place++) {
        if (!at || sscanf(at + 1, "%*s %" SCNu64 " %" SCNu64, &read.places[place].files,
                          &read.places[place].bytes) != 2)
            return;
        at = strchr(at + 1, '\n');
    }
    *sizes = read;
}

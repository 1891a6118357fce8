#include "daemon/validation/checkout.h"

#include "common/file.h"
#include "common/memory.h"
#include "common/pool.h"
#include "daemon/validation/leftover.h"
#include "daemon/validation/remover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct checkout checkout_name(const char *parent, const char *experiment_id)
{
    struct checkout checkout = {.directory = file_join(parent, experiment_id)};

    checkout.source = file_join(checkout.directory, "source");
    checkout.home = file_join(checkout.directory, "home");
    checkout.temporary = file_join(checkout.directory, "tmp");
    checkout.begun = file_join(checkout.directory, "begun");
    checkout.layers = file_join(checkout.directory, "layers");
    checkout.parent = memory_copy(parent);
    checkout.note = memory_format("%s/.%s", parent, experiment_id);
    return checkout;
}

void checkout_free(struct checkout *checkout)
{
    free(checkout->directory);
    free(checkout->source);
    free(checkout->home);
    free(checkout->temporary);
    free(checkout->begun);
    free(checkout->layers);
    free(checkout->parent);
    free(checkout->note);
    *checkout = (struct checkout){0};
}

struct work {
    struct pool_work pool; /* first */
    struct checkout checkout;
    bool make;
    checkout_callback callback;
    void *data;
    int result;
    struct error error;
};

/* Processes that left the group are found by their working directory, if no sandbox ends them. A new checkout
 * only moves an old one away, since that may be large. */
static int remove_checkout(struct work *work, struct error *error)
{
    const struct checkout *checkout = &work->checkout;
    CLEANUP(leftover_freep) struct leftover *leftover = leftover_new(checkout->directory);

    if (leftover_kill(leftover, error))
        return -1;
    if (work->make ? remover_set_aside(checkout->parent, checkout->directory, error)
                   : file_remove_tree_until(checkout->directory, &work->pool.stop, error))
        return -1;
    if (unlink(checkout->note) && errno != ENOENT)
        return error_set(error, ERROR_TRANSIENT, "%s: %s", checkout->note, strerror(errno));
    return 0;
}

static int make_checkout(const struct checkout *checkout, struct error *error)
{
    if (file_make_directories(checkout->home, 0700, error))
        return -1;
    return file_make_directories(checkout->temporary, 0700, error);
}

static void do_work(struct pool_work *pool)
{
    struct work *work = (struct work *)pool;

    work->result = remove_checkout(work, &work->error);
    if (!work->result && work->make)
        work->result = make_checkout(&work->checkout, &work->error);
}

static void on_work_done(struct pool_work *pool, int status)
{
    struct work *work = (struct work *)pool;

    if (status)
        error_set(&work->error, ERROR_TRANSIENT, "%s: %s", work->checkout.directory,
                  uv_strerror(status));
    if (!pool->stop)
        work->callback(work->data, status || work->result ? &work->error : NULL);
    checkout_free(&work->checkout);
    free(work);
}

static struct operation *start_work(uv_loop_t *loop, const struct checkout *checkout, bool make,
                                    checkout_callback callback, void *data)
{
    struct work *work = memory_new(sizeof *work);

    work->pool.run = do_work;
    work->pool.over = on_work_done;
    work->checkout = (struct checkout){
        .directory = memory_copy(checkout->directory),
        .source = memory_copy(checkout->source),
        .home = memory_copy(checkout->home),
        .temporary = memory_copy(checkout->temporary),
        .begun = memory_copy(checkout->begun),
        .layers = memory_copy(checkout->layers),
        .parent = memory_copy(checkout->parent),
        .note = memory_copy(checkout->note),
    };
    work->make = make;
    work->callback = callback;
    work->data = data;
    return pool_start(loop, &work->pool);
}

struct operation *checkout_make(uv_loop_t *loop, const struct checkout *checkout,
                                checkout_callback callback, void *data)
{
    return start_work(loop, checkout, true, callback, data);
}

struct operation *checkout_remove(uv_loop_t *loop, const struct checkout *checkout,
                                  checkout_callback callback, void *data)
{
    return start_work(loop, checkout, false, callback, data);
}

bool checkout_has_begun(const struct checkout *checkout)
{
    struct stat status;

    return lstat(checkout->begun, &status) == 0;
}

int checkout_note(const struct checkout *checkout, int id, struct error *error)
{
    CLEANUP_FREE char *line = leftover_describe(id);

    return file_write(AT_FDCWD, checkout->note, line, strlen(line), 0600, error);
}

static void close_directory(DIR **directory)
{
    if (*directory)
        closedir(*directory);
}

static int remove_entry(const char *parent, const char *name, struct error *error)
{
    CLEANUP_FREE char *path = file_join(parent, name);

    if (name[0] != '.')
        return remover_set_aside(parent, path, error);
    if (unlink(path) && errno != ENOENT)
        return error_set(error, ERROR_TRANSIENT, "%s: %s", path, strerror(errno));
    return 0;
}

/* Goes through `parent` once: through the notes, to end what they name; or through everything, to move it
 * away. */
static int each_entry(const char *parent, struct leftover *leftover, struct error *error)
{
    CLEANUP(close_directory) DIR *directory = opendir(parent);
    const struct dirent *entry;

    if (!directory && errno == ENOENT)
        return 0;
    if (!directory)
        return error_set(error, error_kind_of_errno(errno), "%s: %s", parent, strerror(errno));
    while ((entry = readdir(directory))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
            !strcmp(entry->d_name, REMOVER_FOLDER))
            continue;
        if (!leftover) {
            if (remove_entry(parent, entry->d_name, error))
                return -1;
        } else if (entry->d_name[0] == '.') {
            CLEANUP_FREE char *path = file_join(parent, entry->d_name);
            CLEANUP_FREE char *line = NULL;
            struct error unread; /* a note that cannot be read names nobody */
            size_t length;

            if (!file_read(&line, &length, AT_FDCWD, path, 4096, &unread))
                leftover_add(leftover, line);
        }
    }
    return 0;
}

int checkout_sweep(const char *parent, const char *variable, struct error *error)
{
    CLEANUP(leftover_freep) struct leftover *leftover = leftover_new(parent);

    leftover_add_variable(leftover, variable);
    if (each_entry(parent, leftover, error) || leftover_kill(leftover, error))
        return -1;
    return each_entry(parent, NULL, error);
}

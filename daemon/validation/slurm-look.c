#include "daemon/validation/slurm-look.h"

#include "common/file.h"
#include "common/memory.h"
#include "common/pool.h"
#include "common/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_LIMIT 65536

struct look {
    struct pool_work work; /* first */
    char **directories;
    struct slurm_files *files;
    size_t count;
    slurm_look_callback callback;
    void *data;
};

static char *read_one(const char *directory, const char *name)
{
    CLEANUP_FREE char *path = file_join(directory, name);
    struct error unread; /* it is not there yet */
    char *bytes;
    size_t length;

    return file_read(&bytes, &length, AT_FDCWD, path, FILE_LIMIT, &unread) == 0 ? bytes : NULL;
}

/* The script renames the file when it is whole. */
static void read_end(struct slurm_files *files, const char *directory)
{
    CLEANUP_FREE char *line = read_one(directory, "ended");
    struct slurm_end *end = &files->end;
    double seconds;
    char last;

    if (!line ||
        sscanf(line, "%d %lf %255[^\n]%c", &end->status, &seconds, end->node, &last) != 4 ||
        last != '\n' || seconds < 0)
        return;
    end->duration_ms = (uint64_t)(seconds * 1000 + 0.5);
    files->ended = true;
}

/* Returns the key as a literal; of one that the script does not name, the section of all of them. */
static const char *key_of(const char *text)
{
    static const char *const keys[] = {
        "validation.command", "validation.launcher", "validation.directory",
        "validation.sandbox", "validation.timeout",  "validation.limits",
    };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(keys[i], text) == 0)
            return keys[i];
    }
    return "validation";
}

static void read_problem(struct slurm_files *files, const char *directory)
{
    CLEANUP_FREE char *lines = read_one(directory, "problem");
    CLEANUP_TEXT struct text sentence = {0};
    char *rest = lines;
    const char *key = lines ? strsep(&rest, "\n") : NULL;
    const char *node = rest ? strsep(&rest, "\n") : NULL;

    if (!node || !rest)
        return;
    text_append_line(&sentence, rest, 300);
    files->key = key_of(key);
    snprintf(files->problem, sizeof(files->problem), "on node %.100s: %.300s", node,
             text_string(&sentence));
}

static void read_start(struct slurm_files *files, const char *directory)
{
    CLEANUP_FREE char *path = file_join(directory, "started");
    CLEANUP_FREE char *node = read_one(path, "node");
    struct stat status;

    if (lstat(path, &status) < 0)
        return;
    files->started = true;
    files->started_ms = (int64_t)status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1000000;
    if (node)
        snprintf(files->node, sizeof(files->node), "%.*s", (int)strcspn(node, "\n"), node);
}

static bool is_listed(const char *directory, const char *name)
{
    CLEANUP_LISTING DIR *listing = opendir(directory);
    const struct dirent *entry;

    while (listing && (entry = readdir(listing)))
        if (strcmp(entry->d_name, name) == 0)
            return true;
    return false;
}

/* The run may be gone, or all of them are not there now. */
static void look_above(struct slurm_files *files, const char *directory)
{
    CLEANUP_FREE char *name = memory_copy(directory);
    DIR *listing = opendir(dirname(name));

    files->away = listing ? 0 : errno;
    if (listing)
        closedir(listing);
}

static void read_all(struct slurm_files *files, const char *directory)
{
    CLEANUP_FREE char *box = file_join(directory, "box");
    CLEANUP_LISTING DIR *listing = opendir(directory);
    const struct dirent *entry;

    if (!listing)
        look_above(files, directory);
    while (listing && (entry = readdir(listing))) {
        if (strcmp(entry->d_name, "started") == 0)
            read_start(files, directory);
        else if (strcmp(entry->d_name, "ended") == 0)
            read_end(files, directory);
        else if (strcmp(entry->d_name, "problem") == 0)
            read_problem(files, directory);
    }
    files->begun = files->ended && is_listed(box, "begun");
}

static void do_look(struct pool_work *work)
{
    struct look *look = (struct look *)work;

    for (size_t i = 0; i < look->count && !atomic_load(&work->stop); i++)
        read_all(&look->files[i], look->directories[i]);
}

static void on_looked(struct pool_work *work, int status)
{
    struct look *look = (struct look *)work;

    if (!atomic_load(&work->stop))
        look->callback(look->data, look->directories, look->files, status < 0 ? 0 : look->count);
    for (size_t i = 0; i < look->count; i++)
        free(look->directories[i]);
    free(look->directories);
    free(look->files);
    free(look);
}

struct operation *slurm_look_start(uv_loop_t *loop, const char *const *directories, size_t count,
                                   slurm_look_callback callback, void *data)
{
    struct look *look = memory_new(sizeof(*look));

    look->work.run = do_look;
    look->work.over = on_looked;
    look->directories = memory_new_array(count, sizeof(*look->directories));
    look->files = memory_new_array(count, sizeof(*look->files));
    look->count = count;
    for (size_t i = 0; i < count; i++)
        look->directories[i] = memory_copy(directories[i]);
    look->callback = callback;
    look->data = data;
    return pool_start(loop, &look->work);
}

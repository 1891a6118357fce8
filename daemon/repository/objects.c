#include "daemon/repository/objects.h"

#include "common/file.h"
#include "common/memory.h"
#include "common/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define COPY_BYTES   ((size_t)1024 * 1024)
#define CONFIG_LIMIT 65536
#define MONTH        ((time_t)30 * 24 * 60 * 60)

void objects_clear(struct objects_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->items[i].path);
    free(files->items);
    *files = (struct objects_files){0};
}

static struct objects_file *add(struct objects_files *files, const char *path)
{
    files->items = memory_resize(files->items, (files->count + 1) * sizeof(*files->items));
    files->items[files->count] = (struct objects_file){.path = memory_copy(path)};
    return &files->items[files->count++];
}

/* An object that is used is made young. So the age of an object says that nobody uses it. */
static bool is_here(const char *objects, const struct pointer *pointer)
{
    CLEANUP_FREE char *path = pointer_place(objects, pointer->id);
    struct stat status;

    if (lstat(path, &status) < 0 || (uint64_t)status.st_size != pointer->size)
        return false;
    utimensat(AT_FDCWD, path, NULL, 0);
    return true;
}

const struct objects_file *objects_missing(const struct objects_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        if (!files->items[i].here)
            return &files->items[i];
    return NULL;
}

void objects_look_again(struct objects_files *files, const char *objects)
{
    for (size_t i = 0; i < files->count; i++)
        files->items[i].here = is_here(objects, &files->items[i].pointer);
}

void objects_drop_missing(struct objects_files *files)
{
    size_t kept = 0;

    for (size_t i = 0; i < files->count; i++)
        if (files->items[i].here)
            files->items[kept++] = files->items[i];
        else
            free(files->items[i].path);
    files->count = kept;
}

static bool read_pointer(struct pointer *pointer, const char *directory, const char *name)
{
    CLEANUP_FREE char *path = file_join(directory, name);
    CLEANUP_FREE char *bytes = NULL;
    struct error other; /* a link, a directory, a large file: no pointer */
    size_t length;

    return file_read(&bytes, &length, AT_FDCWD, path, POINTER_LIMIT, &other) == 0 &&
           pointer_parse(pointer, bytes, length);
}

const struct objects_file *objects_still_pointer(const struct objects_files *files,
                                                 const char *directory)
{
    struct pointer pointer;

    for (size_t i = 0; i < files->count; i++)
        if (read_pointer(&pointer, directory, files->items[i].path) &&
            !strcmp(pointer.id, files->items[i].pointer.id))
            return &files->items[i];
    return NULL;
}

/* ":100644 100644 OLD NEW M", a NUL, the path, a NUL. */
void objects_read_changes(struct objects_files *files, const char *output, size_t length,
                          struct text *hashes)
{
    const char *end = output + length;

    for (const char *at = output, *path; at < end; at = path + strlen(path) + 1) {
        const char *hash = at;

        path = at + strlen(at) + 1;
        if (path >= end)
            return;
        for (unsigned blanks = 0; *hash && blanks < 3; hash++)
            blanks += *hash == ' ';
        text_append_format(hashes, "%.*s\n", (int)strcspn(hash, " "), hash);
        add(files, path);
    }
}

/* "HASH blob SIZE", a line end, the content, a line end. */
void objects_read_contents(struct objects_files *files, const char *output, size_t length)
{
    const char *at = output, *end = output + length;
    size_t kept = 0;

    for (size_t i = 0; i < files->count; i++) {
        const char *line = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
        const char *size = line ? memrchr(at, ' ', (size_t)(line - at)) : NULL;
        size_t bytes = size ? strtoul(size, NULL, 10) : 0;
        bool is_pointer = line && bytes <= (size_t)(end - line - 1) &&
                          pointer_parse(&files->items[i].pointer, line + 1, bytes);

        at = line ? line + 1 + bytes + 1 : end;
        if (is_pointer)
            files->items[kept++] = files->items[i];
        else
            free(files->items[i].path);
    }
    files->count = kept;
}

static int expire(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)place;
    if (type == FTW_F && status->st_mtime < time(NULL) - MONTH)
        unlink(path);
    return 0;
}

void objects_expire(const char *objects)
{
    CLEANUP_FREE char *above = memory_copy(objects);

    *strrchr(above, '/') = '\0';
    nftw(above, expire, 16, FTW_PHYS);
}

int objects_append(const char *path, const char *text, struct error *error)
{
    CLEANUP_FREE char *bytes = NULL;
    CLEANUP_FREE char *whole = NULL;
    size_t length;

    if (file_read(&bytes, &length, AT_FDCWD, path, CONFIG_LIMIT, error) < 0)
        return -1;
    whole = memory_format("%s%s", bytes, text);
    return file_replace(AT_FDCWD, path, whole, strlen(whole), 0644, error);
}

/* ---- in libuv's pool ------------------------------------------------------------------------------- */

struct look {
    struct pool_work pool; /* first */
    char *directory;
    char *names;
    size_t length;
    char *objects;
    char *scratch;
    struct config_list sources;
    struct objects_files files;
    objects_callback callback;
    void *data;
    int result;
    struct error error;
};

/* 0: it has the digest; 1: it is something else; -1: the disk failed. */
static int copy_checked(const struct look *look, int from, const struct pointer *pointer,
                        struct error *error)
{
    CLEANUP_DESCRIPTOR int to = open(look->scratch, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CLEANUP_FREE char *buffer = memory_new(COPY_BYTES);
    char id[DIGEST_HEX_SIZE];
    struct digest digest;
    uint64_t copied = 0;
    ssize_t got = 0;

    digest_begin(&digest);
    while (to >= 0 && copied <= pointer->size && !atomic_load(&look->pool.stop) &&
           (got = read(from, buffer, COPY_BYTES)) > 0) {
        digest_update(&digest, buffer, (size_t)got);
        if (write(to, buffer, (size_t)got) != got)
            break;
        copied += (uint64_t)got;
    }
    digest_end(&digest, id);
    if (to < 0 || got != 0)
        return error_set(error, ERROR_TRANSIENT, "copying a large file to %s: %s", look->scratch,
                         strerror(errno));
    return strcmp(id, pointer->id) != 0;
}

static int take_from(const struct look *look, const char *theirs, struct objects_file *file,
                     struct error *error)
{
    CLEANUP_FREE char *path = pointer_place(theirs, file->pointer.id);
    CLEANUP_FREE char *place = pointer_place(look->objects, file->pointer.id);
    CLEANUP_FREE char *directory = memory_copy(place);
    CLEANUP_DESCRIPTOR int from = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat status;

    if (from < 0 || fstat(from, &status) < 0 || !S_ISREG(status.st_mode) ||
        (uint64_t)status.st_size != file->pointer.size)
        return 0;
    switch (copy_checked(look, from, &file->pointer, error)) {
    case 0:
        break;
    case 1:
        return 0;
    default:
        return -1;
    }
    *strrchr(directory, '/') = '\0';
    if (file_make_directories(directory, 0700, error) < 0)
        return -1;
    if (rename(look->scratch, place) < 0)
        return error_set(error, ERROR_TRANSIENT, "%s: %s", place, strerror(errno));
    file->here = true;
    return 0;
}

/* A bare repository, one with a work tree, and a work tree of another one. */
static int look_in_source(const struct look *look, const char *source, struct objects_file *file,
                          struct error *error)
{
    CLEANUP_FREE char *inner = file_join(source, ".git");
    CLEANUP_FREE char *named = NULL;
    struct error other;
    size_t length;
    const char *directories[] = {source, inner, NULL};
    static const char *const below[] = {"lfs/objects", "../../lfs/objects"};

    if (file_read(&named, &length, AT_FDCWD, inner, 4096, &other) == 0 &&
        !strncmp(named, "gitdir: /", 9)) {
        named[strcspn(named, "\n")] = '\0';
        directories[2] = named + 8;
    }
    for (size_t i = 0; i < 3 && directories[i]; i++) {
        CLEANUP_FREE char *theirs = file_join(directories[i], below[i == 2]);

        if (take_from(look, theirs, file, error) < 0)
            return -1;
        if (file->here)
            return 0;
    }
    return 0;
}

static void do_look(struct pool_work *pool)
{
    struct look *look = (struct look *)pool;

    for (const char *name = look->names; name < look->names + look->length && !look->pool.stop;
         name += strlen(name) + 1) {
        struct objects_file *file;
        struct pointer pointer;

        if (!read_pointer(&pointer, look->directory, name))
            continue;
        file = add(&look->files, name);
        file->pointer = pointer;
        file->here = is_here(look->objects, &pointer);
        for (size_t i = 0; !file->here && i < look->sources.count; i++)
            if (look_in_source(look, look->sources.items[i], file, &look->error) < 0) {
                look->result = -1;
                return;
            }
    }
}

static void look_free(struct look *look)
{
    unlink(look->scratch);
    objects_clear(&look->files);
    config_list_clear(&look->sources);
    free(look->directory);
    free(look->names);
    free(look->objects);
    free(look->scratch);
    free(look);
}

static void on_looked(struct pool_work *pool, int status)
{
    struct look *look = (struct look *)pool;
    struct objects_files files = look->files;

    if (status)
        error_set(&look->error, ERROR_TRANSIENT, "looking for large files: %s",
                  uv_strerror(status));
    if (!pool->stop) {
        look->files = (struct objects_files){0};
        look->callback(look->data, &files, status || look->result ? &look->error : NULL);
    }
    look_free(look);
}

struct operation *objects_look(uv_loop_t *loop, const struct objects_question *question,
                               objects_callback callback, void *data)
{
    struct look *look = memory_new(sizeof(*look));

    look->pool.run = do_look;
    look->pool.over = on_looked;
    look->directory = memory_copy(question->directory);
    look->names = memory_copy_bytes(question->names, question->length);
    look->length = question->length;
    look->objects = memory_copy(question->objects);
    look->scratch = memory_copy(question->scratch);
    look->sources = config_list_copy(question->sources);
    look->callback = callback;
    look->data = data;
    return pool_start(loop, &look->pool);
}

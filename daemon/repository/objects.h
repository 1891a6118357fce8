#pragma once

/*
 * The objects of git LFS on this disk: which pointers a checkout has, and whether their objects are here.
 *
 * Experiments write to a source. So only a regular file with the right digest is taken from there. It is
 * copied, since they could change a linked one later.
 */

#include "common/error.h"
#include "common/operation.h"
#include "common/text.h"
#include "config/config.h"
#include "daemon/repository/pointer.h"

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct objects_file {
    char *path; /* in the repository */
    struct pointer pointer;
    bool here;
};

struct objects_files {
    struct objects_file *items;
    size_t count;
};

/* Frees what it owns. */
void objects_clear(struct objects_files *files);

struct objects_question {
    const char *directory; /* of the checkout */
    const char *names;     /* of files in it, each with a NUL after it */
    size_t length;
    const char *objects; /* our own */
    const char *scratch; /* a path that nothing else has */
    const struct config_list *sources;
};

/* `files` are the pointers; the callback owns them. The error is transient: the disk fails. */
typedef void (*objects_callback)(void *data, struct objects_files *files,
                                 const struct error *error);

/* Finds the pointers and their objects, in libuv's pool, and copies in the objects that a source has. The
 * question is copied. */
struct operation *objects_look(uv_loop_t *loop, const struct objects_question *question,
                               objects_callback callback, void *data);

/* Return the first file whose object is not here, or whose place in the checkout still has the pointer; NULL:
 * none. It belongs to `files`. */
const struct objects_file *objects_missing(const struct objects_files *files);
const struct objects_file *objects_still_pointer(const struct objects_files *files,
                                                 const char *directory);

/* Sets `here` of each file again, and drops the files whose objects are not here. */
void objects_look_again(struct objects_files *files, const char *objects);
void objects_drop_missing(struct objects_files *files);

/* Read the output of `git diff-tree -r -z`: the files and, one per line, the names of their blobs; and then
 * that of `git cat-file --batch` for these, in the same order. Files that are no pointers are dropped. */
void objects_read_changes(struct objects_files *files, const char *output, size_t length,
                          struct text *hashes);
void objects_read_contents(struct objects_files *files, const char *output, size_t length);

/* Removes objects that no checkout has used for a month, and what a killed git-lfs has left. */
void objects_expire(const char *objects);

/* Appends text to a file. Fails (transient) if it cannot be written. */
int objects_append(const char *path, const char *text, struct error *error);

#pragma once

/*
 * Small files, whole: read with a bound, written so that a crash leaves the old or the new one.
 */

#include "common/error.h"
#include "common/memory.h"

#include <dirent.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Reads a regular file of at most `limit` bytes. `directory` is a descriptor or AT_FDCWD. Opens with
 * O_NOFOLLOW and O_NONBLOCK and looks at the type before a byte is read: a link, a FIFO, a device or
 * a directory is refused. `*bytes` gets a NUL behind its last byte and is the caller's. Permanent for
 * a wrong type, a missing file or one that is too large, transient for what the system may cure. */
int file_read(char **bytes, size_t *length, int directory, const char *path, size_t limit,
              struct error *error);

/* Writes path.tmp beside it, syncs it, renames it over `path`. `mode` as for open(). */
int file_write(int directory, const char *path, const void *bytes, size_t length, unsigned mode,
               struct error *error);

/* The same without the sync, for what is written often and no loss: a reader finds the old or the new
 * file, but a power cut may leave an empty one. Its mode is `mode` whatever the mask: others read it. */
int file_replace(int directory, const char *path, const void *bytes, size_t length, unsigned mode,
                 struct error *error);

/* mkdir -p with `mode` for what has to be made. */
int file_make_directories(const char *path, unsigned mode, struct error *error);

/* Whether this user may make files in the directory, where it is not there yet in the nearest one that
 * is; nothing is touched. The error names path, user and what stands in the way. */
int file_check_writable(const char *path, struct error *error);

/* Removes a tree without following links, resetting permissions that are in the way; done when it is
 * gone, also if it never was. Never leaves the file system or the tree it was given. */
int file_remove_tree(const char *path, struct error *error);

/* The same, until another thread sets `*stop`: then a transient error, and some of the tree is left. */
int file_remove_tree_until(const char *path, const atomic_bool *stop, struct error *error);

/* path/name joined; caller frees. */
char *file_join(const char *path, const char *name);

/* For variables that own a descriptor (-1: none) or a listing (NULL: none): closed when they leave scope. */
void file_closep(int *descriptor);
void file_close_listingp(DIR **listing);
#define CLEANUP_DESCRIPTOR CLEANUP(file_closep)
#define CLEANUP_LISTING    CLEANUP(file_close_listingp)

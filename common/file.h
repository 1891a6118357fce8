#pragma once

/*
 * Small files: read as a whole up to a limit, written so that a crash leaves the old or the new content.
 *
 * A function fails (permanent) if the name or its rights are wrong, and (transient) on a fault of the system.
 */

#include "common/error.h"
#include "common/memory.h"

#include <dirent.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Opens a regular file for reading. `directory` is a descriptor or AT_FDCWD. A link, a FIFO, a device or a
 * directory is refused and not opened. The caller closes `*descriptor`; `*size` is the file's size in bytes.
 * Fails (permanent) if the file is missing or of another type; fails (transient) on a fault of the system. */
int file_open_regular(int *descriptor, off_t *size, int directory, const char *path,
                      struct error *error);

/* Reads a regular file of at most `limit` bytes. `directory` is a descriptor or AT_FDCWD. A link, a FIFO,
 * a device or a directory is refused and not opened for reading. `*bytes` ends in a NUL that `*length`
 * does not count; the caller frees it. Fails (permanent) if the file is missing, too large or of another
 * type; fails (transient) on a fault of the system. */
int file_read(char **bytes, size_t *length, int directory, const char *path, size_t limit,
              struct error *error);

/* Writes `path`.tmp, syncs it and renames it to `path`. `mode` is as for open(). After a power cut the
 * file has its old or its new content. */
int file_write(int directory, const char *path, const void *bytes, size_t length, unsigned mode,
               struct error *error);

/* The same without the sync, for a file that is written often and can be lost: a power cut may leave it
 * empty. Its mode is `mode`, whatever the umask, since others read it. */
int file_replace(int directory, const char *path, const void *bytes, size_t length, unsigned mode,
                 struct error *error);

/* Makes a directory and those above it, as mkdir -p does. `mode` is that of new directories. */
int file_make_directories(const char *path, unsigned mode, struct error *error);

/* Checks that this user may make files in the directory or, if it is missing, in the nearest one above
 * it. Touches nothing. Fails naming the path and the reason: what is a file, or the user and what may not be. */
int file_check_writable(const char *path, struct error *error);

/* Removes a tree. Changes permissions that are in the way; does not follow links; stays in the tree and on
 * its file system. A tree that is not there is success. */
int file_remove_tree(const char *path, struct error *error);

/* The same, until another thread sets `*stop`: then it fails (transient), and part of the tree is left. */
int file_remove_tree_until(const char *path, const atomic_bool *stop, struct error *error);

/* Returns whether a path is that place, or below it, by their names alone. */
bool file_is_in(const char *path, const char *place);

/* Returns "path/name"; the caller frees it. */
char *file_join(const char *path, const char *name);

/* For variables that own a descriptor (-1: none) or a listing (NULL: none). It is closed when the variable
 * goes out of scope. */
void file_closep(int *descriptor);
void file_close_listingp(DIR **listing);
#define CLEANUP_DESCRIPTOR CLEANUP(file_closep)
#define CLEANUP_LISTING    CLEANUP(file_close_listingp)

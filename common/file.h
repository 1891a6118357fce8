#pragma once

/*
 * Small files: read whole up to a limit, and written so that a crash leaves the old or the new content.
 *
 * All functions fail alike: (permanent) if the path, its type or its rights are wrong, (transient) on a fault
 * of the system.
 */

#include "common/error.h"
#include "common/memory.h"

#include <dirent.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Opens a regular file for reading. `directory` is a descriptor or AT_FDCWD. A link, a FIFO, a device or a
 * directory is refused and not opened. The caller closes `*descriptor`. `*size` is in bytes. Fails
 * (permanent) if the file is missing or of another type. */
int file_open_regular(int *descriptor, off_t *size, int directory, const char *path,
                      struct error *error);

/* Reads a regular file of at most `limit` bytes, which it opens as file_open_regular() does. `*bytes` ends in
 * a NUL that `*length` does not count; the caller frees it. Fails (permanent) if the file is missing, too
 * large or of another type. */
int file_read(char **bytes, size_t *length, int directory, const char *path, size_t limit,
              struct error *error);

/* Writes `path`.tmp, syncs it and renames it to `path`. `mode` is as for open(). After a power cut the
 * file has its old or its new content. */
int file_write(int directory, const char *path, const void *bytes, size_t length, unsigned mode,
               struct error *error);

/* Does the same without the sync, for a file that is written often and may be lost: a power cut may leave it
 * empty. The file has `mode` whatever the umask is, since others read it. */
int file_replace(int directory, const char *path, const void *bytes, size_t length, unsigned mode,
                 struct error *error);

/* Makes a directory and its parents, as mkdir -p does. New directories have `mode`. */
int file_make_directories(const char *path, unsigned mode, struct error *error);

/* Checks that this user may create files in the directory or, if it is missing, in its nearest parent.
 * Touches nothing. Fails naming the path, and the user or what is in the way. */
int file_check_writable(const char *path, struct error *error);

/* Removes a tree. Changes permissions that are in the way. Follows no link, and leaves neither the tree nor
 * its file system. A tree that is missing is success. */
int file_remove_tree(const char *path, struct error *error);

/* Does the same until another thread sets `*stop`. Then it fails (transient), and part of the tree is left. */
int file_remove_tree_until(const char *path, const atomic_bool *stop, struct error *error);

/* Returns whether `path` is `place` or below it. Compares the names only. */
bool file_is_in(const char *path, const char *place);

/* Returns whether one of the components of a path is `name`. */
bool file_has_component(const char *path, const char *name);

/* Returns "path/name"; the caller frees it. */
char *file_join(const char *path, const char *name);

/* For variables that own a descriptor (-1: none) or a listing (NULL: none): close it when the variable goes
 * out of scope. */
void file_closep(int *descriptor);
void file_close_listingp(DIR **listing);
#define CLEANUP_DESCRIPTOR CLEANUP(file_closep)
#define CLEANUP_LISTING    CLEANUP(file_close_listingp)

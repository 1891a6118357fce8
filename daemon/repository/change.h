#pragma once

/*
 * What a change does to the tree, file by file, and whether it may.
 *
 * Read from git's own comparison of two trees, never from a patch: whatever a patch or a commit says
 * about itself, only what is listed here and passed every check goes into the composed commit. Pure.
 */

#include "common/error.h"
#include "common/text.h"
#include "daemon/git/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One path that differs. A mode is 0 and a hash all zeros on the side where the path is missing. */
struct change_entry {
    char *path;
    unsigned old_mode;
    unsigned new_mode;
    char old_hash[GIT_HASH_SIZE];
    char new_hash[GIT_HASH_SIZE];
    int64_t added; /* lines; both -1 for a binary file */
    int64_t removed;
};

struct change {
    struct change_entry *entries; /* by path */
    size_t count;
};

void change_free(struct change *change); /* NULL-safe; leaves an empty one behind */
#define CLEANUP_CHANGE CLEANUP(change_free)

/* Reads the output of `git diff-tree -r -z --raw --numstat --no-renames --no-abbrev`. Permanent error
 * if it is not that. `*change` must be empty, and is the caller's (change_free) in both cases. */
int change_parse(struct change *change, const char *bytes, size_t length, struct error *error);

/* Takes out the paths that stay as they are on the base. Permanent error if what remains cannot stand
 * beside them, a file where a directory has to be. `excluded` is a NULL-terminated list of globs. */
int change_exclude(struct change *change, char *const *excluded, struct error *error);

/* Permanent error for an empty change, a protected path, a path that leads into .git and a submodule. */
int change_check(const struct change *change, char *const *protect, struct error *error);

/* Whether the file's content has to be looked at as well: that of a symbolic link is where it leads. */
bool change_is_link(const struct change_entry *entry);

/* Permanent error if a link at `path` with this target leaves the tree. */
int change_check_link(const char *path, const char *target, size_t length, struct error *error);

/* File names for an error: the first few, as a reader can see them, and how many more there are. */
struct file_names {
    struct text text;
    size_t count;
};

void file_names_add(struct file_names *names, const char *path);
const char *file_names_string(struct file_names *names); /* no more may be added */
void file_names_free(struct file_names *names);
#define CLEANUP_FILE_NAMES CLEANUP(file_names_free)

#pragma once

/*
 * What a change does to the tree, file by file, and whether that is allowed. Pure.
 *
 * It is read from git's own comparison of two trees, never from a patch. Only files that are listed here, and
 * have passed every check, go into the composed commit.
 */

#include "common/error.h"
#include "common/text.h"
#include "daemon/git/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One path that differs. If the path is missing on one side, that side's mode is 0 and its hash all
 * zeros. */
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

void change_free(struct change *change); /* NULL-safe; leaves it empty */
#define CLEANUP_CHANGE CLEANUP(change_free)

/* The options of git diff-tree and git diff-index whose output change_parse() reads. */
#define CHANGE_OPTIONS                                                                             \
    "-z", "--raw", "--numstat", "--no-abbrev", "--no-renames", "--no-ext-diff", "--no-textconv",   \
        "--ignore-submodules=none"

/* Reads the output of `git diff-tree -r` with CHANGE_OPTIONS. `*change` must be empty; the caller frees it in
 * both cases. Fails (permanent) if the output has another form. */
int change_parse(struct change *change, const char *bytes, size_t length, struct error *error);

/* Removes the paths that stay as they are on the base. `excluded` is a NULL-terminated list of globs. Fails
 * (permanent) if the rest conflicts with them, such as a file in place of a directory. */
int change_exclude(struct change *change, char *const *excluded, struct error *error);

/* Sets the error for a change that the base has already, in `commit`; NULL: not known. The error is permanent
 * and error->needless. Returns -1. */
int change_empty(struct error *error, const char *commit);

/* Checks a change. Fails (permanent) if it is empty, or has a protected path, a path that leads into
 * .git, or a submodule. */
int change_check(const struct change *change, char *const *protect, struct error *error);

/* Returns whether the entry is a symbolic link, whose content says where it leads. */
bool change_is_link(const struct change_entry *entry);

/* Checks a link at `path` with this target. Fails (permanent) if it leaves the tree. */
int change_check_link(const char *path, const char *target, size_t length, struct error *error);

/* File names for an error: the first few with hidden characters visible, and how many more there are. */
struct file_names {
    struct text text;
    size_t count;
};

/* Adds a name. */
void file_names_add(struct file_names *names, const char *path);

/* Returns the words for an error. They belong to `names`. It is the last call: no more may be added. */
const char *file_names_string(struct file_names *names);
void file_names_free(struct file_names *names);
#define CLEANUP_FILE_NAMES CLEANUP(file_names_free)

#pragma once

/*
 * git's object names: a SHA-1 or a SHA-256, in hex.
 */

#include <stdbool.h>
#include <stddef.h>

#define GIT_HASH_SIZE 65 /* room for a SHA-256 and its NUL */

/* Returns whether `string` is a full object name: 40 or 64 lower-case hex digits. NULL is none. Pure. */
bool git_hash_valid(const char *string);

/* Returns whether the object name is a SHA-256: all of a repository are, or none. Pure. */
bool git_hash_is_sha256(const char *hash);

/* Copies the word at `at`, which ends at a blank, a line end or a NUL. Cuts a word that is longer than any
 * name. Returns what follows it and one blank. Pure. */
const char *git_hash_take(const char *at, char hash[GIT_HASH_SIZE]);

/* Writes the name of a blob with this content, in a repository whose names have `digits` digits: 40 or 64.
 * Pure. */
void git_hash_blob(const char *content, size_t length, size_t digits, char hash[GIT_HASH_SIZE]);

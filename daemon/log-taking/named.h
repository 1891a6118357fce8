#pragma once

/*
 * The commits that rows of a log name, with their lines. For --check-result, which has no store to ask.
 */

#include <stddef.h>
#include <stdint.h>

struct named_commits {
    struct named_commit *items;
    size_t count;
};

/* Adds a commit, in lower case. */
void named_commits_add(struct named_commits *named, const char *commit, uint64_t line);

/* Returns the first line that names the commit, in its short or its long form; 0: none. */
uint64_t named_commits_find(const struct named_commits *named, const char *commit);

/* Frees what it owns. */
void named_commits_clear(struct named_commits *named);

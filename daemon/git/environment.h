#pragma once

/*
 * The environment of git. It is closed: nothing of the machine, of its users or of the shell that started
 * winnowd changes what git does. There are no prompts, no helpers and no system configuration.
 */

#include <stddef.h>

#define GIT_ENVIRONMENT_LIMIT 40

/* Entries NAME=VALUE, which it owns. Begins as {0}. */
struct git_environment {
    char *entries[GIT_ENVIRONMENT_LIMIT];
    size_t count;
};

/* Adds the entries that every git gets: a PATH, and those that shut everything else out. `configuration` is
 * the only configuration file that git reads besides the repository's own. */
void git_environment_close(struct git_environment *environment, const char *configuration);

/* Adds an entry NAME=VALUE and takes it over. There is room for GIT_ENVIRONMENT_LIMIT. */
void git_environment_add(struct git_environment *environment, char *entry);

/* Adds the variables of `names` (NULL-terminated) that winnowd's own environment has. */
void git_environment_pass(struct git_environment *environment, const char *const *names);

/* Overwrites and frees the entries. */
void git_environment_free(struct git_environment *environment);

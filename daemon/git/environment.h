#pragma once

/*
 * The environment of a git: closed, so that nothing of the machine, of its users or of whoever started
 * winnowd changes what git does. It has no prompts, no helpers and no configuration of the system.
 */

#include <stddef.h>

#define GIT_ENVIRONMENT_LIMIT 40

/* Entries of the form NAME=VALUE, all of them owned. Begins as {0}. */
struct git_environment {
    char *entries[GIT_ENVIRONMENT_LIMIT];
    size_t count;
};

/* Adds what every git gets: where programs are, and what closes the rest. `configuration` is the only
 * configuration file that it reads besides the repository's own. */
void git_environment_close(struct git_environment *environment, const char *configuration);

/* Adds an entry, NAME=VALUE, and takes it. There is room for GIT_ENVIRONMENT_LIMIT of them. */
void git_environment_add(struct git_environment *environment, char *entry);

/* Adds those of `names` that winnowd's own environment has; NULL-terminated. */
void git_environment_pass(struct git_environment *environment, const char *const *names);

/* Overwrites and frees the entries. */
void git_environment_free(struct git_environment *environment);

#pragma once

/*
 * What tox 4 is told in TOX_OVERRIDE, so that it lets variables through to the tests. Pure.
 *
 * tox looks for `pass_env`, or its older spelling `passenv`, in the section of an environment and then in those
 * that it inherits from, and takes the first that it finds. In most versions `+=` counts as such a find, too:
 * where an environment has no such key, it drops what would have been inherited. Other versions only hear of
 * sections that the file has. So the names are added in each section that has the key, in its spelling; and where
 * none is inherited from, in the others, too. Then no version drops anything, and nobody needs to know which one
 * it is. Before 4.12 there is no `+=`.
 */

#include "config/config.h"

#define TOX_OVERRIDE_LIMIT 65536 /* bytes; a variable of a new process has at most 128 KiB */

/* Returns the value that adds `names` (NULL-terminated, at least one); the caller frees it. `settings`: the
 * project's files that tox reads, of all layouts, one after the other, with a line `[]` between. `command` is
 * validation.command, which may name environments. */
char *tox_override(const char *settings, const struct config_list *command,
                   const char *const *names);

/* Returns the environments that the command names after `-e`, with commas between; NULL: it names none, or does
 * not start tox. The caller frees it. */
char *tox_environments(const struct config_list *command);

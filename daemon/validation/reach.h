#pragma once

/*
 * What stays in sight though it lies in a hidden place: the programs that PATH leads to, and what these
 * need to run.
 *
 * Followed are links in PATH's directories, the interpreters that scripts name, the libraries beside a
 * directory called `bin`, the origin of a virtual environment's python, and the directories that `.pth`
 * files add to a python's path. Beside a program elsewhere may lie anything, a whole home: then the
 * program alone is shown. Nothing uncovers a hidden place as a whole.
 */

#include "config/config.h"

/* Appends to `arguments` what makes bubblewrap show `path`, which is a file or a directory, to be read: links
 * on the way as links, the thing itself where it really lies. What is in sight anyway, or is not there, or
 * holds one of the `hidden` places, adds nothing. */
void reach_show(const struct config_list *hidden, struct config_list *arguments, const char *path);

/* The same for all that the directories of `path` (as PATH has them) and `program` (absolute, or NULL) lead
 * to. Reads directories and first lines of files; blocks for some milliseconds. */
void reach_show_programs(const struct config_list *hidden, struct config_list *arguments,
                         const char *path, const char *program);

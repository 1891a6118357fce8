#pragma once

/*
 * The part of hidden places that tests see: the programs that PATH leads to, and what these need to run.
 *
 * It follows links in PATH's directories, interpreters of scripts, and libraries beside a directory called
 * `bin`. In a virtual environment it follows the origin of its python, and the directories that `.pth` files
 * add to its path, and shows its data; an environment of conda is shown whole. A program elsewhere may have
 * anything beside it, such as a whole home: then only the program is shown. No hidden place is shown as a whole.
 */

#include "config/config.h"

/* Appends to `arguments` what makes bubblewrap show `path`, a file or a directory, read-only: links on the
 * way as links, and the file where it really is. Appends nothing if the path is seen anyway, does not exist,
 * or contains one of the `hidden` places. */
void reach_show(const struct config_list *hidden, struct config_list *arguments, const char *path);

/* Does the same for all that the directories of `path` (in the form of PATH) and `program` (absolute, or
 * NULL) lead to. Reads directories and first lines of files, which blocks for some milliseconds. */
void reach_show_programs(const struct config_list *hidden, struct config_list *arguments,
                         const char *path, const char *program);

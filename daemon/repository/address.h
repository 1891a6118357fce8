#pragma once

/*
 * Where a submodule comes from: the address in `.gitmodules`, as the forge is reached from here.
 *
 * People write the address of a submodule as they clone it: relative to the project, by SSH, by a public
 * name. If that names the forge's host, it means the forge, and is fetched from the address that the forge
 * has for us. Everything else is a foreign host.
 */

#include "common/error.h"

/* Finds the address from which `url` of .gitmodules is fetched. A relative `url` starts at `project`, the
 * address of the project itself. `root` is the forge's address for git (see git_root()), `web` that for
 * people (NULL: none). The caller frees `*address`. Fails (permanent), by the installation's fault, naming a
 * foreign host. */
int address_of(char **address, const char *url, const char *project, const char *root,
               const char *web, struct error *error);

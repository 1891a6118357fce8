#pragma once

/*
 * Where a submodule comes from: what `.gitmodules` says of it, in the forge's own words.
 *
 * People write the address of a submodule as they clone it themselves: relative to the project, by SSH, by an
 * outer name. All of these mean the forge where they name its host, and it is asked for at the address that
 * it has for us. Everything else is a foreign host.
 */

#include "common/error.h"

/* Finds the address from which `url` of .gitmodules is fetched. `project` is where the project itself comes from, to
 * which a relative one is; `root` is the forge as git reaches it (see git_root()), `web` as people do (NULL: they
 * do not). The caller frees `*address`. Fails (permanent), by the installation's fault,
 * naming a foreign host. */
int address_of(char **address, const char *url, const char *project, const char *root,
               const char *web, struct error *error);

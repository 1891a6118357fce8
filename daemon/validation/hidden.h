#pragma once

/*
 * The hidden places, which tests do not see: homes, /run, logs, mail, sources and what belongs to the
 * daemon.
 *
 * They are named without symbolic links, which would lead bubblewrap out of the new root. They are sorted,
 * so that a place comes before what is in it. A place that does not exist need not be hidden.
 */

#include "config/config.h"

#include <stdbool.h>

/* Returns the names of all such places, whether they exist or not. config_list_clear() frees them. */
struct config_list hidden_names(const struct config *config);

/* Returns the places as they are now, since some may be new. config_list_clear() frees them. */
struct config_list hidden_places(const struct config *config);

/* Returns whether `path` is one of the places or is in one. */
bool hidden_has(const struct config_list *hidden, const char *path);

/* Returns the place that is `path` or is in it, or NULL. To show that path would show the place as a
 * whole. */
const char *hidden_below(const struct config_list *hidden, const char *path);

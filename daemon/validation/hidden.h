#pragma once

/*
 * The hidden places, which tests do not see: homes, /run, logs, mail, sources and the daemon's own.
 *
 * Their paths have no symbolic links, which would lead bubblewrap out of the new root. They are sorted, so
 * that a place comes before those in it. A place that does not exist need not be hidden.
 */

#include "config/config.h"

#include <stdbool.h>

/* Returns the paths of all such places, existing or not. The caller frees them with config_list_clear(). */
struct config_list hidden_names(const struct config *config);

/* Returns the places that exist now. The caller frees them with config_list_clear(). */
struct config_list hidden_places(const struct config *config);

/* Returns whether `path` is one of the places or is in one. */
bool hidden_has(const struct config_list *hidden, const char *path);

/* Returns a place that is `path` or is in it, so that to show the path would show the place as a whole; NULL:
 * there is none. It belongs to `hidden`. */
const char *hidden_below(const struct config_list *hidden, const char *path);

#pragma once

/*
 * The places that tests do not see: homes, /run, logs, mail, sources and what belongs to the daemon.
 *
 * Each is named without symbolic links, which would lead bubblewrap out of the new root, and sorted, so
 * that what lies in another place comes behind it. What is not there needs no hiding.
 */

#include "config/config.h"

#include <stdbool.h>

/* The places as they are now: one may have been made since the last look. config_list_clear() frees it. */
struct config_list hidden_places(const struct config *config);

/* Whether `path` is one of the places or lies in one. */
bool hidden_has(const struct config_list *hidden, const char *path);

/* The place that is `path` or lies in it, or NULL. To show that path would uncover it as a whole. */
const char *hidden_below(const struct config_list *hidden, const char *path);

/* Whether `path` is `place` or lies in it; both absolute. */
bool hidden_is_in(const char *path, const char *place);

#pragma once

/*
 * How much history a checkout needs, so that `git describe` says in it what it says in the project.
 *
 * With validation.history commits it may not reach the nearest tag; and where a branch was begun before the
 * tag and merged after it, a history that is cut off by its length alone makes git count commits that the tag
 * holds.
 */

#include "common/operation.h"
#include "daemon/repository.h"

/* Generations, the commit itself included; 0: all of them. */
typedef void (*depth_callback)(void *data, unsigned depth);

/* Measures the history of a commit that is here, by the tags that are here. It cannot fail: where git does,
 * validation.history is all there is. */
struct operation *depth_start(struct repository *repository, const char *commit,
                              depth_callback callback, void *data);

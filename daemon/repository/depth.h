#pragma once

/*
 * How much history a checkout needs, so that `git describe` says the same in it as in the project.
 *
 * validation.history commits may not reach the nearest tag. And if a branch began before the tag and was
 * merged after it, in a history that is cut short git also counts commits that the tag contains.
 */

#include "common/operation.h"
#include "daemon/repository.h"

/* `depth` is in generations, the commit itself included; 0: all of them. */
typedef void (*depth_callback)(void *data, unsigned depth);

/* Measures the history of a commit, by the tags that are here. If `parent` is its only parent, that one is
 * measured, and git is asked once for all of its children. NULL: it may have several. Never fails: if git
 * does, the depth is validation.history. */
struct operation *depth_start(struct repository *repository, const char *commit, const char *parent,
                              depth_callback callback, void *data);

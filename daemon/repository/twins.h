#pragma once

/*
 * Finds commits that have the same tree as one in a measured commit's history.
 *
 * The same content may have two names. A diff with a `parent` was made a commit here, and the loop that made
 * the diff has a commit of its own. And what a squash leaves on the base has the tree that was measured, as
 * long as the base has nothing else.
 */

#include "common/error.h"
#include "common/operation.h"
#include "daemon/git/hash.h"
#include "daemon/repository.h"

#include <stdbool.h>
#include <stddef.h>

struct twin {
    char commit[GIT_HASH_SIZE]; /* in the history of the measured one */
    char other[GIT_HASH_SIZE];  /* not in it */
};

/* `twins` is NULL with an error. */
typedef void (*twins_callback)(void *data, const struct twin *twins, size_t count,
                               const struct error *error);

struct twins_options {
    /* Lines "<commit> <tree> …" of a measured commit and what comes before it, latest first. It must outlive
     * the operation. */
    const char *history;
    const char *base;              /* full hash; NULL: none */
    char (*others)[GIT_HASH_SIZE]; /* copied; those that are in the history are left out */
    size_t other_count;
    bool itself; /* the measured commit itself may have a twin, too */
};

/* Finds the twins among base, others and what comes before them. Of several commits with the same tree in the
 * history the earliest one has the twin: a later one may have taken back what came in between. The other
 * members of the options are copied. Fails if git fails. */
struct operation *twins_start(struct repository *repository, const struct twins_options *options,
                              twins_callback callback, void *data);

#pragma once

/*
 * Brings a measured commit onto the base.
 */

#include "common/error.h"
#include "common/operation.h"
#include "daemon/repository.h"

#include <stdbool.h>

struct onto_base_options {
    const char *base;   /* full hash, as the next one; both commits are here */
    const char *commit; /* the measured commit */
    /* Its source, for messages; NULL: it was saved before, and may be fetched again. */
    const char *source;
    repository_find_merged find_merged; /* this and the next two: as in struct repository_compose */
    void *find_data;
    const char *merge_base;
    /* It has a pull request. If one was merged that contains it, the base may have it by its tree. Before that, a
     * tree that the base had once may be tried again. */
    bool opened;
};

struct onto_base {
    char own_tree[GIT_HASH_SIZE]; /* the measured tree */
    /* The tree on the base, merged if the base has moved. Excluded files may have conflict marks. */
    char tree[GIT_HASH_SIZE];
    char merge_base[GIT_HASH_SIZE]; /* as in struct repository_change */
    char **contained;               /* likewise; the callback may take it over */
    size_t contained_count;
};

/* `brought` is NULL with an error. */
typedef void (*onto_base_callback)(void *data, struct onto_base *brought,
                                   const struct error *error);

/* Brings the commit onto the base. The options are copied. Fails (permanent) if the commit's history is not
 * whole, if the base has the commit already, or if they conflict. Fails (transient) if a saved commit cannot
 * be read. */
struct operation *onto_base_start(struct repository *repository,
                                  const struct onto_base_options *options,
                                  onto_base_callback callback, void *data);

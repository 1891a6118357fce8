#pragma once

/*
 * What was measured, brought onto the base.
 */

#include "common/error.h"
#include "common/operation.h"
#include "daemon/repository.h"

#include <stdbool.h>

struct measured_options {
    const char *base;   /* full hash; so is the next one, and both commits are here */
    const char *commit; /* that was measured */
    const char *source; /* where it is from, for messages */
    repository_find_merged find_merged; /* as in struct repository_compose; so are the next two */
    void *find_data;
    const char *merge_base;
};

struct measured {
    char own_tree[GIT_HASH_SIZE];   /* the tree that was measured */
    char tree[GIT_HASH_SIZE];       /* that tree on the base: merged, if the base has moved. Files
                                       that are excluded from changes may hold conflict marks */
    char merge_base[GIT_HASH_SIZE]; /* as in struct repository_change */
    char **contained;               /* as there; may be taken */
    size_t contained_count;
};

/* `measured` is valid inside the callback only; NULL with an error. */
typedef void (*measured_callback)(void *data, struct measured *measured, const struct error *error);

/* A commit whose history is not whole, that the base holds already, or that conflicts with the base is a
 * permanent error. The options are copied. */
struct operation *measured_start(struct repository *repository,
                                 const struct measured_options *options, measured_callback callback,
                                 void *data);

#pragma once

/*
 * What a change was made on: from the key `parent` of a result to a commit in our repository.
 *
 * It names an experiment, or a commit in the sources. What an experiment measured is kept by the repository
 * from its compose on. One that was not composed is looked up, or made again of its own parent, and so on.
 */

#include "common/operation.h"
#include "daemon/repository.h"
#include "daemon/result.h"
#include "daemon/store.h"

#include <uv.h>

/* Who is asked; all of it must outlive the answer. */
struct parent_question {
    uv_loop_t *loop;
    struct store *store; /* NULL: no experiment is known yet */
    struct repository *repository;
    const char *base;            /* full hash of a commit that is here */
    const struct result *result; /* that names a parent */
};

/* A baseline without a change was measured on some base, nobody knows which: "" is told then. An experiment that
 * is neither baseline, promoted nor under way, and one whose change cannot be made again, is a permanent
 * error that names it. The question is copied. */
struct operation *parent_find(const struct parent_question *question,
                              repository_parent_callback callback, void *data);

#pragma once

/*
 * Finds what a change was made on: the commit in our repository that the key `parent` of a result means.
 *
 * The key names an experiment, or a commit in the sources. From its compose on, our repository keeps what
 * an experiment measured, as long as anything open builds on it. If it is not kept, its commit is looked up, or
 * made again on its own parent, and so on: from the store, or from the archive after its pull request was merged. If
 * that is not possible, what its pull request held is taken from the forge.
 */

#include "common/operation.h"
#include "daemon/repository.h"
#include "daemon/result.h"
#include "daemon/store.h"

#include <uv.h>

/* The question is copied. All that it points to must outlive the operation. */
struct parent_question {
    uv_loop_t *loop;
    struct store *store; /* NULL: no experiment is known yet */
    struct repository *repository;
    const char *spool;           /* its archive has what the store has let go of */
    const char *base;            /* full hash of a commit that is here */
    const struct result *result; /* it names a parent */
};

/* Checks that what the result names as its parent, if that is an experiment, is a baseline, promoted or under way.
 * Fails (permanent), naming it, if it is not. */
int parent_check(struct store *store, const struct result *result, struct error *error);

/* Finds the parent. For a baseline without a change `parent` is "": it was measured on some base that
 * nobody knows. Fails (permanent), naming the experiment, if it is neither baseline, promoted nor under
 * way, or if its change cannot be made again. */
struct operation *parent_find(const struct parent_question *question,
                              repository_parent_callback callback, void *data);

#pragma once

/*
 * Finds the commit that a change was made on: what the key `parent` of a result means.
 *
 * The key names an experiment, or a commit in the sources. From the compose of an experiment on, our
 * repository keeps what it measured, as long as anything open builds on it. If it is not kept, its commit is
 * looked up, or made again on its own parent, and so on: from the store, or from the archive after its pull
 * request was merged. If that is impossible, the commit of its pull request is taken from the forge.
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
    const char *spool;           /* its archive has what the store has deleted */
    const char *base;            /* full hash of a commit that is here */
    const struct result *result; /* it names a parent */
};

/* Checks that the parent that a result names, if it is an experiment, is a baseline, promoted or under way.
 * Fails (permanent), naming it, if it is not. */
int parent_check(struct store *store, const struct result *result, struct error *error);

/* Finds the parent. For a baseline without a change `parent` is "": nobody knows on which base it was
 * measured. Fails (permanent), naming the experiment, if that is neither baseline, promoted nor under way, or
 * if its change cannot be made again. */
struct operation *parent_find(const struct parent_question *question,
                              repository_parent_callback callback, void *data);

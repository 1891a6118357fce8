#pragma once

/*
 * Finds the measured commits that were merged, by the merged pull requests at the forge.
 *
 * The forge is asked when this is needed, for what changed since it was asked last. So a merge is found even
 * if the store was lost, or if the winnowd of another host opened the pull request.
 */

#include "common/operation.h"
#include "config/config.h"
#include "daemon/forge.h"
#include "daemon/repository.h"
#include "daemon/store.h"

#include <stdint.h>
#include <uv.h>

/* The question is copied. All that it points to must outlive the operation. */
struct merged_question {
    uv_loop_t *loop;
    const struct config *config;
    struct store *store;
    struct forge *forge;
    int64_t base_read_ms; /* when the base was fetched, by our clock */
};

/* Finds the latest 1000 merged commits. One counts if it was merged before `base_read_ms`, in case the forge
 * does not name the commit of the base that brought it in. Fails (transient) if the forge cannot be asked, or
 * if the store fails. */
struct operation *merged_find(const struct merged_question *question,
                              repository_merged_callback callback, void *data);

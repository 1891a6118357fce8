#pragma once

/*
 * What was merged, whoever promoted it: the measured commits of our merged pull requests.
 *
 * The forge is asked when it has to be known, for what changed since it was asked last. So what the store
 * lost, or never knew as another host's winnowd did it, is found again in the pull requests themselves.
 */

#include "common/operation.h"
#include "config/config.h"
#include "daemon/forge.h"
#include "daemon/repository.h"
#include "daemon/store.h"

#include <stdint.h>
#include <uv.h>

/* Who is asked; all of it must outlive the answer. */
struct merged_question {
    uv_loop_t *loop;
    const struct config *config;
    struct store *store;
    struct forge *forge;
    int64_t base_read_ms; /* when the base was asked for, by our clock */
};

/* Tells what was merged, the latest 1000 of them. Where the forge does not name the commit of the base, it
 * counts if it was merged before `base_read_ms`. The question is copied. The error is a transient one of the
 * forge, or the store's. */
struct operation *merged_find(const struct merged_question *question,
                              repository_merged_callback callback, void *data);

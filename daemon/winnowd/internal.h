#pragma once

/*
 * The daemon's parts, and its end.
 */

#include "daemon/base.h"
#include "daemon/counters.h"
#include "daemon/health.h"
#include "daemon/installation.h"
#include "daemon/intake.h"
#include "daemon/keep.h"
#include "daemon/log-taking/followed.h"
#include "daemon/pulls.h"
#include "daemon/queue.h"
#include "daemon/refresh.h"
#include "daemon/saved.h"
#include "daemon/status/report.h"
#include "daemon/store-check.h"
#include "daemon/winnowd.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum { ON_TERMINATE, ON_INTERRUPT, ON_RELOAD, ON_STATUS, SIGNAL_COUNT };

struct winnowd {
    uv_loop_t loop;
    struct config *config;
    const char *path;
    bool once;
    bool judging; /* with --once: pull requests were looked at first */
    bool stopping;
    int status;
    uint64_t progress_at; /* uv_now() of the last progress; for --once */

    char host[256];
    char *token;
    struct http *http;
    struct store *store;
    struct forge *forge;
    struct repository *repository;
    struct validation *validation;
    struct base *base;
    struct installation installation;
    struct health *health;
    struct saved *saved;
    struct services services;
    struct queue *queue;
    struct intake *intake;
    struct followed_logs *followed_logs;
    struct pulls *pulls;
    struct refresh *refresh;
    struct counters counters;
    struct report *report;
    struct keep *keep;

    uv_signal_t signals[SIGNAL_COUNT];
    struct operation *once_timer;
    struct operation *store_check; /* NULL once the store was checked */
};

/* Stops, in the middle of all work. Every job can be resumed from the store. */
void winnowd_stop(struct winnowd *winnowd, int status);

/* With --once: begins to look at pull requests, and for the end. */
void once_begin(struct winnowd *winnowd);

/* With --once: ends, if nothing is left to be done that can be done now. */
void once_end_if_finished(struct winnowd *winnowd);

#pragma once

/*
 * Finds our open pull requests that do not merge any more, since the base has moved, and runs the jobs that
 * refresh them (pulls.refresh).
 *
 * They are compared in our own repository. Each is tried once for each base. The newest goes first, as it may
 * contain the others. New results go before them and use the same slots. When the base moves again, a refresh
 * that was not pushed yet is given up and begun again. A pull request whose change the base has is closed
 * instead.
 */

#include "common/error.h"
#include "daemon/job.h"

#include <stdbool.h>
#include <uv.h>

struct refresh;

struct refresh_options {
    const struct services *services;
    const struct step_table *steps;     /* that its jobs walk */
    unsigned (*slots_left)(void *data); /* for its jobs, besides those that it uses */
    unsigned (*rounds)(void *data);     /* complete rounds of looking at pull requests */
    void (*progress)(void *data);       /* a job made a step */
    void (*changed)(void *data); /* other progress: a slot is free, or the comparison has ended */
    /* The store has pull requests that are to be closed: the base has their change. */
    void (*contained)(void *data);
    void *data;
};

/* Makes it, and resumes the unfinished refreshes in the store. Fails if the store does. */
int refresh_new(struct refresh **refresh, uv_loop_t *loop, const struct refresh_options *options,
                struct error *error);
void refresh_free(struct refresh *refresh); /* NULL-safe; leaves every job resumable */

/* Compares the open pull requests with the present base, if the forge is well and pulls.refresh is not
 * `never`. At a local forge they are always compared, to show whether they can be merged. */
void refresh_look(struct refresh *refresh);

/* The configuration was read again: what waits for something that a person may have mended tries now. */
void refresh_reloaded(struct refresh *refresh);

/* The base holds the queue, or no longer does. */
void refresh_base_changed(struct refresh *refresh);

/* Begins what there are slots for. */
void refresh_go_on(struct refresh *refresh);

/* The forge's health changed: jobs that wait for it go on. */
void refresh_forge_changed(struct refresh *refresh);

/* Returns whether nothing is left to compare or refresh. */
bool refresh_idle(const struct refresh *refresh);

/* Returns how many slots its jobs use. */
unsigned refresh_slots(const struct refresh *refresh);

/* Returns its jobs, which belong to it. */
const struct job *refresh_jobs(const struct refresh *refresh);

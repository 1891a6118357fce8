#pragma once

/*
 * Finds our open pull requests that do not merge any more since the base has moved, and runs the jobs that
 * bring them onto it (pulls.refresh).
 *
 * They are looked at in our own repository. Each is tried once for each base. The newest goes first, as it contains
 * the others. Jobs of new results go before them, since they need the same slots. When the base moves once more, a
 * refresh that was not pushed yet is given up and begun again. A pull request whose change the base holds is closed
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
    unsigned (*slots_left)(void *data); /* for its jobs, beside those that it has */
    unsigned (*rounds)(void *data);     /* of looking at pull requests that have ended */
    void (*progress)(void *data);       /* a job made a step */
    void (*changed)(
        void *data); /* without one: a slot is free, or it was found out what is to be done */
    /* The store knows of pull requests to be closed: the base holds their change. */
    void (*contained)(void *data);
    void *data;
};

/* Makes it, and takes up the refreshes that the store holds unfinished. Fails if the store does. */
int refresh_new(struct refresh **refresh, uv_loop_t *loop, const struct refresh_options *options,
                struct error *error);
void refresh_free(struct refresh *refresh); /* NULL-safe; leaves every job resumable */

/* Compares the open pull requests with the base as it is now, where the forge is well and pulls.refresh wants it.
 * At a local forge they are compared also with `never`: whether they can be merged is shown. */
void refresh_look(struct refresh *refresh);

/* The configuration was read again: what waits for something that a person may have mended tries now. */
void refresh_reloaded(struct refresh *refresh);

/* The queue is held by the base, or not any more. */
void refresh_base_changed(struct refresh *refresh);

/* Begins what there are slots for. */
void refresh_go_on(struct refresh *refresh);

/* The forge's health changed: jobs that wait for it go on. */
void refresh_forge_changed(struct refresh *refresh);

/* Returns whether nothing is left to be looked at or refreshed. */
bool refresh_idle(const struct refresh *refresh);

/* Returns how many slots its jobs use. */
unsigned refresh_slots(const struct refresh *refresh);

/* Returns its jobs, which belong to it. */
const struct job *refresh_jobs(const struct refresh *refresh);

#pragma once

/*
 * From the spool to the store: every file that was dropped gets its decision, or its place in the
 * queue, before it moves.
 *
 * A slice of files is one transaction. What is decided here is only what no outcome of an earlier
 * job can change; all else is queued and judged again when its turn comes (queue.h). A drop is one row,
 * which says where its file is to lie. It is moved after that, so that a crash between the two is made
 * good at the next start and never looks like a second drop.
 */

#include "common/error.h"
#include "config/config.h"
#include "daemon/gate.h"
#include "daemon/store.h"

#include <stdbool.h>
#include <uv.h>

struct intake;

struct intake_options {
    const struct config *config; /* must outlive the intake */
    struct store *store;
    bool once;                 /* nothing comes later: what nobody named is told of at the end */
    void (*taken)(void *data); /* a slice of files was decided on; some may be queued */
    void (*idle)(void *data);  /* the spool holds nothing more; see intake_idle() */
    void *data;
};

/* Finishes the moves that a crash interrupted, then watches the spool. Fails if it cannot be used. */
int intake_new(struct intake **intake, uv_loop_t *loop, const struct intake_options *options,
               struct error *error);
void intake_free(struct intake *intake); /* NULL-safe. The loop must run once more */

/* The configuration was reloaded: a log that is being read is begun anew, with the settings that it has now.
 * To be called in the same turn of the loop. */
void intake_reload(struct intake *intake);

/* Whether the spool was scanned and is empty, nothing held and no move left to do. */
bool intake_idle(const struct intake *intake);

/* Whether a result waits for the patch that it names. */
bool intake_patient(const struct intake *intake);

/* A queued result turned out to be one to reject: its file goes where rejected files lie. */
void intake_reject_archived(struct intake *intake, const struct store_result *result,
                            const char *reason);

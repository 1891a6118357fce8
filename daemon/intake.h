#pragma once

/*
 * Intake: gives every file in the spool its decision, or its place in the queue, and then moves it.
 *
 * A slice of files is one transaction. Intake decides only what no earlier job can change. Everything else is
 * queued, and judged again when its turn comes (queue.h). A drop is one row, which says where its file will
 * be; the file is moved after that. So the next start repairs a crash in between, and the file never looks
 * like a second drop.
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
    bool once;                 /* no file will come later: log stray files at the end */
    void (*taken)(void *data); /* a slice was decided; some results may be queued */
    void (*idle)(void *data);  /* the spool is empty; see intake_idle() */
    void *data;
};

/* Makes it: finishes the moves that a crash interrupted, then watches the spool. Fails if the spool or the
 * store cannot be used. */
int intake_new(struct intake **intake, uv_loop_t *loop, const struct intake_options *options,
               struct error *error);
void intake_free(struct intake *intake); /* NULL-safe. The loop must run once more */

/* The configuration was reloaded: begins the log that is being read again, with its new settings. Call it in
 * the same turn of the loop. */
void intake_reload(struct intake *intake);

/* Returns whether the spool was scanned and is empty, and no file waits and no move is left to do. */
bool intake_idle(const struct intake *intake);

/* Returns whether a result waits for the patch that it names. */
bool intake_patient(const struct intake *intake);

/* A queued result was rejected when its turn came: moves its file from the archive to the rejected ones. */
void intake_reject_archived(struct intake *intake, const struct store_result *result,
                            const char *reason);

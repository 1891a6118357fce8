#pragma once

/*
 * The interface of an engine, which runs the tests somewhere: on this machine (local.h), or as jobs of Slurm
 * (slurm.h).
 *
 * An engine is a struct of functions. It gets the command and the checkout, and says how the command ended.
 * verdict.h judges whether that is a pass, in the same way for all engines.
 */

#include "common/error.h"
#include "common/operation.h"
#include "common/process.h"
#include "daemon/validation/checkout.h"

#include <stdbool.h>
#include <stdint.h>

struct engine;

#define ENGINE_LOG_LIMIT (64 * 1024 * 1024) /* bytes of output that are kept of a run */

/* A run that an earlier daemon began and that goes on without it. The caller frees the strings. */
struct engine_run {
    int64_t judged; /* set by the caller: the attempt that has its verdict; 0: none is known */
    bool goes_on;
    char *command; /* as a person would type it */
    char *report;  /* path of the file for tox's report; NULL: it was not asked for */
    bool again;    /* tox failed because of its report in the run before */
};

/* Where a run was, if not on this machine. */
struct engine_place {
    int64_t attempt; /* from 1; 0: it was on this machine */
    int64_t slurm_job;
    int64_t queued_ms; /* time in the queue, before the run */
    char node[256];
};

/* What to run. The strings belong to the caller, and live until the operation is over. */
struct engine_order {
    const char *experiment_id;
    const struct checkout *checkout; /* exists, unless the run is taken up */
    const struct checkout *inside;   /* as the tests see it */
    bool taken_up;                   /* it is under way: nothing has to be started */
    const char *report;              /* path of the file for tox's report; NULL: not asked for */
    bool again;                      /* tox failed because of its report in the run before */
    const char *const *arguments;    /* NULL-terminated; needed inside of start() only */
    bool this_program;               /* they start this program (process.h) */
    const char *const *environment;  /* likewise */
    const char *command;             /* as a person would type it */
    const char *log;                 /* path of the file for the whole output */
    uint64_t timeout_ms;             /* of the command where it runs */
    unsigned tail_lines;             /* last lines of the output that are kept */
    bool sandboxed;                  /* without the mark of the sandbox the command did not begin */
    void (*printed)(void *data, const char *bytes, size_t length); /* each piece of the output */
    void *data;                                                    /* for `printed` */
    struct engine_place *place; /* filled in before the callback if it ran elsewhere */
};

/* How the command ended. Without an error there is a result; its `problem` says what went wrong with the log,
 * which then is removed. A transient error: the run says nothing about the tests, as when the command never
 * began. A permanent one: the tests filled the disk. */
typedef void (*engine_callback)(void *data, const struct process_result *result,
                                const struct error *error);

struct engine_functions {
    bool encloses; /* it makes the sandbox itself: the arguments are only the command */

    /* Names the checkout of an experiment's next run. If a run of that commit is under way, and has no
     * verdict yet, `run` says so, and the checkout is that of this run. `run` NULL: names the checkout of the
     * last run. The caller frees both. Returns 0, or -1 with the error. */
    int (*look)(struct engine *engine, const char *experiment_id, const char *commit,
                struct checkout *checkout, struct engine_run *run, struct error *error);

    /* Starts the command. To discard the operation ends what is under way on this machine. */
    struct operation *(*start)(struct engine *engine, const struct engine_order *order,
                               engine_callback callback, void *data);

    /* Ends the experiment's run, if there is one, and removes its directories. Succeeds if they are missing. */
    struct operation *(*cancel)(struct engine *engine, const char *experiment_id,
                                checkout_callback callback, void *data);

    void (*free)(struct engine *engine);
};

struct engine {
    const struct engine_functions *functions;
};

static inline void engine_free(struct engine *engine) /* NULL-safe */
{
    if (engine)
        engine->functions->free(engine);
}

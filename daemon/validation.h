#pragma once

/*
 * A validation: the checkout, the run of the tests in it, and the verdict.
 *
 * The command runs in <state>/checkouts/<experiment_id>/, a clone that repository_clone() makes. The output
 * goes to <state>/validation/<experiment_id>.log, and its last lines are kept. The environment is made from
 * nothing. The code under test gets no credential and no descriptor, and sees as little of the daemon as the
 * sandbox allows. validation_sweep() ends and removes what a crash of the daemon left of a run.
 */

#include "common/error.h"
#include "common/operation.h"
#include "config/config.h"
#include "daemon/repository.h"
#include "daemon/store.h"
#include "daemon/validation/test-report.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct engine_place;
struct http;
struct sandbox;
struct tool;
struct validation;

enum validation_verdict {
    VALIDATION_PASSED,
    VALIDATION_FAILED,   /* exit status not 0, or what passed on the base failed */
    VALIDATION_UNTESTED, /* exit status 0, but nothing was tested: see the sentence */
    VALIDATION_TIMED_OUT,
    VALIDATION_KILLED, /* by a signal */
    VALIDATION_WAITS,  /* validation.requires does not answer, or Slurm lost the run */
};

struct validation_outcome {
    enum validation_verdict verdict;
    int status;           /* exit status or signal number */
    uint64_t duration_ms; /* of the command alone */
    const char *command;  /* as a person would type it */
    const char *tail;     /* the last lines of output, valid UTF-8; secrets are still in it */
    /* A line of the output that may say why it failed, like `tail`; "": none. */
    const char *failure;
    /* Key of what seems to have started nothing, as a program or a module is missing; a literal; NULL: it
     * began. */
    const char *unbegun;
    const struct test_report *report; /* the run's own report; NULL: it did not begin */
    const struct engine_place *place; /* where it ran on Slurm; NULL: on this machine */
    const char *log;     /* the file with the whole output; NULL: it could not be written */
    char sentence[1024]; /* "tox -e unit exited with status 1 after 12.3 s" */
};

/* Makes it. `config`, `store`, `repository` and `http` must outlive it. `store` may be NULL if nothing runs
 * on Slurm. A reload applies to the next run, and to what a run has not begun. Fails (permanent) if the
 * configured sandbox does not work. */
int validation_new(struct validation **validation, uv_loop_t *loop, const struct config *config,
                   struct store *store, struct repository *repository, struct http *http,
                   struct error *error);
void validation_free(
    struct validation *validation); /* NULL-safe; runs must be over; see remover_free() */

/* Returns the sandbox in which the tests run. It belongs to the validation. */
struct sandbox *validation_own_sandbox(struct validation *validation);

/* Returns what is known of the program that runs the tests. The installation fills it in (tool.h). It belongs
 * to the validation. */
struct tool *validation_tool(struct validation *validation);

/* One run. Strings are copied. */
struct validation_task {
    const char *experiment_id; /* names checkout and log */
    const char *branch;
    const char *commit;
    const char *base; /* the commit itself, or a parent of it */
    /* Report of a run that passed on the base, with which this run is compared; copied; NULL: none. */
    const struct test_report *measure;
    bool on_base;   /* it is a run on the base, and its cache may be kept */
    int64_t judged; /* the attempt on Slurm whose verdict is known; 0: none is */
};

/* Asks the URLs of validation.requires, clones, runs the tests and judges. If a URL does not answer 2xx,
 * nothing is begun: the verdict is VALIDATION_WAITS, and the sentence says why. Leaves the checkout for
 * validation_remove(). Fails (transient) if the disk is full, if there are not enough processes, or if the
 * sandbox cannot be made now. Fails (permanent) if the command does not exist, or if the tests fill the disk. */
typedef void (*validation_callback)(void *data, const struct validation_outcome *outcome,
                                    const struct error *error);
struct operation *validation_run(struct validation *validation, const struct validation_task *task,
                                 validation_callback callback, void *data);

/* Sets the error that says why a run did not pass, and where its whole output is; without secrets. */
void validation_explain(struct error *error, const struct validation_outcome *outcome);

/* Removes the checkout, in libuv's pool. Succeeds if it is missing. */
struct operation *validation_remove(struct validation *validation, const char *experiment_id,
                                    repository_done_callback callback, void *data);

/* A run on the base has passed: keeps what it left in ~/.cache, for all later runs. Calls back when that is
 * done, or has failed, which is logged. Returns NULL and does not call back if there is nothing to keep. */
struct operation *validation_keep_cache(struct validation *validation, const char *experiment_id,
                                        const char *commit, void (*callback)(void *data),
                                        void *data);

/* At start and at the end: kills the processes that an earlier daemon left in checkouts, and its gits, which
 * could make another checkout. Moves all checkouts away, and lets them be removed in the background. Fails if
 * a process does not end, or a checkout cannot be moved. */
int validation_sweep(struct validation *validation, struct error *error);

/* Returns whether there is a sandbox. */
bool validation_sandboxed(const struct validation *validation);

/* Returns a sentence for the log at start: which sandbox there is, or what is not limited without one. It
 * belongs to the validation. */
const char *validation_sandbox(const struct validation *validation);

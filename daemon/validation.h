#pragma once

/*
 * The disposable checkout, the run of the tests in it, the verdict.
 *
 * The command runs in <state>/checkouts/<experiment_id>/, a clone that repository_clone() makes; the
 * output goes to <state>/validation/<experiment_id>.log, its last lines are kept. The
 * environment is made from nothing; the code under test gets no credential, no descriptor and no
 * sight of the daemon's own that can be kept from it (see sandbox). What is left of a run after a
 * crash of the daemon is ended and removed by validation_sweep().
 */

#include "common/error.h"
#include "common/operation.h"
#include "config/config.h"
#include "daemon/repository.h"
#include "daemon/validation/test-report.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct http;
struct sandbox;
struct tool;
struct validation;

enum validation_verdict {
    VALIDATION_PASSED,
    VALIDATION_FAILED,   /* exit status other than 0, or what passed on the base fails */
    VALIDATION_UNTESTED, /* exit status 0, but nothing was tested: see the sentence */
    VALIDATION_TIMED_OUT,
    VALIDATION_KILLED, /* by a signal */
    VALIDATION_WAITS,  /* validation.requires does not answer */
};

struct validation_outcome {
    enum validation_verdict verdict;
    int status;           /* exit status or signal number */
    uint64_t duration_ms; /* of the command alone */
    const char *command;  /* as a human would type it */
    const char *tail;     /* the last lines of output, valid UTF-8; secrets are still in it */
    const char
        *failure; /* a line of the output that may say why it failed, likewise; "" for none */
    const struct test_report *report; /* what the run says of itself; NULL where it did not begin */
    const char *log;     /* the file with the whole output; NULL: it could not be written */
    char sentence[1024]; /* "tox -e unit exited with status 1 after 12.3 s" */
};

/* `config`, `repository` and `http` must outlive it. A reload holds for the next run, and for what a
 * run has not begun. Permanent error where the sandbox that is demanded does not work. */
int validation_new(struct validation **validation, uv_loop_t *loop, const struct config *config,
                   struct repository *repository, struct http *http, struct error *error);
void validation_free(
    struct validation *validation); /* NULL-safe; runs must be over; see remover_free() */

/* The sandbox in which it runs the tests; it stays the owner. */
struct sandbox *validation_own_sandbox(struct validation *validation);

/* What is known of the program that runs the tests: the installation fills it in (see tool). */
struct tool *validation_tool(struct validation *validation);

/* One run. Strings are copied. */
struct validation_task {
    const char *experiment_id; /* names checkout and log */
    const char *branch;
    const char *commit;
    const char *base; /* the commit itself, or a parent of it */
    const struct test_report
        *measure; /* what a run that passed on the base said, which this one is held
                                          against; NULL: there is none; copied */
};

/* Asks the URLs of validation.requires, clones, runs, judges. A requirement that does not answer 2xx is the
 * outcome VALIDATION_WAITS, with the reason as its sentence: nothing was begun. A full disk, a command that cannot
 * be started for want of processes, a sandbox that cannot be made now: transient error. A command that does not
 * exist, tests that fill the disk: permanent. Otherwise the outcome, whatever its verdict. The checkout is left
 * for validation_remove(). */
typedef void (*validation_callback)(void *data, const struct validation_outcome *outcome,
                                    const struct error *error);
struct operation *validation_run(struct validation *validation, const struct validation_task *task,
                                 validation_callback callback, void *data);

/* Says why a run did not pass, for whoever reads the decision, and where all of its output is; without secrets. */
void validation_explain(struct error *error, const struct validation_outcome *outcome);

/* Removes the checkout (off the loop, in libuv's pool); gone already is fine. */
struct operation *validation_remove(struct validation *validation, const char *experiment_id,
                                    repository_done_callback callback, void *data);

/* At start and at the end: kills what a daemon before us left running in checkouts, and its gits, which might
 * make another one; sets every checkout aside and has it removed in the background. */
int validation_sweep(struct validation *validation, struct error *error);

/* Whether there is a sandbox. */
bool validation_sandboxed(const struct validation *validation);

/* One sentence for the log at start: which sandbox there is, and what is not held without one. */
const char *validation_sandbox(const struct validation *validation);

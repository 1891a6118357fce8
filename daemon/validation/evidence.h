#pragma once

/*
 * How a run ended: its output, its report, and the verdict from both.
 */

#include "common/process.h"
#include "common/text.h"
#include "daemon/validation.h"
#include "daemon/validation/failure.h"
#include "daemon/validation/runner.h"
#include "daemon/validation/test-report.h"

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Begins as {0}, with a copy of the base's report in `measure`. */
struct evidence {
    struct failure failure;      /* what the output says about the failure */
    struct runner runner;        /* what runners say in the output */
    struct test_report report;   /* the run's own report */
    bool on_base;                /* it is the run on the base */
    struct test_report *measure; /* the report of the run on the base; NULL: there is none */
    regex_t expect;              /* validation.expect, as it was when the tests began */
    bool expects;                /* whether there is one */
    const char *starter;         /* the key of what could not start its program; a literal */
    char objection[300];         /* why the report turns the pass into a failure; "": it does not */
    enum process_end ended;      /* how the command ended */
    uint64_t printed;            /* bytes of its output */
    char *tail;                  /* its last lines */
    struct validation_outcome outcome;
};

/* The command begins, for the first time or again. `expect`: a line of the output must match it; NULL: none
 * has to. */
void evidence_begin(struct evidence *evidence, const char *expect);
void evidence_clear(struct evidence *evidence);

/* Reads a piece of output. */
void evidence_read(struct evidence *evidence, const char *bytes, size_t length);

/* Returns whether a shell or env exits with this status if it cannot start a program. */
bool evidence_of_no_program(int status);

/* The command has ended. The strings and `place` must outlive the verdict; `log` and `place` may be NULL. */
void evidence_end(struct evidence *evidence, const struct process_result *result,
                  const char *command, const char *log, const struct engine_place *place);

/* All has been read. Returns why tox failed because of its own report, if it was `asked` for one; NULL: it
 * did not. It is static. That is not the fault of the tests: output that is not UTF-8 is enough, and for 100
 * MB of output tox 3 needs a minute. */
const char *evidence_of_tox_failure(struct evidence *evidence, bool asked);

/* Returns the verdict, which points into the evidence and into `failure`. Call evidence_of_tox_failure() first. */
const struct validation_outcome *evidence_judge(struct evidence *evidence, struct text *failure);

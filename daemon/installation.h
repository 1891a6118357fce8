#pragma once

/*
 * Checks the installation: is all that jobs need there and allowed?
 *
 * There is one table of questions. Each row names a key of the configuration, and what is held if the answer
 * is bad: the whole queue, the jobs that need one source, or nothing. --check-config asks all questions and
 * prints the answers. The daemon asks them at start, after a reload, when a step was refused, and repeatedly
 * while something is held (health.h). So both find the same, and no fault of the installation is charged to
 * an experiment.
 */

#include "common/error.h"
#include "common/operation.h"
#include "config/config.h"
#include "daemon/forge.h"
#include "daemon/repository.h"
#include "daemon/validation/tool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

enum installation_holds {
    HOLDS_QUEUE,
    HOLDS_SOURCE,  /* the jobs whose commit may be in one of `sources` */
    HOLDS_NOTHING, /* a warning; the daemon logs it when it meets it */
};

/* A fault of the installation. */
struct installation_problem {
    const char *key; /* the key that it is about: "forge", "sources" */
    enum installation_holds holds;
    size_t source; /* with HOLDS_SOURCE: its place in `sources` */
    /* Exit status of a program that ends because of it: EX_CONFIG (mend the configuration or the token),
     * EX_UNAVAILABLE (mend it at the forge, or wait), EX_IOERR. */
    int status;
    bool at_forge;      /* found at the forge or by its git, so calls there make no sense */
    bool unanswered;    /* a source that has not answered in time: not known yet */
    struct error error; /* names the key to mend; transient: may pass by itself */
};

struct installation_problems {
    struct installation_problem *items; /* in the order of the table */
    size_t count;
    int64_t retry_after_ms; /* the pause that the forge asked for; -1: none */
    char *unchecked;        /* what could not be checked, and why; NULL: nothing */
};

struct installation {
    uv_loop_t *loop;
    const struct config *config;
    struct forge *forge;           /* NULL: nothing is asked there */
    struct repository *repository; /* NULL: git is not asked */
    struct http *http;             /* NULL: URLs are not asked */
    struct sandbox *sandbox;       /* NULL: programs are looked for, but not started */
    struct tool *tool;             /* filled in, and kept from one check to the next */
    const char *state;             /* the daemon's directory; NULL: it is not checked */
    bool everything;               /* also ask the questions that hold nothing */
    uint64_t source_patience_ms;   /* for one source; 0: until git gives it up */
};

/* Asks all questions, one after the other. Leaves out a question that depends on a bad answer. Without
 * problems all is well. `installation` must outlive the operation. */
typedef void (*installation_callback)(void *data, const struct installation_problems *problems);
struct operation *installation_ask(const struct installation *installation,
                                   installation_callback callback, void *data);

/* Returns the first problem that holds the whole queue; NULL: there is none. It belongs to `problems`. */
const struct installation_problem *
installation_problems_first(const struct installation_problems *problems);

/* Makes a deep copy, which installation_problems_clear() frees. */
void installation_problems_copy(struct installation_problems *copy,
                                const struct installation_problems *problems);
void installation_problems_clear(struct installation_problems *problems);

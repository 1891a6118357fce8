#pragma once

/*
 * What can be asked of the installation: whether all is there that jobs need, and is allowed.
 *
 * One table of questions, each with the key of the configuration that it is about, and with what an
 * answer that is not good holds: the whole queue, the jobs that need one source, or nothing.
 * --check-config asks all of them and says what it found; the daemon asks them at its start, when a
 * step was refused, after a reload, and again and again while something is held (health.h). So what
 * one of them finds, the other finds as well, and what is wrong with the installation is told apart
 * from what is wrong with an experiment.
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

enum finding_holds {
    HOLDS_QUEUE,
    HOLDS_SOURCE,  /* the jobs whose commit may be in one of `sources` */
    HOLDS_NOTHING, /* worth a warning; the daemon says so by itself where it meets it */
};

/* One thing that is not as it has to be. */
struct finding {
    const char *key; /* what it is about: "forge", "sources" */
    enum finding_holds holds;
    size_t source;      /* its place in `sources`, with HOLDS_SOURCE */
    int status;         /* with which a program ends that cannot go on: EX_CONFIG where the
                                 configuration or the token is to be mended, EX_UNAVAILABLE where
                                 something is to be mended at the forge or will pass, EX_IOERR */
    bool at_forge;      /* the forge or its git said so: nothing can be done there */
    struct error error; /* names the key to mend; transient: it may pass by itself */
};

struct findings {
    struct finding *items; /* in the order of the table */
    size_t count;
    int64_t retry_after_ms; /* what the forge asked for, else -1 */
    char *unchecked;        /* what could not be found out, and why; NULL: nothing */
};

struct installation {
    uv_loop_t *loop;
    const struct config *config;
    struct forge *forge;
    struct repository *repository; /* NULL: git is not asked */
    struct sandbox *sandbox;       /* NULL: the program of the tests is not tried in it */
    struct tool *tool;             /* gets what was found of it; kept from one asking to the next */
    bool everything;               /* ask what holds nothing, too */
};

/* Asks all questions, one after the other; one that depends on another is left out where that one was
 * answered badly. `findings` is valid inside the callback only; none of them: all is well. `installation`
 * must outlive the operation. */
typedef void (*installation_callback)(void *data, const struct findings *findings);
struct operation *installation_ask(const struct installation *installation,
                                   installation_callback callback, void *data);

/* The first that holds the whole queue, or NULL. */
const struct finding *findings_first(const struct findings *findings);

/* A copy of its own, and its end. */
void findings_copy(struct findings *copy, const struct findings *findings);
void findings_clear(struct findings *findings);

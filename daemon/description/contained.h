#pragma once

/*
 * What is said below a pull request that another one contains. Pure; foreign text in it is inert.
 */

#include <stdint.h>

enum contained_reason {
    CONTAINED_MERGED,     /* the other one was merged */
    CONTAINED_SUPERSEDED, /* the other one is open, and takes its place */
    CONTAINED_RELEASED,   /* the other one was closed unmerged: this one is opened again */
};

/* The comment. `container` is the number of the other one, 0 where the base holds the change by itself; its
 * experiment; and the address of the repository's pages, NULL where there are none. Markdown; caller frees. */
char *contained_comment(enum contained_reason reason, int64_t container, const char *experiment_id,
                        const char *web_url);

#pragma once

/*
 * What is said of pull requests that contain each other: in comments, and in a line of the body. Pure; foreign
 * text in it is escaped.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum contained_reason {
    CONTAINED_MERGED,     /* the other one was merged */
    CONTAINED_SUPERSEDED, /* the other one is open, and takes its place */
    CONTAINED_RELEASED,   /* the other one was closed unmerged: this one is opened again */
};

/* Returns the comment. `container` is the number of the other one, 0 if the base holds the change by
 * itself. Then come its experiment, and the address of the repository's pages, NULL if there are none.
 * Markdown; caller frees. */
char *contained_comment(enum contained_reason reason, int64_t container, const char *experiment_id,
                        const char *web_url);

/* An open pull request that another one contains, or that contains it. */
struct contained_relative {
    int64_t pull;
    const char *experiment_id;
    bool above; /* it contains the other one */
};

/* Returns the line of a body that names them, without its end; "" if there are none. The caller frees it. */
char *contained_line(const struct contained_relative *relatives, size_t count, const char *web_url);

/* Returns the body with that line in place of the one that it has; "": without one. The caller frees it. */
char *contained_replace_line(const char *body, const char *line);

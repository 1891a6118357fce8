#pragma once

/*
 * The texts about pull requests that contain each other: comments, and a line of the body. Pure. Text from
 * outside is escaped.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum contained_reason {
    CONTAINED_MERGED,     /* the other one was merged */
    CONTAINED_SUPERSEDED, /* the other one is open, and takes its place */
    CONTAINED_RELEASED,   /* the other one was closed unmerged: this one is opened again */
};

/* Returns the comment, in Markdown; the caller frees it. `container` is the number of the other one,
 * `experiment_id` its experiment; 0: the base has the change by itself. `web_url` is the address of the
 * repository's pages; NULL: there are none. */
char *contained_comment(enum contained_reason reason, int64_t container, const char *experiment_id,
                        const char *web_url);

/* An open pull request that another one contains, or that contains it. */
struct contained_relative {
    int64_t pull;
    const char *experiment_id;
    bool above; /* it contains the other one */
};

/* Returns the line of a body that names these, without its line end; "" if there are none. The caller frees
 * it. */
char *contained_line(const struct contained_relative *relatives, size_t count, const char *web_url);

/* Returns the body with `line` in place of its present one; "": without such a line. The caller frees it. */
char *contained_replace_line(const char *body, const char *line);

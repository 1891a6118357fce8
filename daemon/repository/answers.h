#pragma once

/*
 * What `git cat-file --batch -z` or `--batch-check -z` answers, question by question. Pure.
 */

#include "common/text.h"
#include "daemon/forge.h"

#include <stdbool.h>
#include <stddef.h>

struct answers {
    const char *asked; /* what is left of the questions, with a NUL behind each */
    const char *asked_end;
    const char *at; /* what is left of the output */
    const char *end;
    bool contents; /* of --batch */
};

struct answer {
    const char *asked;
    bool found; /* it is a blob, and the only one of that name */
    char hash[FORGE_HASH_SIZE];
    const char *bytes; /* of its content; NULL for --batch-check */
    size_t length;
};

/* Both texts must outlive the answers. */
struct answers answers_of(const struct text *asked, const char *output, size_t length,
                          bool contents);

/* The next answer; false if there are no more questions. */
bool answers_next(struct answers *answers, struct answer *answer);

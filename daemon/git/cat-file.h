#pragma once

/*
 * What `git cat-file --batch -z` or `--batch-check -z` objects, question by question. Pure.
 */

#include "common/text.h"
#include "daemon/git/hash.h"

#include <stdbool.h>
#include <stddef.h>

struct cat_file {
    const char *asked; /* what is left of the questions, with a NUL behind each */
    const char *asked_end;
    const char *at; /* what is left of the output */
    const char *end;
    bool contents; /* of --batch */
};

struct cat_file_object {
    const char *asked;
    bool found; /* it is a blob, and the only one of that name */
    char hash[GIT_HASH_SIZE];
    const char *bytes; /* of its content; NULL for --batch-check */
    size_t length;
};

/* Both texts must outlive the objects. */
struct cat_file cat_file_of(const struct text *asked, const char *output, size_t length,
                            bool contents);

/* The next object; false if there are no more questions. */
bool cat_file_next(struct cat_file *objects, struct cat_file_object *object);

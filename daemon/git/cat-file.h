#pragma once

/*
 * Reads the output of `git cat-file --batch -z` or `--batch-check -z`, one answer for each question. Pure.
 */

#include "common/text.h"
#include "daemon/git/hash.h"

#include <stdbool.h>
#include <stddef.h>

struct cat_file {
    const char *asked; /* the remaining questions, a NUL after each */
    const char *asked_end;
    const char *at; /* the remaining output */
    const char *end;
    bool contents; /* the output is that of --batch */
};

struct cat_file_object {
    const char *asked;
    bool found; /* there is exactly one object of that name, and it is a blob */
    char hash[GIT_HASH_SIZE];
    const char *bytes; /* its content; NULL with --batch-check */
    size_t length;
};

/* Returns a reader at the beginning of the output. `asked` and `output` must outlive it. */
struct cat_file cat_file_of(const struct text *asked, const char *output, size_t length,
                            bool contents);

/* Reads the next answer. Returns false if there is none. */
bool cat_file_next(struct cat_file *objects, struct cat_file_object *object);

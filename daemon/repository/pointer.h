#pragma once

/*
 * The pointer that git LFS keeps in a repository in place of a large file. Pure.
 */

#include "common/digest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No pointer has more bytes. */
#define POINTER_LIMIT 1024

struct pointer {
    char id[DIGEST_HEX_SIZE]; /* SHA-256 of the file */
    uint64_t size;            /* bytes */
};

/* Returns whether the content of a file is a pointer; then `*pointer` is set. */
bool pointer_parse(struct pointer *pointer, const char *bytes, size_t length);

/* Returns the path of an object in a directory of objects: "<objects>/ab/cd/abcd...". The caller frees it. */
char *pointer_place(const char *objects, const char *id);

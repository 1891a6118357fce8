#pragma once

/*
 * Reads a file line by line, in bounded memory.
 */

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lines {
    int descriptor;  /* not owned */
    size_t limit;    /* bytes of a line that are kept, without its line end */
    uint64_t number; /* of the last line that was read, from 1 */
    uint64_t offset; /* of the next line in the file */
    bool failed;     /* the file could not be read, which is no fault of whoever asked for a line */

    /* Private. */
    char *bytes;
    size_t begin, end, capacity;
    bool ended;
};

struct line {
    const char *bytes; /* without its line end, and without a NUL; valid until the next call */
    size_t length;     /* of the whole line, even if only `limit` bytes of it are kept */
    size_t kept;       /* how many of its bytes are in `bytes` */
    uint64_t number;
    bool whole; /* it has its line end */
};

/* Begins at an offset of the file, which is where line `number` + 1 begins. Seeks the descriptor. Fails
 * (transient) if it cannot be sought. */
int lines_begin(struct lines *lines, int descriptor, size_t limit, uint64_t offset, uint64_t number,
                struct error *error);
void lines_clear(struct lines *lines); /* does not close the descriptor */

/* Reads the next line. Returns 1 if there was one, 0 at the end of the file. Fails (transient) if the file
 * cannot be read. */
int lines_next(struct lines *lines, struct line *line, struct error *error);

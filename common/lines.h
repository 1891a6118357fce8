#pragma once

/*
 * A file line by line, in bounded memory, from wherever its descriptor stands.
 */

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lines {
    int descriptor;  /* not owned */
    size_t limit;    /* bytes of a line that are kept, without its line end */
    uint64_t number; /* of the last line that was read, from 1 */
    uint64_t offset; /* in the file, of the line that comes next */

    /* Private. */
    char *bytes;
    size_t begin, end, capacity;
    bool ended;
};

struct line {
    const char *bytes; /* without its line end; valid until the next call; no NUL behind it */
    size_t length;     /* of the whole line, also where only `limit` of it were kept */
    size_t kept;       /* how many bytes there are */
    uint64_t number;
    uint64_t offset; /* of its first byte in the file */
    bool whole;      /* it has its line end */
};

/* Begins at an offset of the file, before line `number` + 1, and sets the descriptor's place. Fails
 * (transient) if it cannot be set. */
int lines_begin(struct lines *lines, int descriptor, size_t limit, uint64_t offset, uint64_t number,
                struct error *error);
void lines_clear(struct lines *lines); /* does not close the descriptor */

/* Reads the next line. Returns 1, or 0 at the end of the file. Fails (transient) if the file cannot be read. */
int lines_next(struct lines *lines, struct line *line, struct error *error);

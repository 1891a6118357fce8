#pragma once

/*
 * What a child prints, bounded twice: a file of so many bytes, and the last lines in memory.
 *
 * A capture never stops the child: when the file cannot be made or the disk is full, the printing is
 * still counted and its last lines kept, and capture_problem() says what is missing.
 */

#include <stddef.h>
#include <stdint.h>

struct capture;

struct capture_options {
    const char *path;  /* truncated first, made with mode 0640, never followed if it is a link */
    size_t limit;      /* bytes written to the file at most */
    unsigned lines;    /* last lines kept in memory, at most 10,000 */
    size_t line_limit; /* bytes kept of each; 0: 4096 */
};

/* Opens the file. Never fails; see capture_problem(). */
void capture_new(struct capture **capture, const struct capture_options *options);
void capture_free(struct capture *capture); /* NULL-safe */

void capture_append(struct capture *capture, const void *bytes, size_t length);

/* How many bytes were appended in all. */
uint64_t capture_bytes(const struct capture *capture);

/* The last lines, '\n' between them and none at the end; valid UTF-8. An unfinished last line
 * counts. Caller frees. */
char *capture_tail(const struct capture *capture);

/* What went wrong with the file, as a sentence; NULL: nothing. Owned by the capture. */
const char *capture_problem(const struct capture *capture);

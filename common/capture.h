#pragma once

/*
 * What a child prints: written to a file up to a limit, and the last lines kept in memory.
 *
 * If the output is larger than the limit, the file has its beginning (15/16 of the limit) and its end
 * (1/16). A line between them says how many bytes are missing.
 *
 * A capture never stops the child. When the file cannot be made, or the disk is full, the output is
 * still counted and its last lines are kept. capture_problem() then says what is missing.
 */

#include <stddef.h>
#include <stdint.h>

struct capture;

struct capture_options {
    const char *path;  /* the file: truncated first, mode 0640; a link is not followed */
    size_t limit;      /* bytes of output that are written to the file at most */
    unsigned lines;    /* last lines that are kept in memory, at most 10,000 */
    size_t line_limit; /* bytes kept of each line; 0: 4096 */
};

/* Opens the file. Never fails: capture_problem() says why a file could not be opened. */
void capture_new(struct capture **capture, const struct capture_options *options);
void capture_free(struct capture *capture); /* NULL-safe */

/* Appends the next piece of output, which may end inside a line. */
void capture_append(struct capture *capture, const void *bytes, size_t length);

/* Ends the output: writes its end, which was kept in memory, to the file. Nothing may be appended afterwards. */
void capture_end(struct capture *capture);

/* Returns how many bytes were appended in all. */
uint64_t capture_bytes(const struct capture *capture);

/* Returns the last lines as valid UTF-8, with '\n' between them and none at the end. A last line that
 * has not ended yet is one of them. The caller frees it. */
char *capture_tail(const struct capture *capture);

/* Returns a sentence about what went wrong with the file; NULL: nothing did. It belongs to the capture. */
const char *capture_problem(const struct capture *capture);

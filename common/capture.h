#pragma once

/*
 * What a child prints: written to a file up to a limit, and the last lines kept in memory.
 *
 * If the output is larger than the limit, the file holds its beginning (15/16 of the limit) and its end
 * (1/16). A line between them says how many bytes are missing.
 *
 * A capture never stops the child. When the file cannot be made, or the disk is full, the output is
 * still counted and its last lines are kept. capture_problem() then says what is missing.
 */

#include <stddef.h>
#include <stdint.h>

struct capture;

struct capture_options {
    const char *path;  /* of the file: truncated first, mode 0640; a link is not followed */
    size_t limit;      /* at most so many bytes of output are written to the file */
    unsigned lines;    /* how many last lines are kept in memory, at most 10,000 */
    size_t line_limit; /* bytes kept of each line; 0: 4096 */
};

/* Opens the file. Never fails: a file that cannot be opened is told by capture_problem(). */
void capture_new(struct capture **capture, const struct capture_options *options);
void capture_free(struct capture *capture); /* NULL-safe */

/* Takes the next piece of output, which may end inside a line. */
void capture_append(struct capture *capture, const void *bytes, size_t length);

/* Says that the output is over. The file now gets the end of the output, which was kept in memory. Nothing may
 * be appended afterwards. */
void capture_end(struct capture *capture);

/* Returns how many bytes were appended in all. */
uint64_t capture_bytes(const struct capture *capture);

/* Returns the last lines as valid UTF-8, with '\n' between them and none at the end. A last line that
 * has not ended yet is one of them. The caller frees it. */
char *capture_tail(const struct capture *capture);

/* Returns a sentence about what went wrong with the file, or NULL. It belongs to the capture. */
const char *capture_problem(const struct capture *capture);

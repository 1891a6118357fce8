#pragma once

/*
 * Writes the lines of the log to stderr, and never waits for the reader. For log.c only.
 *
 * If stderr is a full pipe or a stopped terminal, lines are kept in order, up to a limit. They are written
 * with the next line or, if a loop watches, as soon as stderr takes more.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define LOG_OUTPUT_KEPT ((size_t)4 * 1024 * 1024) /* bytes that are kept at most */

/* Writes one line, its end included. Returns false if any of it is lost: it could neither be written nor be
 * kept. Once there is no room, all lines are lost until all kept ones are written. */
bool log_output_write(const char *line, size_t length);

/* Between these two calls, lines for a regular file are collected and written together. log_output_end_batch()
 * returns how many lines could not be written and are lost. */
void log_output_begin_batch(void);
uint64_t log_output_end_batch(void);

/* Lets the loop write what is kept, and call `flows` when nothing is left. `loop` NULL ends that. It does not
 * keep the loop running. */
void log_output_watch(uv_loop_t *loop, void (*flows)(void));

/* Writes what is kept, and waits while somebody reads. After a second in which nobody reads, the rest is
 * lost. */
void log_output_finish(void);

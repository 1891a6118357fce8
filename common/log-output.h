#pragma once

/*
 * Writes the lines of the log to stderr and never waits for the reader. For log.c only.
 *
 * Lines that a full pipe or a stopped terminal does not take are kept in order, up to a limit. They are written
 * with the next line or, if a loop watches, as soon as stderr takes more.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define LOG_OUTPUT_KEPT ((size_t)4 * 1024 * 1024) /* bytes that are kept at most */

/* Writes one line, its end included. Returns false if at least part of it is lost: it could not be written,
 * or there was no room to keep it. Once there was no room, all lines are lost until everything that was
 * kept is written. */
bool log_output_write(const char *line, size_t length);

/* Between these two, lines for a regular file are collected and written together. log_output_release() returns
 * how many lines are lost since they could not be written. */
void log_output_hold(void);
uint64_t log_output_release(void);

/* Lets the loop write what is kept and call `flows` once nothing is left. This does not keep the loop
 * running. NULL ends it. */
void log_output_watch(uv_loop_t *loop, void (*flows)(void));

/* Writes what is kept, and waits as long as somebody reads. After a second in which nobody does, the rest
 * is lost. */
void log_output_finish(void);

#pragma once

/*
 * Where the lines of the log go: stderr, without ever waiting for who reads it. For log.c.
 *
 * What a full pipe or a stopped terminal does not take is kept, in order and up to a limit, and written once
 * it takes more: with the next line, or as soon as that is so, where a loop watches.
 */

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#define LOG_OUTPUT_KEPT ((size_t)4 * 1024 * 1024) /* bytes: a burst of lines, until it is taken */

/* One line, its end included. False if it is lost, at least in part: it could not be written, or there is no
 * room for it. From a lack of room on all are lost until everything that was kept is written. */
bool log_output_write(const char *line, size_t length);

/* Has the loop write what is kept, and call back once none is left; it keeps no loop running. NULL ends that. */
void log_output_watch(uv_loop_t *loop, void (*flows)(void));

/* Writes what is kept, and waits while somebody reads it; a second without that, and the rest is lost. */
void log_output_finish(void);

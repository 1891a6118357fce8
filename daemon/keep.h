#pragma once

/*
 * Removes old files that nothing needs any more: the output of validations, the archive, rejected files.
 * `keep` in the configuration says how old.
 *
 * A child (background.h) goes through them a minute after the start, and then once a day. It removes files
 * that are too old there, and notes in <state>/kept how many are left, for --status. With --once it is
 * started if the note is a day old.
 */

#include "common/error.h"
#include "config/config.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define KEEP_PROGRAM                                                                               \
    "winnowd-sweep" /* STATE SPOOL, then for each place the milliseconds; 0: for ever */
#define KEEP_FIRST_MS 60000

enum keep_place { KEEP_VALIDATION_LOGS, KEEP_ARCHIVE, KEEP_REJECTED, KEEP_PLACES };

struct keep_sizes {
    int64_t at_ms; /* when the files were counted; 0: never yet */
    struct {
        uint64_t files;
        uint64_t bytes;
    } places[KEEP_PLACES];
};

/* Returns the word for a place, as in the configuration. It is static. */
const char *keep_name(enum keep_place place);

/* Reads the note of the last child. Never fails: what cannot be read is zero. */
void keep_read(struct keep_sizes *sizes, const char *state);

/* Returns whether the last note is a day old, or from the future. If there is none, makes one in the state
 * directory: the day begins now. Never fails: what cannot be noted now is noted the next time. */
bool keep_is_due(const char *state);

/* Returns a new one; the caller frees it. It starts a child after `first_ms` and then daily, with the values
 * of `config` at that time. `config` must outlive it. Calls `swept` (may be NULL) after each child. */
struct keep;
struct keep *keep_new(uv_loop_t *loop, const struct config *config, uint64_t first_ms,
                      void (*swept)(void *data), void *data);
void keep_free(struct keep *keep); /* NULL-safe */

/* Returns whether the first child has ended; true for NULL. */
bool keep_has_swept(const struct keep *keep);

/* Is the child. Returns its exit status. */
int keep_main(int argc, char **argv);

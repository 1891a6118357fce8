#pragma once

/*
 * Removes old files that nothing needs any more: the output of validations, the archive, rejected files.
 * `keep` in the configuration says how old.
 *
 * A child (see background.h) goes through them a minute after the start and then once a day. It removes files
 * that have been in their place for too long, and notes in <state>/kept how many are left, for --status. With --once it
 * is started where the note is a day old.
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

/* Reads what the last child noted. Never fails: what cannot be read is zero. */
void keep_read(struct keep_sizes *sizes, const char *state);

/* Returns whether the last note is a day old, or from the future. Where there is none, the day begins now, which is noted
 * in the state directory. Never fails: what cannot be noted is noted the next time. */
bool keep_is_due(const char *state);

/* Returns a new one. It starts a child after `first_ms` and then daily, with the values that `config` has then. `config` must
 * outlive it. `swept` is called after each child; NULL: nobody is told. */
struct keep;
struct keep *keep_new(uv_loop_t *loop, const struct config *config, uint64_t first_ms,
                      void (*swept)(void *data), void *data);
void keep_free(struct keep *keep); /* NULL-safe */

/* Returns whether the first child has ended. NULL-safe: there is none to wait for. */
bool keep_has_swept(const struct keep *keep);

/* The child. Returns its exit status. */
int keep_main(int argc, char **argv);

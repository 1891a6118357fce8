#pragma once

/*
 * How long files are kept that nothing needs any more: the output of validations, the archive, what was
 * rejected (`keep` in the configuration).
 *
 * A child (see background.h) goes through them a minute after the start and then once a day. It removes what
 * has been where it lies for longer than that, and notes in <state>/kept how much there is, for --status.
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
    int64_t at_ms; /* when it was looked; 0: never yet */
    struct {
        uint64_t files;
        uint64_t bytes;
    } places[KEEP_PLACES];
};

/* The word for a place, as it stands in the configuration. */
const char *keep_name(enum keep_place place);

/* What the last look found; never fails: what cannot be read is not known. */
void keep_read(struct keep_sizes *sizes, const char *state);

/* Looks after `first_ms`, then daily, by what `config` says then; it must outlive this. */
struct keep;
struct keep *keep_new(uv_loop_t *loop, const struct config *config, uint64_t first_ms);
void keep_free(struct keep *keep); /* NULL-safe */

/* What the child does; returns its exit status. */
int keep_main(int argc, char **argv);

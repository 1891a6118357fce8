#pragma once

/*
 * The verdicts of the runs on commits of the base.
 *
 * Its functions fail as those of store.h do.
 */

#include "daemon/store.h"

#include <stdbool.h>
#include <stdint.h>

/* How the tests ran on a commit of the base. */
struct store_base {
    char commit[GIT_HASH_SIZE];
    char settings[DIGEST_HEX_SIZE]; /* digest of the settings that decide how the tests run */
    bool passed;
    bool flaky;          /* they failed, and passed when run again at once */
    int64_t at_ms;       /* when it ended, since 1970; 0: there is none */
    int64_t duration_ms; /* of the command alone, of the last run */
    char *reason;        /* why they failed; "": they passed at once */
    char *log;           /* path of the last run's whole output; NULL: not kept */
    char *report;        /* of the last run, as test_report_write() returns it */
};

void store_base_clear(struct store_base *base); /* frees what it owns */

/* Writes a run, in place of an earlier one of the same commit and settings. The last hundred runs are kept. */
int store_set_base(struct store *store, const struct store_base *base, struct error *error);

/* Read the last run on a commit under these settings, and the last run of all. `at_ms` 0: there is none. The
 * caller clears `base`. */
int store_find_base(struct store *store, const char *commit, const char *settings,
                    struct store_base *base, struct error *error);
int store_last_base(struct store *store, struct store_base *base, struct error *error);

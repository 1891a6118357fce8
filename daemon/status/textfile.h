#pragma once

/*
 * The daemon's figures for Prometheus, in the format of node_exporter's textfile collector
 * (status.textfile).
 *
 * The file is replaced as a whole, so the collector never reads half of one. Counters of decisions come
 * from the store and go on over restarts. The others begin at zero with the daemon.
 */

#include "common/error.h"
#include "common/text.h"
#include "config/config.h"
#include "daemon/counters.h"
#include "daemon/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct textfile_frontier {
    char *metric;
    char *scope;
    double value;
};

struct textfile {
    const char *version;
    int64_t started_ms; /* since 1970 */
    uint64_t decisions[DECISION_COUNT];
    const struct counters *counters;
    unsigned waiting, running, undoing, open_pulls;
    bool forge_well;
    uint64_t lag_ms;
    struct textfile_frontier *frontiers;
    size_t frontier_count;
};

/* Reads the figures from the store. Counts decisions from `*last` on (store_count_decisions()). The caller
 * clears `textfile`. Fails if the store does. */
int textfile_read(struct textfile *textfile, struct store *store, const struct config *config,
                  int64_t *last, struct error *error);
void textfile_clear(struct textfile *textfile); /* frees the frontiers */

/* Appends the text of the file. */
void textfile_render(struct text *text, const struct textfile *textfile);

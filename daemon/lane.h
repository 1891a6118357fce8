#pragma once

/*
 * A lane: the results of one metric and scope, which have their turns one after the other.
 *
 * All that judge share this: intake, the queue, and the steps of a job that judge again.
 */

#include "config/config.h"
#include "daemon/gate.h"
#include "daemon/store.h"

#include <stdbool.h>

/* Returns the metric of a lane; NULL: it is not configured any more. A metric without an entry of its own has
 * the direction that its log states. That stands in the scope. It belongs to the configuration. */
const struct config_metric *lane_metric(const struct config *config, const char *metric,
                                        const char *scope);

/* Returns the verdict on a claim by a frontier that was read. */
struct gate_verdict lane_judge_by(const struct store_frontier *frontier,
                                  const struct config_metric *metric, const struct claim *claim);

/* Reads the frontier as it is now, and judges a claim by it. `store` NULL stands for an empty one. Fails if the
 * store does. */
int lane_judge(struct store *store, const struct config_metric *metric, const char *scope,
               const struct claim *claim, struct store_frontier *frontier,
               struct gate_verdict *verdict, struct error *error);

/* Adds a value to a frontier that was read, as if it counted; one that is worse changes nothing. */
void lane_hope(struct store_frontier *frontier, const struct config_metric *metric, double value);

/* The frontier of one lane, kept for judging one result after the other. {0}: of none yet. */
struct lane_memory {
    char *metric, *scope;
    struct store_frontier frontier;
    bool busy; /* an earlier result may yet become the lane's first value */
};

/* Does the same as lane_judge(), fails likewise, and reads only if `memory` is of another lane. */
int lane_judge_on(struct lane_memory *memory, struct store *store,
                  const struct config_metric *metric, const char *scope, const struct claim *claim,
                  struct gate_verdict *verdict, struct error *error);

/* Forgets the lane, since something may have changed. */
void lane_memory_clear(struct lane_memory *memory);

/* Judges the claim of a row by what counts now of what was decided before it. Fails if the store does. */
int lane_judge_before(struct store *store, const struct config_metric *metric,
                      const struct store_result *row, struct gate_verdict *verdict,
                      struct error *error);

/* Returns the id of the result whose value was the reference; 0: no result's. */
int64_t lane_reference(const struct store_frontier *frontier, const struct gate_verdict *verdict);

/* Returns whether `a` arrived before `b`: by the modification time of its file, then by its name, then by
 * its id. */
bool lane_before(const struct store_result *a, const struct store_result *b);

/* Returns what a result becomes by the gate's verdict when its turn comes; `queued` if it is to be promoted.
 * One that does not beat the frontier is `discarded`, as if it had been dropped after the result that set
 * the frontier. It is `superseded` if that result went before it because it was better, or although it had
 * arrived later. */
enum decision lane_decision(const struct store_result *row, const struct store_frontier *frontier,
                            const struct gate_verdict *verdict, enum queue_order order);

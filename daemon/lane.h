#pragma once

/*
 * A lane: the results of one metric and scope, which have their turns one after the other.
 *
 * Intake, the queue and the steps that judge again all use this.
 */

#include "config/config.h"
#include "daemon/gate.h"
#include "daemon/store.h"

#include <stdbool.h>

/* Returns the metric of a lane; NULL: it is not configured any more. It belongs to the configuration. A
 * metric without an entry of its own has the direction that its log states, which is in the scope. */
const struct config_metric *lane_metric(const struct config *config, const char *metric,
                                        const char *scope);

/* Returns the verdict on a claim, by a frontier that was read before. */
struct gate_verdict lane_judge_by(const struct store_frontier *frontier,
                                  const struct config_metric *metric, const struct claim *claim);

/* Reads the frontier and judges a claim by it. `store` NULL means an empty store. Fails if the store does. */
int lane_judge(struct store *store, const struct config_metric *metric, const char *scope,
               const struct claim *claim, struct store_frontier *frontier,
               struct gate_verdict *verdict, struct error *error);

/* Adds a value to a frontier that was read, as if it counted. A worse value changes nothing. */
void lane_hope(struct store_frontier *frontier, const struct config_metric *metric, double value);

/* The frontier of one lane, kept to judge one result after the other. {0}: of no lane yet. */
struct lane_memory {
    char *metric, *scope;
    struct store_frontier frontier;
    bool busy; /* an earlier result may yet become the lane's first value */
};

/* Does what lane_judge() does, but reads only if `memory` is of another lane. Fails if the store does. */
int lane_judge_on(struct lane_memory *memory, struct store *store,
                  const struct config_metric *metric, const char *scope, const struct claim *claim,
                  struct gate_verdict *verdict, struct error *error);

/* Forgets the lane, since something may have changed. */
void lane_memory_clear(struct lane_memory *memory);

/* Judges the claim of a row by the values that count now and were decided before it. Fails if the store does. */
int lane_judge_before(struct store *store, const struct config_metric *metric,
                      const struct store_result *row, struct gate_verdict *verdict,
                      struct error *error);

/* Returns the id of the result whose value was the reference; 0: no result's. */
int64_t lane_reference(const struct store_frontier *frontier, const struct gate_verdict *verdict);

/* Returns whether `a` arrived before `b`: by the modification time of its file, then by its name, then by
 * its id. */
bool lane_before(const struct store_result *a, const struct store_result *b);

/* Returns the decision on a result by the gate's verdict when its turn comes; `queued`: it is to be promoted.
 * A result that does not beat the frontier is `discarded`, as if it had been dropped after the result that
 * set the frontier. It is `superseded` if that result went first because it was better, or though it arrived
 * later. */
enum decision lane_decision(const struct store_result *row, const struct store_frontier *frontier,
                            const struct gate_verdict *verdict, enum queue_order order);

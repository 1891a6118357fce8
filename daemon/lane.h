#pragma once

/*
 * A lane: the results of one metric and scope, which settle one after the other.
 *
 * Shared by all that judge: intake, the queue, which decides whose turn it is, and the job, which is
 * judged for the last time before its branch moves.
 */

#include "config/config.h"
#include "daemon/gate.h"
#include "daemon/store.h"

#include <stdbool.h>

/* Looks up the frontier as it is settled now, and judges a claim by it. `store` NULL stands for an empty
 * one. Fails only if the store does. */
int lane_judge(struct store *store, const struct config_metric *metric, const char *scope,
               const struct claim *claim, struct store_frontier *frontier,
               struct gate_verdict *verdict, struct error *error);

/* The result whose value was the reference; 0: nobody's. */
int64_t lane_reference(const struct store_frontier *frontier, const struct gate_verdict *verdict);

/* Whether `a` arrived before `b`: modification time of its file, then name, then intake. */
bool lane_before(const struct store_result *a, const struct store_result *b);

/* What a result becomes by the gate's answer when its turn comes; `queued` where it is to be promoted.
 * One that is not better than the frontier: `discarded`, as if it had been dropped after what set the
 * frontier; `superseded` if that was preferred to it, as the better of the two or as the one that
 * arrived later. */
enum decision lane_decision(const struct store_result *row, const struct store_frontier *frontier,
                            const struct gate_verdict *verdict, enum queue_order order);

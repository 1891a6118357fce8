#include "daemon/lane.h"

#include "common/memory.h"
#include "daemon/result-log.h"

#include <stdlib.h>
#include <string.h>

const struct config_metric *lane_metric(const struct config *config, const char *metric,
                                        const char *scope)
{
    const struct config_metric *configured = config_metric(config, metric);
    enum metric_direction direction;

    if (configured || !result_log_scope_direction(scope, &direction))
        return configured;
    return config_metric_stated(config, metric, direction);
}

/* Reads the frontier. `store` NULL means an empty store. Fails if the store does. */
static int read_frontier(struct store *store, const struct config_metric *metric, const char *scope,
                         struct store_frontier *frontier, struct error *error)
{
    if (store)
        return store_frontier(store, metric, scope, frontier, error);
    *frontier = store_configured_frontier(metric, scope);
    return 0;
}

struct gate_verdict lane_judge_by(const struct store_frontier *frontier,
                                  const struct config_metric *metric, const struct claim *claim)
{
    return gate_judge(metric, claim, (struct gate_frontier){frontier->known, frontier->value});
}

int lane_judge(struct store *store, const struct config_metric *metric, const char *scope,
               const struct claim *claim, struct store_frontier *frontier,
               struct gate_verdict *verdict, struct error *error)
{
    if (read_frontier(store, metric, scope, frontier, error) < 0)
        return -1;
    *verdict = lane_judge_by(frontier, metric, claim);
    return 0;
}

void lane_hope(struct store_frontier *frontier, const struct config_metric *metric, double value)
{
    if (!frontier->known || gate_better(metric->direction, value, frontier->value))
        *frontier = (struct store_frontier){.known = true, .value = value};
}

void lane_memory_clear(struct lane_memory *memory)
{
    free(memory->metric);
    free(memory->scope);
    *memory = (struct lane_memory){0};
}

static int remember(struct lane_memory *memory, struct store *store,
                    const struct config_metric *metric, const char *scope, struct error *error)
{
    if (memory->scope && strcmp(memory->scope, scope) == 0 &&
        strcmp(memory->metric, metric->name) == 0)
        return 0;
    lane_memory_clear(memory);
    if (read_frontier(store, metric, scope, &memory->frontier, error) < 0)
        return -1;
    if (store && !memory->frontier.known &&
        store_lane_busy(store, metric->name, scope, &memory->busy, error) < 0)
        return -1;
    memory->metric = memory_copy(metric->name);
    memory->scope = memory_copy(scope);
    return 0;
}

int lane_judge_on(struct lane_memory *memory, struct store *store,
                  const struct config_metric *metric, const char *scope, const struct claim *claim,
                  struct gate_verdict *verdict, struct error *error)
{
    if (remember(memory, store, metric, scope, error) < 0)
        return -1;
    *verdict = lane_judge_by(&memory->frontier, metric, claim);
    return 0;
}

int lane_judge_before(struct store *store, const struct config_metric *metric,
                      const struct store_result *row, struct gate_verdict *verdict,
                      struct error *error)
{
    struct store_frontier frontier = {0};

    if (store_frontier_before(store, metric, row->scope, row->id, &frontier, error) < 0)
        return -1;
    *verdict = lane_judge_by(&frontier, metric, &row->claim);
    return 0;
}

int64_t lane_reference(const struct store_frontier *frontier, const struct gate_verdict *verdict)
{
    return verdict->source == GATE_SOURCE_FRONTIER ? frontier->result : 0;
}

static bool arrived_before(int64_t a_ns, const char *a_name, int64_t a_id, int64_t b_ns,
                           const char *b_name, int64_t b_id)
{
    int order;

    if (a_ns != b_ns)
        return a_ns < b_ns;
    order = strcmp(a_name, b_name);
    return order ? order < 0 : a_id < b_id;
}

bool lane_before(const struct store_result *a, const struct store_result *b)
{
    return arrived_before(a->modified_ns, a->file_name, a->id, b->modified_ns, b->file_name, b->id);
}

static enum decision turned_down(const struct store_result *row,
                                 const struct store_frontier *frontier,
                                 const struct gate_verdict *verdict, enum queue_order order)
{
    bool overtaken = lane_reference(frontier, verdict) != 0 &&
                     (order == QUEUE_ORDER_BEST ||
                      arrived_before(row->modified_ns, row->file_name, row->id,
                                     frontier->modified_ns, frontier->file_name, frontier->result));

    return overtaken ? DECISION_SUPERSEDED : DECISION_DISCARDED;
}

enum decision lane_decision(const struct store_result *row, const struct store_frontier *frontier,
                            const struct gate_verdict *verdict, enum queue_order order)
{
    switch (verdict->outcome) {
    case GATE_IMPROVED:
        return DECISION_QUEUED;
    case GATE_NOT_IMPROVED:
        return turned_down(row, frontier, verdict, order);
    case GATE_BASELINE:
        return DECISION_BASELINE;
    case GATE_CRASHED:
        return DECISION_CRASHED;
    case GATE_DISCARDED:
        return DECISION_DISCARDED;
    case GATE_REJECTED:
        break;
    }
    return DECISION_REJECTED;
}

#include "daemon/status/textfile.h"

#include "daemon/lane.h"

#include "common/memory.h"
#include "daemon/store/pull.h"
#include "daemon/store/status.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- what the store knows ----------------------------------------------------------------------- */

static void add_frontier(struct textfile *textfile, const struct store_lane *lane, double value)
{
    size_t count = textfile->frontier_count++;

    textfile->frontiers = memory_resize(textfile->frontiers,
                                        (count + 1) * sizeof(*textfile->frontiers));
    textfile->frontiers[count] = (struct textfile_frontier){
        .metric = memory_copy(lane->metric),
        .scope = memory_copy(lane->scope),
        .value = value,
    };
}

static int read_frontiers(struct textfile *textfile, struct store *store,
                          const struct config *config, struct error *error)
{
    struct store_lane *lanes;
    size_t count;
    int read = store_list_frontiers(store, &lanes, &count, error);

    for (size_t i = 0; read == 0 && i < count; i++) {
        const struct config_metric *metric = lane_metric(config, lanes[i].metric, lanes[i].scope);
        struct store_frontier found;

        if (!metric)
            continue;
        read = store_frontier(store, metric, lanes[i].scope, &found, error);
        if (read == 0)
            add_frontier(textfile, &lanes[i], found.value);
    }
    store_lanes_free(lanes, count);
    return read;
}

int textfile_read(struct textfile *textfile, struct store *store, const struct config *config,
                  int64_t *last, struct error *error)
{
    textfile_clear(textfile);
    if (store_count_decisions(store, last, textfile->decisions, error) < 0 ||
        store_count_waiting(store, &textfile->waiting, error) < 0 ||
        store_count_open_pulls(store, &textfile->open_pulls, error) < 0)
        return -1;
    return read_frontiers(textfile, store, config, error);
}

void textfile_clear(struct textfile *textfile)
{
    for (size_t i = 0; i < textfile->frontier_count; i++) {
        free(textfile->frontiers[i].metric);
        free(textfile->frontiers[i].scope);
    }
    free(textfile->frontiers);
    textfile->frontiers = NULL;
    textfile->frontier_count = 0;
}

/* ---- what is written ---------------------------------------------------------------------------- */

static void describe(struct text *text, const char *name, const char *type, const char *help)
{
    text_append_format(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void append_label(struct text *text, const char *name, const char *value)
{
    text_append_format(text, "%s=\"", name);
    for (; *value; value++) {
        if (*value == '\n')
            text_append(text, "\\n");
        else if (*value == '"' || *value == '\\')
            text_append_format(text, "\\%c", *value);
        else
            text_append_bytes(text, value, 1);
    }
    text_append(text, "\"");
}

/* Appends a metric that has one sample. */
static void append_single(struct text *text, const char *name, const char *type, const char *help,
                          double value)
{
    describe(text, name, type, help);
    text_append_format(text, "%s ", name);
    text_append_number(text, value);
    text_append(text, "\n");
}

static void append_seconds(struct text *text, uint64_t milliseconds)
{
    text_append_format(text, "%" PRIu64 ".%03u\n", milliseconds / 1000,
                       (unsigned)(milliseconds % 1000));
}

static void append_decisions(struct text *text, const struct textfile *textfile)
{
    describe(text, "winnowd_decisions_total", "counter", "Decisions on results, by their kind.");
    for (int i = DECISION_QUEUED + 1; i < DECISION_COUNT; i++)
        text_append_format(text, "winnowd_decisions_total{decision=\"%s\"} %" PRIu64 "\n",
                           decision_name((enum decision)i), textfile->decisions[i]);
}

static void append_job_count(struct text *text, enum decision outcome, const char *step,
                             uint64_t count)
{
    text_append_format(text, "winnowd_jobs_total{outcome=\"%s\",step=\"%s\"} %" PRIu64 "\n",
                       decision_name(outcome), step, count);
}

/* All decisions that a job can end with are shown from the beginning: a rate needs a first value. */
static void append_jobs(struct text *text, const struct counters *counters)
{
    describe(text, "winnowd_jobs_total", "counter",
             "Jobs that are over, by their outcome and the step that ended them; none: no step "
             "failed.");
    for (size_t i = 0; i < counters->step_count; i++) {
        const struct counters_step *step = &counters->steps[i];

        if (step->listed || step->failed_jobs)
            append_job_count(text, DECISION_FAILED, step->name, step->failed_jobs);
    }
    for (int i = 0; i < DECISION_COUNT; i++) {
        if (i == DECISION_PROMOTED || counters->jobs[i])
            append_job_count(text, (enum decision)i, "none", counters->jobs[i]);
    }
}

static void append_tries(struct text *text, const char *name, const char *step,
                         const struct counters_attempts attempts[static COUNTERS_END_COUNT])
{
    for (int end = 0; end < COUNTERS_END_COUNT; end++) {
        CLEANUP_FREE char *labels = memory_format("step=\"%s\",end=\"%s\"", step,
                                                  counters_end_name((enum counters_end)end));

        if (!attempts[end].count && end != COUNTERS_DONE)
            continue;
        text_append_format(text, "%s_sum{%s} ", name, labels);
        append_seconds(text, attempts[end].milliseconds);
        text_append_format(text, "%s_count{%s} %" PRIu64 "\n", name, labels, attempts[end].count);
    }
}

static void append_durations(struct text *text, const struct counters *counters)
{
    static const char *const names[] = {"winnowd_step_duration_seconds",
                                        "winnowd_undo_duration_seconds"};

    for (int undo = 0; undo < 2; undo++) {
        describe(text, names[undo], "summary",
                 undo ? "How long attempts at undoing the steps of jobs took."
                      : "How long attempts at the steps of jobs took.");
        for (size_t i = 0; i < counters->step_count; i++) {
            const struct counters_step *step = &counters->steps[i];

            if (step->listed)
                append_tries(text, names[undo], step->name, undo ? step->undos : step->starts);
        }
    }
}

static void append_frontiers(struct text *text, const struct textfile *textfile)
{
    if (textfile->frontier_count)
        describe(text, "winnowd_frontier", "gauge", "The best value that counts, by metric.");
    for (size_t i = 0; i < textfile->frontier_count; i++) {
        text_append(text, "winnowd_frontier{");
        append_label(text, "metric", textfile->frontiers[i].metric);
        text_append(text, ",");
        append_label(text, "scope", textfile->frontiers[i].scope);
        text_append(text, "} ");
        text_append_number(text, textfile->frontiers[i].value);
        text_append(text, "\n");
    }
}

void textfile_render(struct text *text, const struct textfile *textfile)
{
    const struct counters *counters = textfile->counters;

    describe(text, "winnowd_build_info", "gauge", "Always 1; the version is a label.");
    text_append_format(text, "winnowd_build_info{version=\"%s\"} 1\n", textfile->version);
    describe(text, "winnowd_start_time_seconds", "gauge", "When the daemon started, since 1970.");
    text_append(text, "winnowd_start_time_seconds ");
    append_seconds(text, (uint64_t)textfile->started_ms);
    append_decisions(text, textfile);
    append_jobs(text, counters);
    append_durations(text, counters);
    append_single(text, "winnowd_queue_length", "gauge", "Results that wait for their turn.",
                  textfile->waiting);
    append_single(text, "winnowd_jobs_running", "gauge", "Jobs under way.", textfile->running);
    append_single(text, "winnowd_jobs_undoing", "gauge", "Jobs that are being undone.",
                  textfile->undoing);
    append_single(text, "winnowd_pulls_open", "gauge", "Pull requests that are open.",
                  textfile->open_pulls);
    append_single(text, "winnowd_forge_up", "gauge", "Whether the forge can be used now.",
                  textfile->forge_well);
    append_single(text, "winnowd_forge_errors_total", "counter",
                  "Calls and checks that the forge did not answer as needed.",
                  (double)counters->forge_errors);
    append_single(text, "winnowd_loop_lag_max_seconds", "gauge",
                  "The longest time for which the event loop was blocked.",
                  (double)textfile->lag_ms / 1000);
    append_frontiers(text, textfile);
}

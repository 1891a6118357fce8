#include "daemon/log-taking/tell.h"

#include "common/log.h"
#include "common/memory.h"
#include "common/text.h"
#include "daemon/events.h"

#include <math.h>

#define WORD_SHOWN 100 /* characters; a cell may be as long as a line */

void log_tell_status(struct told *words, const struct claim *claim, const char *experiment_id,
                     const char *file_name)
{
    CLEANUP_TEXT struct text word = {0};
    CLEANUP_TEXT struct text plain = {0};

    if (claim->status_known)
        return;
    text_append_line(&word, claim->status_word, WORD_SHOWN);
    text_append_words(&plain, text_string(&word));
    if (told_once(words, plain.length ? text_string(&plain) : text_string(&word)))
        log_event(&event_unknown_status, LOG_TEXT("experiment", experiment_id),
                  LOG_TEXT("file", file_name), LOG_TEXT("status", text_string(&word)));
}

void log_tell_row(struct told *words, const char *file_name, const struct result_log_row *row,
                  const struct assessment *assessment)
{
    const struct claim *claim = row->metric ? &row->claim : NULL;
    bool queued = assessment->decision == DECISION_QUEUED;

    if (claim)
        log_tell_status(words, claim, assessment->experiment_id, file_name);
    log_event(queued ? &event_result_queued : &event_result_decided,
              LOG_TEXT("experiment", assessment->experiment_id), LOG_TEXT("metric", row->metric),
              LOG_NUMBER("before", assessment->verdict.reference),
              LOG_NUMBER("after", claim ? claim->after.mean : NAN),
              LOG_TEXT("decision", decision_name(assessment->decision)),
              LOG_TEXT("reason", assessment->reason), LOG_TEXT("file", file_name),
              LOG_INTEGER("line", (int64_t)row->line));
    if (claim && assessment->metric && assessment->verdict.outcome == GATE_BASELINE &&
        claim->after.mean == 0)
        log_event(&event_log_begins_at_zero, LOG_TEXT("experiment", assessment->experiment_id),
                  LOG_TEXT("metric", row->metric), LOG_TEXT("file", file_name));
}

/* Logs the counts that a person may want to know. */
static void warn(const char *file_name, const struct log_counts *counts,
                 const struct log_counts *before)
{
    if (counts->anew)
        log_event(&event_log_anew, LOG_TEXT("file", file_name),
                  LOG_INTEGER("copy", (int64_t)counts->anew));
    if (counts->missing && counts->missing != before->missing)
        log_event(&event_log_shorter, LOG_TEXT("file", file_name),
                  LOG_INTEGER("count", (int64_t)counts->missing));
    if (counts->changed &&
        (counts->changed != before->changed || counts->changed_line != before->changed_line))
        log_event(&event_log_changed, LOG_TEXT("file", file_name),
                  LOG_INTEGER("count", (int64_t)counts->changed),
                  LOG_INTEGER("line", (int64_t)counts->changed_line));
    if (counts->prose > before->prose)
        log_event(&event_log_prose, LOG_TEXT("file", file_name),
                  LOG_INTEGER("count", (int64_t)counts->prose),
                  LOG_INTEGER("line", (int64_t)counts->prose_line));
    if (counts->foreign > before->foreign)
        log_event(
            &event_log_foreign, LOG_TEXT("file", file_name),
            LOG_INTEGER("count", (int64_t)counts->foreign),
            LOG_TEXT("metrics", counts->foreign_metrics ? counts->foreign_metrics : "none named"));
    if (counts->rows && counts->rows == counts->without_commit && counts->known == 0 &&
        !counts->resumed)
        log_event(&event_log_without_commits, LOG_TEXT("file", file_name));
}

void log_tell_counts(const char *file_name, const struct log_counts *counts,
                     const struct log_counts *before)
{
    static const struct log_counts nothing;
    const uint64_t *decisions = counts->decisions;

    warn(file_name, counts, before ? before : &nothing);
    if (before && counts->rows == 0)
        return;
    log_event(
        &event_log_taken, LOG_TEXT("file", file_name), LOG_INTEGER("rows", (int64_t)counts->rows),
        LOG_INTEGER("queued", (int64_t)decisions[DECISION_QUEUED]),
        LOG_INTEGER("baseline", (int64_t)decisions[DECISION_BASELINE]),
        LOG_INTEGER("discarded", (int64_t)decisions[DECISION_DISCARDED]),
        LOG_INTEGER("crashed", (int64_t)decisions[DECISION_CRASHED]),
        LOG_INTEGER("rejected", (int64_t)decisions[DECISION_REJECTED]),
        LOG_INTEGER("again", (int64_t)counts->again), LOG_INTEGER("known", (int64_t)counts->known),
        LOG_INTEGER("changed", (int64_t)counts->changed),
        LOG_INTEGER("skipped", (int64_t)(counts->outside + counts->foreign)));
}

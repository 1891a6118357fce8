#include "daemon/log-taking/row.h"

#include "common/memory.h"
#include "common/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HYPOTHESIS_LIMIT 10000 /* characters, as in a result file */

static void begin(const struct row *row, struct assessment *assessment)
{
    *assessment = (struct assessment){
        .experiment_id = memory_copy(row->experiment_id),
        .verdict = {.reference = NAN, .improvement = NAN, .threshold = NAN}};
    memcpy(assessment->digest, row->digest, sizeof(assessment->digest));
}

void row_reject(const struct row *row, const char *reason, struct assessment *assessment)
{
    begin(row, assessment);
    assessment_set(assessment, DECISION_REJECTED, reason);
}

/* Decides the first value of its scope. In a log nothing can come before it any more. */
static void set_first(struct row_judge *judge, const struct row *row, struct assessment *assessment)
{
    CLEANUP_FREE char *reason = memory_format(
        "%s%s%s", assessment->verdict.reason,
        row->read->claim.status == CLAIM_BASELINE ? ": the rows after it are compared with it"
                                                  : " in ",
        row->read->claim.status == CLAIM_BASELINE ? "" : row->scope);

    assessment_set(assessment, judge->lane.busy ? DECISION_QUEUED : DECISION_BASELINE, reason);
    judge->lane.busy |= assessment->decision == DECISION_QUEUED;
}

static int judge_value(struct row_judge *judge, const struct row *row,
                       struct assessment *assessment, struct error *error)
{
    if (lane_judge_on(&judge->lane, judge->store, assessment->metric, row->scope, &row->read->claim,
                      &assessment->verdict, error) < 0)
        return -1;
    assessment->frontier = judge->lane.frontier;
    if (assessment->verdict.outcome == GATE_BASELINE)
        set_first(judge, row, assessment);
    else
        assessment_decide(assessment);
    judge->lane.busy |= assessment->decision == DECISION_QUEUED;
    return 0;
}

/* Decides a row without a value: `baseline` clears the reference, and anything else that might be
 * promoted is rejected. */
static void set_without_value(const struct claim *claim, struct assessment *assessment)
{
    CLEANUP_FREE char *reason = NULL;

    if (claim->status == CLAIM_BASELINE) {
        assessment_set(assessment, DECISION_BASELINE,
                       "status is baseline, without a value: the next row that may be promoted is "
                       "the baseline");
        return;
    }
    reason = memory_format("%s: expected a number, found none", assessment->metric->name);
    assessment_set(assessment, DECISION_REJECTED, reason);
}

int row_judge(struct row_judge *judge, const struct row *row, struct assessment *assessment,
              struct error *error)
{
    const struct claim *claim = &row->read->claim;
    CLEANUP_FREE char *unfit = assessment_unfit(judge->config, row->experiment_id);

    begin(row, assessment);
    assessment->metric = lane_metric(judge->config, row->read->metric, row->scope);
    if (unfit || !assessment->metric) {
        assessment_set(assessment, DECISION_REJECTED,
                       unfit ? unfit : "its metric is not configured any more");
        return 0;
    }
    if (!claim_counts(claim)) {
        assessment->verdict = lane_judge_by(&(struct store_frontier){0}, assessment->metric, claim);
        assessment_decide(assessment);
        return 0;
    }
    if (claim->after.count > 0)
        return judge_value(judge, row, assessment, error);
    set_without_value(claim, assessment);
    return 0;
}

/* ---- for the store ------------------------------------------------------------------------------ */

/* Returns what was tried, or a text in its place. */
static char *hypothesis_of(const struct row *row)
{
    const char *given = row->read->hypothesis;
    CLEANUP_TEXT struct text name = {0};
    const char *end = given;
    uint32_t ignored;

    if (given && given[strspn(given, " \t\r\n")] != '\0') {
        for (size_t i = 0; *end && i < HYPOTHESIS_LIMIT; i++)
            end += utf8_decode(end, &ignored);
        return memory_copy_bytes(given, (size_t)(end - given));
    }
    text_append_repaired(&name, row->file_name, strlen(row->file_name));
    return memory_format("Line %llu of %s, which does not say what was tried",
                         (unsigned long long)row->read->line, text_string(&name));
}

char *row_canonical(const struct row *row)
{
    CLEANUP_FREE char *hypothesis = hypothesis_of(row);
    const struct result result = {
        .experiment_id = (char *)row->experiment_id,
        .hypothesis = hypothesis,
        .metric = (char *)row->read->metric,
        .claim = row->read->claim,
        .change = row->read->commit ? RESULT_CHANGE_COMMIT : RESULT_CHANGE_NONE,
        .commit = row->read->commit,
        .repository = (char *)row->repository,
        .details = row->read->details,
    };

    return result_canonical(&result);
}

#include "daemon/validation/evidence.h"

#include "common/memory.h"
#include "common/text.h"
#include "daemon/validation/verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAILURE_SHOWN 160               /* code points */
#define LARGE_OUTPUT  (4 * 1024 * 1024) /* bytes that tox 3 reports without effort */

static void forget_expect(struct evidence *evidence)
{
    if (evidence->expects)
        regfree(&evidence->expect);
    evidence->expects = false;
}

void evidence_begin(struct evidence *evidence, const char *expect)
{
    forget_expect(evidence);
    evidence->expects = expect && regcomp(&evidence->expect, expect, REG_EXTENDED | REG_NOSUB) == 0;
    evidence->failure = (struct failure){0};
    evidence->runner = (struct runner){.expect = evidence->expects ? &evidence->expect : NULL};
    evidence->report = (struct test_report){.tox = REPORT_NOT_ASKED};
}

void evidence_clear(struct evidence *evidence)
{
    forget_expect(evidence);
    free(evidence->tail);
    free(evidence->measure);
}

void evidence_read(struct evidence *evidence, const char *bytes, size_t length)
{
    failure_read(&evidence->failure, bytes, length);
    runner_read(&evidence->runner, bytes, length);
}

/* ---- the end of the command --------------------------------------------------------------------- */

static enum validation_verdict judge(const struct process_result *result)
{
    switch (result->end) {
    case PROCESS_EXITED:
        return result->status ? VALIDATION_FAILED : VALIDATION_PASSED;
    case PROCESS_TIMED_OUT:
        return VALIDATION_TIMED_OUT;
    default:
        return VALIDATION_KILLED;
    }
}

static void describe(struct validation_outcome *outcome, const struct process_result *result)
{
    CLEANUP_TEXT struct text command = {0};
    char end[PROCESS_DESCRIPTION_SIZE];

    text_append_line(&command, outcome->command, 30);
    process_describe(end, sizeof end, result);
    if (outcome->verdict == VALIDATION_TIMED_OUT)
        snprintf(outcome->sentence, sizeof outcome->sentence, "%s %.100s", text_string(&command),
                 end);
    else
        snprintf(outcome->sentence, sizeof outcome->sentence, "%s %.100s after %.1f s",
                 text_string(&command), end, (double)result->duration_ms / 1000);
}

void evidence_end(struct evidence *evidence, const struct process_result *result,
                  const char *command, const char *log, const struct engine_place *place)
{
    free(evidence->tail);
    evidence->tail = memory_copy(result->tail);
    evidence->ended = result->end;
    evidence->printed = result->log_bytes;
    evidence->outcome = (struct validation_outcome){
        .verdict = judge(result),
        .status = result->end == PROCESS_SIGNALLED ? result->signal : result->status,
        .duration_ms = result->duration_ms,
        .command = command,
        .tail = evidence->tail,
        .log = log,
        .place = place,
    };
    describe(&evidence->outcome, result);
}

static void copy_summaries(struct test_report *report, const struct test_report *printed)
{
    report->summaries = printed->summaries;
    report->empty = printed->empty;
    report->tests = printed->tests;
    report->passed = printed->passed;
    memcpy(report->runner, printed->runner, sizeof(report->runner));
    memcpy(report->said, printed->said, sizeof(report->said));
}

/* What tox did not show is in its report, where a child of the tests may have written it. So it can take a pass
 * away, and counts for one only if the run on the base did not show it either, as with -p. */
static void end_output(struct evidence *evidence)
{
    const struct test_report printed = evidence->report;
    struct test_report *report = &evidence->report;
    bool counts = evidence->on_base || (evidence->measure && evidence->measure->unshown);

    runner_end(&evidence->runner, report);
    report->unshown = (report->summaries == 0 && printed.summaries > 0) ||
                      (!report->matched && printed.matched);
    if (report->summaries == 0 && (counts || verdict_none_ran(&printed)))
        copy_summaries(report, &printed);
    report->matched = report->matched || (counts && printed.matched);
}

const char *evidence_of_tox_failure(struct evidence *evidence, bool asked)
{
    end_output(evidence);
    if (!asked)
        return NULL;
    if (evidence->ended != PROCESS_EXITED)
        return evidence->printed > LARGE_OUTPUT ? "tox had much output to report, and did not end"
                                                : NULL;
    if (evidence->report.tox == REPORT_UNUSABLE)
        return "tox's report cannot be read";
    return evidence->outcome.status != 0 && runner_tox_broke(&evidence->runner)
               ? "tox itself ended with a traceback"
               : NULL;
}

/* ---- the verdict -------------------------------------------------------------------------------- */

/* Judges by the run's own report, which can take a pass away and never gives one. */
static void judge_report(struct evidence *evidence)
{
    struct validation_outcome *outcome = &evidence->outcome;

    evidence->report.ended_well = outcome->verdict == VALIDATION_PASSED;
    outcome->report = &evidence->report;
    if (outcome->verdict != VALIDATION_PASSED)
        return;
    switch (verdict_of(&evidence->report, evidence->measure, evidence->objection,
                       sizeof(evidence->objection))) {
    case VERDICT_GREEN:
        break;
    case VERDICT_RED:
        outcome->verdict = VALIDATION_FAILED;
        break;
    case VERDICT_UNTESTED:
        outcome->verdict = VALIDATION_UNTESTED;
        break;
    }
}

/* Output of tests that passed is no failure. */
static void find_failure(struct evidence *evidence, struct text *failure)
{
    if (evidence->outcome.verdict == VALIDATION_PASSED || *evidence->objection)
        return;
    if (evidence->failure.rank <= FAILURE_SUMMARY && verdict_none_ran(&evidence->report))
        text_append_format(failure, "no test was run: %s says \"%s\"", evidence->report.runner,
                           evidence->report.said);
    else
        failure_end(&evidence->failure, failure, FAILURE_SHOWN);
}

bool evidence_of_no_program(int status)
{
    return status == 126 || status == 127;
}

/* Returns the key of what seems to have started nothing; NULL: it began. */
static const char *find_unbegun(const struct evidence *evidence)
{
    const struct validation_outcome *outcome = &evidence->outcome;

    if (outcome->verdict != VALIDATION_FAILED || evidence->report.tox == REPORT_READ ||
        evidence->report.summaries > 0 || outcome->status == 0)
        return NULL;
    if (evidence->failure.not_there)
        return "validation.command";
    return evidence_of_no_program(outcome->status) ? evidence->starter : NULL;
}

const struct validation_outcome *evidence_judge(struct evidence *evidence, struct text *failure)
{
    struct validation_outcome *outcome = &evidence->outcome;

    judge_report(evidence);
    find_failure(evidence, failure);
    outcome->failure = text_string(failure);
    outcome->unbegun = find_unbegun(evidence);
    if (*evidence->objection)
        snprintf(outcome->sentence + strlen(outcome->sentence),
                 sizeof(outcome->sentence) - strlen(outcome->sentence), ", but %s",
                 evidence->objection);
    return outcome;
}

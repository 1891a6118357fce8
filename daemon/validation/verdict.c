#include "daemon/validation/verdict.h"

#include <stdio.h>
#include <string.h>

static bool has_passed(const struct test_report *report)
{
    return report->passed > 0;
}

/* Returns the command of `report` at the same place of the same environment, or NULL. */
static const struct report_command *same_command(const struct test_report *report,
                                                 const struct report_command *command)
{
    for (size_t i = 0; i < report->kept_count; i++)
        if (report->kept[i].place == command->place &&
            strcmp(report->kept[i].environment, command->environment) == 0)
            return &report->kept[i];
    return NULL;
}

/* Returns a command that passed on the base and does not pass here, or NULL. A leading `-` and
 * ignore_outcome keep such a command out of tox's exit status. */
static const struct report_command *lost_command(const struct test_report *run,
                                                 const struct test_report *base)
{
    for (size_t i = 0; i < base->kept_count; i++) {
        const struct report_command *now = same_command(run, &base->kept[i]);

        if (base->kept[i].retcode == 0 && (!now || now->retcode != 0))
            return &base->kept[i];
    }
    return NULL;
}

/* Judges by tox's own report. */
static enum verdict judge_tox(const struct test_report *run, const struct test_report *base,
                              char *reason, size_t size)
{
    const struct report_command *lost = base && base->tox == REPORT_READ ? lost_command(run, base)
                                                                         : NULL;

    if (run->tox == REPORT_MISSING) {
        snprintf(reason, size, "tox wrote no report of what it ran");
        return VERDICT_UNTESTED;
    }
    if (run->failed > 0) {
        snprintf(reason, size, "tox's report says that environment %s failed", run->first_failed);
        return VERDICT_RED;
    }
    if (lost) {
        snprintf(reason, size, "command %u of environment %s passed on the base and failed here",
                 lost->place + 1, lost->environment);
        return VERDICT_RED;
    }
    if (run->commands == 0) {
        snprintf(reason, size, "tox ran no command%s",
                 run->skipped ? ", and skipped its environment" : "");
        return VERDICT_UNTESTED;
    }
    if (run->succeeded == 0) {
        snprintf(reason, size, "none of the %u commands that tox ran ended with 0", run->commands);
        return VERDICT_UNTESTED;
    }
    return VERDICT_GREEN;
}

bool verdict_none_ran(const struct test_report *run)
{
    return run->summaries > 0 && run->empty == run->summaries;
}

/* Judges by the runners' own words. */
static enum verdict judge_output(const struct test_report *run, const struct test_report *base,
                                 char *reason, size_t size)
{
    if (verdict_none_ran(run)) {
        snprintf(reason, size, "no test was run: %s says \"%s\"", run->runner, run->said);
        return VERDICT_UNTESTED;
    }
    if (base && has_passed(base) && !has_passed(run)) {
        snprintf(reason, size, "no runner says that a test passed; on the base %llu did (%s)",
                 (unsigned long long)base->passed, base->runner);
        return VERDICT_UNTESTED;
    }
    /* A command that drops its runner's exit status, as in `pytest || true`. */
    if (base && has_passed(base) && base->passed == base->tests && run->passed < run->tests) {
        snprintf(
            reason, size,
            "%llu of %llu tests failed (%s), and the command ended with 0 all the same; on the "
            "base none failed",
            (unsigned long long)(run->tests - run->passed), (unsigned long long)run->tests,
            run->runner);
        return VERDICT_RED;
    }
    if (run->expects && !run->matched) {
        snprintf(reason, size, "no line of the output matches validation.expect");
        return VERDICT_UNTESTED;
    }
    return VERDICT_GREEN;
}

enum verdict verdict_of(const struct test_report *run, const struct test_report *base, char *reason,
                        size_t size)
{
    enum verdict verdict = VERDICT_GREEN;

    snprintf(reason, size, "%s", "");
    if (!run->ended_well)
        return VERDICT_RED;
    if (run->tox == REPORT_READ || run->tox == REPORT_MISSING)
        verdict = judge_tox(run, base, reason, size);
    return verdict == VERDICT_GREEN ? judge_output(run, base, reason, size) : verdict;
}

struct test_count test_count_of(const struct test_report *report)
{
    struct test_count count = {
        .known = report->summaries > 0,
        .ran = report->tests,
        .passed = report->passed,
    };

    snprintf(count.runner, sizeof(count.runner), "%s", report->runner);
    return count;
}

bool test_count_fewer(const struct test_count *run, const struct test_count *base)
{
    return run->known && base->known && run->ran < base->ran;
}

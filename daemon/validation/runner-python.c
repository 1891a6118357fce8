#include "daemon/validation/runner-form.h"

#include <stdio.h>
#include <string.h>

/* ---- pytest ----------------------------------------------------------------------------------- */

/* A word that a plugin of pytest puts beside the others: `1 snapshot updated`. */
static bool take_foreign_word(const char **at)
{
    size_t length = strcspn(*at, ",=(0123456789");
    const char *in = strstr(*at, " in ");

    if (in && (size_t)(in - *at) < length)
        length = (size_t)(in - *at);
    *at += length;
    return length > 0;
}

/* How a word of pytest's is counted. */
struct outcome {
    const char *word;
    bool ran;
    bool passed;
};

/* NULL: it is no word of pytest's own. */
static const struct outcome *take_outcome(const char **at)
{
    static const struct outcome outcomes[] = {
        {"passed", true, true},
        {"failed", true, false},
        {"xfailed", true, true},
        {"xpassed", true, true},
        {"errors", true, false},
        {"error", true, false},
        {"skipped", false, false},
        {"deselected", false, false},
        {"warnings", false, false},
        {"warning", false, false},
        {"rerun", false, false},
        {"subtests passed", false, false},
        {"subtests failed", false, false},
    };

    for (size_t i = 0; i < sizeof(outcomes) / sizeof(*outcomes); i++) {
        const char *behind = *at;

        if (runner_take(&behind, outcomes[i].word) && strchr(", ", *behind)) {
            *at = behind;
            return &outcomes[i];
        }
    }
    return NULL;
}

/* `3 passed, 1 skipped, 2 warnings`: what ran, and what passed of it. At least one of the words is known. */
static bool take_outcomes(const char **at, uint64_t *tests, uint64_t *passed)
{
    bool known = false;

    do {
        const struct outcome *outcome;
        uint64_t number;

        if (!runner_take_number(at, &number) || !runner_take(at, " "))
            return false;
        outcome = take_outcome(at);
        if (!outcome && !take_foreign_word(at))
            return false;
        known = known || outcome;
        *tests += outcome && outcome->ran ? number : 0;
        *passed += outcome && outcome->passed ? number : 0;
    } while (runner_take(at, ", "));
    return known;
}

/* `3 tests collected`, `1/3 tests collected (2 deselected)`, `no tests collected (3 deselected)`, each perhaps with
 * `, 1 error`: nothing ran. */
static bool take_collected(const char **at)
{
    const char *start = *at;
    uint64_t number;

    if (!runner_take(at, "no")) {
        if (!runner_take_number(at, &number) ||
            (runner_take(at, "/") && !runner_take_number(at, &number)))
            return *at = start, false;
    }
    if ((!runner_take(at, " tests collected") && !runner_take(at, " test collected")) ||
        (runner_take(at, " (") &&
         !(runner_take_number(at, &number) && runner_take(at, " deselected)"))))
        return *at = start, false;
    if (runner_take(at, ", ") && (!runner_take_number(at, &number) ||
                                  (!runner_take(at, " errors") && !runner_take(at, " error"))))
        return *at = start, false;
    return true;
}

/* `run-last-failure: rerun previous 2 failures`, in `pytest || pytest --lf`. */
static bool read_rerun(struct runner *runner, const char *line)
{
    return runner_take(&line, "run-last-failure: rerun previous ") &&
           runner_take_number(&line, &runner->reruns) && runner_take(&line, " failure");
}

/* A test that failed and passes when it is run again has passed. */
static void forgive(struct runner *runner, uint64_t passed)
{
    uint64_t failed = runner->tests - runner->passed;
    uint64_t forgiven = runner->reruns < passed ? runner->reruns : passed;

    runner->tests -= forgiven < failed ? forgiven : failed;
    runner->reruns = 0;
}

bool runner_read_pytest(struct runner *runner, const char *line)
{
    const char *at = line + strspn(line, "=");
    uint64_t tests = 0;
    uint64_t passed = 0;
    bool ruled = at > line;

    if (read_rerun(runner, line))
        return true;
    if (ruled && !runner_take(&at, " "))
        return false;
    if (!runner_take(&at, "no tests ran") && !take_collected(&at) &&
        !take_outcomes(&at, &tests, &passed))
        return false;
    if (!runner_take(&at, " in ") || !runner_take_decimal(&at) ||
        (!runner_take(&at, "s") && !runner_take(&at, " seconds")))
        return false;
    if (runner_take(&at, " (")) /* of more than a minute: (0:01:02), (1 day, 0:01:02) */
        at += strcspn(at, ")") + (strchr(at, ')') != NULL);
    if (ruled && (!runner_take(&at, " ") || (at += strspn(at, "="), false)))
        return false;
    if (*at != '\0')
        return false;
    forgive(runner, passed);
    runner_add(runner, "pytest", line + strspn(line, "= "), tests, passed);
    return true;
}

void runner_end_sugar(struct runner *runner)
{
    runner_add(runner, "pytest", runner->sugar_said, runner->sugar_tests, runner->sugar_passed);
    runner->awaits_sugar = false;
}

/* `Results (0.23s):`, then lines like `       3 passed`, below each of which there may be names of tests:
 * `         - test_a.py:5 test_c`. That is pytest-sugar's. */
bool runner_read_sugar(struct runner *runner, const char *line)
{
    const char *at = line;
    const struct outcome *outcome;
    uint64_t number;

    if (runner_take(&at, "Results (") && runner_take_decimal(&at) && strcmp(at, "s):") == 0) {
        if (runner->awaits_sugar)
            runner_end_sugar(runner);
        runner->awaits_sugar = true;
        runner->sugar_tests = runner->sugar_passed = 0;
        snprintf(runner->sugar_said, sizeof(runner->sugar_said), "%s", line);
        return true;
    }
    if (!runner->awaits_sugar)
        return false;
    at = line + strspn(line, " ");
    if (at > line && runner_take(&at, "- "))
        return true;
    outcome = at > line && runner_take_number(&at, &number) && runner_take(&at, " ")
                  ? take_outcome(&at)
                  : NULL;
    if (!outcome || *at) {
        runner_end_sugar(runner);
        return false;
    }
    runner->sugar_tests += outcome->ran ? number : 0;
    runner->sugar_passed += outcome->passed ? number : 0;
    snprintf(runner->sugar_said, sizeof(runner->sugar_said), "%s", line + strspn(line, " "));
    return true;
}

/* ---- unittest, nose2 -------------------------------------------------------------------------- */

/* `said` is its second line. It says more than the first one where all tests were skipped. */
static void end_unittest(struct runner *runner, const char *said, uint64_t skipped, uint64_t failed)
{
    uint64_t tests = runner->ran > skipped ? runner->ran - skipped : 0;

    runner_add(runner, "unittest", runner->ran > tests ? said : runner->ran_line, tests,
               tests > failed ? tests - failed : 0);
    runner->awaits_result = false;
}

void runner_end_unittest(struct runner *runner)
{
    end_unittest(runner, "", 0, 0);
}

/* Returns the number after `skipped=` and the like in `OK (skipped=1, expected failures=2)`; 0: there is
 * none. */
static uint64_t figure(const char *line, const char *word)
{
    const char *at = strstr(line, word);
    uint64_t number = 0;

    if (at) {
        at += strlen(word);
        runner_take_number(&at, &number);
    }
    return number;
}

bool runner_read_unittest(struct runner *runner, const char *line)
{
    const char *at = line;
    uint64_t number;

    if (runner_take(&at, "Ran ") && runner_take_number(&at, &number) &&
        (runner_take(&at, " tests") || runner_take(&at, " test")) && runner_take(&at, " in ") &&
        runner_take_decimal(&at) && runner_take(&at, "s") && *at == '\0') {
        if (runner->awaits_result)
            runner_end_unittest(runner);
        runner->awaits_result = true;
        runner->ran = number;
        snprintf(runner->ran_line, sizeof(runner->ran_line), "%.*s",
                 (int)(strstr(line, " in ") - line), line);
        return true;
    }
    at = line;
    if (!runner->awaits_result || *line == '\0')
        return false;
    if (runner_take(&at, "OK") || runner_take(&at, "FAILED") || runner_take(&at, "NO TESTS RAN")) {
        if (*at == '\0' || strncmp(at, " (", 2) == 0) {
            /* nose2 says OK to unexpected successes. */
            end_unittest(runner, line, figure(at, "skipped="),
                         figure(at, "(failures=") + figure(at, "errors=") +
                             (*line == 'F' ? figure(at, "unexpected successes=") : 0));
            return true;
        }
    }
    runner_end_unittest(runner);
    return false;
}

/*
 * A line is parsed by hand from left to right, and nothing may be left over. A line that fits no runner's
 * form is ignored.
 */

#include "daemon/validation/runner.h"

#include "common/text.h"
#include "daemon/validation/go-json.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_DIGITS 9 /* a longer number is no number of tests */

/* ---- pieces of a line ------------------------------------------------------------------------- */

static bool take(const char **at, const char *word)
{
    size_t length = strlen(word);

    if (strncmp(*at, word, length) != 0)
        return false;
    *at += length;
    return true;
}

static bool take_number(const char **at, uint64_t *number)
{
    size_t digits = strspn(*at, "0123456789");

    if (digits == 0 || digits > NUMBER_DIGITS)
        return false;
    *number = strtoull(*at, NULL, 10);
    *at += digits;
    return true;
}

/* 12, 0.03, 1.5 */
static bool take_decimal(const char **at)
{
    uint64_t number;

    if (!take_number(at, &number))
        return false;
    return **at != '.' || (++*at, *at += strspn(*at, "0123456789"), true);
}

/* Adds what a line says that was read as a whole. */
static void add(struct runner *runner, const char *name, const char *line, uint64_t tests,
                uint64_t passed)
{
    size_t shown = strlen(line);

    if (*runner->name == '\0')
        snprintf(runner->name, sizeof(runner->name), "%s", name);
    runner->summaries++;
    runner->tests += tests;
    runner->passed += passed;
    if (tests > 0)
        return;
    while (shown > 0 && strchr("= ", line[shown - 1])) /* pytest's rule */
        shown--;
    if (runner->empty++ == 0)
        snprintf(runner->said, sizeof(runner->said), "%.*s", (int)shown, line);
}

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

        if (take(&behind, outcomes[i].word) && strchr(", ", *behind)) {
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

        if (!take_number(at, &number) || !take(at, " "))
            return false;
        outcome = take_outcome(at);
        if (!outcome && !take_foreign_word(at))
            return false;
        known = known || outcome;
        *tests += outcome && outcome->ran ? number : 0;
        *passed += outcome && outcome->passed ? number : 0;
    } while (take(at, ", "));
    return known;
}

/* `3 tests collected`, `1/3 tests collected (2 deselected)`, `no tests collected (3 deselected)`, each perhaps with
 * `, 1 error`: nothing ran. */
static bool take_collected(const char **at)
{
    const char *start = *at;
    uint64_t number;

    if (!take(at, "no")) {
        if (!take_number(at, &number) || (take(at, "/") && !take_number(at, &number)))
            return *at = start, false;
    }
    if ((!take(at, " tests collected") && !take(at, " test collected")) ||
        (take(at, " (") && !(take_number(at, &number) && take(at, " deselected)"))))
        return *at = start, false;
    if (take(at, ", ") &&
        (!take_number(at, &number) || (!take(at, " errors") && !take(at, " error"))))
        return *at = start, false;
    return true;
}

static bool read_pytest(struct runner *runner, const char *line)
{
    const char *at = line + strspn(line, "=");
    uint64_t tests = 0;
    uint64_t passed = 0;
    bool ruled = at > line;

    if (ruled && !take(&at, " "))
        return false;
    if (!take(&at, "no tests ran") && !take_collected(&at) && !take_outcomes(&at, &tests, &passed))
        return false;
    if (!take(&at, " in ") || !take_decimal(&at) || (!take(&at, "s") && !take(&at, " seconds")))
        return false;
    if (take(&at, " (")) /* of more than a minute: (0:01:02), (1 day, 0:01:02) */
        at += strcspn(at, ")") + (strchr(at, ')') != NULL);
    if (ruled && (!take(&at, " ") || (at += strspn(at, "="), false)))
        return false;
    if (*at != '\0')
        return false;
    add(runner, "pytest", line + strspn(line, "= "), tests, passed);
    return true;
}

static void end_sugar(struct runner *runner)
{
    add(runner, "pytest", runner->sugar_said, runner->sugar_tests, runner->sugar_passed);
    runner->awaits_sugar = false;
}

/* `Results (0.23s):`, then lines like `       3 passed`, below each of which there may be names of tests:
 * `         - test_a.py:5 test_c`. That is pytest-sugar's. */
static bool read_sugar(struct runner *runner, const char *line)
{
    const char *at = line;
    const struct outcome *outcome;
    uint64_t number;

    if (take(&at, "Results (") && take_decimal(&at) && strcmp(at, "s):") == 0) {
        if (runner->awaits_sugar)
            end_sugar(runner);
        runner->awaits_sugar = true;
        runner->sugar_tests = runner->sugar_passed = 0;
        snprintf(runner->sugar_said, sizeof(runner->sugar_said), "%s", line);
        return true;
    }
    if (!runner->awaits_sugar)
        return false;
    at = line + strspn(line, " ");
    if (at > line && take(&at, "- "))
        return true;
    outcome = at > line && take_number(&at, &number) && take(&at, " ") ? take_outcome(&at) : NULL;
    if (!outcome || *at) {
        end_sugar(runner);
        return false;
    }
    runner->sugar_tests += outcome->ran ? number : 0;
    runner->sugar_passed += outcome->passed ? number : 0;
    snprintf(runner->sugar_said, sizeof(runner->sugar_said), "%s", line + strspn(line, " "));
    return true;
}

/* ---- unittest, nose2 -------------------------------------------------------------------------- */

static void end_unittest(struct runner *runner, uint64_t skipped, uint64_t failed)
{
    uint64_t tests = runner->ran > skipped ? runner->ran - skipped : 0;

    add(runner, "unittest", runner->ran_line, tests, tests > failed ? tests - failed : 0);
    runner->awaits_result = false;
}

/* Returns the number after `skipped=` and the like in `OK (skipped=1, expected failures=2)`; 0: there is
 * none. */
static uint64_t figure(const char *line, const char *word)
{
    const char *at = strstr(line, word);
    uint64_t number = 0;

    if (at) {
        at += strlen(word);
        take_number(&at, &number);
    }
    return number;
}

static bool read_unittest(struct runner *runner, const char *line)
{
    const char *at = line;
    uint64_t number;

    if (take(&at, "Ran ") && take_number(&at, &number) &&
        (take(&at, " tests") || take(&at, " test")) && take(&at, " in ") && take_decimal(&at) &&
        take(&at, "s") && *at == '\0') {
        if (runner->awaits_result)
            end_unittest(runner, 0, 0);
        runner->awaits_result = true;
        runner->ran = number;
        snprintf(runner->ran_line, sizeof(runner->ran_line), "%.*s",
                 (int)(strstr(line, " in ") - line), line);
        return true;
    }
    at = line;
    if (!runner->awaits_result || *line == '\0')
        return false;
    if (take(&at, "OK") || take(&at, "FAILED") || take(&at, "NO TESTS RAN")) {
        if (*at == '\0' || strncmp(at, " (", 2) == 0) {
            end_unittest(runner, figure(at, "skipped="),
                         figure(at, "(failures=") + figure(at, "errors="));
            return true;
        }
    }
    end_unittest(runner, 0, 0);
    return false;
}

/* ---- the others ------------------------------------------------------------------------------- */

/* `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s` */
static bool read_cargo(struct runner *runner, const char *line)
{
    const char *at = line;
    uint64_t passed, failed, ignored, measured, filtered;

    if (!take(&at, "test result: ") || (!take(&at, "ok. ") && !take(&at, "FAILED. ")) ||
        !take_number(&at, &passed) || !take(&at, " passed; ") || !take_number(&at, &failed) ||
        !take(&at, " failed; ") || !take_number(&at, &ignored) || !take(&at, " ignored; ") ||
        !take_number(&at, &measured) || !take(&at, " measured; ") || !take_number(&at, &filtered) ||
        !take(&at, " filtered out"))
        return false;
    if (take(&at, "; finished in ") && (!take_decimal(&at) || !take(&at, "s")))
        return false;
    if (*at != '\0')
        return false;
    add(runner, "cargo test", line, passed + failed + measured, passed + measured);
    return true;
}

/* `ok  \tpackage\t0.003s`, perhaps with `(cached)`, coverage, `[no tests to run]`; `?   \tpackage\t[no test files]`;
 * `FAIL\tpackage\t0.003s`. The numbers are those of packages. */
static bool read_go(struct runner *runner, const char *line)
{
    const char *at = line;
    const char *tab;
    bool good = take(&at, "ok  \t");
    bool none = !good && take(&at, "?   \t");

    if (!good && !none && !take(&at, "FAIL\t"))
        return false;
    tab = strchr(at, '\t');
    if (!tab || tab == at || memchr(at, ' ', (size_t)(tab - at)))
        return false;
    at = tab + 1;
    if (none && strcmp(at, "[no test files]") != 0)
        return false;
    if (!none && !take(&at, "(cached)") && !take(&at, "[build failed]") &&
        !take(&at, "[setup failed]") && !(take_decimal(&at) && take(&at, "s")))
        return false;
    if (none || strstr(at, "[no tests to run]"))
        add(runner, "go test", strrchr(line, '['), 0, 0);
    else
        add(runner, "go test", line, 1, good);
    return true;
}

/* `5/7 Test #5: slow ............***Skipped   0.01 sec`: the summary counts those that were skipped as passed. Where all
 * are disabled there is no summary. */
static bool read_ctest_line(struct runner *runner, const char *line)
{
    const char *at = line + strspn(line, " ");
    uint64_t number;

    if (!take_number(&at, &number) || !take(&at, "/") || !take_number(&at, &number) ||
        !take(&at, " Test "))
        return false;
    runner->ctest_skipped += strstr(at, "***Skipped ") != NULL;
    runner->ctest_disabled += strstr(at, "***Not Run (Disabled)") != NULL;
    return true;
}

/* `100% tests passed, 0 tests failed out of 5`, and for none a line of its own. */
static bool read_ctest(struct runner *runner, const char *line)
{
    const char *at = line;
    uint64_t percent, failed, all, skipped;

    if (strcmp(line, "No tests were found!!!") == 0) {
        add(runner, "ctest", line, 0, 0);
        return true;
    }
    if (!take_number(&at, &percent) || !take(&at, "% tests passed, ") ||
        !take_number(&at, &failed) || (!take(&at, " tests failed") && !take(&at, " test failed")) ||
        !take(&at, " out of ") || !take_number(&at, &all) || *at != '\0')
        return false;
    skipped = runner->ctest_skipped < all ? runner->ctest_skipped : all;
    runner->ctest_skipped = runner->ctest_disabled = 0;
    if (skipped > 0 && skipped == all)
        line = "all of the tests were skipped";
    all -= skipped;
    add(runner, "ctest", line, all, all > failed ? all - failed : 0);
    return true;
}

static bool ends_with(const char *line, const char *end)
{
    size_t length = strlen(line);
    size_t wanted = strlen(end);

    return length >= wanted && strcmp(line + length - wanted, end) == 0;
}

static void note_first(char to[static REPORT_NAME_SIZE], unsigned *count, const char *line)
{
    if ((*count)++ == 0)
        snprintf(to, REPORT_NAME_SIZE, "%s", line);
}

/* What nox says before the first command of a session; a session may end after it. */
static bool is_preparation(const char *line)
{
    static const char *const words[] = {
        "uv binary not found.", "Creating virtual environment ",
        "Re-using existing ",   "Reusing existing ",
        "Deleting existing ",   "python -m pip install ",
        "uv pip install ",
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (strncmp(line, words[i], strlen(words[i])) == 0)
            return true;
    }
    return false;
}

/* Any line in a session shows that it does something: a command, or its output. */
static void note_session(struct runner *runner, const char *line)
{
    const char *at = line;

    if (*line == '\0' || !runner->in_session)
        return;
    if (!take(&at, "nox > ") || (strncmp(at, "Session ", 8) != 0 && !is_preparation(at)))
        runner->session_works = true;
}

/* `nox > Session tests-3.11 was successful.`, `nox > Session tests skipped: no interpreter.` */
static bool read_nox(struct runner *runner, const char *line)
{
    const char *at = line;
    const char *name;
    char idle[REPORT_NAME_SIZE];

    if (take(&at, "nox > Running session ")) {
        runner->in_session = true;
        runner->session_works = false;
        return true;
    }
    if (!take(&at, "nox > Session "))
        return false;
    line += strlen("nox > ");
    name = at;
    at += strcspn(at, " ");
    if (take(&at, " skipped: ") || strcmp(at, " skipped.") == 0) {
        note_first(runner->session_said, &runner->sessions_skipped, line);
    } else if (runner->in_session && !runner->session_works &&
               strncmp(at, " was successful", 15) == 0) {
        snprintf(idle, sizeof(idle), "Session %.*s ran no command", (int)(at - name), name);
        note_first(runner->session_said, &runner->sessions_skipped, idle);
    } else if (take(&at, " was successful") || take(&at, " failed") || take(&at, " aborted")) {
        runner->sessions_done++;
    } else {
        return false;
    }
    runner->in_session = false;
    return true;
}

/* `check yaml.......................................(no files to check)Skipped`, `...Passed`, `...Failed` */
static bool read_pre_commit(struct runner *runner, const char *line)
{
    static const char none[] = "(no files to check)Skipped";

    if (*line == '\0' || !strstr(line, "..."))
        return false;
    if (ends_with(line, none) || ends_with(line, ".Skipped"))
        note_first(runner->hook_said, &runner->hooks_skipped,
                   ends_with(line, none) ? none : "Skipped");
    else if (ends_with(line, "...Passed") || ends_with(line, "...Failed"))
        runner->hooks_done++;
    else
        return false;
    return true;
}

/* `make: 'test' is up to date.`, `make: Nothing to be done for 'test'.`; those of a make below another do not count,
 * as the upper one goes on. */
static bool read_make(struct runner *runner, const char *line)
{
    const char *at = line;

    if (!take(&at, "make: "))
        return false;
    if (!(strncmp(at, "Nothing to be done for ", 23) == 0 && ends_with(at, ".")) &&
        !ends_with(at, "' is up to date."))
        return false;
    note_first(runner->target_said, &runner->targets_idle, at);
    return true;
}

static void read_summary(struct runner *runner, const char *line)
{
    char inside[RUNNER_LINE_SIZE];

    static bool (*const forms[])(struct runner *, const char *) = {
        read_unittest, read_sugar, /* first: they may end one that was begun */
        read_pytest,   read_cargo, read_go,         read_ctest_line,
        read_ctest,    read_nox,   read_pre_commit, read_make,
    };

    if (go_json_line(line, inside, sizeof(inside)))
        line = inside;
    note_session(runner, line);
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++)
        if (forms[i](runner, line))
            return;
}

/* ---- tracebacks of tox's own ------------------------------------------------------------------ */

/* A file of tox: `  File "/usr/lib/python3/dist-packages/tox/session/__init__.py", line 42, in cmdline`. */
static bool is_tox_file(const char *line)
{
    return strncmp(line, "  File \"", 8) == 0 &&
           (strstr(line, "-packages/tox/") || strstr(line, "/bin/tox\""));
}

static void trace(struct runner *runner, const char *line)
{
    if (strcmp(line, "Traceback (most recent call last):") == 0) {
        runner->traced = true;
        runner->tox_traced = runner->tox_raised = false;
    } else if (!runner->traced) {
        runner->tox_raised = runner->tox_raised && *line == '\0';
    } else if (*line == ' ') {
        runner->tox_traced = runner->tox_traced || is_tox_file(line);
    } else if (*line != '\0') {
        runner->traced = false;
        runner->tox_raised = runner->tox_traced;
    }
}

/* ---- lines ------------------------------------------------------------------------------------ */

static void end_line(struct runner *runner)
{
    bool too_long = runner->too_long;

    runner->line[runner->length] = '\0';
    runner->length = 0;
    runner->ended = runner->too_long = false;
    if (!runner->matched && runner->expect)
        runner->matched = regexec(runner->expect, runner->line, 0, NULL, 0) == 0;
    text_strip_colours(runner->line);
    trace(runner, runner->line);
    if (!too_long)
        read_summary(runner, runner->line);
}

static void append(struct runner *runner, char byte)
{
    if (runner->length < RUNNER_LINE_SIZE - 1)
        runner->line[runner->length++] = byte;
    else
        runner->too_long = true;
}

void runner_read(struct runner *runner, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == '\n') {
            end_line(runner);
        } else if (bytes[i] == '\r') {
            runner->ended = true;
        } else {
            if (runner->ended)
                end_line(runner);
            append(runner, bytes[i] ? bytes[i] : ' '); /* a NUL would hide what follows */
        }
    }
}

/* The numbers of a part count for the whole, if there was nothing else. */
static void end_parts(struct runner *runner)
{
    if (runner->hooks_done > 0)
        add(runner, "pre-commit", "", runner->hooks_done, runner->hooks_done);
    else if (runner->hooks_skipped > 0)
        add(runner, "pre-commit", runner->hook_said, 0, 0);
    if (runner->sessions_skipped > 0 && runner->sessions_done == 0)
        add(runner, "nox", runner->session_said, 0, 0);
    if (runner->ctest_disabled > 0)
        add(runner, "ctest", "all of the tests are disabled", 0, 0);
    if (runner->targets_idle > 0 && runner->summaries == 0)
        add(runner, "make", runner->target_said, 0, 0);
}

/* Targets and reasons are foreign text: it is made one valid line, without anything hidden. */
static void show(char to[static REPORT_NAME_SIZE], const char *said)
{
    CLEANUP_TEXT struct text repaired = {0};
    CLEANUP_TEXT struct text line = {0};
    CLEANUP_TEXT struct text shown = {0};
    size_t length;

    text_append_repaired(&repaired, said, strlen(said));
    text_append_line(&line, text_string(&repaired), REPORT_NAME_SIZE - 1);
    text_append_visible(&shown, text_string(&line), NULL);
    length = shown.length < REPORT_NAME_SIZE ? shown.length : REPORT_NAME_SIZE - 1;
    while (length > 0 && ((unsigned char)text_string(&shown)[length] & 0xc0) == 0x80)
        length--;
    snprintf(to, REPORT_NAME_SIZE, "%.*s", (int)length, text_string(&shown));
}

void runner_end(struct runner *runner, struct test_report *report)
{
    if (runner->length > 0 || runner->ended)
        end_line(runner);
    if (runner->awaits_result)
        end_unittest(runner, 0, 0);
    if (runner->awaits_sugar)
        end_sugar(runner);
    end_parts(runner);
    report->summaries = runner->summaries;
    report->empty = runner->empty;
    report->tests = runner->tests;
    report->passed = runner->passed;
    snprintf(report->runner, sizeof(report->runner), "%s", runner->name);
    show(report->said, runner->said);
    report->expects = runner->expect != NULL;
    report->matched = runner->matched;
}

bool runner_tox_broke(const struct runner *runner)
{
    return runner->tox_raised;
}

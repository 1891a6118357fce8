#include "daemon/validation/runner-form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_DIGITS 9 /* a longer number is no number of tests */

/* ---- pieces of a line ------------------------------------------------------------------------- */

/* Nearly all lines differ in the first byte, and there may be millions of them. */
bool runner_take(const char **at, const char *word)
{
    size_t length;

    if (**at != *word)
        return false;
    length = strlen(word);
    if (strncmp(*at, word, length) != 0)
        return false;
    *at += length;
    return true;
}

bool runner_take_number(const char **at, uint64_t *number)
{
    size_t digits = strspn(*at, "0123456789");

    if (digits == 0 || digits > NUMBER_DIGITS)
        return false;
    *number = strtoull(*at, NULL, 10);
    *at += digits;
    return true;
}

bool runner_take_decimal(const char **at)
{
    uint64_t number;

    if (!runner_take_number(at, &number))
        return false;
    return **at != '.' || (++*at, *at += strspn(*at, "0123456789"), true);
}

void runner_add(struct runner *runner, const char *name, const char *line, uint64_t tests,
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

static bool ends_with(const char *line, const char *end)
{
    size_t length = strlen(line);
    size_t wanted = strlen(end);

    return length >= wanted && strcmp(line + length - wanted, end) == 0;
}

/* ---- forms ------------------------------------------------------------------------------------ */

/* `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s` */
bool runner_read_cargo(struct runner *runner, const char *line)
{
    const char *at = line;
    uint64_t passed, failed, ignored, measured, filtered;

    if (!runner_take(&at, "test result: ") ||
        (!runner_take(&at, "ok. ") && !runner_take(&at, "FAILED. ")) ||
        !runner_take_number(&at, &passed) || !runner_take(&at, " passed; ") ||
        !runner_take_number(&at, &failed) || !runner_take(&at, " failed; ") ||
        !runner_take_number(&at, &ignored) || !runner_take(&at, " ignored; ") ||
        !runner_take_number(&at, &measured) || !runner_take(&at, " measured; ") ||
        !runner_take_number(&at, &filtered) || !runner_take(&at, " filtered out"))
        return false;
    if (runner_take(&at, "; finished in ") && (!runner_take_decimal(&at) || !runner_take(&at, "s")))
        return false;
    if (*at != '\0')
        return false;
    runner_add(runner, "cargo test", line, passed + failed + measured, passed + measured);
    return true;
}

/* `     Summary [   0.006s] 3 tests run: 2 passed (1 flaky), 1 failed, 0 skipped`; `2/3 tests` where it was
 * cut short. Tests of the documentation are not run with it: `cargo test --doc` may well say behind it that
 * there are none. */
bool runner_read_nextest(struct runner *runner, const char *line)
{
    const char *at = line + strspn(line, " ");
    const char *summary = at;
    uint64_t ran, all, passed;

    if (!runner_take(&at, "Summary [") || !(at = strchr(at, ']')) || !runner_take(&at, "] ") ||
        !runner_take_number(&at, &ran) ||
        (runner_take(&at, "/") && !runner_take_number(&at, &all)) ||
        (!runner_take(&at, " tests run: ") && !runner_take(&at, " test run: ")) ||
        !runner_take_number(&at, &passed) || !runner_take(&at, " passed") ||
        !ends_with(at, " skipped") || passed > ran)
        return false;
    runner_add(runner, "cargo nextest", summary, ran, passed);
    return true;
}

/* `TestA`, `ExampleB`: in a list (-list) they stand right above the line of their package; where tests run,
 * PASS stands between, or nothing at all. A single one may be what `echo TestA; go test -run TestA ./...`
 * says. */
static void note_go_name(struct runner *runner, const char *line)
{
    static const char *const kinds[] = {"Test", "Benchmark", "Example", "Fuzz"};

    if (strncmp(line, "ok  \t", 5) == 0)
        return;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (strncmp(line, kinds[i], strlen(kinds[i])) == 0 && !strpbrk(line, " \t")) {
            runner->go_named++;
            return;
        }
    }
    runner->go_named = 0;
}

/* `--- SKIP: TestA (0.00s)`, with -v or -json; and what is said above the line of a package without any.
 * That line does not say it where the package is the directory in which go runs. */
bool runner_read_go_test(struct runner *runner, const char *line)
{
    const char *at = line;

    note_go_name(runner, line);
    if (strcmp(line, "testing: warning: no tests to run") == 0) {
        runner->go_warned = true;
        return true;
    }
    if (!runner_take(&at, "--- "))
        return false;
    if (runner_take(&at, "SKIP: "))
        runner->go_skipped++;
    else if (runner_take(&at, "PASS: ") || runner_take(&at, "FAIL: "))
        runner->go_ran++;
    else
        return false;
    return true;
}

/* Returns why no test of a package ran, by what was said above its line; NULL: nothing says so. */
static const char *why_go_is_idle(struct runner *runner)
{
    const char *why = runner->go_warned      ? "[no tests to run]"
                      : runner->go_named > 1 ? "the tests were listed only"
                      : runner->go_skipped > 0 && runner->go_ran == 0
                          ? "all of the tests were skipped"
                          : NULL;

    runner->go_warned = false;
    runner->go_skipped = runner->go_ran = runner->go_named = 0;
    return why;
}

/* `ok  \tpackage\t0.003s`, perhaps with `(cached)`, coverage, `[no tests to run]`; `?   \tpackage\t[no test
 * files]`; `FAIL\tpackage\t0.003s`. The numbers are those of packages. */
bool runner_read_go(struct runner *runner, const char *line)
{
    const char *at = line;
    const char *tab, *idle;
    bool good = runner_take(&at, "ok  \t");
    bool none = !good && runner_take(&at, "?   \t");

    if (!good && !none && !runner_take(&at, "FAIL\t"))
        return false;
    tab = strchr(at, '\t');
    if (!tab || tab == at || memchr(at, ' ', (size_t)(tab - at)))
        return false;
    at = tab + 1;
    if (none && strcmp(at, "[no test files]") != 0)
        return false;
    if (!none && !runner_take(&at, "(cached)") && !runner_take(&at, "[build failed]") &&
        !runner_take(&at, "[setup failed]") && !(runner_take_decimal(&at) && runner_take(&at, "s")))
        return false;
    idle = none ? NULL : why_go_is_idle(runner);
    if (none || strstr(at, "[no tests to run]"))
        runner_add(runner, "go test", strrchr(line, '['), 0, 0);
    else if (good && idle)
        runner_add(runner, "go test", idle, 0, 0);
    else
        runner_add(runner, "go test", line, 1, good);
    return true;
}

/* `5/7 Test #5: slow ............***Skipped   0.01 sec`: the summary counts those that were skipped as
 * passed. Where all are disabled there is no summary. */
bool runner_read_ctest_line(struct runner *runner, const char *line)
{
    const char *at = line + strspn(line, " ");
    uint64_t number;

    if (!runner_take_number(&at, &number) || !runner_take(&at, "/") ||
        !runner_take_number(&at, &number) || !runner_take(&at, " Test "))
        return false;
    runner->ctest_skipped += strstr(at, "***Skipped ") != NULL;
    runner->ctest_disabled += strstr(at, "***Not Run (Disabled)") != NULL;
    return true;
}

/* `Total Tests: 5` at the end of a list (-N). It stands below `Test project /path`, as does a summary; what
 * a test prints does not begin its line. */
static bool read_ctest_list(struct runner *runner, const char *line)
{
    const char *at = line;
    uint64_t number;

    if (strncmp(line, "Test project /", 14) == 0)
        return runner->ctest_begun = true;
    if (!runner->ctest_begun || !runner_take(&at, "Total Tests: ") ||
        !runner_take_number(&at, &number) || *at != '\0')
        return false;
    runner->ctest_begun = false;
    runner_add(runner, "ctest", line, 0, 0);
    return true;
}

/* `100% tests passed, 0 tests failed out of 5`, and for none a line of its own. */
bool runner_read_ctest(struct runner *runner, const char *line)
{
    const char *at = line;
    uint64_t percent, failed, all, skipped;

    if (read_ctest_list(runner, line))
        return true;
    if (strcmp(line, "No tests were found!!!") == 0) {
        runner->ctest_begun = false;
        runner_add(runner, "ctest", line, 0, 0);
        return true;
    }
    if (!runner_take_number(&at, &percent) || !runner_take(&at, "% tests passed, ") ||
        !runner_take_number(&at, &failed) ||
        (!runner_take(&at, " tests failed") && !runner_take(&at, " test failed")) ||
        !runner_take(&at, " out of ") || !runner_take_number(&at, &all) || *at != '\0')
        return false;
    skipped = runner->ctest_skipped < all ? runner->ctest_skipped : all;
    runner->ctest_skipped = runner->ctest_disabled = 0;
    runner->ctest_begun = false;
    if (skipped > 0 && skipped == all)
        line = "all of the tests were skipped";
    all -= skipped;
    runner_add(runner, "ctest", line, all, all > failed ? all - failed : 0);
    return true;
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
    return ends_with(line, " run, as --install-only is set.");
}

void runner_note_session(struct runner *runner, const char *line)
{
    const char *at = line;

    if (*line == '\0' || !runner->in_session)
        return;
    if (!runner_take(&at, "nox > ") || (strncmp(at, "Session ", 8) != 0 && !is_preparation(at)))
        runner->session_works = true;
}

/* `nox > Session tests-3.11 was successful.`, `nox > Session tests skipped: no interpreter.`; the last line
 * of a list (-l). */
bool runner_read_nox(struct runner *runner, const char *line)
{
    const char *at = line;
    const char *name;
    char idle[REPORT_NAME_SIZE];

    if (strcmp(line, "sessions marked with * are selected, sessions marked with - are skipped.") ==
        0) {
        note_first(runner->session_said, &runner->sessions_skipped, line);
        return true;
    }
    if (runner_take(&at, "nox > Running session ")) {
        runner->in_session = true;
        runner->session_works = false;
        return true;
    }
    if (!runner_take(&at, "nox > Session "))
        return false;
    line += strlen("nox > ");
    name = at;
    at += strcspn(at, " ");
    if (runner_take(&at, " skipped: ") || strcmp(at, " skipped.") == 0) {
        note_first(runner->session_said, &runner->sessions_skipped, line);
    } else if (runner->in_session && !runner->session_works &&
               strncmp(at, " was successful", 15) == 0) {
        snprintf(idle, sizeof(idle), "Session %.*s ran no command", (int)(at - name), name);
        note_first(runner->session_said, &runner->sessions_skipped, idle);
    } else if (runner_take(&at, " was successful") || runner_take(&at, " failed") ||
               runner_take(&at, " aborted")) {
        runner->sessions_done++;
    } else {
        return false;
    }
    runner->in_session = false;
    return true;
}

/* In `pre-commit run || pre-commit run` the second run counts: it begins with the hook that was the first
 * one. */
static void note_hook(struct runner *runner, const char *line, bool failed)
{
    size_t named = (size_t)(strstr(line, "...") - line);

    if (runner->hooks_done++ == 0)
        snprintf(runner->first_hook, sizeof(runner->first_hook), "%.*s", (int)named, line);
    else if (strlen(runner->first_hook) == named && strncmp(line, runner->first_hook, named) == 0)
        runner->hooks_failed = 0;
    runner->hooks_failed += failed;
}

/* `check yaml.......................................(no files to check)Skipped`, `...Passed`, `...Failed` */
bool runner_read_pre_commit(struct runner *runner, const char *line)
{
    static const char none[] = "(no files to check)Skipped";

    if (*line == '\0' || !strstr(line, "..."))
        return false;
    if (ends_with(line, none) || ends_with(line, ".Skipped"))
        note_first(runner->hook_said, &runner->hooks_skipped,
                   ends_with(line, none) ? none : "Skipped");
    else if (ends_with(line, "...Passed") || ends_with(line, "...Failed"))
        note_hook(runner, line, ends_with(line, "Failed"));
    else
        return false;
    return true;
}

/* `make: 'test' is up to date.`, `make: Nothing to be done for 'test'.`; those of a make below another do
 * not count, as the upper one goes on. In `make all test`, `all` may be idle. */
bool runner_read_make(struct runner *runner, const char *line)
{
    const char *at = line;

    if (!runner_take(&at, "make: "))
        return false;
    if (!(strncmp(at, "Nothing to be done for ", 23) == 0 && ends_with(at, ".")) &&
        !ends_with(at, "' is up to date."))
        return false;
    if (strstr(at, "test") || strstr(at, "check"))
        note_first(runner->target_said, &runner->targets_idle, at);
    else if (runner->targets_idle == 0)
        snprintf(runner->target_said, sizeof(runner->target_said), "%s", at);
    runner->target_waits = true;
    return true;
}

void runner_note_work(struct runner *runner, const char *line)
{
    if (*line != '\0' && strncmp(line, "make: ", 6) != 0 && strncmp(line, "make[", 5) != 0)
        runner->target_waits = false;
}

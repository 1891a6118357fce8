#include "daemon/validation/runner.h"

#include "common/text.h"
#include "daemon/validation/go-json.h"
#include "daemon/validation/runner-form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void read_summary(struct runner *runner, const char *line)
{
    char inside[RUNNER_LINE_SIZE];

    static bool (*const forms[])(struct runner *, const char *) = {
        runner_read_unittest,   runner_read_sugar, /* first: they may end one that was begun */
        runner_read_pytest,     runner_read_cargo,      runner_read_nextest, runner_read_go_test,
        runner_read_go,         runner_read_ctest_line, runner_read_ctest,   runner_read_nox,
        runner_read_pre_commit, runner_read_make,
    };

    if (go_json_line(line, inside, sizeof(inside)))
        line = inside;
    runner_note_session(runner, line);
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++)
        if (forms[i](runner, line))
            return;
    runner_note_work(runner, line);
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
    text_strip_colours(runner->line);
    if (!runner->matched && runner->expect)
        runner->matched = regexec(runner->expect, runner->line, 0, NULL, 0) == 0;
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
        runner_add(runner, "pre-commit", "", runner->hooks_done,
                   runner->hooks_done - runner->hooks_failed);
    else if (runner->hooks_skipped > 0)
        runner_add(runner, "pre-commit", runner->hook_said, 0, 0);
    if (runner->sessions_skipped > 0 && runner->sessions_done == 0)
        runner_add(runner, "nox", runner->session_said, 0, 0);
    if (runner->ctest_disabled > 0)
        runner_add(runner, "ctest", "all of the tests are disabled", 0, 0);
    if ((runner->targets_idle > 0 || runner->target_waits) && runner->summaries == 0)
        runner_add(runner, "make", runner->target_said, 0, 0);
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
        runner_end_unittest(runner);
    if (runner->awaits_sugar)
        runner_end_sugar(runner);
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

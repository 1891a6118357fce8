#include "daemon/validation/failure.h"

#include "common/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* What follows a line; or that it says that the file to run is missing. */
enum completion { ALONE, NEXT_LINE, NEXT_OF_HOOK, NEXT_EXCEPTION, NOT_THERE };

#define DOTS_SHOWN 3 /* of those that fill a line */

/* The first row that matches says what a line is. All members except `begins` may be NULL. */
static const struct pattern {
    const char *begins; /* after blanks */
    const char *has;
    const char *lacks;
    enum failure_rank rank;
    enum completion completion;
} patterns[] = {
    /* pytest: `FAILED tests/test_a.py::test_b - assert 1 == 2`, but unittest: `FAILED (failures=1)` */
    {"FAILED (", NULL, NULL, FAILURE_SUMMARY, ALONE},
    {"FAILED ", NULL, NULL, FAILURE_TEST, ALONE},
    {"ERROR ", ".py", NULL, FAILURE_TEST, ALONE},
    {"E   ", NULL, NULL, FAILURE_REASON, ALONE},
    {"FAIL Required test coverage", NULL, NULL, FAILURE_ERROR, ALONE},
    {"Coverage failure: ", NULL, NULL, FAILURE_ERROR, ALONE},
    /* unittest: `FAIL: test_b (test_a.A.test_b)`, then a traceback; nose2 of a function: `FAIL: test_a.test_b` */
    {"FAIL: ", " (", NULL, FAILURE_TEST, NEXT_EXCEPTION},
    {"FAIL: test", NULL, NULL, FAILURE_TEST, NEXT_EXCEPTION},
    {"ERROR: test", ".test", NULL, FAILURE_TEST, NEXT_EXCEPTION},
    {"ERROR: ", "_FailedTest", NULL, FAILURE_TEST, NEXT_EXCEPTION},
    {"ERROR: test", " (", NULL, FAILURE_TEST, NEXT_EXCEPTION},
    {"ERROR: setUp", " (", NULL, FAILURE_TEST, NEXT_EXCEPTION},
    {"ERROR: tearDown", " (", NULL, FAILURE_TEST, NEXT_EXCEPTION},
    /* tox 3, at the end of what a command printed, and its table of environments */
    {"ERROR: InvocationError", NULL, NULL, FAILURE_SUMMARY, ALONE},
    {"ERROR:   ", NULL, NULL, FAILURE_SUMMARY, ALONE},
    /* tox 4: `unit: exit 1 (0.50 seconds) /x> python check.py`, `unit: FAIL code 1` */
    {"", ": exit ", NULL, FAILURE_SUMMARY, ALONE},
    {"", ": FAIL code ", NULL, FAILURE_SUMMARY, ALONE},
    {"", ": failed with ", NULL, FAILURE_ERROR, ALONE},
    {"", ": skipped because ", NULL, FAILURE_ERROR, ALONE},
    /* nox */
    {"nox > Session ", " raised exception ", NULL, FAILURE_EXCEPTION, ALONE},
    {"nox > Session ", " aborted: ", NULL, FAILURE_ERROR, ALONE},
    {"nox > Sessions not found", NULL, NULL, FAILURE_ERROR, ALONE},
    {"nox > Command ", " failed with exit code ", NULL, FAILURE_SUMMARY, ALONE},
    {"nox > Session ", " failed", NULL, FAILURE_SUMMARY, ALONE},
    {"nox > No sessions selected", NULL, NULL, FAILURE_SUMMARY, ALONE},
    /* ctest: `2/7 Test #2: bad ....***Failed    0.01 sec`. The test's own words about its parts are better. */
    {"", "***Failed ", NULL, FAILURE_EXCEPTION, ALONE},
    {"", "***Exception: ", NULL, FAILURE_EXCEPTION, ALONE},
    {"", "***Timeout ", NULL, FAILURE_EXCEPTION, ALONE},
    {"", "***Not Run ", "(Disabled)", FAILURE_EXCEPTION, ALONE},
    /* pre-commit: `trailing blanks.....Failed`, `- hook id: blanks`, `- exit code: 1`, then what the hook said */
    {"", "...Failed", NULL, FAILURE_EXCEPTION, NEXT_OF_HOOK},
    /* go test: `--- FAIL: TestB (0.00s)`, then `    a_test.go:7: got 1, want 2` */
    {"--- FAIL: ", NULL, NULL, FAILURE_TEST, NEXT_LINE},
    {"FAIL\t", NULL, NULL, FAILURE_SUMMARY, ALONE},
    /* and its compiler: `# example.org/a [example.org/a.test]`, then `./a.go:2:23: undefined: x` */
    {"# ", ".test]", NULL, FAILURE_ERROR, NEXT_LINE},
    {"# [", "]", NULL, FAILURE_ERROR, NEXT_LINE},
    /* googletest */
    {"[  FAILED  ] ", NULL, " test", FAILURE_TEST, ALONE},
    /* cargo: `thread 'a::b' panicked at src/lib.rs:5:9:`, then the message; before 1.73 on the same line */
    {"thread '", "' panicked at '", NULL, FAILURE_TEST, ALONE},
    {"thread '", " panicked at ", NULL, FAILURE_TEST, NEXT_LINE},
    {"error: test failed", NULL, NULL, FAILURE_SUMMARY, ALONE},
    /* an interpreter, told to run what is not there */
    {"", ": No module named ", "Error: ", FAILURE_ERROR, NOT_THERE},
    {"", ": can't open file ", NULL, FAILURE_ERROR, NOT_THERE},
    {"", "sh: 0: cannot open ", NULL, FAILURE_ERROR, NOT_THERE},
    {"Can't open perl script ", NULL, NULL, FAILURE_ERROR, NOT_THERE},
    {"", "ruby: No such file or directory -- ", NULL, FAILURE_ERROR, NOT_THERE},
    {"Error: Cannot find module '/", NULL, NULL, FAILURE_ERROR, NOT_THERE},
    {"Could not open input file: ", NULL, NULL, FAILURE_ERROR, NOT_THERE},     /* php */
    {"Fatal error: cannot open file '", NULL, NULL, FAILURE_ERROR, NOT_THERE}, /* Rscript */
    {"ERROR: could not open file ", NULL, NULL, FAILURE_ERROR, NOT_THERE},     /* julia */
    {"ERROR: SystemError: opening file ", NULL, NULL, FAILURE_ERROR, NOT_THERE},
    /* a program that crashed, as Python's faulthandler or a shell says it */
    {"Fatal Python error: ", NULL, NULL, FAILURE_EXCEPTION, ALONE},
    {"", "Segmentation fault", NULL, FAILURE_ERROR, ALONE},
    {"", "(core dumped)", NULL, FAILURE_ERROR, ALONE},
    {"", "Bus error", NULL, FAILURE_ERROR, ALONE},
    {"", "Illegal instruction", NULL, FAILURE_ERROR, ALONE},
    {"", "Floating point exception", NULL, FAILURE_ERROR, ALONE},
    {"Killed", NULL, NULL, FAILURE_SUMMARY, ALONE},
    {"", " Killed ", NULL, FAILURE_SUMMARY, ALONE},
    {"Aborted", NULL, NULL, FAILURE_SUMMARY, ALONE},
    {"", " Aborted ", NULL, FAILURE_SUMMARY, ALONE},
    /* the sanitizers: `==12==ERROR: AddressSanitizer: heap-use-after-free`, `a.c:3:5: runtime error: ...` */
    {"==", "==ERROR: ", NULL, FAILURE_EXCEPTION, ALONE},
    {"", ": runtime error: ", NULL, FAILURE_ERROR, ALONE},
    {"WARNING: ThreadSanitizer: ", NULL, NULL, FAILURE_ERROR, ALONE},
    /* node */
    {"TypeError: ", NULL, NULL, FAILURE_ERROR, ALONE},
    {"ReferenceError: ", NULL, NULL, FAILURE_ERROR, ALONE},
    {"SyntaxError: ", NULL, NULL, FAILURE_ERROR, ALONE},
    /* compilers, linters, pip and the rest */
    {"AssertionError", NULL, NULL, FAILURE_ERROR, ALONE},
    {"error: ", NULL, NULL, FAILURE_ERROR, ALONE},
    {"error[", "]: ", NULL, FAILURE_ERROR, ALONE},
    {"Error: ", NULL, NULL, FAILURE_ERROR, ALONE},
    {"ERROR: ", NULL, NULL, FAILURE_ERROR, ALONE},
    {"fatal: ", NULL, NULL, FAILURE_ERROR, ALONE},
    {"", ": error: ", NULL, FAILURE_ERROR, ALONE},
    {"", ": fatal error: ", NULL, FAILURE_ERROR, ALONE},
    {"", "): error ", NULL, FAILURE_ERROR, ALONE},
    {"FAIL: ", NULL, NULL, FAILURE_ERROR, ALONE},
    {"", "OutOfMemoryError", NULL, FAILURE_ERROR, ALONE},
    {"sh: ", ": not found", NULL, FAILURE_ERROR, ALONE},
    {"/bin/sh: ", ": not found", NULL, FAILURE_ERROR, ALONE},
    {"/usr/bin/sh: ", ": not found", NULL, FAILURE_ERROR, ALONE},
    {"", ": command not found", NULL, FAILURE_ERROR, ALONE},
    /* env, cp and the like */
    {"", ": No such file or directory", NULL, FAILURE_SUMMARY, ALONE},
    {"", ": Permission denied", NULL, FAILURE_SUMMARY, ALONE},
    {"", ": cannot ", NULL, FAILURE_SUMMARY, ALONE},   /* `rm: cannot remove 'x': Is a directory` */
    {"", ": not found", NULL, FAILURE_SUMMARY, ALONE}, /* `ci/test.sh: 3: nosuch: not found` */
    /* TAP */
    {"not ok ", NULL, "# TODO", FAILURE_TEST, ALONE},
    /* jest: `FAIL src/b.test.js`, then `● adds numbers` */
    {"FAIL ", ".test.", NULL, FAILURE_SUMMARY, ALONE},
    {"\xe2\x97\x8f ", NULL, NULL, FAILURE_TEST, ALONE},
    /* a program's own log */
    {"", " ERROR ", NULL, FAILURE_ERROR, ALONE},
    /* ninja and make, which repeat what was said before */
    {"FAILED: ", NULL, NULL, FAILURE_SUMMARY, ALONE},
    {"make: *** ", NULL, NULL, FAILURE_SUMMARY, ALONE},
    {"make[", "]: *** ", NULL, FAILURE_SUMMARY, ALONE},
};

/* Nearly all lines differ in the first byte, and there may be millions of them. */
static bool begins(const char *line, const char *word)
{
    return *word == '\0' || (*line == *word && strncmp(line, word, strlen(word)) == 0);
}

static const struct pattern *match(const char *line)
{
    for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
        const struct pattern *pattern = &patterns[i];

        if (begins(line, pattern->begins) && (!pattern->has || strstr(line, pattern->has)) &&
            (!pattern->lacks || !strstr(line, pattern->lacks)))
            return pattern;
    }
    return NULL;
}

static void keep(char to[static FAILURE_LINE_SIZE], const char *line)
{
    snprintf(to, FAILURE_LINE_SIZE, "%s", line);
}

static void find(struct failure *failure, enum failure_rank rank, enum completion completion,
                 const char *line)
{
    failure->rank = rank;
    keep(failure->found, line);
    *failure->detail = '\0';
    failure->awaits_next = completion == NEXT_LINE || completion == NEXT_OF_HOOK;
    failure->of_hook = completion == NEXT_OF_HOOK;
    failure->awaits_exception = completion == NEXT_EXCEPTION;
    failure->not_there = completion == NOT_THERE;
}

/* Whether the line belongs to a traceback. Its last line names the exception. */
static bool trace(struct failure *failure, const char *line, size_t indentation)
{
    if (begins(line, "Traceback (most recent call last):")) {
        failure->traced = true;
        failure->indentation = indentation;
        return true;
    }
    if (!failure->traced)
        return false;
    if (indentation > failure->indentation)
        return true;
    failure->traced = false;
    if (failure->awaits_exception)
        keep(failure->detail, line);
    else if (failure->rank < FAILURE_EXCEPTION)
        find(failure, FAILURE_EXCEPTION, ALONE, line);
    failure->awaits_exception = false;
    return true;
}

/* Reads what is between the rules of pytest's `____ TestA.test_b ____`. Returns false if it is no such
 * heading. */
static bool read_heading(char section[static FAILURE_LINE_SIZE], const char *line)
{
    size_t rule = strspn(line, "_");
    size_t length = strlen(line);

    if (rule < 3 || line[rule] != ' ' || length < rule + 5 || strcmp(line + length - 3, "___") != 0)
        return false;
    while (length > rule && (line[length - 1] == '_' || line[length - 1] == ' '))
        length--;
    if (length == rule)
        return false;
    snprintf(section, FAILURE_LINE_SIZE, "%.*s", (int)(length - rule - 1), line + rule + 1);
    return true;
}

/* A line after a failed hook of pre-commit. The words of pre-commit come before those of the hook, and the
 * next hook ends them. */
static void read_hook(struct failure *failure, const char *line)
{
    if (begins(line, "- hook id: ") || begins(line, "- exit code: ") ||
        begins(line, "- duration: "))
        return;
    if (!strstr(line, "...Passed") && !strstr(line, "...Failed") && !strstr(line, ".Skipped") &&
        !strstr(line, ")Skipped"))
        keep(failure->detail, line);
    failure->awaits_next = false;
}

static void judge(struct failure *failure, const char *line)
{
    const struct pattern *pattern = match(line);

    if (pattern && pattern->rank == FAILURE_REASON) {
        line += strspn(line + 1, " ") + 1;
        if (!*failure->reason) {
            keep(failure->reason, line);
            keep(failure->reason_section, failure->section);
        }
    }
    /* A part of a test may fail before the whole test does. */
    if (pattern && (pattern->rank > failure->rank || (failure->awaits_next && !failure->of_hook &&
                                                      pattern->completion == NEXT_LINE))) {
        find(failure, pattern->rank, pattern->completion, line);
        return;
    }
    if (failure->awaits_next && failure->of_hook) {
        read_hook(failure, line);
        return;
    }
    if (failure->awaits_next)
        keep(failure->detail, line);
    failure->awaits_next = false;
}

static void end_line(struct failure *failure)
{
    size_t indentation;
    const char *line;

    failure->line[failure->length] = '\0'; /* what follows a NUL is not read */
    failure->length = 0;
    text_strip_colours(failure->line);
    indentation = strspn(failure->line, " \t");
    line = failure->line + indentation;
    if (*line == '\0' || read_heading(failure->section, line))
        return;
    if (!trace(failure, line, indentation))
        judge(failure, line);
}

static void append(struct failure *failure, const char *bytes, size_t length)
{
    size_t room = FAILURE_LINE_SIZE - 1 - failure->length;

    memcpy(failure->line + failure->length, bytes, length < room ? length : room);
    failure->length += length < room ? length : room;
}

/* Reads one line. A progress bar may have written many lines over each other. */
static void read_line(struct failure *failure, const char *at, const char *end)
{
    const char *back;

    while ((back = memchr(at, '\r', (size_t)(end - at)))) {
        append(failure, at, (size_t)(back - at));
        end_line(failure);
        at = back + 1;
    }
    append(failure, at, (size_t)(end - at));
}

void failure_read(struct failure *failure, const char *bytes, size_t length)
{
    const char *end = bytes + length;

    while (bytes < end) {
        const char *newline = memchr(bytes, '\n', (size_t)(end - bytes));

        read_line(failure, bytes, newline ? newline : end);
        if (!newline)
            return;
        end_line(failure);
        bytes = newline + 1;
    }
}

/* pytest shortens the reason in its summary if it is wider than a terminal. The whole reason is further
 * up, below the heading of the same test. */
static bool reason_was_cut(const struct failure *failure)
{
    const char *section = failure->reason_section;
    const char *space = strrchr(section, ' ');
    const char *name = space ? space + 1 : section;
    const char *dot = strchr(name, '/') ? NULL : strrchr(name, '.');
    size_t length = strlen(failure->found);

    if (failure->rank != FAILURE_TEST || !*failure->reason || !*section || !*name)
        return false;
    if (strstr(failure->found, " - ") &&
        (length < 3 || strcmp(failure->found + length - 3, "...") != 0))
        return false;
    return strstr(failure->found, dot ? dot + 1 : name) != NULL;
}

/* Shortens what fills a line between a name and its outcome. */
static void shorten_dots(char *line)
{
    char *to = line;
    size_t dots = 0;

    for (const char *at = line; *at != '\0'; at++) {
        dots = *at == '.' ? dots + 1 : 0;
        if (dots <= DOTS_SHOWN)
            *to++ = *at;
    }
    *to = '\0';
}

void failure_end(struct failure *failure, struct text *text, size_t limit)
{
    CLEANUP_TEXT struct text raw = {0};
    CLEANUP_TEXT struct text repaired = {0};
    CLEANUP_TEXT struct text line = {0};
    const char *detail;

    end_line(failure);
    detail = failure->detail;
    if (reason_was_cut(failure)) {
        char *dash = strstr(failure->found, " - ");

        if (dash)
            *dash = '\0';
        detail = failure->reason;
    }
    shorten_dots(failure->found);
    text_append(&raw, failure->found);
    if (*detail)
        text_append_format(&raw, "%s %s", raw.data[raw.length - 1] == ':' ? "" : ":", detail);
    text_append_repaired(&repaired, text_string(&raw), raw.length);
    text_append_line(&line, text_string(&repaired), limit);
    text_append_visible(text, text_string(&line), NULL);
}

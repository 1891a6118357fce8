#pragma once

/*
 * The forms of the summaries of test runners. Pure.
 *
 * A line is parsed by hand from left to right, up to its end. A line in no runner's form is ignored.
 */

#include "daemon/validation/runner.h"

/* Each takes a piece of a line at `*at`: a word, a number of at most nine digits, a number such as 12, 0.03
 * or 1.5. Returns whether it is there. If so, moves `*at` past it. */
bool runner_take(const char **at, const char *word);
bool runner_take_number(const char **at, uint64_t *number);
bool runner_take_decimal(const char **at);

/* Adds the numbers of a line that was read to its end. */
void runner_add(struct runner *runner, const char *name, const char *line, uint64_t tests,
                uint64_t passed);

/* Each reads a line. Returns whether it has that runner's form. Those of Python are in runner-python.c, the
 * others in runner-form.c. */
bool runner_read_unittest(struct runner *runner, const char *line);
bool runner_read_sugar(struct runner *runner, const char *line);
bool runner_read_pytest(struct runner *runner, const char *line);
bool runner_read_cargo(struct runner *runner, const char *line);
bool runner_read_nextest(struct runner *runner, const char *line);
bool runner_read_go_test(struct runner *runner, const char *line);
bool runner_read_go(struct runner *runner, const char *line);
bool runner_read_ctest_line(struct runner *runner, const char *line);
bool runner_read_ctest(struct runner *runner, const char *line);
bool runner_read_nox(struct runner *runner, const char *line);
bool runner_read_pre_commit(struct runner *runner, const char *line);
bool runner_read_make(struct runner *runner, const char *line);

/* Notes a line of no known form: after an idle target of make, another one may have tested something. */
void runner_note_work(struct runner *runner, const char *line);

/* Notes a line in a session of nox, a command or its output: the session does something. */
void runner_note_session(struct runner *runner, const char *line);

/* End a summary of several lines whose last line did not come. */
void runner_end_unittest(struct runner *runner);
void runner_end_sugar(struct runner *runner);

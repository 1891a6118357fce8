/* Promise: a child's end, output and environment are what they are said to be. */

/* The children are real: sh, sleep, cat, python3. The name of a test says what it is about. */

#include "process-fixture.h"

static void test_output_and_errors_are_kept_apart(void **state)
{
    CLEANUP_OUTCOME struct outcome outcome = {0};

    run(&outcome, &(struct process_options){SHELL("echo out; echo err >/dev/stderr; exit 3")});
    assert_int_equal(outcome.result.end, PROCESS_EXITED);
    assert_int_equal(outcome.result.status, 3);
    assert_string_equal(outcome.output, "out\n");
    assert_int_equal(outcome.result.output_length, 4);
    assert_string_equal(outcome.errors, "err\n");
    assert_string_equal(outcome.tail, "");
    assert_null(outcome.problem);
    assert_string_equal(outcome.description, "exited with status 3");
}

static void test_only_the_last_of_the_errors_is_kept(void **state)
{
    CLEANUP_OUTCOME struct outcome outcome = {0};

    run(&outcome, &(struct process_options){SHELL(
                      "seq 1 100000 >&2; printf 'ä%.0s' $(seq 1 4095) >&2; printf '\\377xy' >&2")});
    assert_int_equal(outcome.result.status, 0);
    assert_int_equal(strncmp(outcome.errors, "ä", 2), 0);
    /* The window begins inside the first ä, which is left out; \377 becomes three bytes. */
    assert_int_equal(strlen(outcome.errors), 4094 * 2 + 5);
    assert_string_equal(outcome.errors + strlen(outcome.errors) - 7, "ä\xef\xbf\xbdxy");
}

static void test_signal_is_not_an_exit_status(void **state)
{
    CLEANUP_OUTCOME struct outcome outcome = {0};

    run(&outcome, &(struct process_options){SHELL("kill -9 $$")});
    assert_int_equal(outcome.result.end, PROCESS_SIGNALLED);
    assert_int_equal(outcome.result.signal, 9);
    assert_string_equal(outcome.description, "was killed by signal 9 (Killed)");
}

static void test_input_is_fed_and_ended(void **state)
{
    CLEANUP_OUTCOME struct outcome outcome = {0};
    CLEANUP_FREE char *input = memory_new(300000);

    memset(input, 'x', 300000);
    run(&outcome, &(struct process_options){SHELL("cat"), .input = input, .input_length = 300000});
    assert_int_equal(outcome.result.status, 0);
    assert_int_equal(outcome.result.output_length, 300000);
    assert_memory_equal(outcome.output, input, 300000);
}

static void test_empty_input_ends_at_once(void **state)
{
    CLEANUP_OUTCOME struct outcome outcome = {0};

    run(&outcome, &(struct process_options){SHELL("cat; test -p /dev/stdin"), .input = ""});
    assert_int_equal(outcome.result.status, 0);
}

static void test_input_that_is_not_read_does_no_harm(void **state)
{
    CLEANUP_OUTCOME struct outcome outcome = {0};
    CLEANUP_FREE char *input = memory_new(MEBIBYTE);

    run(&outcome, &(struct process_options){SHELL("exec <&-; exit 4"), .input = input,
                                            .input_length = MEBIBYTE});
    assert_int_equal(outcome.result.end, PROCESS_EXITED);
    assert_int_equal(outcome.result.status, 4);
}

static void test_without_input_stdin_is_null(void **state)
{
    CLEANUP_OUTCOME struct outcome outcome = {0};

    run(&outcome, &(struct process_options){SHELL("readlink /proc/self/fd/0")});
    assert_string_equal(outcome.output, "/dev/null\n");
}

static void test_environment_is_exactly_the_given_one(void **state)
{
    CLEANUP_OUTCOME struct outcome outcome = {0};
    const char *const environment[] = {"PATH=/usr/bin:/bin", "A=1", NULL};

    setenv("SECRET_OF_THE_DAEMON", "1", 1);
    run(&outcome, &(struct process_options){.argv = (const char *const[]){"env", NULL},
                                            .environment = environment,
                                            .output_limit = MEBIBYTE});
    assert_string_equal(outcome.output, "PATH=/usr/bin:/bin\nA=1\n");
    outcome_clear(&outcome);
    run(&outcome, &(struct process_options){.argv = (const char *const[]){"env", NULL},
                                            .output_limit = MEBIBYTE});
    assert_int_equal(outcome.result.status, 0);
    assert_string_equal(outcome.output, "");
}

static void test_directory_is_honoured(void **state)
{
    CLEANUP_OUTCOME struct outcome outcome = {0};

    run(&outcome, &(struct process_options){SHELL("pwd -P"), .directory = directory});
    assert_memory_equal(outcome.output, directory, strlen(directory));
}

static void test_its_memory_is_limited(void **state)
{
    CLEANUP_OUTCOME struct outcome outcome = {0};

    run(&outcome,
        &(struct process_options){SHELL("sh -c 'ulimit -Hd; ulimit -d'"), .memory = 64 * MEBIBYTE});
    assert_int_equal(outcome.result.end, PROCESS_EXITED);
    assert_string_equal(outcome.output, "65536\n65536\n");
}

static void test_no_descriptor_is_inherited(void **state)
{
    static const char script[] = "import os\n"
                                 "def is_open(n):\n"
                                 "    try: return bool(os.fstat(n))\n"
                                 "    except OSError: return False\n"
                                 "print([n for n in range(300) if is_open(n)])\n";
    CLEANUP_OUTCOME struct outcome outcome = {0};
    int forgotten = open("/dev/null", O_RDONLY);

    run(&outcome,
        &(struct process_options){.argv = (const char *const[]){"python3", "-c", script, NULL},
                                  .environment = plain_environment,
                                  .output_limit = MEBIBYTE});
    assert_string_equal(outcome.output, "[0, 1, 2]\n");
    close(forgotten);
}

static void test_signals_are_default_and_unblocked(void **state)
{
    CLEANUP_OUTCOME struct outcome outcome = {0};
    sigset_t blocked;

    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    run(&outcome, &(struct process_options){
                      SHELL("grep -E 'SigBlk|SigIgn' /proc/self/status | tr -d '\\t'")});
    sigprocmask(SIG_UNBLOCK, &blocked, NULL);
    assert_string_equal(outcome.output, "SigBlk:0000000000000000\nSigIgn:0000000000000000\n");
}

static void test_child_leads_group_and_session(void **state)
{
    CLEANUP_OUTCOME struct outcome outcome = {0};
    struct operation *operation;
    CLEANUP_FREE char *expected = NULL;

    operation = process_start(&loop,
                              &(struct process_options){SHELL("cut -d' ' -f1,5,6 </proc/$$/stat")},
                              on_result, &outcome);
    expected = memory_format("%1$d %1$d %1$d\n", process_id(operation));
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_string_equal(outcome.output, expected);
}

static void test_closed_output_is_not_the_end(void **state)
{
    CLEANUP_OUTCOME struct outcome outcome = {0};

    run(&outcome, &(struct process_options){SHELL("exec >&- 2>&-; sleep 0.3; exit 5")});
    assert_int_equal(outcome.result.status, 5);
    assert_true(outcome.result.duration_ms >= 300);
}

static void test_too_much_output_is_stopped(void **state)
{
    CLEANUP_OUTCOME struct outcome outcome = {0};

    run(&outcome, &(struct process_options){.argv = (const char *const[]){"yes", NULL},
                                            .environment = plain_environment,
                                            .output_limit = 1001});
    assert_int_equal(outcome.result.end, PROCESS_OVERFLOWED);
    assert_int_equal(outcome.result.output_length, 1001);
    assert_int_equal(strlen(outcome.output), 1001);
    assert_string_equal(outcome.description, "was killed because it printed more than 1001 bytes");
    outcome_clear(&outcome);
    run(&outcome, &(struct process_options){.argv = (const char *const[]){"printf", "12345", NULL},
                                            .environment = plain_environment,
                                            .output_limit = 5});
    assert_int_equal(outcome.result.end, PROCESS_EXITED);
}

static void on_tick(uv_timer_t *timer)
{
    unsigned *ticks = timer->data;

    ++*ticks;
}

static void test_a_flood_is_bounded_and_starves_nobody(void **state)
{
    CLEANUP_OUTCOME struct outcome outcome = {0};
    CLEANUP_FREE char *path = path_of("flood");
    struct rusage before, after;
    struct stat status;
    uv_timer_t timer;
    unsigned ticks = 0;

    uv_timer_init(&loop, &timer);
    timer.data = &ticks;
    uv_timer_start(&timer, on_tick, 10, 10);
    uv_unref((uv_handle_t *)&timer);
    getrusage(RUSAGE_SELF, &before);
    run(&outcome,
        &(struct process_options){SHELL("yes 0123456789 | head -c 500000000"), .log_path = path,
                                  .log_limit = MEBIBYTE, .tail_lines = 100});
    getrusage(RUSAGE_SELF, &after);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(outcome.result.end, PROCESS_EXITED);
    assert_int_equal(outcome.result.log_bytes, 500000000);
    assert_int_equal(stat(path, &status), 0);
    assert_in_range(status.st_size, MEBIBYTE - 11, MEBIBYTE + 100); /* a line less, a note more */
    assert_null(outcome.problem);
    if (getenv("WINNOWD_UNDER_VALGRIND"))
        return; /* which takes time and memory of its own */
    assert_in_range(after.ru_maxrss - before.ru_maxrss, 0, 8 * 1024);
    assert_true(ticks >= outcome.result.duration_ms / 40);
}

static void test_log_holds_both_and_the_tail_the_last_lines(void **state)
{
    CLEANUP_OUTCOME struct outcome outcome = {0};
    CLEANUP_FREE char *path = path_of("log");

    write_file(path, "of an earlier run, longer than what comes now, to be truncated\n", 0600);
    run(&outcome, &(struct process_options){SHELL("echo a; echo b >&2; seq 1 5; printf end"),
                                            .log_path = path, .log_limit = 1000, .tail_lines = 3});
    assert_string_equal(outcome.tail, "4\n5\nend");
    assert_int_equal(outcome.result.log_bytes, 17);
    assert_string_equal(outcome.output, "");
    outcome_clear(&outcome);
    run(&outcome, &(struct process_options){.argv = (const char *const[]){"cat", path, NULL},
                                            .environment = plain_environment,
                                            .output_limit = 1000});
    assert_string_equal(outcome.output, "a\nb\n1\n2\n3\n4\n5\nend");
}

static size_t bytes_in_turn, most_in_turn;

static void on_turn(uv_prepare_t *turn)
{
    bytes_in_turn = 0;
}

/* As slow as if it looked at each line: meanwhile the child prints on. */
static void on_printed(void *data, const char *bytes, size_t length)
{
    usleep(500);
    bytes_in_turn += length;
    if (bytes_in_turn > most_in_turn)
        most_in_turn = bytes_in_turn;
}

/* However fast the child prints: other work of the loop has its turn in between. */
static void test_who_looks_at_all_lines_holds_nobody_up(void **state)
{
    CLEANUP_OUTCOME struct outcome outcome = {0};
    CLEANUP_FREE char *path = path_of("lines");
    uv_prepare_t turn;

    uv_prepare_init(&loop, &turn);
    uv_prepare_start(&turn, on_turn);
    uv_unref((uv_handle_t *)&turn);
    run(&outcome, &(struct process_options){SHELL("yes | head -c 1000000"), .log_path = path,
                                            .log_limit = MEBIBYTE, .printed = on_printed});
    assert_int_equal(outcome.result.log_bytes, 1000000);
    assert_true(most_in_turn <= 128 * 1024);
    uv_close((uv_handle_t *)&turn, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
}

static void test_full_disk_is_told_and_survived(void **state)
{
    CLEANUP_OUTCOME struct outcome outcome = {0};

    run(&outcome, &(struct process_options){SHELL("seq 1 50000; echo end"), .log_path = "/dev/full",
                                            .log_limit = MEBIBYTE, .tail_lines = 1});
    assert_int_equal(outcome.result.end, PROCESS_EXITED);
    assert_int_equal(outcome.result.status, 0);
    assert_string_equal(outcome.tail, "end");
    assert_string_equal(outcome.problem, "log file /dev/full: No space left on device");
    outcome_clear(&outcome);
    run(&outcome, &(struct process_options){SHELL("echo end"), .log_path = "/nowhere/log",
                                            .log_limit = MEBIBYTE, .tail_lines = 1});
    assert_string_equal(outcome.tail, "end");
    assert_string_equal(outcome.problem, "log file /nowhere/log: No such file or directory");
}

static void test_what_cannot_start_is_told_apart(void **state)
{
    CLEANUP_OUTCOME struct outcome outcome = {0};

    run(&outcome, &(struct process_options){.argv = (const char *const[]){"no-such-thing", NULL},
                                            .environment = plain_environment});
    assert_int_equal(outcome.result.end, PROCESS_NOT_STARTED);
    assert_string_equal(outcome.problem, "no-such-thing: no such program on the PATH");
    assert_string_equal(outcome.output, "");
    assert_string_equal(outcome.description,
                        "could not be started: no-such-thing: no such program on the PATH");
}

static void test_a_program_may_say_127_itself(void **state)
{
    CLEANUP_OUTCOME struct outcome outcome = {0};

    run(&outcome, &(struct process_options){SHELL("exit 127")});
    assert_int_equal(outcome.result.end, PROCESS_EXITED);
    assert_int_equal(outcome.result.status, 127);
}

/* What is found must also start: by a name that looks like an option, from the directory given. */
static void test_relative_program_starts_in_its_directory(void **state)
{
    CLEANUP_OUTCOME struct outcome outcome = {0};
    CLEANUP_FREE char *program = path_of("-find me");

    write_file(program, "#!/bin/sh\necho found $#\n", 0700);
    run(&outcome,
        &(struct process_options){.argv = (const char *const[]){"-find me", "-a", NULL},
                                  .environment = (const char *const[]){"PATH=:/bin", NULL},
                                  .directory = directory,
                                  .output_limit = 100});
    assert_int_equal(outcome.result.end, PROCESS_EXITED);
    assert_string_equal(outcome.output, "found 1\n");
}

static void test_many_side_by_side(void **state)
{
    struct outcome outcomes[20] = {0};

    for (int i = 0; i < 20; i++)
        process_start(&loop, &(struct process_options){SHELL("seq 1 20000; exit 9")}, on_result,
                      &outcomes[i]);
    uv_run(&loop, UV_RUN_DEFAULT);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(outcomes[i].calls, 1);
        assert_int_equal(outcomes[i].result.status, 9);
        assert_int_equal(outcomes[i].result.output_length, 108894);
        outcome_clear(&outcomes[i]);
    }
}

struct late {
    const char *go;
    int pid;
};

/* Lets the other child print its last and end, while the loop is in the middle of a turn. */
static void let_it_end(void *data, const char *bytes, size_t length)
{
    const struct late *late = data;

    write_file(late->go, "", 0600);
    assert_true(soon_gone(late->pid));
}

static void block_the_loop(void *data, const struct process_result *result)
{
    usleep(600000); /* longer than pipes are read after a child has ended */
}

/* Its end is seen with that of another child, before its output is. */
static void test_a_loop_that_was_blocked_loses_no_output(void **state)
{
    CLEANUP_OUTCOME struct outcome outcome = {0};
    CLEANUP_FREE char *go = path_of("go");
    CLEANUP_FREE char *log = path_of("log");
    CLEANUP_FREE char *script = memory_format(
        "while [ ! -e %s ]; do sleep 0.01; done; seq 10000; echo last >&2", go);
    struct operation *late = process_start(&loop, &(struct process_options){SHELL(script)},
                                           on_result, &outcome);
    struct late waiting = {go, process_id(late)};
    struct operation *other = process_start(
        &loop,
        &(struct process_options){SHELL("echo"), .log_path = log, .log_limit = 10,
                                  .printed = let_it_end},
        block_the_loop, &waiting);

    assert_true(soon_gone(process_id(other)));
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(outcome.calls, 1);
    assert_int_equal(outcome.result.output_length, 48894);
    assert_string_equal(outcome.errors, "last\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output_and_errors_are_kept_apart),
        cmocka_unit_test(test_only_the_last_of_the_errors_is_kept),
        cmocka_unit_test(test_signal_is_not_an_exit_status),
        cmocka_unit_test(test_input_is_fed_and_ended),
        cmocka_unit_test(test_empty_input_ends_at_once),
        cmocka_unit_test(test_input_that_is_not_read_does_no_harm),
        cmocka_unit_test(test_without_input_stdin_is_null),
        cmocka_unit_test(test_environment_is_exactly_the_given_one),
        cmocka_unit_test(test_directory_is_honoured),
        cmocka_unit_test(test_its_memory_is_limited),
        cmocka_unit_test(test_no_descriptor_is_inherited),
        cmocka_unit_test(test_signals_are_default_and_unblocked),
        cmocka_unit_test(test_child_leads_group_and_session),
        cmocka_unit_test(test_closed_output_is_not_the_end),
        cmocka_unit_test(test_too_much_output_is_stopped),
        cmocka_unit_test(test_a_flood_is_bounded_and_starves_nobody),
        cmocka_unit_test(test_log_holds_both_and_the_tail_the_last_lines),
        cmocka_unit_test(test_who_looks_at_all_lines_holds_nobody_up),
        cmocka_unit_test(test_full_disk_is_told_and_survived),
        cmocka_unit_test(test_what_cannot_start_is_told_apart),
        cmocka_unit_test(test_a_program_may_say_127_itself),
        cmocka_unit_test(test_relative_program_starts_in_its_directory),
        cmocka_unit_test(test_many_side_by_side),
        cmocka_unit_test(test_a_loop_that_was_blocked_loses_no_output),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

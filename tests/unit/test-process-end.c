/* Promise: a child that does not end by itself is ended with all that it started. */

/* It is ended at its deadline, when it is discarded, or when the daemon dies. */

#include "process-fixture.h"

#include "common/activity.h"

/* Deadlines that no test waits for, and what is dropped where nothing is to be waited for. */
#define DEADLINE_MS 3600000
#define DRAIN_MS    500

static struct {
    uv_timer_t *timer;
    uv_timer_cb callback;
} deadline;
static bool never_drained;

/* The linker puts this before the real one, as deadlines of children are timers of libuv's. */
int __real_uv_timer_start(uv_timer_t *timer, uv_timer_cb callback, uint64_t timeout_ms,
                          uint64_t repeat_ms);
int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb callback, uint64_t timeout_ms,
                          uint64_t repeat_ms);

int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb callback, uint64_t timeout_ms,
                          uint64_t repeat_ms)
{
    if (timeout_ms == DEADLINE_MS) {
        deadline.timer = timer;
        deadline.callback = callback;
    }
    if (timeout_ms == DRAIN_MS && never_drained)
        timeout_ms = DEADLINE_MS;
    return __real_uv_timer_start(timer, callback, timeout_ms, repeat_ms);
}

static char *trapped; /* a file that is there once the shell has set its trap */

static void on_look_at_deadline(uv_timer_t *timer)
{
    if (access(trapped, F_OK) < 0)
        return;
    __real_uv_timer_start(deadline.timer, deadline.callback, 0, 0);
    uv_close((uv_handle_t *)timer, NULL);
}

/* Runs a script that makes such a file between the two; its deadline is over as soon as that is there. */
static void run_to_deadline(struct outcome *outcome, const char *before, const char *after,
                            uint64_t grace_ms)
{
    CLEANUP_FREE char *path = path_of("trapped");
    CLEANUP_FREE char *script = memory_format("%s; : >%s; %s", before, path, after);
    uv_timer_t timer;

    trapped = path;
    uv_timer_init(&loop, &timer);
    uv_timer_start(&timer, on_look_at_deadline, 20, 20);
    run(outcome,
        &(struct process_options){SHELL(script), .deadline_ms = DEADLINE_MS, .grace_ms = grace_ms});
    unlink(path);
    assert_int_equal(outcome->result.end, PROCESS_TIMED_OUT);
}

static void test_deadline_kills_the_whole_group(void **state)
{
    CLEANUP_OUTCOME struct outcome outcome = {0};

    run_to_deadline(&outcome, "trap '' TERM; sh -c 'trap \"\" TERM; echo $$",
                    "while :; do sleep 1; done'", 200);
    assert_int_equal(outcome.result.signal, SIGKILL);
    assert_true(outcome.result.duration_ms >= 200);
    assert_true(soon_gone(atoi(outcome.output)));
    assert_string_equal(outcome.description, "did not end within 3600 s");
}

static void test_timed_out_whatever_the_child_says(void **state)
{
    CLEANUP_OUTCOME struct outcome outcome = {0};

    run_to_deadline(&outcome, "trap 'exit 0' TERM", "while :; do sleep 0.05; done",
                    DEADLINE_MS - 1);
    assert_int_equal(outcome.result.status, 0);
}

static void test_no_grace_kills_at_once(void **state)
{
    CLEANUP_OUTCOME struct outcome outcome = {0};

    run(&outcome, &(struct process_options){SHELL("trap '' TERM; sleep 600"), .deadline_ms = 200});
    assert_int_equal(outcome.result.end, PROCESS_TIMED_OUT);
    assert_true(outcome.result.duration_ms >= 200);
}

static void test_stopped_child_hears_the_deadline(void **state)
{
    CLEANUP_OUTCOME struct outcome outcome = {0};

    run_to_deadline(&outcome, "trap 'echo heard; exit 0' TERM", "kill -STOP $$; sleep 600",
                    DEADLINE_MS - 1);
    assert_string_equal(outcome.output, "heard\n");
}

static void on_end_now(uv_timer_t *timer)
{
    if (access(trapped, F_OK) < 0)
        return;
    process_end_now(timer->data);
    uv_close((uv_handle_t *)timer, NULL);
}

static void test_end_now_is_as_a_deadline(void **state)
{
    CLEANUP_OUTCOME struct outcome outcome = {0};
    CLEANUP_FREE char *path = path_of("trapped");
    CLEANUP_FREE char *script = memory_format(
        "trap 'exit 7' TERM; : >%s; while :; do sleep 0.05; done", path);
    uv_timer_t timer;

    trapped = path;
    uv_timer_init(&loop, &timer);
    timer.data = process_start(
        &loop, &(struct process_options){SHELL(script), .grace_ms = DEADLINE_MS - 1}, on_result,
        &outcome);
    uv_timer_start(&timer, on_end_now, 200, 20);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(outcome.calls, 1);
    assert_int_equal(outcome.result.end, PROCESS_TIMED_OUT);
    assert_int_equal(outcome.result.status, 7);
    assert_true(outcome.result.allowed_ms >= 150);
}

/* The pipe it holds is not waited for: else it would be dropped after an hour here. */
static void test_a_child_that_does_nothing_is_ended(void **state)
{
    CLEANUP_OUTCOME struct outcome outcome = {0};

    run(&outcome,
        &(struct process_options){SHELL("echo begun; sleep 1000"), .deadline_ms = DEADLINE_MS,
                                  .stall_ms = 100, .grace_ms = 1000});
    assert_int_equal(outcome.result.end, PROCESS_STALLED);
    assert_string_equal(outcome.output, "begun\n");
    assert_string_equal(outcome.description, "did nothing for 0.1 s");
}

static void test_a_child_whose_child_works_is_not(void **state)
{
    CLEANUP_OUTCOME struct outcome outcome = {0};

    run(&outcome, &(struct process_options){SHELL("cat /dev/zero >/dev/null & wait"),
                                            .deadline_ms = 600, .stall_ms = 300});
    assert_int_equal(outcome.result.end, PROCESS_TIMED_OUT);
}

static void test_what_counts_as_nothing(void **state)
{
    const struct activity before = {.known = true, .ticks = 7, .bytes = 1000};
    const struct {
        struct activity after;
        bool none;
    } cases[] = {
        {{true, 7, 1000}, true},   {{true, 7, 1300}, true},  /* a few words: it is there */
        {{true, 7, 2000}, false},  {{true, 8, 1000}, false}, /* it computes */
        {{true, 7, 900}, false},                             /* one of them has ended */
        {{false, 7, 1000}, false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(activity_is_none(&before, &cases[i].after), cases[i].none);
}

static void test_what_the_child_leaves_behind_is_killed(void **state)
{
    CLEANUP_OUTCOME struct outcome outcome = {0};

    never_drained = true;
    run(&outcome, &(struct process_options){SHELL("sleep 600 & echo $!")});
    never_drained = false;
    assert_int_equal(outcome.result.end, PROCESS_EXITED);
    assert_true(soon_gone(atoi(outcome.output)));
}

static void test_who_left_the_group_does_not_hold_the_work_up(void **state)
{
    CLEANUP_OUTCOME struct outcome outcome = {0};
    uint64_t began = uv_hrtime();

    run(&outcome, &(struct process_options){
                      SHELL("setsid sh -c 'echo $$; exec sleep 600' & sleep 0.2; echo end")});
    assert_int_equal(outcome.result.end, PROCESS_EXITED);
    assert_non_null(strstr(outcome.output, "end\n"));
    assert_true(outcome.result.duration_ms >= 150);
    assert_true((uv_hrtime() - began) / 1000000 - outcome.result.duration_ms >= 450);
    assert_int_equal(kill(atoi(outcome.output), SIGKILL), 0); /* it lives */
}

static void never(void *data, const struct process_result *result)
{
    fail_msg("a discarded child called back");
}

static void test_discard_kills_and_leaves_nothing(void **state)
{
    CLEANUP_FREE char *path = path_of("discarded");
    struct operation *operation = process_start(
        &loop,
        &(struct process_options){SHELL("trap '' TERM; sleep 30; sleep 30"), .log_path = path,
                                  .log_limit = 10, .tail_lines = 5, .deadline_ms = 10000,
                                  .grace_ms = 1},
        never, NULL);
    int pid = process_id(operation);
    uint64_t began = uv_hrtime();

    assert_true(pid > 0);
    operation_discard(operation);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_in_range((uv_hrtime() - began) / 1000000, 0, 5000);
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void test_discard_of_what_never_started(void **state)
{
    struct operation *operation = process_start(
        &loop, &(struct process_options){.argv = (const char *const[]){"/no/such", NULL}}, never,
        NULL);

    assert_int_equal(process_id(operation), 0);
    process_end_now(operation);
    operation_discard(operation);
    uv_run(&loop, UV_RUN_DEFAULT);
}

/* The child exits at once and is discarded while what it left behind still holds the pipe. */
static void on_discard(uv_timer_t *timer)
{
    operation_discard(timer->data);
    uv_close((uv_handle_t *)timer, NULL);
}

static void test_discard_while_the_pipes_drain(void **state)
{
    uv_timer_t timer;

    uv_timer_init(&loop, &timer);
    timer.data = process_start(
        &loop, &(struct process_options){SHELL("setsid sleep 1 & sleep 0.1; exit 0")}, never, NULL);
    uv_timer_start(&timer, on_discard, 350, 0);
    uv_run(&loop, UV_RUN_DEFAULT);
}

/* A daemon in small, in a process of its own: it starts a child, tells its number and is killed. */
static void test_child_does_not_outlive_a_killed_daemon(void **state)
{
    int tell[2];
    int pid = 0;
    int child;

    assert_int_equal(pipe2(tell, O_CLOEXEC), 0);
    child = fork();
    if (child == 0) {
        struct outcome outcome = {0};
        struct operation *operation;
        uv_loop_t own;

        uv_loop_init(&own);
        operation = process_start(&own, &(struct process_options){SHELL("sleep 30")}, on_result,
                                  &outcome);
        pid = process_id(operation);
        if (write(tell[1], &pid, sizeof(pid)) < 0)
            _exit(1);
        uv_run(&own, UV_RUN_DEFAULT);
        _exit(1);
    }
    assert_int_equal(read(tell[0], &pid, sizeof(pid)), sizeof(pid));
    assert_true(pid > 0);
    assert_false(gone(pid));
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(soon_gone(pid));
    close(tell[0]);
    close(tell[1]);
}

static void test_a_child_that_is_asked_to_end_can_tidy(void **state)
{
    CLEANUP_FREE char *lock = path_of("lock");
    CLEANUP_FREE char *script = memory_format(
        "trap 'rm %s; exit' TERM; >%s; while :; do sleep 0.05; done", lock, lock);
    uv_timer_t timer;

    uv_timer_init(&loop, &timer);
    timer.data = process_start(
        &loop, &(struct process_options){SHELL(script), .manner = PROCESS_ASKED}, never, NULL);
    uv_timer_start(&timer, on_discard, 350, 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(access(lock, F_OK), -1);
}

static void test_a_child_that_is_left_finishes(void **state)
{
    CLEANUP_FREE char *made = path_of("made");
    CLEANUP_FREE char *script = memory_format("sleep 0.2; >%s", made);

    operation_discard(process_start(
        &loop, &(struct process_options){SHELL(script), .manner = PROCESS_LEFT}, never, NULL));
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(access(made, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deadline_kills_the_whole_group),
        cmocka_unit_test(test_timed_out_whatever_the_child_says),
        cmocka_unit_test(test_no_grace_kills_at_once),
        cmocka_unit_test(test_stopped_child_hears_the_deadline),
        cmocka_unit_test(test_end_now_is_as_a_deadline),
        cmocka_unit_test(test_a_child_that_does_nothing_is_ended),
        cmocka_unit_test(test_a_child_whose_child_works_is_not),
        cmocka_unit_test(test_what_counts_as_nothing),
        cmocka_unit_test(test_what_the_child_leaves_behind_is_killed),
        cmocka_unit_test(test_who_left_the_group_does_not_hold_the_work_up),
        cmocka_unit_test(test_discard_kills_and_leaves_nothing),
        cmocka_unit_test(test_discard_of_what_never_started),
        cmocka_unit_test(test_discard_while_the_pipes_drain),
        cmocka_unit_test(test_a_child_that_is_asked_to_end_can_tidy),
        cmocka_unit_test(test_a_child_that_is_left_finishes),
        cmocka_unit_test(test_child_does_not_outlive_a_killed_daemon),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

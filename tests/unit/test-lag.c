/* Promise: the loop's lag counts work, and never waiting. */

#include "daemon/status/lag.h"

#include "common/loop.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/time.h>

#include <cmocka.h>

#define WORK_MS 120
#define WAIT_MS 1000 /* longer than a busy machine lets us stand in the middle of anything */

struct fixture {
    uv_loop_t loop;
    struct lag *lag;
    uint64_t largest;
};

static void finish(struct fixture *fixture)
{
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    fixture->largest = lag_largest_ms(fixture->lag);
    lag_free(fixture->lag);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
}

static void begin(struct fixture *fixture)
{
    uv_loop_init(&fixture->loop);
    lag_new(&fixture->lag, &fixture->loop);
}

static void nothing(void *data)
{
    (void)data;
}

/* Another turn of the loop follows, since it is measured at its beginning. */
static void work(void *data)
{
    struct fixture *fixture = data;

    uv_sleep(WORK_MS);
    loop_after(&fixture->loop, 1, nothing, NULL);
}

/* In the second turn of the loop: what is due at its beginning is part of the start. */
static void test_work_in_a_timer_counts(void **state)
{
    struct fixture fixture;

    (void)state;
    begin(&fixture);
    loop_after(&fixture.loop, 50, work, &fixture);
    finish(&fixture);
    assert_true(fixture.largest >= WORK_MS - 2);
}

static void on_async(uv_async_t *async)
{
    work(async->data);
    uv_close((uv_handle_t *)async, NULL);
}

/* Called back from inside the poll, as for every descriptor; and with a timer set in it. */
static void test_work_for_a_descriptor_counts(void **state)
{
    struct fixture fixture;
    uv_async_t async;

    (void)state;
    begin(&fixture);
    uv_async_init(&fixture.loop, &async, on_async);
    async.data = &fixture;
    uv_async_send(&async);
    finish(&fixture);
    assert_true(fixture.largest >= WORK_MS - 2);
}

static void test_waiting_does_not_count(void **state)
{
    struct fixture fixture;

    (void)state;
    begin(&fixture);
    loop_after(&fixture.loop, WAIT_MS, nothing, NULL);
    loop_after(&fixture.loop, WAIT_MS + WORK_MS, nothing, NULL);
    finish(&fixture);
    assert_in_range(fixture.largest, 0, WAIT_MS / 2);
}

static void on_signal(uv_signal_t *signal, int number)
{
    (void)number;
    uv_close((uv_handle_t *)signal, NULL);
}

/* libuv begins its wait anew when a signal, such as a child's end, interrupts it. */
static void test_a_wait_that_a_signal_ends_does_not_count(void **state)
{
    struct fixture fixture;
    struct itimerval timer = {.it_value = {.tv_sec = WAIT_MS / 1000}};
    uv_signal_t signal;

    (void)state;
    begin(&fixture);
    uv_signal_init(&fixture.loop, &signal);
    uv_signal_start(&signal, on_signal, SIGALRM);
    loop_after(&fixture.loop, 1, nothing, NULL); /* so that the loop has polled before */
    setitimer(ITIMER_REAL, &timer, NULL);
    finish(&fixture);
    assert_in_range(fixture.largest, 0, WAIT_MS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_work_in_a_timer_counts),
        cmocka_unit_test(test_work_for_a_descriptor_counts),
        cmocka_unit_test(test_waiting_does_not_count),
        cmocka_unit_test(test_a_wait_that_a_signal_ends_does_not_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

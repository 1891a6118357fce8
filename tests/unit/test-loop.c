/* Promise: deferred work is done once, never too soon, and not at all once it is discarded. */

#include "common/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

static void count(void *data)
{
    ++*(int *)data;
}

static int set_up(void **state)
{
    static uv_loop_t loop;

    *state = &loop;
    return uv_loop_init(&loop);
}

/* Fails if a handle was left open. */
static int tear_down(void **state)
{
    return uv_loop_close(*state);
}

static void test_next_turn(void **state)
{
    int calls = 0;

    assert_non_null(loop_after(*state, 0, count, &calls));
    assert_int_equal(calls, 0);
    assert_int_equal(uv_run(*state, UV_RUN_DEFAULT), 0);
    assert_int_equal(calls, 1);
}

static void test_delay(void **state)
{
    uint64_t begin = uv_hrtime();
    int calls = 0;

    loop_after(*state, 30, count, &calls);
    uv_run(*state, UV_RUN_DEFAULT);
    assert_int_equal(calls, 1);
    assert_true(uv_hrtime() - begin >= 29 * 1000000ull);
}

static void test_discard(void **state)
{
    int calls = 0;
    struct operation *operation = loop_after(*state, 0, count, &calls);

    operation_clear(&operation);
    assert_null(operation);
    operation_clear(&operation);
    uv_run(*state, UV_RUN_DEFAULT);
    assert_int_equal(calls, 0);
}

struct chain {
    uv_loop_t *loop;
    struct operation *operation;
    int left;
};

static void again(void *data)
{
    struct chain *chain = data;

    chain->operation = NULL;
    if (--chain->left > 0)
        chain->operation = loop_after(chain->loop, 0, again, chain);
}

static void test_started_from_callback(void **state)
{
    struct chain chain = {.loop = *state, .left = 100};

    chain.operation = loop_after(*state, 0, again, &chain);
    uv_run(*state, UV_RUN_DEFAULT);
    assert_int_equal(chain.left, 0);
    assert_null(chain.operation);
}

static void test_clock(void **state)
{
    struct timespec before;
    struct timespec after;
    int64_t now;

    /* Not time(): it may lag behind this clock by a tick, so that the second which it names can be the one before. */
    clock_gettime(CLOCK_REALTIME, &before);
    now = clock_now_ms();
    clock_gettime(CLOCK_REALTIME, &after);
    assert_true(now >= (int64_t)before.tv_sec * 1000 + before.tv_nsec / 1000000);
    assert_true(now <= (int64_t)after.tv_sec * 1000 + after.tv_nsec / 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_next_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_delay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_discard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_started_from_callback, set_up, tear_down),
        cmocka_unit_test(test_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

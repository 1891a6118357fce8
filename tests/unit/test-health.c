/* Promise: a forge that is down is asked by one probe with growing pauses, not by a storm. */

#include "daemon/health.h"

#include "common/loop.h"
#include "common/memory.h"
#include "common/operation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <cmocka.h>

#define TRIES 200

/* Each pause doubles up to five minutes, and a quarter of it is left to chance. */
static void test_pauses(void **state)
{
    static const struct {
        unsigned attempt;
        uint64_t most_ms;
    } rows[] = {
        {0, 500},     {1, 500},     {2, 1000},    {3, 2000},     {9, 128000},          {10, 256000},
        {11, 300000}, {12, 300000}, {40, 300000}, {100, 300000}, {UINT32_MAX, 300000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t least = UINT64_MAX, most = 0;

        for (int try = 0; try < TRIES; try++) {
            uint64_t pause = backoff_ms(rows[i].attempt);

            least = pause < least ? pause : least;
            most = pause > most ? pause : most;
        }
        assert_in_range(least, rows[i].most_ms * 3 / 4, rows[i].most_ms * 4 / 5);
        assert_in_range(most, rows[i].most_ms * 9 / 10, rows[i].most_ms);
    }
}

static void test_what_the_forge_asks_for(void **state)
{
    (void)state;
    assert_in_range(backoff_asked_ms(1, -1), 375, 500);
    assert_in_range(backoff_asked_ms(1, 0), 375, 500);
    assert_in_range(backoff_asked_ms(1, 100), 375, 500);
    assert_int_equal(backoff_asked_ms(1, 30000), 30000);
    assert_in_range(backoff_asked_ms(20, 30000), 225000, 300000);
    assert_int_equal(backoff_asked_ms(1, 3600000), 3600000);
    assert_int_equal(backoff_asked_ms(1, 3600001), 3600000);
    assert_int_equal(backoff_asked_ms(1, INT64_MAX), 3600000);
}

/* A forge whose check ends as the test says. */
struct scripted {
    struct forge forge;
    uv_loop_t *loop;
    enum error_kind kind;
    bool at_forge;
    unsigned checks;
    unsigned changes;
    struct health *health;
    forge_callback callback;
    void *data;
};

static void end_check(void *data)
{
    struct scripted *scripted = data;
    struct forge_reply reply = {.retry_after_ms = -1, .at_forge = scripted->at_forge};
    struct error error = {.kind = scripted->kind, .message = "as scripted"};

    scripted->callback(scripted->data, &reply, scripted->kind == ERROR_NONE ? NULL : &error);
}

static struct operation *check(struct forge *forge, forge_callback callback, void *data)
{
    struct scripted *scripted = (struct scripted *)forge;

    scripted->checks++;
    scripted->callback = callback;
    scripted->data = data;
    return loop_after(scripted->loop, 0, end_check, scripted);
}

static const struct forge_functions functions = {.check = check};

/* Nothing but the forge is asked: no source, no git, and a program that is always there. */
static char *nothing[] = {NULL};
static char *program[] = {(char *)"/bin/sh", NULL};
static const struct config config = {
    .sources = {nothing, 0},
    .validation = {.command = {program, 1},
                   .launcher = {nothing, 0},
                   .environment = {nothing, 0},
                   .pass_environment = {nothing, 0}},
};

static void on_changed(void *data)
{
    struct scripted *scripted = data;

    scripted->changes++;
    uv_stop(scripted->loop);
}

static void begin(struct scripted *scripted, uv_loop_t *loop, enum error_kind kind)
{
    *scripted = (struct scripted){.forge.functions = &functions, .loop = loop, .kind = kind};
    uv_loop_init(loop);
    health_new(&scripted->health,
               &(struct installation){.loop = loop, .config = &config, .forge = &scripted->forge},
               on_changed, scripted);
    uv_run(loop, UV_RUN_DEFAULT);
}

static void finish(struct scripted *scripted)
{
    health_free(scripted->health);
    uv_run(scripted->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(scripted->loop), 0);
}

static void test_states(void **state)
{
    struct scripted scripted;
    uv_loop_t loop;

    (void)state;
    begin(&scripted, &loop, ERROR_TRANSIENT);
    assert_int_equal(health_state(scripted.health), HEALTH_DOWN);
    assert_string_equal(health_reason(scripted.health), "as scripted");
    scripted.kind = ERROR_NONE;
    uv_run(&loop, UV_RUN_DEFAULT); /* by itself, after the pause */
    assert_int_equal(health_state(scripted.health), HEALTH_WELL);
    assert_string_equal(health_reason(scripted.health), "");
    assert_int_equal(scripted.checks, 2);
    finish(&scripted);
}

/* Many faults at once are one check. */
static void test_suspicion(void **state)
{
    struct scripted scripted;
    uv_loop_t loop;

    (void)state;
    begin(&scripted, &loop, ERROR_NONE);
    for (int i = 0; i < 10; i++)
        health_suspect(scripted.health, -1);
    assert_int_equal(health_state(scripted.health), HEALTH_UNKNOWN);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(health_state(scripted.health), HEALTH_WELL);
    assert_int_equal(scripted.checks, 2);
    finish(&scripted);
}

/* One that refuses is asked every minute, or as soon as somebody says that it was mended. */
static void test_look(void **state)
{
    struct scripted scripted;
    uv_loop_t loop;

    (void)state;
    begin(&scripted, &loop, ERROR_PERMANENT);
    assert_int_equal(health_state(scripted.health), HEALTH_REFUSED);
    health_suspect(scripted.health, -1);
    assert_int_equal(health_state(scripted.health), HEALTH_REFUSED);
    scripted.kind = ERROR_NONE;
    health_look(scripted.health);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(health_state(scripted.health), HEALTH_WELL);
    health_look(scripted.health); /* a reload may have configured what is not there */
    assert_int_equal(health_state(scripted.health), HEALTH_WELL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(scripted.checks, 3);
    finish(&scripted);
}

/* A fault that a job met, and no question finds, is held until that job says that it is mended. */
static void test_report(void **state)
{
    struct error error = {.kind = ERROR_PERMANENT, .message = "forge.reviewers: as reported"};
    struct scripted scripted;
    uv_loop_t loop;

    (void)state;
    begin(&scripted, &loop, ERROR_NONE);
    assert_int_equal(health_status(scripted.health), EX_OK);
    health_hold(scripted.health, true, &error);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(health_state(scripted.health), HEALTH_REFUSED);
    assert_int_equal(health_status(scripted.health), EX_CONFIG);
    assert_string_equal(health_reason(scripted.health), "forge.reviewers: as reported");
    health_look(scripted.health);
    uv_run(&loop, UV_RUN_DEFAULT); /* all questions are answered well: the job may try */
    assert_int_equal(health_state(scripted.health), HEALTH_WELL);
    assert_string_equal(health_reason(scripted.health), "forge.reviewers: as reported");
    health_ask(scripted.health); /* it is refused again, and doubts that */
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(health_state(scripted.health), HEALTH_WELL);
    assert_string_equal(health_reason(scripted.health), "forge.reviewers: as reported");
    assert_int_equal(health_status(scripted.health), EX_CONFIG);
    health_mended(scripted.health);
    assert_string_equal(health_reason(scripted.health), "");
    assert_int_equal(health_status(scripted.health), EX_OK);
    finish(&scripted);
}

/* A source that fails some jobs only holds nobody else, and is said for as long as one of them lives. */
static void test_failed_sources(void **state)
{
    struct error first = {.kind = ERROR_PERMANENT, .message = "sources: /a: a blob is missing"};
    struct error second = {.kind = ERROR_PERMANENT, .message = "sources: /b: a tree is missing"};
    struct scripted scripted;
    uv_loop_t loop;

    (void)state;
    begin(&scripted, &loop, ERROR_NONE);
    health_source_failed(scripted.health, 7, &first);
    health_source_failed(scripted.health, 8, &first);
    health_source_failed(scripted.health, 8, &second);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(health_state(scripted.health), HEALTH_WELL);
        assert_int_equal(health_status(scripted.health), EX_CONFIG);
        assert_string_equal(health_reason(scripted.health),
                            "sources: /a: a blob is missing; sources: /b: a tree is missing");
        assert_false(health_source_held(scripted.health, 0));
        health_look(scripted.health);
        uv_run(&loop, UV_RUN_DEFAULT); /* the check finds nothing */
    }
    assert_int_equal(health_looks(scripted.health), 2);
    health_source_mended(scripted.health, 7);
    assert_string_equal(health_reason(scripted.health), "sources: /b: a tree is missing");
    health_source_mended(scripted.health, 8);
    assert_string_equal(health_reason(scripted.health), "");
    assert_int_equal(health_status(scripted.health), EX_OK);
    finish(&scripted);
}

/* Faults that only a person mends are told apart by the place where they are mended. */
static void test_where_it_is_mended(void **state)
{
    struct scripted scripted;
    uv_loop_t loop;

    (void)state;
    begin(&scripted, &loop, ERROR_PERMANENT);
    assert_int_equal(health_status(scripted.health), EX_CONFIG);
    scripted.at_forge = true;
    health_look(scripted.health);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(health_status(scripted.health), EX_UNAVAILABLE);
    assert_false(health_forge_usable(scripted.health));
    finish(&scripted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pauses),         cmocka_unit_test(test_what_the_forge_asks_for),
        cmocka_unit_test(test_states),         cmocka_unit_test(test_suspicion),
        cmocka_unit_test(test_look),           cmocka_unit_test(test_report),
        cmocka_unit_test(test_failed_sources), cmocka_unit_test(test_where_it_is_mended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

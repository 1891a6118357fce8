/* Promise: files are kept as long as the configuration says, and no link leads out of their directory. */

#include "common/file.h"
#include "common/loop.h"
#include "common/memory.h"
#include "daemon/keep.h"
#include "tests/unit/background-fixture.h"
#include "tests/unit/temporary.h"

#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    char directory[TEMPORARY_SIZE];
    struct error error;
};

static char *path_of(const struct fixture *fixture, const char *name)
{
    return file_join(fixture->directory, name);
}

static void make(struct fixture *fixture, const char *name)
{
    CLEANUP_FREE char *path = path_of(fixture, name);
    CLEANUP_FREE char *parent = memory_copy(path);

    *strrchr(parent, '/') = '\0';
    assert_int_equal(file_make_directories(parent, 0700, &fixture->error), 0);
    assert_int_equal(file_write(AT_FDCWD, path, "12345", 5, 0600, &fixture->error), 0);
}

static bool is_there(const struct fixture *fixture, const char *name)
{
    CLEANUP_FREE char *path = path_of(fixture, name);
    struct stat status;

    return lstat(path, &status) == 0;
}

/* Whatever is there now is older than a millisecond afterwards, as the file system counts. */
static void grow_old(struct fixture *fixture)
{
    CLEANUP_FREE char *path = path_of(fixture, "clock");
    struct stat before, now;

    make(fixture, "clock");
    assert_int_equal(stat(path, &before), 0);
    do {
        struct timespec pause = {.tv_nsec = 5000000};

        nanosleep(&pause, NULL);
        make(fixture, "clock");
        assert_int_equal(stat(path, &now), 0);
    } while (now.st_ctim.tv_sec == before.st_ctim.tv_sec &&
             now.st_ctim.tv_nsec - before.st_ctim.tv_nsec < 2000000);
}

static int set_up(void **state)
{
    struct fixture *fixture = memory_new(sizeof *fixture);

    assert_non_null(temporary_directory(fixture->directory));
    make(fixture, "state/validation/exp-1.log");
    make(fixture, "spool/.archive/2026-01-01/exp-1.json");
    make(fixture, "spool/.archive/2026-01-02/exp-2.json");
    make(fixture, "spool/.archive/2026-01-02/exp-2.patch");
    make(fixture, "spool/.rejected/bad.json");
    make(fixture, "spool/waiting.json");
    make(fixture, "elsewhere/file");
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(file_remove_tree(fixture->directory, &fixture->error), 0);
    free(fixture);
    return 0;
}

/* As the child does it, with these milliseconds for each place. */
static struct keep_sizes sweep(struct fixture *fixture, const char *logs, const char *archive,
                               const char *rejected)
{
    CLEANUP_FREE char *state = path_of(fixture, "state");
    CLEANUP_FREE char *spool = path_of(fixture, "spool");
    char *argv[] = {(char *)KEEP_PROGRAM, state, spool, (char *)logs, (char *)archive,
                    (char *)rejected,     NULL};
    struct keep_sizes sizes;

    assert_int_equal(keep_main(6, argv), 0);
    keep_read(&sizes, state);
    assert_true(sizes.at_ms > 0);
    return sizes;
}

static void test_for_ever(void **state)
{
    struct fixture *fixture = *state;
    struct keep_sizes sizes;

    grow_old(fixture);
    sizes = sweep(fixture, "0", "0", "0");
    assert_int_equal(sizes.places[KEEP_VALIDATION_LOGS].files, 1);
    assert_int_equal(sizes.places[KEEP_ARCHIVE].files, 3);
    assert_int_equal(sizes.places[KEEP_ARCHIVE].bytes, 15);
    assert_int_equal(sizes.places[KEEP_REJECTED].bytes, 5);
    assert_true(is_there(fixture, "spool/.archive/2026-01-01/exp-1.json"));
}

static void test_each_as_long_as_it_says(void **state)
{
    struct fixture *fixture = *state;
    struct keep_sizes sizes;

    grow_old(fixture);
    sizes = sweep(fixture, "1", "3600000", "0");
    assert_int_equal(sizes.places[KEEP_VALIDATION_LOGS].files, 0);
    assert_int_equal(sizes.places[KEEP_ARCHIVE].files, 3);
    assert_false(is_there(fixture, "state/validation/exp-1.log"));
    assert_true(is_there(fixture, "state/validation"));
    sizes = sweep(fixture, "1", "0", "1");
    assert_int_equal(sizes.places[KEEP_REJECTED].files, 0);
    assert_false(is_there(fixture, "spool/.rejected/bad.json"));
    sizes = sweep(fixture, "0", "1", "0");
    assert_int_equal(sizes.places[KEEP_ARCHIVE].files, 0);
    assert_false(is_there(fixture, "spool/.archive/2026-01-02/exp-2.patch"));
    assert_true(is_there(fixture, "spool/.archive"));
    assert_true(is_there(fixture, "spool/waiting.json"));
    grow_old(fixture);
    sweep(fixture, "0", "1", "0");
    assert_false(is_there(fixture, "spool/.archive/2026-01-01")); /* empty since some time */
}

/* Where there is only --once, a note says when the last day began. */
static void test_once_a_day(void **state)
{
    static const struct {
        int64_t age_ms;
        bool due;
    } cases[] = {{0, false}, {86000000, false}, {86400000, true}, {-3600000, true}};
    struct fixture *fixture = *state;
    CLEANUP_FREE char *state_path = path_of(fixture, "state");
    CLEANUP_FREE char *note = path_of(fixture, "state/kept");
    struct keep_sizes sizes;

    assert_false(keep_is_due(state_path)); /* it has just begun */
    keep_read(&sizes, state_path);
    assert_int_equal(sizes.at_ms, 0); /* nothing was counted yet */
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        CLEANUP_FREE char *text = memory_format("%" PRId64 "\n", clock_now_ms() - cases[i].age_ms);

        assert_int_equal(file_write(AT_FDCWD, note, text, strlen(text), 0600, &fixture->error), 0);
        assert_int_equal(keep_is_due(state_path), cases[i].due);
    }
    sweep(fixture, "0", "0", "0");
    assert_false(keep_is_due(state_path));
}

/* A result that was measured long ago, and archived just now, is new. */
static void test_age_counts_from_the_move(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *path = path_of(fixture, "spool/.archive/2026-01-01/exp-1.json");
    const struct timespec long_ago[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};

    assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
    sweep(fixture, "0", "3600000", "0");
    assert_int_equal(access(path, F_OK), 0);
}

static void test_no_link_is_followed(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *elsewhere = path_of(fixture, "elsewhere");
    CLEANUP_FREE char *day = path_of(fixture, "spool/.archive/2026-01-03");
    CLEANUP_FREE char *rejected = path_of(fixture, "spool/.rejected");
    CLEANUP_FREE char *aside = path_of(fixture, "aside");
    CLEANUP_FREE char *state_path = path_of(fixture, "state");
    CLEANUP_FREE char *spool = path_of(fixture, "spool");
    char *argv[] = {(char *)KEEP_PROGRAM, state_path, spool, (char *)"0", (char *)"1", (char *)"1"};

    assert_int_equal(symlink(elsewhere, day), 0);
    assert_int_equal(rename(rejected, aside), 0);
    assert_int_equal(symlink(elsewhere, rejected), 0);
    grow_old(fixture);
    assert_int_not_equal(keep_main(6, argv), 0);
    assert_false(
        is_there(fixture, "spool/.archive/2026-01-03")); /* the link is a file like others */
    assert_true(is_there(fixture, "elsewhere/file"));
}

/* A place that cannot be swept keeps no other from being swept, nor from being measured. */
static void test_an_obstacle_is_passed_by(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *archive = path_of(fixture, "spool/.archive");
    CLEANUP_FREE char *aside = path_of(fixture, "aside");
    CLEANUP_FREE char *state_path = path_of(fixture, "state");
    CLEANUP_FREE char *spool = path_of(fixture, "spool");
    char *argv[] = {(char *)KEEP_PROGRAM, state_path, spool, (char *)"0", (char *)"1", (char *)"1"};
    struct keep_sizes sizes;

    assert_int_equal(rename(archive, aside), 0);
    assert_int_equal(symlink(aside, archive), 0);
    grow_old(fixture);
    assert_int_not_equal(keep_main(6, argv), 0);
    assert_false(is_there(fixture, "spool/.rejected/bad.json"));
    assert_true(is_there(fixture, "aside/2026-01-01/exp-1.json"));
    keep_read(&sizes, state_path);
    assert_int_equal(sizes.places[KEEP_VALIDATION_LOGS].files, 1);
}

/* In place of the real one, which never refuses root. */
int __real_unlinkat(int directory, const char *name, int flags);
int __wrap_unlinkat(int directory, const char *name, int flags);

static const char *stuck; /* the name of a file that cannot be removed */

int __wrap_unlinkat(int directory, const char *name, int flags)
{
    if (!stuck || strcmp(name, stuck) != 0)
        return __real_unlinkat(directory, name, flags);
    errno = EACCES;
    return -1;
}

/* The first of each place, with the whole path. */
static void test_each_problem_is_told(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *rejected = path_of(fixture, "spool/.rejected");
    CLEANUP_FREE char *aside = path_of(fixture, "aside");
    CLEANUP_FREE char *state_path = path_of(fixture, "state");
    CLEANUP_FREE char *spool = path_of(fixture, "spool");
    CLEANUP_FREE char *said_path = path_of(fixture, "said");
    CLEANUP_FREE char *said = NULL;
    CLEANUP_FREE char *expected = memory_format(
        "%s/.archive/2026-01-02/exp-2.json: Permission denied; %s: Not a directory", spool,
        rejected);
    char *argv[] = {(char *)KEEP_PROGRAM, state_path, spool, (char *)"0", (char *)"1", (char *)"1"};
    int before = dup(STDERR_FILENO), file = open(said_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    size_t length;
    int status;

    assert_int_equal(rename(rejected, aside), 0);
    assert_int_equal(symlink(aside, rejected), 0);
    grow_old(fixture);
    stuck = "exp-2.json";
    dup2(file, STDERR_FILENO);
    status = keep_main(6, argv);
    fflush(stderr);
    dup2(before, STDERR_FILENO);
    close(before);
    close(file);
    stuck = NULL;
    assert_int_not_equal(status, 0);
    assert_int_equal(file_read(&said, &length, AT_FDCWD, said_path, 4096, &fixture->error), 0);
    assert_string_equal(said, expected);
}

static void test_nothing_there_yet(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *spool = path_of(fixture, "spool");
    struct keep_sizes sizes;

    keep_read(&sizes, fixture->directory);
    assert_int_equal(sizes.at_ms, 0);
    assert_int_equal(file_remove_tree(spool, &fixture->error), 0);
    assert_int_equal(file_make_directories(spool, 0700, &fixture->error), 0);
    sizes = sweep(fixture, "0", "1", "1");
    assert_int_equal(sizes.places[KEEP_ARCHIVE].files, 0);
    assert_int_equal(sizes.places[KEEP_VALIDATION_LOGS].files, 1);
}

static void on_deadline(uv_timer_t *timer)
{
    fail_msg("nothing was looked at within 10 s");
}

static void on_look(uv_fs_event_t *event, const char *name, int events, int status)
{
    if (name && strcmp(name, "kept") == 0)
        uv_stop(event->loop);
}

/* By the daemon, in a child. */
static void test_a_child_does_it(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *state_path = path_of(fixture, "state");
    CLEANUP_FREE char *spool = path_of(fixture, "spool");
    struct config config = {.spool = spool, .state = state_path};
    uv_fs_event_t event;
    uv_timer_t timer;
    struct keep *keep;
    uv_loop_t loop;

    config.keep.validation_logs_ms = 1;
    grow_old(fixture);
    assert_int_equal(uv_loop_init(&loop), 0);
    uv_timer_init(&loop, &timer);
    uv_timer_start(&timer, on_deadline, 10000, 0);
    uv_fs_event_init(&loop, &event);
    uv_fs_event_start(&event, on_look, state_path, 0);
    keep = keep_new(&loop, &config, 1, NULL, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_false(is_there(fixture, "state/validation/exp-1.log"));
    assert_true(is_there(fixture, "spool/.archive/2026-01-02/exp-2.patch"));
    keep_free(keep);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_close((uv_handle_t *)&event, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

#define KEEP_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEEP_TEST(test_for_ever),
        KEEP_TEST(test_each_as_long_as_it_says),
        KEEP_TEST(test_once_a_day),
        KEEP_TEST(test_age_counts_from_the_move),
        KEEP_TEST(test_no_link_is_followed),
        KEEP_TEST(test_an_obstacle_is_passed_by),
        KEEP_TEST(test_each_problem_is_told),
        KEEP_TEST(test_nothing_there_yet),
        KEEP_TEST(test_a_child_does_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

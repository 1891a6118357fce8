/* Promise: nobody finds what is left of a checkout, and nobody waits for its removal. */

#include "common/file.h"
#include "common/memory.h"
#include "daemon/validation/remover.h"
#include "tests/unit/background-fixture.h"
#include "tests/unit/temporary.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    char directory[TEMPORARY_SIZE];
    char *folder;
    uv_loop_t loop;
    struct remover *remover;
    struct error error;
};

static int set_up(void **state)
{
    struct fixture *fixture = memory_new(sizeof *fixture);

    assert_non_null(temporary_directory(fixture->directory));
    fixture->folder = file_join(fixture->directory, REMOVER_FOLDER);
    assert_int_equal(uv_loop_init(&fixture->loop), 0);
    fixture->remover = remover_new(&fixture->loop, fixture->directory);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    remover_free(fixture->remover);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
    assert_int_equal(file_remove_tree(fixture->directory, &fixture->error), 0);
    free(fixture->folder);
    free(fixture);
    return 0;
}

/* A tree with a file, in a directory that nobody may enter; returns its path, which the caller frees. */
static char *make_tree(struct fixture *fixture, const char *name)
{
    char *path = file_join(fixture->directory, name);
    CLEANUP_FREE char *inner = file_join(path, "inner");
    CLEANUP_FREE char *file = file_join(inner, "file");

    assert_int_equal(file_make_directories(inner, 0700, &fixture->error), 0);
    assert_int_equal(file_write(AT_FDCWD, file, "", 0, 0600, &fixture->error), 0);
    assert_int_equal(chmod(inner, 0), 0);
    return path;
}

static void set_aside(struct fixture *fixture, const char *name)
{
    CLEANUP_FREE char *path = make_tree(fixture, name);

    assert_int_equal(remover_set_aside(fixture->directory, path, &fixture->error), 0);
    assert_int_equal(access(path, F_OK), -1);
}

static bool is_there(const struct fixture *fixture, const char *name)
{
    CLEANUP_FREE char *path = file_join(fixture->folder, name);

    return access(path, F_OK) == 0;
}

static void test_removes_what_was_set_aside(void **state)
{
    struct fixture *fixture = *state;

    set_aside(fixture, "a");
    set_aside(fixture, "a");
    assert_true(is_there(fixture, "0"));
    assert_true(is_there(fixture, "1"));
    remover_start(fixture->remover);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(access(fixture->folder, F_OK), -1);
    remover_start(fixture->remover); /* nothing to do */
    assert_int_equal(uv_run(&fixture->loop, UV_RUN_NOWAIT), 0);
}

static void test_what_comes_while_it_works(void **state)
{
    struct fixture *fixture = *state;

    for (int i = 0; i < 20; i++) {
        set_aside(fixture, "a");
        remover_start(fixture->remover);
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    }
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(access(fixture->folder, F_OK), -1);
}

/* The lock keeps the child from beginning, as many files would keep it from ending. */
static void test_goes_on_without_the_daemon(void **state)
{
    struct fixture *fixture = *state;
    int lock;

    set_aside(fixture, "a");
    lock = open(fixture->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    remover_start(fixture->remover);
    remover_free(fixture->remover);
    fixture->remover = NULL;
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_true(is_there(fixture, "0"));
    flock(lock, LOCK_UN);
    for (int ms = 0; ms < 10000 && access(fixture->folder, F_OK) == 0; ms++)
        usleep(1000); /* it is nobody's child by now: nothing tells of its end */
    assert_int_equal(access(fixture->folder, F_OK), -1);
    close(lock);
}

static void test_little_is_gone_at_the_end(void **state)
{
    struct fixture *fixture = *state;

    set_aside(fixture, "a");
    remover_free(fixture->remover);
    fixture->remover = NULL;
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(access(fixture->folder, F_OK), -1);
}

static void test_what_cannot_be_set_aside_is_removed(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *path = make_tree(fixture, "a");
    struct error error;

    assert_int_equal(file_write(AT_FDCWD, fixture->folder, "", 0, 0600, &error), 0);
    assert_int_equal(remover_set_aside(fixture->directory, path, &fixture->error), 0);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(remover_set_aside(fixture->directory, path, &fixture->error), 0); /* gone */
    assert_int_equal(unlink(fixture->folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_removes_what_was_set_aside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_comes_while_it_works, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_goes_on_without_the_daemon, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_little_is_gone_at_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_set_aside_is_removed, set_up,
                                        tear_down),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

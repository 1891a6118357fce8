/* Promise: memory is there, zeroed or copied as asked for, or the program ends. */

#include "common/memory.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void test_zeroed(void **state)
{
    CLEANUP_FREE char *bytes = memory_new(100);
    CLEANUP_FREE int *numbers = memory_new_array(10, sizeof(int));

    for (size_t i = 0; i < 100; i++)
        assert_int_equal(bytes[i], 0);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(numbers[i], 0);
}

static void test_nothing_is_something(void **state)
{
    CLEANUP_FREE void *none = memory_new(0);
    CLEANUP_FREE void *empty = memory_new_array(0, 8);
    CLEANUP_FREE void *shrunk = memory_resize(memory_new(8), 0);

    assert_non_null(none);
    assert_non_null(empty);
    assert_non_null(shrunk);
}

static void test_copies(void **state)
{
    CLEANUP_FREE char *copy = memory_copy("abc");
    CLEANUP_FREE char *piece = memory_copy_bytes("abc", 2);
    CLEANUP_FREE char *empty = memory_copy_bytes(NULL, 0);
    CLEANUP_FREE char *printed = memory_format("%s-%04d", "log", 7);

    assert_string_equal(copy, "abc");
    assert_null(memory_copy(NULL));
    assert_string_equal(piece, "ab");
    assert_string_equal(empty, "");
    assert_string_equal(printed, "log-0007");
}

static void test_take(void **state)
{
    char *from = memory_copy("abc");
    CLEANUP_FREE char *to = TAKE(from);

    assert_null(from);
    assert_string_equal(to, "abc");
}

/* In a child, since it ends the process. The size is no constant, or the compiler would warn. */
static void test_no_memory_ends_the_process(void **state)
{
    volatile size_t count = SIZE_MAX / 16 + 2; /* times 16: 16, if nobody looks */
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0});
        /* What it says on the way out (or AddressSanitizer does) is no concern of the test's log. */
        dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
        free(memory_new_array(count, 16));
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zeroed),
        cmocka_unit_test(test_nothing_is_something),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_take),
        cmocka_unit_test(test_no_memory_ends_the_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

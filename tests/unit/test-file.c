/* Promise: files are read, written and removed whole, and no link is followed by mistake. */

#include "common/file.h"

#include "common/memory.h"
#include "tests/unit/temporary.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Each test has a directory of its own, which is also its working directory. */
static int set_up(void **state)
{
    static char path[TEMPORARY_SIZE];

    *state = temporary_directory(path);
    return *state ? chdir(path) : -1;
}

static int tear_down(void **state)
{
    struct error error;

    return chdir("/") < 0 ? -1 : file_remove_tree(*state, &error);
}

static void write_plain(const char *path, const char *content)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void assert_content(const char *path, const char *expected)
{
    CLEANUP_FREE char *bytes = NULL;
    struct error error;
    size_t length;

    assert_int_equal(file_read(&bytes, &length, AT_FDCWD, path, 1000, &error), 0);
    assert_string_equal(bytes, expected);
    assert_int_equal(length, strlen(expected));
}

static void assert_refused(const char *path, size_t limit, const char *reason)
{
    char *bytes = NULL;
    struct error error = {0};
    size_t length;

    assert_int_equal(file_read(&bytes, &length, AT_FDCWD, path, limit, &error), -1);
    assert_null(bytes);
    assert_int_equal(error.kind, ERROR_PERMANENT);
    assert_non_null(strstr(error.message, path));
    if (!strstr(error.message, reason))
        fail_msg("'%s' does not say '%s'", error.message, reason);
}

static void test_read(void **state)
{
    write_plain("a", "content");
    write_plain("empty", "");
    assert_content("a", "content");
    assert_content("empty", "");
}

static void test_read_in_directory(void **state)
{
    CLEANUP_FREE char *bytes = NULL;
    struct error error;
    size_t length;
    int directory = open(".", O_RDONLY | O_DIRECTORY);

    write_plain("a", "content");
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(file_read(&bytes, &length, directory, "a", 100, &error), 0);
    assert_string_equal(bytes, "content");
    close(directory);
}

static void test_read_limit(void **state)
{
    CLEANUP_FREE char *bytes = NULL;
    struct error error;
    size_t length;

    write_plain("a", "1234567");
    assert_int_equal(file_read(&bytes, &length, AT_FDCWD, "a", 7, &error), 0);
    assert_refused("a", 6, "larger than 6 bytes");
    /* A file that is too large is not read, and no memory is asked for it. */
    assert_int_equal(truncate("a", (off_t)1 << 42), 0);
    assert_refused("a", 6, "larger than 6 bytes");
}

/* A size of 0 says nothing in /proc: the bytes count. */
static void test_read_without_size(void **state)
{
    CLEANUP_FREE char *bytes = NULL;
    struct error error;
    size_t length;

    assert_int_equal(file_read(&bytes, &length, AT_FDCWD, "/proc/self/status", 1 << 20, &error), 0);
    assert_true(length > 100);
    assert_int_equal(strlen(bytes), length);
    assert_refused("/proc/self/status", 10, "larger than 10 bytes");
}

static void test_read_refuses_types(void **state)
{
    write_plain("a", "content");
    assert_int_equal(symlink("a", "link"), 0);
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_int_equal(mkdir("directory", 0700), 0);
    assert_refused("link", 100, "a symbolic link");
    assert_refused("fifo", 100, "a FIFO");
    assert_refused("directory", 100, "a directory");
    assert_refused("/dev/null", 100, "a device");
    assert_refused("missing", 100, "No such file");
}

static void test_write(void **state)
{
    struct error error;
    struct stat status;

    assert_int_equal(file_write(AT_FDCWD, "a", "old", 3, 0640, &error), 0);
    assert_int_equal(file_write(AT_FDCWD, "a", "newer", 5, 0600, &error), 0);
    assert_content("a", "newer");
    assert_int_equal(stat("a", &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(access("a.tmp", F_OK), -1);
}

/* A link that stands where the temporary file goes is not written through. */
static void test_write_not_through_link(void **state)
{
    struct error error;

    write_plain("victim", "untouched");
    assert_int_equal(symlink("victim", "a.tmp"), 0);
    assert_int_equal(file_write(AT_FDCWD, "a", "new", 3, 0600, &error), 0);
    assert_content("victim", "untouched");
    assert_content("a", "new");
}

static void test_write_fails(void **state)
{
    struct error error = {0};

    assert_int_equal(file_write(AT_FDCWD, "missing/a", "x", 1, 0600, &error), -1);
    assert_int_equal(error.kind, ERROR_PERMANENT);
    assert_int_equal(mkdir("a", 0700), 0);
    assert_int_equal(file_write(AT_FDCWD, "a", "x", 1, 0600, &error), -1);
    assert_int_equal(access("a.tmp", F_OK), -1);
}

/* What the system may cure by itself: here, that no descriptor is left. */
static void test_transient(void **state)
{
    struct rlimit before, none = {0};
    struct error error = {0};
    char *bytes = NULL;
    size_t length;

    write_plain("a", "content");
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);

    int read = file_read(&bytes, &length, AT_FDCWD, "a", 100, &error);
    int written = file_write(AT_FDCWD, "b", "x", 1, 0600, &error);

    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(read, -1);
    assert_int_equal(written, -1);
    assert_int_equal(error.kind, ERROR_TRANSIENT);
}

static void test_make_directories(void **state)
{
    struct error error = {0};
    struct stat status;

    assert_int_equal(file_make_directories("a/b//c/", 0700, &error), 0);
    assert_int_equal(stat("a/b/c", &status), 0);
    assert_true(S_ISDIR(status.st_mode));
    assert_int_equal(status.st_mode & 0777, 0700);
    assert_int_equal(file_make_directories("a/b/c", 0700, &error), 0);
    assert_int_equal(file_make_directories(*state, 0700, &error), 0);
    write_plain("a/file", "");
    assert_int_equal(file_make_directories("a/file", 0700, &error), -1);
    assert_int_equal(error.kind, ERROR_PERMANENT);
    assert_int_equal(file_make_directories("a/file/b", 0700, &error), -1);
    assert_int_equal(error.kind, ERROR_PERMANENT);
}

static void test_check_writable(void **state)
{
    CLEANUP_FREE char *deep = file_join(*state, "not/yet/there");
    CLEANUP_FREE char *below = file_join(*state, "file/below");
    struct error error = {0};
    struct stat status;

    assert_int_equal(file_check_writable(*state, &error), 0);
    assert_int_equal(file_check_writable(deep, &error), 0);
    assert_int_equal(stat("not", &status), -1); /* nothing is touched */
    write_plain("file", "");
    assert_int_equal(file_check_writable(below, &error), -1);
    assert_int_equal(error.kind, ERROR_PERMANENT);
    assert_non_null(strstr(error.message, below));
    assert_non_null(strstr(error.message, ": expected a directory, found a file at "));
    assert_int_equal(file_check_writable("file", &error), -1);
    assert_string_equal(error.message, "file: expected a directory, found a file");
    assert_int_equal(symlink("nowhere/at/all", "link"), 0); /* mkdir() makes nothing there */
    assert_int_equal(file_check_writable("link", &error), -1);
    assert_string_equal(error.message, "link: expected a directory, found a link to nothing");
    assert_int_equal(file_check_writable("link/below", &error), -1);
    if (geteuid() == 0) /* whom no permission stops */
        return;
    assert_int_equal(mkdir("closed", 0500), 0);
    assert_int_equal(file_check_writable("closed", &error), -1);
    assert_non_null(strstr(error.message, "may not be written to by "));
}

static void test_join(void **state)
{
    CLEANUP_FREE char *plain = file_join("a/b", "c");
    CLEANUP_FREE char *slash = file_join("/", "c");
    CLEANUP_FREE char *empty = file_join("", "c");

    assert_string_equal(plain, "a/b/c");
    assert_string_equal(slash, "/c");
    assert_string_equal(empty, "c");
}

static void test_remove_small(void **state)
{
    struct error error = {0};

    assert_int_equal(file_remove_tree("missing", &error), 0);
    write_plain("file", "");
    assert_int_equal(file_remove_tree("file", &error), 0);
    assert_int_equal(mkdir("directory", 0700), 0);
    assert_int_equal(file_remove_tree("directory", &error), 0);
    assert_int_equal(access("file", F_OK), -1);
    assert_int_equal(access("directory", F_OK), -1);
}

static void test_remove_follows_no_link(void **state)
{
    struct error error = {0};

    assert_int_equal(mkdir("kept", 0700), 0);
    write_plain("kept/file", "untouched");
    assert_int_equal(file_make_directories("tree/a/b", 0700, &error), 0);
    assert_int_equal(symlink("../../kept", "tree/a/link"), 0);
    assert_int_equal(symlink("../kept", "tree/link"), 0);
    assert_int_equal(symlink("kept", "link"), 0);
    assert_int_equal(file_remove_tree("tree", &error), 0);
    assert_int_equal(file_remove_tree("link", &error), 0);
    assert_int_equal(access("tree", F_OK), -1);
    assert_content("kept/file", "untouched");
}

/* Only says something when not run as root, whom no permission stops. */
static void test_remove_without_permission(void **state)
{
    struct error error = {0};

    assert_int_equal(file_make_directories("tree/a/b/c", 0700, &error), 0);
    write_plain("tree/a/b/c/file", "");
    assert_int_equal(chmod("tree/a/b/c", 0), 0);
    assert_int_equal(chmod("tree/a/b", 0500), 0);
    assert_int_equal(chmod("tree/a", 0), 0);
    assert_int_equal(chmod("tree", 0), 0);
    assert_int_equal(file_remove_tree("tree", &error), 0);
    assert_int_equal(access("tree", F_OK), -1);
}

/* Deeper than a path can be long or descriptors be open, with names that are also those under which
 * directories are moved up, at every level. */
static void test_remove_deep(void **state)
{
    struct error error = {0};
    int directory = open(".", O_RDONLY | O_DIRECTORY);

    for (int i = 0; i < 5000; i++) {
        assert_int_equal(mkdirat(directory, "1", 0700), 0);

        int next = openat(directory, "1", O_RDONLY | O_DIRECTORY);

        assert_true(next >= 0);
        close(directory);
        directory = next;
        if (i % 100 == 0) {
            assert_int_equal(mkdirat(directory, "2", 0700), 0);
            assert_int_equal(mkdirat(directory, "2/full", 0700), 0);
            assert_int_equal(mknodat(directory, "3", S_IFREG | 0600, 0), 0);
        }
    }
    close(directory);
    assert_int_equal(file_remove_tree("1", &error), 0);
    assert_int_equal(access("1", F_OK), -1);
}

static void test_remove_wide(void **state)
{
    struct error error = {0};
    char path[64];

    assert_int_equal(mkdir("tree", 0700), 0);
    for (int i = 0; i < 3000; i++) {
        snprintf(path, sizeof(path), "tree/%d", i);
        assert_int_equal(mkdir(path, 0700), 0);
        snprintf(path, sizeof(path), "tree/%d/file", i);
        write_plain(path, "");
    }
    assert_int_equal(file_remove_tree("tree", &error), 0);
    assert_int_equal(access("tree", F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_read_in_directory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_read_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_read_without_size, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_read_refuses_types, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_write, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_write_not_through_link, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_write_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_transient, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_make_directories, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_check_writable, set_up, tear_down),
        cmocka_unit_test(test_join),
        cmocka_unit_test_setup_teardown(test_remove_small, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_remove_follows_no_link, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_remove_without_permission, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_remove_deep, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_remove_wide, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

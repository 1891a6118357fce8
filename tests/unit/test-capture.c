/* Promise: output of a child is kept within its bounds, to the byte. */

/* test-process has a child that floods a capture. */

#include "common/capture.h"

#include "common/memory.h"
#include "tests/unit/temporary.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[TEMPORARY_SIZE];

/* The tail of `bytes`, given in pieces of every size: where a read ends must not matter. */
static void tail_is(const char *bytes, size_t length, unsigned lines, size_t limit,
                    const char *expected)
{
    for (size_t piece = 1; piece <= length + 1; piece++) {
        CLEANUP_FREE char *tail = NULL;
        struct capture *capture;

        capture_new(&capture, &(struct capture_options){
                                  .path = path, .limit = 100, .lines = lines, .line_limit = limit});
        for (size_t at = 0; at < length; at += piece)
            capture_append(capture, bytes + at, length - at < piece ? length - at : piece);
        tail = capture_tail(capture);
        assert_string_equal(tail, expected);
        assert_int_equal(capture_bytes(capture), length);
        assert_null(capture_problem(capture));
        capture_free(capture);
    }
}
#define TAIL(bytes, lines, limit, expected)                                                        \
    tail_is((bytes), sizeof(bytes) - 1, (lines), (limit), (expected))

static void test_last_lines_are_kept(void **state)
{
    TAIL("1\n2\n3\n4\n5\n", 2, 0, "4\n5");
    TAIL("1\n2\n3\n4\n5", 2, 0, "4\n5");
    TAIL("1\n2\n", 5, 0, "1\n2");
    TAIL("1\n2", 5, 0, "1\n2");
    TAIL("a\nb", 1, 0, "b");
    TAIL("a\nb\n", 1, 0, "b");
    TAIL("a\n\n", 2, 0, "a\n");
    TAIL("\n\n\n", 2, 0, "\n");
    TAIL("", 2, 0, "");
    TAIL("1\n2\n", 0, 0, "");
}

static void test_long_lines_are_cut_between_characters(void **state)
{
    TAIL("123456789\n1234\n", 2, 4, "1234…\n1234");
    TAIL("abcäö", 2, 3, "abc…");
    TAIL("abcäö", 2, 4, "abc…");
    TAIL("abcäö", 2, 5, "abcä…");
    TAIL("abcäö", 2, 7, "abcäö");
    TAIL("€€", 2, 5, "€…");
    TAIL("\xf0\x9f\x92\xa9x", 2, 3, "…");
    TAIL("\xf0\x9f\x92\xa9x", 2, 4, "\xf0\x9f\x92\xa9…");
}

static void test_foreign_bytes_are_repaired(void **state)
{
    TAIL("x\377\0y", 2, 0, "x\xef\xbf\xbd\xef\xbf\xbdy");
    TAIL("\x80\x80\x80\x80\x80", 1, 4, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd…");
}

/* Captures `bytes` in pieces of every size, and returns the file. */
static void file_is(const char *bytes, size_t limit, const char *expected)
{
    size_t length = strlen(bytes);

    for (size_t piece = 1; piece <= length + 1; piece++) {
        struct capture *capture;
        char content[200] = "";
        FILE *file;

        capture_new(&capture, &(struct capture_options){.path = path, .limit = limit});
        for (size_t at = 0; at < length; at += piece)
            capture_append(capture, bytes + at, length - at < piece ? length - at : piece);
        capture_end(capture);
        assert_int_equal(capture_bytes(capture), length);
        capture_free(capture);
        file = fopen(path, "re");
        assert_in_range(fread(content, 1, sizeof(content), file), 0, sizeof(content) - 1);
        fclose(file);
        assert_string_equal(content, expected);
    }
}

/* Of 32 bytes, 30 are for the beginning of the output and 2 for its end; of 64 it is 60 and 4. */
#define THIRTY  "123456789\n123456789\n123456789\n"
#define NOTE(n) "[winnowd: " #n " bytes of the output are missing here]\n"

static void test_file_has_the_beginning_and_the_end(void **state)
{
    file_is("", 32, "");
    file_is(THIRTY, 32, THIRTY);
    file_is(THIRTY "a", 32, THIRTY "a");
    file_is(THIRTY "ab", 32, THIRTY "ab");
    file_is(THIRTY "abc", 32, THIRTY NOTE(1) "bc");
    file_is(THIRTY THIRTY "one\ntwo\n", 64, THIRTY THIRTY NOTE(4) "two\n");
    file_is(THIRTY THIRTY "one\ntwo\n3", 64,
            THIRTY THIRTY NOTE(5) "wo\n3"); /* the line begins too late */
    file_is(THIRTY THIRTY "one\ntwo\n33", 64, THIRTY THIRTY NOTE(8) "33");
    file_is("123456789012345678901234567890abc\n", 32,
            "123456789012345678901234567890\n" NOTE(2) "c\n");
    file_is("12345", 4, "1234"); /* too small for an end */
}

static void problem_is(const char *where, const char *expected)
{
    CLEANUP_FREE char *tail = NULL;
    struct capture *capture;

    capture_new(&capture, &(struct capture_options){.path = where, .limit = 100, .lines = 2});
    capture_append(capture, "a\n", 2);
    capture_append(capture, "b\n", 2);
    tail = capture_tail(capture);
    assert_string_equal(tail, "a\nb");
    assert_string_equal(capture_problem(capture), expected);
    capture_free(capture);
}

static void test_without_a_file_the_lines_are_kept(void **state)
{
    CLEANUP_FREE char *link = memory_format("%s.link", path);
    CLEANUP_FREE char *linked = memory_format("log file %s: Too many levels of symbolic links",
                                              link);
    CLEANUP_FREE char *fifo = memory_format("%s.fifo", path);
    CLEANUP_FREE char *alone = memory_format("log file %s: No such device or address", fifo);

    problem_is("/dev/full", "log file /dev/full: No space left on device");
    problem_is("/nowhere/log", "log file /nowhere/log: No such file or directory");
    assert_int_equal(symlink("/dev/null", link), 0);
    problem_is(link, linked);
    assert_int_equal(unlink(link), 0);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    problem_is(fifo, alone);
    assert_int_equal(unlink(fifo), 0);
}

static int set_up(void **state)
{
    int file = temporary_file(path);

    return file < 0 ? -1 : close(file);
}

static int tear_down(void **state)
{
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_lines_are_kept),
        cmocka_unit_test(test_long_lines_are_cut_between_characters),
        cmocka_unit_test(test_foreign_bytes_are_repaired),
        cmocka_unit_test(test_file_has_the_beginning_and_the_end),
        cmocka_unit_test(test_without_a_file_the_lines_are_kept),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

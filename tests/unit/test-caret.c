/* Promise: a line of a file is shown with its caret at the fault, whatever is in the file. */

#include "common/caret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect(const char *bytes, unsigned line, unsigned column, bool in_bytes,
                   const char *wanted)
{
    CLEANUP_TEXT struct text text = {0};

    caret_append(&text, bytes, strlen(bytes), line, column, in_bytes);
    assert_string_equal(text_string(&text), wanted);
}

static void test_words_and_strings(void **state)
{
    (void)state;
    expect("{\"a\": \"fast\", \"b\": 1}\n", 1, 7, true,
           "        1 | {\"a\": \"fast\", \"b\": 1}\n          |       ^~~~~~\n");
    expect("{\"a\": \"x\\\"y\"}", 1, 7, true,
           "        1 | {\"a\": \"x\\\"y\"}\n          |       ^~~~~~\n");
    expect("one: 1\ntwo: nope\r\n", 2, 6, false, "        2 | two: nope\n          |      ^~~~\n");
    expect("{,}", 1, 2, true, "        1 | {,}\n          |  ^\n");
    expect("\"open", 1, 1, true, "        1 | \"open\n          | ^~~~~\n");
}

static void test_columns_in_bytes_and_in_characters(void **state)
{
    (void)state;
    expect("\xc3\xa4\xc3\xb6: x", 1, 7, true,
           "        1 | \xc3\xa4\xc3\xb6: x\n          |     ^\n");
    expect("\xc3\xa4\xc3\xb6: x", 1, 5, false,
           "        1 | \xc3\xa4\xc3\xb6: x\n          |     ^\n");
}

static void test_what_would_move_the_caret_or_hide_is_shown(void **state)
{
    (void)state;
    expect("\tx", 1, 2, true, "        1 |  x\n          |  ^\n");
    expect("\033[2Jx", 1, 5, true, "        1 | \xef\xbf\xbd[2Jx\n          |     ^\n");
    expect("\xe2\x80\xae: x", 1, 4, false, "        1 | \xef\xbf\xbd: x\n          |    ^\n");
    expect("\xff\xfe x", 1, 4, true, "        1 | \xef\xbf\xbd\xef\xbf\xbd x\n          |    ^\n");
}

static void test_places_that_are_not_there(void **state)
{
    (void)state;
    expect("one\n", 0, 1, true, "");
    expect("one\n", 1, 0, true, "");
    expect("one", 2, 1, true, "");
    expect("", 5, 5, true, "");
    /* The end of the file, and a column behind the end of its line. */
    expect("one\n", 2, 1, true, "        2 | \n          | ^\n");
    expect("one", 1, 99, true, "        1 | one\n          |    ^\n");
}

static void test_long_lines_are_cut_on_both_sides(void **state)
{
    CLEANUP_TEXT struct text text = {0};
    char line[3000];
    const char *caret, *below;

    (void)state;
    memset(line, 'a', sizeof(line));
    line[1999] = ' ';
    line[2000] = 'X';
    line[2001] = ' ';
    caret_append(&text, line, sizeof(line), 1, 2001, true);
    assert_true(text.length < 400);
    below = strchr(text_string(&text), '\n') + 1;
    caret = strchr(below, '^');
    assert_non_null(caret);
    assert_int_equal(caret[1], '\n');
    /* What stands above the caret: the dots before the line take three bytes for one place. */
    assert_int_equal(text_string(&text)[caret - below + 2], 'X');
    assert_non_null(strstr(text_string(&text), "\xe2\x80\xa6"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_and_strings),
        cmocka_unit_test(test_columns_in_bytes_and_in_characters),
        cmocka_unit_test(test_what_would_move_the_caret_or_hide_is_shown),
        cmocka_unit_test(test_places_that_are_not_there),
        cmocka_unit_test(test_long_lines_are_cut_on_both_sides),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Promise: text and numbers are shown as they are, visibly, and never cut inside of a character. */

#include "common/text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_growing(void **state)
{
    CLEANUP_TEXT struct text text = {0};

    assert_string_equal(text_string(&text), "");
    for (int i = 0; i < 1000; i++)
        text_append(&text, "0123456789");
    assert_int_equal(text.length, 10000);
    assert_int_equal(strlen(text_string(&text)), 10000);
    text_reset(&text);
    assert_string_equal(text_string(&text), "");
    text_append_bytes(&text, "abc", 2);
    assert_string_equal(text_string(&text), "ab");
    text_free(NULL);
}

/* Every length around the first allocation, for an off-by-one in it. */
static void test_format(void **state)
{
    for (int length = 0; length < 300; length++) {
        CLEANUP_TEXT struct text text = {0};

        text_append_format(&text, "%*s", length, "");
        text_append_format(&text, "<%d>", length);
        assert_int_equal(text.length, strlen(text_string(&text)));
        assert_int_equal(atoi(text_string(&text) + length + 1), length);
    }
}

static void test_take(void **state)
{
    struct text text = {0};
    char *string = text_take(&text);

    assert_string_equal(string, "");
    free(string);
    text_append(&text, "x");
    string = text_take(&text);
    assert_string_equal(string, "x");
    assert_string_equal(text_string(&text), "");
    free(string);
}

static void test_number_format(void **state)
{
    static const struct {
        double number;
        const char *expected;
    } cases[] = {
        {0, "0"},
        {-0.0, "-0"},
        {0.1, "0.1"},
        {1e-5, "1e-05"},
        {12, "12"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {0.975524, "0.975524"},
        {-12.5, "-12.5"},
        {0.0001, "0.0001"},
        {100.05, "100.05"},
        {-999999.123456789, "-999999.123456789"},
        {999999.1234567891, "999999.1234567891"},
        {0.12345678901, "0.12345678901"},
        {1000000, "1000000"},
        {5e-324, "5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {NAN, "nan"},
        {-INFINITY, "-inf"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char buffer[32];

        number_format(buffer, sizeof(buffer), cases[i].number);
        assert_string_equal(buffer, cases[i].expected);
    }
}

static void test_number_round_trip(void **state)
{
    uint64_t bits = 88172645463325252ull;

    for (int i = 0; i < 20000; i++) {
        double number, again;
        char buffer[32];

        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        memcpy(&number, &bits, sizeof(number));
        if (!isfinite(number))
            continue;
        number_format(buffer, sizeof(buffer), number);
        assert_int_equal(number_parse(buffer, &again), 0);
        assert_memory_equal(&number, &again, sizeof(number));
    }
}

static void test_number_parse(void **state)
{
    static const char *const good[] = {"0",    "-0",       "1",      "10",     "0.5",      "1e-5",
                                       "1E+5", "-12.5e10", "1e-320", "0e-400", "-0.0e-999"};
    static const char *const bad[] = {
        "",    "-",   "+1",   ".5",   "5.",     "01",    "1e",     "1e+",     "0x10",
        "inf", "nan", " 1",   "1 ",   "1,5",    "1_000", "--1",    "1e400",   "1f",
        "1.e", "-.5", "1e5.", "-inf", "-1e999", "\n1",   "1e-400", "-1e-400", "0.0001e-330"};
    double number = 42;

    for (size_t i = 0; i < COUNT(good); i++) {
        assert_int_equal(number_parse(good[i], &number), 0);
        assert_true(number == strtod(good[i], NULL));
    }
    number = 42;
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(number_parse(bad[i], &number), -1);
        assert_true(number == 42);
    }
}

static void test_utf8_valid(void **state)
{
    static const char *const good[] = {"",
                                       "abc",
                                       "\x7f",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};
    static const struct {
        const char *bytes;
        size_t offset;
    } bad[] = {
        {"a\x80", 1},
        {"ab\xc0\xaf", 2},             /* overlong '/' */
        {"\xc1\xbf", 0},               /* overlong */
        {"\xe0\x9f\xbf", 0},           /* overlong */
        {"\xf0\x8f\xbf\xbf", 0},       /* overlong */
        {"\xed\xa0\x80", 0},           /* a surrogate */
        {"\xf4\x90\x80\x80", 0},       /* beyond U+10FFFF */
        {"\xf5\x80\x80\x80", 0},       /* beyond */
        {"\xff", 0},                   /* never */
        {"\xc3\xa4\xe2\x82", 2},       /* cut */
        {"\xc3(", 0},                  /* no continuation */
        {"\xe2(\xa1", 0},              /* no continuation */
        {"\xf0\x90\x80(", 0},          /* no continuation */
        {"\xc3\xa4\xc3\xa4\xfexx", 4}, /* never */
    };
    size_t offset;

    for (size_t i = 0; i < COUNT(good); i++)
        assert_true(utf8_valid(good[i], strlen(good[i]), NULL));
    for (size_t i = 0; i < COUNT(bad); i++) {
        offset = 99;
        assert_false(utf8_valid(bad[i].bytes, strlen(bad[i].bytes), &offset));
        assert_int_equal(offset, bad[i].offset);
    }
    assert_false(utf8_valid("a\0b", 3, &offset));
    assert_int_equal(offset, 1);
    /* Bytes behind the end do not count. */
    assert_false(utf8_valid("\xc3\xa4", 1, NULL));
}

/* All code points there are, there and back. */
static void test_code_points(void **state)
{
    CLEANUP_TEXT struct text text = {0};

    for (uint32_t code_point = 1; code_point <= 0x10ffff; code_point++) {
        uint32_t again;

        if (code_point >= 0xd800 && code_point <= 0xdfff)
            continue;
        text_reset(&text);
        text_append_code_point(&text, code_point);
        if (!utf8_valid(text.data, text.length, NULL) ||
            utf8_decode(text.data, &again) != text.length || again != code_point ||
            utf8_count(text.data) != 1)
            fail_msg("U+%04X", (unsigned)code_point);
    }
    assert_int_equal(utf8_count("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), 4);
}

static void test_hidden(void **state)
{
    static const uint32_t hidden[] = {
        0x00,   0x09,   0x0a,   0x1b,   0x7f,   0x85,   0x9f,    0xad,    0x61c,   0x180e,
        0x200b, 0x200d, 0x200e, 0x202a, 0x202e, 0x2028, 0x2029,  0x2060,  0x2066,  0x2069,
        0x3164, 0xfeff, 0xfe0f, 0xfff9, 0xfdd0, 0xffff, 0x1fffe, 0xe0001, 0xe0041, 0xe0100,
    };
    static const uint32_t shown[] = {' ',    'a',    '~',    0xa0,   0xe9,   0x3b1,  0x4e2d,
                                     0x2010, 0x2014, 0x2026, 0x2027, 0x202f, 0x2070, 0x1f600};

    for (size_t i = 0; i < COUNT(hidden); i++) {
        if (!code_point_hidden(hidden[i]))
            fail_msg("U+%04X", (unsigned)hidden[i]);
    }
    for (size_t i = 0; i < COUNT(shown); i++) {
        if (code_point_hidden(shown[i]))
            fail_msg("U+%04X", (unsigned)shown[i]);
    }
}

static void test_visible(void **state)
{
    CLEANUP_TEXT struct text text = {0};

    text_append_visible(&text,
                        "a\xe2\x80\xae"
                        "b\n\tc\xc3\xa4\xf3\xa0\x81\x81",
                        "\n");
    assert_string_equal(text.data, "aU+202Eb\nU+0009c\xc3\xa4U+E0041");
    text_reset(&text);
    text_append_visible(&text, "", NULL);
    assert_string_equal(text_string(&text), "");
}

static void test_repaired(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        const char *expected;
    } cases[] = {
        {"abc", 3, "abc"},
        {"", 0, ""},
        {"a\xff"
         "b",
         3,
         "a\xef\xbf\xbd"
         "b"},
        {"\xe2\x82", 2, "\xef\xbf\xbd"},
        {"\xe2\x82(", 3, "\xef\xbf\xbd("},
        {"\xc0\xaf", 2, "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xf0\x9f\x98\x80\xf0\x9f\x98", 7, "\xf0\x9f\x98\x80\xef\xbf\xbd"},
        {"a\0b", 3,
         "a\xef\xbf\xbd"
         "b"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        CLEANUP_TEXT struct text text = {0};

        text_append_repaired(&text, cases[i].bytes, cases[i].length);
        assert_string_equal(text_string(&text), cases[i].expected);
    }
}

static void test_line(void **state)
{
    static const struct {
        const char *string;
        size_t limit;
        const char *expected;
    } cases[] = {
        {"", 10, ""},
        {"  \r\n a\t\tb \x7f\xc2\x85\xe2\x80\xa8 c  ", 10, "a b c"},
        {"abcdef", 6, "abcdef"},
        {"abcdef  \n", 6, "abcdef"},
        {"abcdefg", 6, "abcde\xe2\x80\xa6"},
        {"abcde fg", 6, "abcde\xe2\x80\xa6"},
        {"abcd efg", 6, "abcd\xe2\x80\xa6"},
        {"\xc3\xa4\xc3\xb6\xc3\xbc", 2, "\xc3\xa4\xe2\x80\xa6"},
        {"ab", 1, "\xe2\x80\xa6"},
        {"ab", 0, ""},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        CLEANUP_TEXT struct text text = {0};

        text_append(&text, "> ");
        text_append_line(&text, cases[i].string, cases[i].limit);
        assert_memory_equal(text.data, "> ", 2);
        assert_string_equal(text.data + 2, cases[i].expected);
        assert_true(utf8_count(text.data) <= cases[i].limit + 2);
    }
}

static void test_words(void **state)
{
    static const struct {
        const char *string, *expected;
    } cases[] = {
        {"", ""},
        {"?!", ""},
        {"Weird!", "weird"},
        {"  very -- WEIRD, v2.", "very weird v2"},
        {"\xc3\x9c"
         "BLE \xc3\x9c"
         "be",
         "\xc3\xbc"
         "ble \xc3\xbc"
         "be"},
        {"\xce\xa9 \xe2\x80\x94 \xd0\x96", "\xcf\x89 \xd0\xb6"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP_TEXT struct text text = {0};

        text_append(&text, "x: ");
        text_append_words(&text, cases[i].string);
        assert_string_equal(text.data + 3, cases[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_growing),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_take),
        cmocka_unit_test(test_number_format),
        cmocka_unit_test(test_number_round_trip),
        cmocka_unit_test(test_number_parse),
        cmocka_unit_test(test_utf8_valid),
        cmocka_unit_test(test_code_points),
        cmocka_unit_test(test_hidden),
        cmocka_unit_test(test_visible),
        cmocka_unit_test(test_repaired),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

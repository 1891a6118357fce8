/* Promise: only strict JSON within its bounds is taken. */

#include "common/json.h"

#include "common/memory.h"
#include "common/text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct json_limits limits = {4 << 20, 32, 10000};

/* Parses, and checks that json_check() is of the same mind. NULL where it is refused. */
static struct json_object *parse(const char *bytes, size_t length, struct error *error)
{
    struct json_object *json = NULL;
    struct error other = {0};
    int parsed = json_parse(&json, bytes, length, &limits, error);

    assert_int_equal(json_check(bytes, length, &limits, &other), parsed);
    if (parsed < 0) {
        assert_int_equal(error->kind, ERROR_PERMANENT);
        assert_string_equal(other.message, error->message);
        assert_null(json);
    }
    return json;
}

#define HALF_A_PAIR                                                                                \
    "line 1, column 2: half of a surrogate pair: bytes that are no UTF-8 can stand in a patch "    \
    "file beside "                                                                                 \
    "this one, and not in JSON"

static void assert_parsed(const char *document, const char *expected)
{
    struct error error = {0};
    struct json_object *json = parse(document, strlen(document), &error);

    if (error.kind != ERROR_NONE)
        fail_msg("%s: %s", document, error.message);
    assert_string_equal(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN |
                                                                 JSON_C_TO_STRING_NOSLASHESCAPE),
                        expected);
    json_object_put(json);
}

static void assert_refused_bytes(const char *bytes, size_t length, const char *expected)
{
    struct error error = {0};

    assert_null(parse(bytes, length, &error));
    assert_string_equal(error.message, expected);
}

static void assert_refused(const char *document, const char *expected)
{
    assert_refused_bytes(document, strlen(document), expected);
}

static void test_values(void **state)
{
    assert_parsed("null", "null");
    assert_parsed(" \t\r\n true \n", "true");
    assert_parsed("[]", "[]");
    assert_parsed("{ }", "{}");
    assert_parsed("[null,false,[[]],{\"a\":{}}]", "[null,false,[[]],{\"a\":{}}]");
    assert_parsed("{\"b\" : 1 , \"a\" : \"x\"}", "{\"b\":1,\"a\":\"x\"}");
    assert_parsed("{\"\":null}", "{\"\":null}");
    /* The same key, but not in the same object. */
    assert_parsed("{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":1}]}",
                  "{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":1}]}");
}

static void test_numbers_as_written(void **state)
{
    static const char *const numbers[] = {
        "0",
        "-0",
        "1.50",
        "0.975524",
        "1e5",
        "1E-5",
        "-1e+5",
        "1234567",
        "1e-320",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "18446744073709551616",
        "123456789012345678901234567890",
    };

    for (size_t i = 0; i < COUNT(numbers); i++)
        assert_parsed(numbers[i], numbers[i]);
}

static void test_number_types(void **state)
{
    struct error error = {0};
    static const char document[] = "[7, 7.0, 9223372036854775808, -9223372036854775808, -0]";
    struct json_object *json = parse(document, strlen(document), &error);

    assert_non_null(json);
    assert_true(json_object_is_type(json_object_array_get_idx(json, 0), json_type_int));
    assert_true(json_object_is_type(json_object_array_get_idx(json, 1), json_type_double));
    assert_true(json_object_is_type(json_object_array_get_idx(json, 2), json_type_double));
    assert_true(json_object_get_double(json_object_array_get_idx(json, 2)) ==
                9223372036854775808.0);
    assert_true(json_object_get_int64(json_object_array_get_idx(json, 3)) == INT64_MIN);
    assert_true(json_object_is_type(json_object_array_get_idx(json, 4), json_type_double));
    json_object_put(json);
}

static void test_wrong_numbers(void **state)
{
    static const char *const numbers[] = {"01",  "1.",    "-",      "1e",    "1e+",
                                          "-01", "1e400", "-1e400", "1.5.5", "1-1"};

    for (size_t i = 0; i < COUNT(numbers); i++) {
        CLEANUP_FREE char *document = memory_format("{\"a\": %s}", numbers[i]);
        CLEANUP_FREE char *expected = memory_format(
            "line 1, column 7: '%s' is not a number of JSON, or is outside the range of a double",
            numbers[i]);

        assert_refused(document, expected);
    }
    assert_refused("+1", "line 1, column 1: expected a value, found '+'");
    assert_refused(".5", "line 1, column 1: expected a value, found '.'");
    assert_refused("[NaN]", "line 1, column 2: expected a value, found 'NaN'");
    assert_refused(
        "[-Infinity]",
        "line 1, column 2: '-' is not a number of JSON, or is outside the range of a double");
    assert_refused("0x10", "line 1, column 2: expected the end of the document, found more");
}

static void test_strings(void **state)
{
    struct error error = {0};
    static const char document[] =
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e4\\u20AC\\ud83d\\uDE00x\xc3\xa4\x7f\"";
    struct json_object *json = parse(document, strlen(document), &error);

    assert_non_null(json);
    assert_string_equal(json_object_get_string(json),
                        "\"\\/\b\f\n\r\tA\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80x\xc3\xa4\x7f");
    json_object_put(json);
}

static void test_wrong_strings(void **state)
{
    assert_refused("\"a", "line 1, column 1: a string without its end");
    assert_refused("\"a\\", "line 1, column 4: the document ends too early");
    assert_refused("'a'", "line 1, column 1: expected a value, found '''");
    assert_refused("\"a\nb\"", "line 1, column 3: a control character in a string");
    assert_refused("\"\\x\"", "line 1, column 2: an unknown escape in a string");
    assert_refused("\"\\u12g4\"", "line 1, column 2: \\u without four hex digits");
    assert_refused("\"\\u12", "line 1, column 2: \\u without four hex digits");
    assert_refused("\"\\u0000\"", "line 1, column 2: \\u0000 is not taken");
    assert_refused("\"\\ud800\"", HALF_A_PAIR);
    assert_refused("\"\\ud800\\u0041\"", HALF_A_PAIR);
    assert_refused("\"\\ud800\\ud800\"", HALF_A_PAIR);
    assert_refused("\"\\udc00\\ud800\"", HALF_A_PAIR);
}

static void test_syntax(void **state)
{
    assert_refused("", "line 1, column 1: the document ends too early");
    assert_refused(" \n ", "line 2, column 2: the document ends too early");
    assert_refused("[1,", "line 1, column 4: the document ends too early");
    assert_refused("[1,]", "line 1, column 4: expected a value, found ']'");
    assert_refused("[1 2]", "line 1, column 4: expected ',' or ']', found '2'");
    assert_refused("[1}", "line 1, column 3: expected ',' or ']', found '}'");
    assert_refused("{\"a\":1]", "line 1, column 7: expected ',' or '}', found ']'");
    assert_refused("{\"a\"}", "line 1, column 5: expected ':', found '}'");
    assert_refused("{\"a\":1,}", "line 1, column 8: expected a key in double quotes, found '}'");
    assert_refused("{\n  a: 1}", "line 2, column 3: expected a key in double quotes, found 'a'");
    assert_refused("{1: 1}", "line 1, column 2: expected a key in double quotes, found '1'");
    assert_refused("True", "line 1, column 1: expected a value, found 'True'");
    assert_refused("nullx", "line 1, column 1: expected a value, found 'nullx'");
    assert_refused("1 2", "line 1, column 3: expected the end of the document, found more");
    assert_refused("{}{}", "line 1, column 3: expected the end of the document, found more");
    assert_refused("[1] // x", "line 1, column 5: expected the end of the document, found more");
    assert_refused("\f1", "line 1, column 1: expected a value, found ''");
    assert_refused("\xe2\x80\xae", "line 1, column 1: expected a value, found 'U+202E'");
}

static void test_bytes(void **state)
{
    assert_refused("\xef\xbb\xbf{}", "line 1, column 1: a byte order mark is not taken");
    assert_refused("[\"\xc0\xaf\"]", "line 1, column 3: not valid UTF-8");
    assert_refused("[\n\"\xed\xa0\x80\"]", "line 2, column 2: not valid UTF-8");
    assert_refused_bytes("[\"a\0\"]", 6, "line 1, column 4: a NUL byte");
    assert_refused_bytes("\xff\xfe[\0]\0", 6, "line 1, column 1: expected UTF-8, found UTF-16");
    assert_refused_bytes("\xfe\xff\0[\0]", 6, "line 1, column 1: expected UTF-8, found UTF-16");
    assert_refused_bytes("\xff[]", 3, "line 1, column 1: not valid UTF-8");
    assert_refused_bytes("1\0", 2, "line 1, column 2: a NUL byte");
}

/* The bytes need no NUL behind them, and what stands there does not count. */
static void test_length(void **state)
{
    struct error error = {0};
    CLEANUP_FREE char *exact = malloc(2);

    memcpy(exact, "12", 2);
    for (size_t length = 1; length <= 2; length++) {
        struct json_object *json = parse(exact, length, &error);

        assert_int_equal(json_object_get_int(json), length == 1 ? 1 : 12);
        json_object_put(json);
    }
    memcpy(exact, "tr", 2);
    assert_refused_bytes(exact, 2, "line 1, column 1: expected a value, found 'tr'");
}

static void test_duplicate_keys(void **state)
{
    assert_refused("{\"a\":1,\"a\":1}", "line 1, column 8: duplicate key 'a'");
    assert_refused("{\"metric\":1,\n \"\\u006detric\":2}",
                   "line 2, column 2: duplicate key 'metric'");
    assert_refused("{\"\\u00e4\":1,\"\xc3\xa4\":1}", "line 1, column 13: duplicate key '\xc3\xa4'");
    assert_refused("[{\"x\":{\"b\":1,\"a\":{\"b\":1},\"b\":2}}]",
                   "line 1, column 26: duplicate key 'b'");
    /* Of several, the first in the document. */
    assert_refused("{\"b\":1,\"a\":1,\"b\":1,\"a\":1}", "line 1, column 14: duplicate key 'b'");
    assert_refused("{\"a\":1,\"a\":1,\"a\":1}", "line 1, column 8: duplicate key 'a'");
}

static void append_repeated(struct text *text, const char *piece, size_t count)
{
    for (size_t i = 0; i < count; i++)
        text_append(text, piece);
}

static void test_depth(void **state)
{
    CLEANUP_TEXT struct text text = {0};
    struct error error = {0};
    struct json_object *json;

    append_repeated(&text, "[", 32);
    text_append(&text, "1");
    append_repeated(&text, "]", 32);
    json = parse(text.data, text.length, &error);
    assert_non_null(json);
    json_object_put(json);
    text_reset(&text);
    append_repeated(&text, "[", 64000);
    assert_refused(text.data, "line 1, column 33: nested deeper than 32");
    text_reset(&text);
    append_repeated(&text, "{\"a\":", 33);
    assert_refused(text.data, "line 1, column 161: nested deeper than 32");
    /* Depth is of what is open, not of all that was. */
    text_reset(&text);
    text_append(&text, "[0");
    append_repeated(&text, ",[{},{\"a\":[]}]", 100);
    text_append(&text, "]");
    json = parse(text.data, text.length, &error);
    assert_non_null(json);
    json_object_put(json);
}

static void test_count(void **state)
{
    CLEANUP_TEXT struct text text = {0};
    struct error error = {0};
    struct json_object *json;

    text_append(&text, "[1");
    append_repeated(&text, ",1", 9998);
    text_append(&text, "]");
    json = parse(text.data, text.length, &error);
    assert_int_equal(json_object_array_length(json), 9999);
    json_object_put(json);
    text.length--;
    text_append(&text, ",1]");
    assert_refused(text.data, "line 1, column 20000: more than 10000 values");
}

static void test_size(void **state)
{
    const struct json_limits small = {4, 8, 8};
    struct json_object *json;
    struct error error = {0};

    assert_int_equal(json_parse(&json, "\"ab\"", 4, &small, &error), 0);
    json_object_put(json);
    assert_int_equal(json_parse(&json, "\"abc\"", 5, &small, &error), -1);
    assert_string_equal(error.message, "larger than 4 bytes");
}

/* Ten thousand keys, long and with long common beginnings, must not cost their square. */
static void test_many_keys(void **state)
{
    CLEANUP_TEXT struct text text = {0};
    struct error error = {0};
    clock_t begin;

    text_append(&text, "{");
    for (int i = 0; i < 9998; i++)
        text_append_format(&text, "\"%0300d%s\":1,", i, i % 2 ? "\\u0061" : "b");
    begin = clock();
    text_append_format(&text, "\"%0300da\":1}", 4321);
    assert_null(parse(text.data, text.length, &error));
    assert_non_null(strstr(error.message, "duplicate key '00000"));
    assert_true(clock() - begin < 2 * CLOCKS_PER_SEC);
}

/* Every beginning of a document is refused, unless it is whole already. */
static void test_cut(void **state)
{
    static const char document[] =
        "{\"a\": [1, -2.5e-3, true, null, \"x\\u00e4\\ud83d\\ude00\"], \"\xc3\xa4\": {}}";

    for (size_t length = 0; length < strlen(document); length++) {
        CLEANUP_FREE char *piece = malloc(length > 0 ? length : 1);
        struct error error = {0};

        memcpy(piece, document, length);
        assert_null(parse(piece, length, &error));
        assert_int_equal(error.kind, ERROR_PERMANENT);
    }
}

/* Where it is asked for: as Python's json writes them, and in no other way. */
static void test_non_finite(void **state)
{
    static const char *const good[] = {"NaN", "Infinity", "-Infinity"};
    static const char *const bad[] = {"nan",       "-NaN", "+Infinity", "Inf",
                                      "Infinity1", "NaNs", "--Infinity"};
    struct json_limits asked = limits;
    struct error error;

    asked.non_finite = true;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct json_object *json;

        assert_int_equal(json_parse(&json, good[i], strlen(good[i]), &asked, &error), 0);
        assert_false(isfinite(json_object_get_double(json)));
        assert_string_equal(json_object_to_json_string(json), good[i]);
        json_object_put(json);
        assert_int_equal(json_check(good[i], strlen(good[i]), &asked, &error), 0);
        assert_int_equal(json_check(good[i], strlen(good[i]), &limits, &error), -1);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(json_check(bad[i], strlen(bad[i]), &asked, &error), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),       cmocka_unit_test(test_numbers_as_written),
        cmocka_unit_test(test_number_types), cmocka_unit_test(test_wrong_numbers),
        cmocka_unit_test(test_strings),      cmocka_unit_test(test_wrong_strings),
        cmocka_unit_test(test_syntax),       cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_length),       cmocka_unit_test(test_duplicate_keys),
        cmocka_unit_test(test_depth),        cmocka_unit_test(test_count),
        cmocka_unit_test(test_size),         cmocka_unit_test(test_many_keys),
        cmocka_unit_test(test_cut),          cmocka_unit_test(test_non_finite),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Promise: only plain YAML within its bounds is taken, and each value knows its line. */

#include "common/yaml.h"

#include "common/memory.h"
#include "common/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static const struct json_limits limits = {4 << 20, 32, 10000};

static struct json_object *parse(const char *document)
{
    struct json_object *tree = NULL;
    struct error error;

    if (yaml_parse(&tree, document, strlen(document), &limits, &error) < 0)
        fail_msg("%s: %s", document, error.message);
    return tree;
}

static void assert_parsed(const char *document, const char *expected)
{
    struct json_object *tree = parse(document);

    assert_string_equal(json_object_to_json_string_ext(tree, JSON_C_TO_STRING_PLAIN), expected);
    json_object_put(tree);
}

static void assert_refused_bytes(const char *bytes, size_t length, const char *expected)
{
    struct json_object *tree = NULL;
    struct error error = {0};

    assert_int_equal(yaml_parse(&tree, bytes, length, &limits, &error), -1);
    assert_null(tree);
    assert_int_equal(error.kind, ERROR_PERMANENT);
    assert_string_equal(error.message, expected);
}

static void assert_refused(const char *document, const char *expected)
{
    assert_refused_bytes(document, strlen(document), expected);
}

static void test_scalars(void **state)
{
    assert_parsed("a: 1e-5\nb: yes\nc: 0x10\nd: 012\ne: 1.50\n",
                  "{\"a\":\"1e-5\",\"b\":\"yes\",\"c\":\"0x10\",\"d\":\"012\",\"e\":\"1.50\"}");
    assert_parsed("a:\nb: ~\nc: null\nd: 'null'\ne: \"\"\nf: Null\n",
                  "{\"a\":null,\"b\":null,\"c\":null,\"d\":\"null\",\"e\":\"\",\"f\":\"Null\"}");
    assert_parsed("a: |\n  x\n  y\nb: >-\n  x\n  y\n", "{\"a\":\"x\\ny\\n\",\"b\":\"x y\"}");
    assert_parsed("a: \"\\u00e4\\x41\\n\"", "{\"a\":\"\xc3\xa4"
                                            "A\\n\"}");
    assert_parsed("a: x # y\n# z\n", "{\"a\":\"x\"}");
}

static void test_structure(void **state)
{
    assert_parsed("", "{}");
    assert_parsed("# nothing\n", "{}");
    assert_parsed("---\n", "{}");
    assert_parsed("---\na: 1\n...\n", "{\"a\":\"1\"}");
    assert_parsed("%YAML 1.1\n---\na: 1\n", "{\"a\":\"1\"}");
    assert_parsed("- a\n- - b\n  - c\n- d: e\n  f: [g, {h: i}]\n",
                  "[\"a\",[\"b\",\"c\"],{\"d\":\"e\",\"f\":[\"g\",{\"h\":\"i\"}]}]");
    assert_parsed("{\"a\": [1, null], \"b\": {}}", "{\"a\":[\"1\",null],\"b\":{}}");
    assert_parsed("a: {b: 1}\nc: {b: 1}\n", "{\"a\":{\"b\":\"1\"},\"c\":{\"b\":\"1\"}}");
    assert_parsed("just text", "\"just text\"");
    assert_parsed("\"<<\": 1", "{\"<<\":\"1\"}");
    assert_parsed("'': 1", "{\"\":\"1\"}");
}

static void assert_position(struct yaml_position position, unsigned line, unsigned column)
{
    assert_int_equal(position.line, line);
    assert_int_equal(position.column, column);
}

static void test_positions(void **state)
{
    struct json_object *tree = parse("\xc3\xa4: x\n"
                                     "b:   'y'\n"
                                     "c:\n"
                                     "  - z\n"
                                     "  - d:\n"
                                     "    e: {f: g}\n");
    struct json_object *list = json_object_object_get(tree, "c");
    struct json_object *inner = json_object_array_get_idx(list, 1);

    assert_position(yaml_position(tree), 1, 1);
    assert_position(yaml_key_position(tree, "\xc3\xa4"), 1, 1);
    assert_position(yaml_position(json_object_object_get(tree, "\xc3\xa4")), 1, 4);
    assert_position(yaml_position(json_object_object_get(tree, "b")), 2, 6);
    assert_position(yaml_key_position(tree, "c"), 3, 1);
    assert_position(yaml_position(list), 4, 3);
    assert_position(yaml_position(json_object_array_get_idx(list, 0)), 4, 5);
    assert_position(yaml_key_position(inner, "d"), 5, 5);
    assert_position(yaml_position(json_object_object_get(inner, "d")), 0, 0);
    assert_position(yaml_key_position(json_object_object_get(inner, "e"), "f"), 6, 9);
    assert_position(yaml_key_position(tree, "missing"), 0, 0);
    assert_position(yaml_key_position(list, "c"), 0, 0);
    json_object_put(tree);
}

static void test_plain(void **state)
{
    struct json_object *tree = parse("a: 1\nb: '1'\nc: \"1\"\nd: |\n  1\ne: [1]\nf:\n");

    assert_true(yaml_plain(json_object_object_get(tree, "a")));
    assert_false(yaml_plain(json_object_object_get(tree, "b")));
    assert_false(yaml_plain(json_object_object_get(tree, "c")));
    assert_false(yaml_plain(json_object_object_get(tree, "d")));
    assert_false(yaml_plain(json_object_object_get(tree, "e")));
    assert_false(yaml_plain(json_object_object_get(tree, "f")));
    json_object_put(tree);
}

/* Trees from JSON know no positions; on their numbers json-c keeps userdata of its own. */
static void test_foreign_tree(void **state)
{
    static const char document[] = "{\"a\": 1.50, \"b\": \"x\", \"c\": [], \"d\": null, \"e\": 1}";
    struct json_object *tree;
    struct error error;

    assert_int_equal(json_parse(&tree, document, strlen(document), &limits, &error), 0);
    assert_position(yaml_position(tree), 0, 0);
    assert_position(yaml_key_position(tree, "a"), 0, 0);
    json_object_object_foreach(tree, key, value)
    {
        assert_position(yaml_position(value), 0, 0);
        assert_position(yaml_key_position(value, key), 0, 0);
        assert_false(yaml_plain(value));
    }
    json_object_put(tree);
}

/* A piece that is kept lives on with its positions when the tree is gone. */
static void test_piece_outlives_tree(void **state)
{
    struct json_object *tree = parse("a:\n  b: c\n");
    struct json_object *piece = json_object_get(json_object_object_get(tree, "a"));

    json_object_put(tree);
    assert_position(yaml_position(piece), 2, 3);
    assert_position(yaml_key_position(piece, "b"), 2, 3);
    json_object_put(piece);
}

static void test_what_is_not_taken(void **state)
{
    assert_refused("a: *x", "line 1, column 4: alias *x: aliases are not taken");
    assert_refused("*x : a", "line 1, column 1: alias *x: aliases are not taken");
    assert_refused("a: &x 1", "line 1, column 4: anchor &x: anchors are not taken");
    assert_refused("a: &x [1]", "line 1, column 4: anchor &x: anchors are not taken");
    assert_refused("a: &x {b: 1}", "line 1, column 4: anchor &x: anchors are not taken");
    assert_refused("&x a: 1", "line 1, column 1: anchor &x: anchors are not taken");
    assert_refused("a: !!int 1", "line 1, column 4: tag tag:yaml.org,2002:int: tags are not taken");
    assert_refused("a: ! 1", "line 1, column 4: tag !: tags are not taken");
    assert_refused("a: !x [1]", "line 1, column 4: tag !x: tags are not taken");
    assert_refused("!x {a: 1}", "line 1, column 1: tag !x: tags are not taken");
    assert_refused("!x a: 1", "line 1, column 1: tag !x: tags are not taken");
    assert_refused("%TAG ! tag:x,2000:\n---\na: 1", "line 1, column 1: %TAG: tags are not taken");
    assert_refused("<<: {a: 1}", "line 1, column 1: key <<: merging is not taken");
    assert_refused("? [a]\n: 1", "line 1, column 3: a key that is no scalar");
    assert_refused("{a: 1}: 1", "line 1, column 1: a key that is no scalar");
    assert_refused("a: 1\nb:\n  c: 1\n  'c': 2\n", "line 4, column 3: duplicate key 'c'");
    assert_refused("a: null\na: null\n", "line 2, column 1: duplicate key 'a'");
    assert_refused("a: 1\n---\nb: 1\n", "line 2, column 1: a second document: only one is taken");
    assert_refused("---\n---\n", "line 2, column 1: a second document: only one is taken");
}

static void test_bytes(void **state)
{
    static const char utf16[] = "\xff\xfe"
                                "a\0:\0 \0b\0";

    assert_refused("\xef\xbb\xbf"
                   "a: 1",
                   "line 1, column 1: a byte order mark is not taken");
    assert_refused_bytes(utf16, sizeof(utf16) - 1,
                         "line 1, column 1: UTF-16 is not taken, only UTF-8");
    assert_refused_bytes("\xfe\xff\0a\0:", 6, "line 1, column 1: UTF-16 is not taken, only UTF-8");
    assert_refused_bytes("a\0:\0 \0b\0", 8, "line 1, column 2: a NUL byte");
    assert_refused("a: 1\n\xc3\xa4: \xc0\xaf\n", "line 2, column 4: not valid UTF-8");
    assert_refused("a: \xed\xa0\x80", "line 1, column 4: not valid UTF-8");
    assert_refused("a: 1\nb: \x01\n", "line 2, column 4: control characters are not allowed");
    assert_refused("a: \"\\0\"", "line 1, column 4: a scalar with a NUL or an invalid character");
    assert_refused("\"\\0\": a", "line 1, column 1: a scalar with a NUL or an invalid character");
}

static void test_syntax(void **state)
{
    assert_refused("a: [1\nb: 2\n", "line 2, column 2: did not find expected ',' or ']', while "
                                    "parsing a flow sequence");
    assert_refused("a: b: c", "line 1, column 5: mapping values are not allowed in this context");
    assert_refused("a:\n\t- b", "line 2, column 1: found character that cannot start any token, "
                                "while scanning for the next token");
    assert_refused("a: 'x", "line 1, column 6: found unexpected end of stream, while scanning a "
                            "quoted scalar");
}

static void append_repeated(struct text *text, const char *piece, size_t count)
{
    for (size_t i = 0; i < count; i++)
        text_append(text, piece);
}

/* A document that takes libyaml long, or would make the tree large, is refused at once. */
static void assert_refused_quickly(const char *piece, size_t count, const char *expected)
{
    CLEANUP_TEXT struct text text = {0};
    clock_t begin = clock();

    append_repeated(&text, piece, count);
    assert_refused(text.data, expected);
    assert_true(clock() - begin < CLOCKS_PER_SEC);
}

static void test_depth(void **state)
{
    CLEANUP_TEXT struct text text = {0};

    append_repeated(&text, "[", 32);
    text_append(&text, "a");
    append_repeated(&text, "]", 32);
    json_object_put(parse(text.data));
    /* Depth is of what is open, not of all that was. */
    text_reset(&text);
    append_repeated(&text, "- [{a: {}}, [b]]\n", 100);
    json_object_put(parse(text.data));
    assert_refused_quickly("[", 64000, "line 1, column 33: nested deeper than 32");
    assert_refused_quickly("[\n", 64000, "line 33, column 1: nested deeper than 32");
    assert_refused_quickly("- ", 64000, "line 1, column 65: nested deeper than 32");
    assert_refused_quickly("{a: ", 64000, "line 1, column 129: nested deeper than 32");
}

static void test_bounds(void **state)
{
    const struct json_limits small = {4, 8, 8};
    struct json_object *tree;
    struct error error;

    assert_refused_quickly("- a\n", 1000000, "line 10000, column 3: more than 10000 values");
    assert_refused_quickly("%TAG !a! x\n", 300000, "line 1, column 1: %TAG: tags are not taken");
    assert_refused_quickly("a: 1\r\n...\r%TAG !a! x\r", 100000,
                           "line 3, column 1: %TAG: tags are not taken");
    assert_int_equal(yaml_parse(&tree, "a: b", 4, &small, &error), 0);
    json_object_put(tree);
    assert_int_equal(yaml_parse(&tree, "a: bc", 5, &small, &error), -1);
    assert_string_equal(error.message, "larger than 4 bytes");
}

static void test_bomb(void **state)
{
    assert_refused("a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n",
                   "line 1, column 4: anchor &a: anchors are not taken");
}

/* Not only at the beginning of a line: then it is text. */
static void test_tag_directive_as_text(void **state)
{
    assert_parsed("a: 100 %TAG x\nb: |\n  %TAG\n", "{\"a\":\"100 %TAG x\",\"b\":\"%TAG\\n\"}");
    assert_parsed("a: \"\xc3\xa9%TAG\"", "{\"a\":\"\xc3\xa9%TAG\"}");
}

/* Every beginning of a document is read or refused, and frees what it had. */
static void test_cut(void **state)
{
    static const char document[] = "a: {b: [1, 'x', \"\\u00e4\"]}\n? c\n: |\n  text\nd: - e\n";

    for (size_t length = 0; length <= strlen(document); length++) {
        CLEANUP_FREE char *piece = malloc(length > 0 ? length : 1);
        struct json_object *tree = NULL;
        struct error error;

        memcpy(piece, document, length);
        if (yaml_parse(&tree, piece, length, &limits, &error) == 0)
            assert_non_null(tree);
        json_object_put(tree);
    }
}

static void collect(void *data, const struct error *error)
{
    text_append_format(data, "%s\n", error->message);
}

/* All problems of a document in one go, and the rest that is still read. */
static void test_all_mistakes(void **state)
{
    static const char document[] = "a: 1\n"
                                   "a: {x: 1, x: 2}\n"
                                   "b: &one !!str 2\n"
                                   "c: *one\n"
                                   "<<: {d: 1}\n"
                                   "*two : 3\n"
                                   "e: [1, *three]\n";
    static const char told[] = "line 2, column 1: duplicate key 'a'\n"
                               "line 2, column 11: duplicate key 'x'\n"
                               "line 3, column 4: anchor &one: anchors are not taken\n"
                               "line 3, column 4: tag tag:yaml.org,2002:str: tags are not taken\n"
                               "line 4, column 4: alias *one: aliases are not taken\n"
                               "line 5, column 1: key <<: merging is not taken\n"
                               "line 6, column 1: alias *two: aliases are not taken\n"
                               "line 7, column 8: alias *three: aliases are not taken\n";
    CLEANUP_TEXT struct text text = {0};
    struct json_object *tree = NULL;
    struct error error;

    assert_int_equal(
        yaml_parse_all(&tree, document, strlen(document), &limits, false, collect, &text, &error),
        0);
    assert_string_equal(text_string(&text), told);
    assert_string_equal(json_object_to_json_string_ext(tree, JSON_C_TO_STRING_PLAIN),
                        "{\"a\":\"1\",\"b\":\"2\",\"c\":null,\"e\":[\"1\",null]}");
    json_object_put(tree);
}

/* An error that cannot be passed ends the reading, after the problems before it. */
static void test_all_mistakes_to_the_last(void **state)
{
    static const char document[] = "a: 1\na: 2\nb: [\n";
    CLEANUP_TEXT struct text text = {0};
    struct json_object *tree = NULL;
    struct error error = {0};

    assert_int_equal(
        yaml_parse_all(&tree, document, strlen(document), &limits, false, collect, &text, &error),
        -1);
    assert_null(tree);
    assert_string_equal(text_string(&text), "line 2, column 1: duplicate key 'a'\n");
    assert_int_equal(strncmp(error.message, "line 4, column 1: ", 18), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_all_mistakes),
        cmocka_unit_test(test_all_mistakes_to_the_last),
        cmocka_unit_test(test_structure),
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_foreign_tree),
        cmocka_unit_test(test_piece_outlives_tree),
        cmocka_unit_test(test_what_is_not_taken),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_syntax),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_tag_directive_as_text),
        cmocka_unit_test(test_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

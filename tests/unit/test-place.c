/* Promise: a sentence about a result file points to its place. */

/* daemon/place: where a sentence about a result file points to. */

#include "daemon/command-line/place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect(const char *name, const char *bytes, const char *sentence, unsigned line,
                   unsigned column)
{
    struct place place = place_of(name, bytes, strlen(bytes), sentence);

    assert_int_equal(place.line, line);
    assert_int_equal(place.column, column);
}

static void test_values_in_json(void **state)
{
    static const char file[] = "{\"details\": {\"metric\": 1, \"x\": [\"metric\"]},\n"
                               " \"hypothesis\": \"metric: \\\"metric\\\": {[\",\n"
                               " \"metric\" :\n  \"nope\"}";

    (void)state;
    expect("a.json", file, "metric: found nope, one of those would do", 4, 3);
    expect("a.json", file, "details: found a list", 1, 13);
    expect("a.json", file, "commit: found no such key, a text would do", 0, 0);
    expect("a.json", file, "no key at all", 0, 0);
    expect("a.json", "{", "metric: found nothing", 0, 0);
    expect("a.json", "\"metric", "metric: found nothing", 0, 0);
    expect("a.json", "{\"metric\":", "metric: found nothing", 0, 0);
    expect("a.json", "{\"metric\\", "metric: found nothing", 0, 0);
}

static void test_values_in_yaml(void **state)
{
    static const char file[] = "experiment_id: x\nmetric: nope\ndetails:\n  metric: 1\ncommit:\n";

    (void)state;
    expect("a.yaml", file, "metric: found nope, one of those would do", 2, 9);
    expect("a.yml", file, "line 2, column 1: metric: found nope", 2, 9);
    expect("a.yaml", file, "commit: found no value", 5, 1);
    expect("a.yaml", file, "title: found no such key", 0, 0);
    expect("a.yaml", "[1, 2]", "metric: found nothing", 0, 0);
    expect("a.yaml", "{", "metric: found nothing", 0, 0);
}

static void test_sentences_with_a_place(void **state)
{
    (void)state;
    expect("a.json", "{,}", "line 1, column 2: expected a key", 1, 2);
    expect("a.yaml", "a: *x", "line 1, column 4: alias *x: aliases are not taken", 1, 4);
    assert_true(place_of("a.json", "{,}", 3, "line 1, column 2: x").in_bytes);
    assert_false(place_of("a.yaml", "a: *x", 5, "line 1, column 4: x").in_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_in_json),
        cmocka_unit_test(test_values_in_yaml),
        cmocka_unit_test(test_sentences_with_a_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

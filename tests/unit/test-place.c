/* Promise: what is wrong with a result file is shown at its place. */

#include "daemon/result/place.h"

#include "daemon/result.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect(const char *name, const char *bytes, const char *key, unsigned line,
                   unsigned column)
{
    struct place place = place_of_key(name, bytes, strlen(bytes), key);

    assert_int_equal(place.line, line);
    assert_int_equal(place.column, column);
}

static void expect_error(const char *name, const char *bytes, const char *message, unsigned line,
                         unsigned column)
{
    struct result *result;
    char *experiment_id;
    struct error error;

    assert_int_equal(result_parse(&result, &experiment_id, name, bytes, strlen(bytes), &error), -1);
    free(experiment_id);
    assert_memory_equal(error.message, message, strlen(message));
    assert_int_equal(error.line, line);
    assert_int_equal(error.column, column);
}

static void test_values_in_json(void **state)
{
    static const char file[] = "{\"details\": {\"metric\": 1, \"x\": [\"metric\"]},\n"
                               " \"hypothesis\": \"metric: \\\"metric\\\": {[\",\n"
                               " \"metric\" :\n  \"nope\"}";

    (void)state;
    expect("a.json", file, "metric", 4, 3);
    expect("a.json", file, "details", 1, 13);
    expect("a.json", file, "commit", 0, 0);
    expect("a.json", "{", "metric", 0, 0);
    expect("a.json", "\"metric", "metric", 0, 0);
    expect("a.json", "{\"metric\":", "metric", 0, 0);
    expect("a.json", "{\"metric\\", "metric", 0, 0);
}

static void test_values_in_yaml(void **state)
{
    static const char file[] = "experiment_id: x\nmetric: nope\ndetails:\n  metric: 1\ncommit:\n";

    (void)state;
    expect("a.yaml", file, "metric", 2, 9);
    expect("a.yml", file, "metric", 2, 9);
    expect("a.yaml", file, "commit", 5, 1);
    expect("a.yaml", file, "title", 0, 0);
    expect("a.yaml", "[1, 2]", "metric", 0, 0);
    expect("a.yaml", "{", "metric", 0, 0);
}

static void test_errors_with_a_place(void **state)
{
    (void)state;
    expect_error("a.json", "{,}", "line 1, column 2: expected a key", 1, 2);
    expect_error("a.json", "{\n  \"experiment_id\": \"a b\"}",
                 "experiment_id: expected 1 to 100 of", 2, 20);
    expect_error("a.json", "{}", "experiment_id: expected 1 to 100 of", 0, 0);
    expect_error("a.yaml", "a: *x", "line 1, column 4: ", 1, 4);
    expect_error("a.yaml", "experiment_id: a b\n",
                 "line 1, column 1: experiment_id: expected 1 to 100 of", 1, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_in_json),
        cmocka_unit_test(test_values_in_yaml),
        cmocka_unit_test(test_errors_with_a_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Promise: title, body and commit message say what was measured, letter by letter. */

/* tests/integration/test_description.py looks at what a renderer makes of them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/memory.h"
#include "common/text.h"
#include "daemon/description.h"
#include "daemon/description/escape.h"
#include "daemon/description/tests.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BASE   "b000000000000000000000000000000000000000"
#define COMMIT "c000000000000000000000000000000000000000"
#define LONG   1000

static double run = 0.975524;

static struct result result;
static struct config_metric metric;
static struct description description;

static int set_up(void **state)
{
    result = (struct result){
        .experiment_id = (char *)"exp-042",
        .hypothesis = (char *)"Wider is better.\n\nSo they say.",
        .metric = (char *)"val_bpb",
        .claim = {.after = {.runs = &run, .count = 1, .mean = run}},
    };
    metric = (struct config_metric){.direction = METRIC_MINIMIZE};
    description = (struct description){
        .result = &result,
        .metric = &metric,
        .verdict = {.source = GATE_SOURCE_FRONTIER, .reference = 0.978784, .threshold = 0},
        .command = "tox -e unit",
        .duration_ms = 12345,
        .output = "ok",
        .base_branch = "main",
        .base = BASE,
        .measured = "",
        .commit = COMMIT,
        .host = "laboratory",
        .digest = "d1",
    };
    return 0;
}

static void check_title(const char *expected)
{
    CLEANUP_FREE char *title = description_title(&description);

    assert_string_equal(title, expected);
}

static void a_title_is_given_or_made(void **state)
{
    char hypothesis[LONG];

    check_title("experiment: Wider is better. So they say.");
    result.title =
        (char *)"@all closes #3 and !4 at https://x, `a` :tada: [[x]] deadbeef \xe2\x80\xae";
    check_title("experiment: @ all closes # 3 and ! 4 at https: //x, 'a' : tada: [ [x]] `deadbeef` "
                "U+202E");
    result.title = (char *)"GPT-2 at 10:30, a#b, 50%, me@ us! 123456 deadbee5fs";
    check_title("experiment: GPT-2 at 10:30, a#b, 50%, me@ us! 123456 deadbee5fs");
    result.title = NULL;
    memset(hypothesis, 'a', sizeof(hypothesis) - 1);
    hypothesis[sizeof(hypothesis) - 1] = '\0';
    result.hypothesis = hypothesis;
    {
        CLEANUP_FREE char *title = description_title(&description);

        assert_int_equal(utf8_count(title), strlen("experiment: ") + 100);
    }
    result.title = hypothesis;
    {
        CLEANUP_FREE char *title = description_title(&description);

        assert_int_equal(utf8_count(title), 255);
    }
}

static void a_commit_message(void **state)
{
    CLEANUP_FREE char *patch = description_commit_message(&description);
    CLEANUP_FREE char *measured = NULL;

    assert_string_equal(patch, "experiment: Wider is better. So they say.\n"
                               "\n"
                               "    Wider is better.\n"
                               "\n"
                               "    So they say.\n"
                               "\n"
                               "Experiment-Id: exp-042\n"
                               "Metric: val_bpb 0.975524\n"
                               "Result-Sha256: d1\n");
    description.measured = "%M";
    description.verdict.reference = NAN;
    result.hypothesis =
        (char *)"fixes #1 %M\nsome words that are just long enough to be wrapped at the column\n"
                "Metric: forged\n";
    measured = description_commit_message(&description);
    assert_string_equal(
        measured,
        "experiment: fixes # 1 % M some words that are just long enough to be wr\xe2\x80\xa6\n"
        "\n"
        "    fixes # 1 % M\n"
        "    some words that are just long enough to be wrapped at the column\n"
        "    Metric: forged\n"
        "\n"
        "Experiment-Id: exp-042\n"
        "Metric: val_bpb 0.975524\n"
        "Measured-On: %M\n"
        "Result-Sha256: d1\n");
}

static void check_body(const char *words)
{
    CLEANUP_FREE char *body = description_body(&description);

    if (!strstr(body, words))
        fail_msg("'%s' is not in:\n%s", words, body);
}

static void the_parts_of_a_body(void **state)
{
    static const struct description_point frontier[] = {{"a b", 1}, {"exp-1", 0.978784}};
    static const struct repository_file files[] = {{(char *)"a|b.py", 1, 2}, {(char *)"c", -1, -1}};
    static const struct description_contained contained[] = {{"exp-1", 7, true}, {"exp-2", 0}};
    double before[] = {0.5, 0.75};

    description.frontier = frontier;
    description.frontier_count = 2;
    description.files = files;
    description.file_count = 2;
    check_body("### Hypothesis\n\n> `Wider is better.`\n>\n> `So they say.`\n\n### Metric\n");
    check_body("| Direction | minimize (lower is better) |\n"
               "| Before | `0.978784` (the best so far) |\n"
               "| After | `0.975524` |\n"
               "| Change | `-0.00326` |\n"
               "| Relative change | `-0.333 %` |\n"
               "| Threshold | `0` had to be exceeded |\n"
               "| Runs after | 1: `0.975524` |\n\n```mermaid\nxychart-beta\n");
    check_body("x-axis [\"a_b\", \"exp-1\", \"exp-042\"]\n");
    check_body("line [1, 0.978784, 0.975524]\n    line [0.975524, 0.975524, 0.975524]\n");
    check_body("### Validation\n\n`tox -e unit` passed in 12.3 s.\n");
    check_body("\n ```\nok\n ```\n");
    check_body("| `a`&#124;`b.py` | 1 | 2 |\n| `c` | binary | binary |\n");
    check_body("- Base: `main` at `" BASE "`\n");
    check_body("- Measured commit: none, the change came as a diff\n");
    result.claim.before = (struct measurement){.runs = before, .count = 2, .mean = 0.625};
    metric.direction = METRIC_MAXIMIZE;
    description.contained = contained;
    description.contained_count = 2;
    description.contained_more = 3;
    description.measured = BASE;
    description.tree_is_measured = true;
    description.web_url = "http://forge/o/r";
    check_body("| Runs before | 2: `0.5`, `0.75`; spread `+0.25` |\n");
    check_body("maximize (higher is better)");
    check_body("- Measured commit: " BASE
               ", and the tree of this pull request is the measured one\n");
    description.merge_base = COMMIT;
    check_body("- The base has `" COMMIT "` already: ");
    description.merge_base = "";
    check_body("\n**Contains what was closed without being merged:** "
               "[`exp-1`](<http://forge/o/r/pulls/7>)\n\n### Metric\n");
    check_body(",\"turned_down\":[\"exp");
    description.own_diff = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-```</details>\n+<b>\n";
    check_body(
        "\n### What this experiment itself changed\n\nOver [`exp-1`](<http://forge/o/r/pulls/7>)"
        ":\n\n<details>\n<summary>The difference</summary>\n\n ````\n--- a/x\n+++ b/x\n"
        "@@ -1 +1 @@\n-```</details>\n+<b>\n ````\n\n</details>\n");
    description.own_diff = "";
    check_body("not merged yet: [`exp-1`](<http://forge/o/r/pulls/7>), `exp-2` and 3 commits of no "
               "known experiment\n");
    check_body("[`c000000000`](<http://forge/o/r/commit/" COMMIT ">)");
    check_body("| [`a`&#124;`b.py`](<http://forge/o/r/src/commit/" COMMIT "/a%7Cb.py>) | 1 | 2 |\n"
               "| `c` | binary | binary |\n");
    description.notes = "#1 has CRLF line ends";
    check_body("\nThe patch was mended so that it applies: `#1 has CRLF line ends`\n");
    description.notes = NULL;
    description.doubt = "the index line of #1 names another content";
    check_body("`the index line of #1 names another content`\n\n### Metric");
    description.doubt = NULL;
    description.output = NULL;
    check_body("It printed nothing.");
}

static void the_numbers_of_tests(void **state)
{
    static const struct repository_file files[] = {{(char *)"train.py", 1, 2},
                                                   {(char *)"tests/test_`a.py", 1, 1},
                                                   {(char *)"b_test.go", 1, 1}};

    check_body("\n### Validation\n\n`tox -e unit` passed in 12.3 s.\n");
    check_body(",\"tests\":null,\"base_tests\":null,");
    description.files = files;
    description.file_count = 1;
    description.tests = (struct test_count){true, 12, 12, "pytest"};
    check_body("\n\n### Metric\n");
    check_body("passed in 12.3 s. Tests run: 12.\n");
    description.base_tests = (struct test_count){true, 12, 11, "pytest"};
    check_body(" Tests run: 12 here, 12 (11 of them passed) on the base.\n");
    check_body(",\"tests\":12,\"base_tests\":12,");
    description.base_tests.ran = 14;
    check_body("`\n\n**Fewer tests ran than on the base:** 12 here, 14 there.\n\n### Metric\n");
    description.base_tests = (struct test_count){false, 0, 0, ""};
    description.file_count = 3;
    check_body("`\n\n**Changes tests:** ``tests/test_`a.py``, `b_test.go`. Tests run: 12.\n\n### "
               "Metric\n");
    description.tests = description.base_tests;
    check_body("`b_test.go`. How many tests ran is not known.\n\n### Metric\n");
    description.tests = (struct test_count){true, 3, 3, "go test"};
    check_body(" passed in 12.3 s. Packages tested: 3.\n");
}

static void which_paths_are_tests(void **state)
{
    static const char *const tests[] = {
        "test_a.py", "a/test_a.py", "tests/data.json", "a/test/b/c",       "a_test.go",
        "tests.py",  "conftest.py", "a/b.spec.ts",     "x/__tests__/y.js",
    };
    static const char *const others[] = {
        "train.py",  "latest/a.py",  "contest.py",   "tests",
        "attest.py", "protest_a.py", "testament.md",
    };

    for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
        if (!description_is_test(tests[i]))
            fail_msg("%s is a test", tests[i]);
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (description_is_test(others[i]))
            fail_msg("%s is no test", others[i]);
}

static void without_a_reference_there_is_no_change(void **state)
{
    description.verdict.reference = NAN;
    description.verdict.source = GATE_SOURCE_NONE;
    check_body("| Before | \xe2\x80\x93 |\n");
    check_body("| Change | \xe2\x80\x93 |\n");
    check_body("\"before\":null");
    check_body("x-axis [\"exp-042\"]");
}

static void the_facts_are_json(void **state)
{
    CLEANUP_FREE char *marker = description_marker("exp-042", "d1");
    CLEANUP_FREE char *body = NULL;
    const char *comment;
    char *end;
    struct json_object *facts;

    result.details = json_tokener_parse("{\"a-->\": \"<!-- -\\u202e & \\ud83d\\ude00 \\\" \\\\\", "
                                        "\"n\": null, \"lr\": 1e-5}");
    result.unknown = json_tokener_parse("{\"list\": [1, \"-->\"]}");
    body = description_body(&description);
    comment = strstr(body, marker);
    assert_non_null(comment);
    end = strstr(comment, " -->");
    assert_string_equal(end, " -->\n");
    *end = '\0';
    facts = json_tokener_parse(strchr(comment, '{'));
    assert_non_null(facts);
    assert_string_equal(json_object_get_string(json_object_object_get(facts, "experiment_id")),
                        "exp-042");
    assert_true(json_object_equal(json_object_object_get(facts, "details"), result.details));
    assert_string_equal(json_object_get_string(json_object_object_get(
                            json_object_object_get(facts, "unknown"), "list")),
                        "[1,\"-->\"]");
    assert_true(json_object_get_double(json_object_object_get(facts, "after")) == run);
    json_object_put(facts);
    json_object_put(result.details);
    json_object_put(result.unknown);
}

static void code_is_delimited_by_more_than_it_holds(void **state)
{
    static const char *const rows[][2] = {
        {"a", "`a`"},
        {"`", "`` ` ``"},
        {"a`b", "``a`b``"},
        {"``` x", "```` ``` x ````"},
        {" a  b\nc ", "`a b c`"},
        {"", ""},
        {"\n", ""},
        {"|", "&#124;"},
        {"a|`", "`a`&#124;`` ` ``"},
        {"\xff", "`\xef\xbf\xbd`"},
        {"a\\", "`a\\`"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CLEANUP_TEXT struct text text = {0};

        escape_append_code(&text, rows[i][0], 100);
        assert_string_equal(text_string(&text), rows[i][1]);
    }
}

static void what_is_too_long_is_shortened(void **state)
{
    static const char *const patterns[] = {"a",        "`",   "|",   "a|",  "`|",
                                           "\xc3\xa9", "a\n", "`\n", "<\n", "\n"};

    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        CLEANUP_TEXT struct text foreign = {0};
        CLEANUP_TEXT struct text code = {0};
        CLEANUP_TEXT struct text quote = {0};
        CLEANUP_TEXT struct text block = {0};

        for (size_t j = 0; j < LONG; j++)
            text_append(&foreign, patterns[i]);
        escape_append_code(&code, text_string(&foreign), LONG / 2);
        escape_append_quote(&quote, text_string(&foreign), LONG / 2);
        escape_append_block(&block, text_string(&foreign), LONG / 2);
        assert_true(code.length <= LONG / 2 + 10);
        assert_true(quote.length <= LONG / 2 + 10);
        assert_true(block.length <= LONG / 2 + 10);
        assert_true(utf8_valid(text_string(&code), code.length, NULL));
        assert_true(utf8_valid(text_string(&quote), quote.length, NULL));
        assert_true(utf8_valid(text_string(&block), block.length, NULL));
    }
}

/* Of megabytes only the beginning is read, and that more follows is said though all of that fits. */
static void the_rest_of_much_is_not_read(void **state)
{
    CLEANUP_TEXT struct text much = {0};
    CLEANUP_TEXT struct text code = {0};

    text_append_format(&much, "first%*s", 100000, "last");
    escape_append_code(&code, text_string(&much), 100);
    assert_string_equal(text_string(&code), "`first`\xe2\x80\xa6");
}

/* Our own words are found again, and nobody else's. */
static void the_measured_commit_is_found(void **state)
{
    CLEANUP_FREE char *body = NULL;
    CLEANUP_FREE char *windows = NULL;
    char measured[GIT_HASH_SIZE];

    result.hypothesis = (char *)"x\n<!-- winnowd {\"measured\":\"" COMMIT "\"} -->\n";
    description.measured = BASE;
    body = description_body(&description);
    assert_true(description_find_measured(body, measured));
    assert_string_equal(measured, BASE);
    /* As a page where it was edited sends it back. */
    windows = memory_format("hello\r\n%s", strstr(body, "<!-- winnowd {\"experiment_id"));
    assert_true(description_find_measured(windows, measured));
    assert_string_equal(measured, BASE);
    assert_false(description_find_measured("", measured));
    assert_false(
        description_find_measured("x <!-- winnowd {\"measured\":\"" BASE "\"} -->", measured));
    assert_false(description_find_measured("<!-- winnowd {\"measured\":\"main\"} -->\n", measured));
    assert_false(description_find_measured("<!-- winnowd {\"measured\":null} -->\n", measured));
    assert_false(description_find_measured("<!-- winnowd ", measured));
    assert_string_equal(measured, "");
}

#define TEST(function) cmocka_unit_test_setup(function, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_title_is_given_or_made),
        TEST(a_commit_message),
        TEST(the_parts_of_a_body),
        TEST(the_numbers_of_tests),
        TEST(which_paths_are_tests),
        TEST(without_a_reference_there_is_no_change),
        TEST(the_facts_are_json),
        TEST(the_measured_commit_is_found),
        TEST(code_is_delimited_by_more_than_it_holds),
        TEST(what_is_too_long_is_shortened),
        TEST(the_rest_of_much_is_not_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

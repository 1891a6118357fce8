/* Promise: a result file is taken whole, or refused in words that help. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/memory.h"
#include "common/text.h"
#include "daemon/result.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct result *parse(const char *file_name, const char *bytes)
{
    CLEANUP_FREE char *experiment_id = NULL;
    struct result *result = NULL;
    struct error error = {0};

    if (result_parse(&result, &experiment_id, file_name, bytes, strlen(bytes), &error) < 0)
        fail_msg("%s", error.message);
    assert_string_equal(experiment_id, result->experiment_id);
    return result;
}

/* Whether a message "KEY: expected Y, found X" holds `words`: of these, "KEY: found X" stands for both ends. */
static bool says(const char *message, const char *words)
{
    const char *found = strstr(words, ": found ");
    CLEANUP_FREE char *key = NULL;

    if (!found)
        return strstr(message, words) != NULL;
    key = memory_format("%.*s: expected ", (int)(found - words), words);
    return strstr(message, key) && strstr(message, found + strlen(": "));
}

/* Refused, with a message that says `words`. */
static void refuse(const char *file_name, const char *bytes, const char *words)
{
    CLEANUP_FREE char *experiment_id = NULL;
    struct result *result = NULL;
    struct error error = {0};

    if (result_parse(&result, &experiment_id, file_name, bytes, strlen(bytes), &error) == 0)
        fail_msg("this was taken: %s", bytes);
    assert_null(result);
    assert_int_equal(error.kind, ERROR_PERMANENT);
    assert_null(strstr(error.message, ",,"));
    if (!says(error.message, words))
        fail_msg("'%s' is not in '%s'", words, error.message);
}

/* A JSON result with all that is required, and `more` in front of it. */
static char *with(const char *more)
{
    return memory_format("{%s\"experiment_id\":\"exp-1\",\"hypothesis\":\"less is more\","
                         "\"metric\":\"val_bpb\"}",
                         more);
}

static struct result *parse_with(const char *more)
{
    CLEANUP_FREE char *bytes = with(more);

    return parse("a.json", bytes);
}

static void refuse_with(const char *more, const char *words)
{
    CLEANUP_FREE char *bytes = with(more);

    refuse("a.json", bytes, words);
}

#define AFTER "\"metric_after\":0.5,"

static void everything_in_json(void **state)
{
    CLEANUP(result_freep)
    struct result *result = parse("exp.json", "{"
                                              "\"experiment_id\": \"Exp_0.42-a\","
                                              "\"hypothesis\": \"a\\nb \\u00e9\","
                                              "\"title\": \"one\\r\\ntwo\\u0007three\","
                                              "\"metric\": \"val_bpb\","
                                              "\"metric_after\": 0.975524,"
                                              "\"metric_before\": [0.97, 0.99],"
                                              "\"status\": \"keep\","
                                              "\"commit\": \"ABCDEF1\","
                                              "\"repository\": \"/srv/nanochat\","
                                              "\"details\": {\"steps\": 1000, \"model\": \"m\", "
                                              "\"b\": true, \"n\": null, \"f\": 1e-5},"
                                              "\"colour\": {\"deep\": [1]}}");

    assert_string_equal(result->experiment_id, "Exp_0.42-a");
    assert_string_equal(result->hypothesis, "a\nb \xc3\xa9");
    assert_string_equal(result->title, "one two three");
    assert_string_equal(result->metric, "val_bpb");
    assert_int_equal(result->claim.after.count, 1);
    assert_true(result->claim.after.mean == 0.975524);
    assert_int_equal(result->claim.before.count, 2);
    assert_true(result->claim.before.mean == 0.98);
    assert_int_equal(result->claim.status, CLAIM_OK);
    assert_string_equal(result->claim.status_word, "keep");
    assert_int_equal(result->change, RESULT_CHANGE_COMMIT);
    assert_string_equal(result->commit, "abcdef1");
    assert_string_equal(result->repository, "/srv/nanochat");
    assert_null(result->patch);
    assert_null(result->diff);
    assert_int_equal(json_object_object_length(result->details), 5);
    assert_int_equal(json_object_object_length(result->unknown), 1);
    assert_string_equal(
        json_object_to_json_string_ext(json_object_object_get(result->unknown, "colour"),
                                       JSON_C_TO_STRING_PLAIN),
        "{\"deep\":[1]}");
}

static void the_least_there_can_be(void **state)
{
    CLEANUP(result_freep) struct result *result = parse_with(AFTER);

    assert_null(result->title);
    assert_int_equal(result->claim.before.count, 0);
    assert_int_equal(result->claim.status, CLAIM_OK);
    assert_string_equal(result->claim.status_word, "ok");
    assert_int_equal(result->change, RESULT_CHANGE_NONE);
    assert_null(result->details);
    assert_null(result->unknown);
}

static void the_key_decides_the_type_in_yaml(void **state)
{
    CLEANUP(result_freep)
    struct result *result = parse("exp.yaml", "experiment_id: 42\n"
                                              "hypothesis: 3.0\n"
                                              "metric: val_bpb\n"
                                              "metric_after: 1e-5\n"
                                              "metric_before:\n"
                                              "  - 1\n"
                                              "  - 2\n"
                                              "status:\n"
                                              "commit: 1234567\n"
                                              "details:\n"
                                              "  steps: 100\n"
                                              "note: [x]\n");

    assert_string_equal(result->experiment_id, "42");
    assert_string_equal(result->hypothesis, "3.0");
    assert_true(result->claim.after.mean == 1e-5);
    assert_true(result->claim.before.mean == 1.5);
    assert_int_equal(result->claim.status, CLAIM_OK);
    assert_string_equal(result->commit, "1234567");
    assert_string_equal(json_object_get_string(json_object_object_get(result->details, "steps")),
                        "100");
    assert_non_null(json_object_object_get(result->unknown, "note"));
}

#define YAML_HEAD "experiment_id: a\nhypothesis: b\nmetric: c\n"

static void yaml_refuses_with_the_line(void **state)
{
    refuse("a.yml", YAML_HEAD "metric_after: '0.5'\n",
           "line 4, column 1: metric_after: found \"0.5\"");
    refuse("a.yml", YAML_HEAD "metric_after: .nan\n", "line 4, column 1: metric_after");
    refuse("a.yml", YAML_HEAD "metric_after: 0x10\n", "metric_after");
    refuse("a.yml", YAML_HEAD "metric_after: 1_000\n", "metric_after");
    refuse("a.yml", YAML_HEAD "metric_after:\n", "metric_after");
    refuse("a.yml", YAML_HEAD "metric_after: 1\ncommit: xyz\n", "line 5, column 1: commit");
    refuse("a.yml", YAML_HEAD "metric_after: 1\nmetric_before: []\n", "an empty list");
    refuse("a.yml", "- 1\n", "the file: found a list");
    refuse("a.yml", "", "experiment_id: found no such key");
    refuse("a.yml", YAML_HEAD "metric_after: &a 1\nmetric_before: *a\n", "line 4");
    refuse("a.yml", "experiment_id:\nhypothesis: b\nmetric: c\n", "experiment_id: found no value");
}

static void json_refuses_with_the_key(void **state)
{
    refuse("a.json", "[]", "the file: found an empty list");
    refuse("a.json", "{\"experiment_id\":1}", "experiment_id: found 1");
    refuse("a.json", "{\"experiment_id\":\"a\"}", "hypothesis: found no such key");
    refuse("a.json", "{\"experiment_id\":\"a\",\"hypothesis\":\" \\n\"}", "hypothesis: found \"\"");
    refuse("a.json", "{\"experiment_id\":\"a\",\"hypothesis\":{}}", "hypothesis: found an object");
    refuse("a.json", "{\"experiment_id\":\"a\",\"hypothesis\":\"b\"}", "metric: found no such key");
    refuse("a.json", "{\"a\":1,\"a\":2}", "duplicate");
    refuse("a.json", "{'a':1}", "line 1");
    refuse("a.json", "{\"a\":nan}", "line 1");
    refuse("a.json", "", "line 1");
    refuse_with("\"metric_after\":\"fast\",", "metric_after: expected a number in the range of a "
                                              "double, or a list of such numbers, found \"fast\"");
    refuse_with("\"metric_after\":1e400,", "line 1");
    refuse_with("\"metric_after\":[],", "metric_after: found an empty list");
    refuse_with("\"metric_after\":[1,\"2\"],", "metric_after: found \"2\"");
    refuse_with("\"metric_after\":[[1]],", "metric_after: found a list");
    refuse_with("\"metric_after\":true,", "metric_after: found true");
    refuse_with("\"metric_after\":null,", "metric_after: found nothing");
    refuse_with("", "metric_after: found nothing");
    refuse_with(AFTER "\"metric_before\":{},", "metric_before: found an object");
    refuse_with(AFTER "\"status\":1,", "status: found 1");
    refuse_with(AFTER "\"status\":\"\",", "status: found \"\"");
    refuse_with(AFTER "\"title\":[],", "title: found an empty list");
    refuse_with(AFTER "\"details\":[],", "details: found an empty list");
    refuse_with(AFTER "\"details\":{\"a\":[1]},", "details: found a list in 'a'");
    refuse_with(AFTER "\"details\":{\"a\":1,\"b\":{}},", "details: found an object in 'b'");
    refuse_with(AFTER "\"status\":\"\\u202e\\u001b[31m\",\"title\":1,", "title: found 1");
    refuse_with("\"metric_after\":\"\\u202e\\u001b\",", "U+202E");
}

static void numbers_keep_their_digits(void **state)
{
    CLEANUP(result_freep)
    struct result *large = parse_with("\"metric_after\":"
                                      "123456789012345678901234567890,");
    CLEANUP(result_freep) struct result *negative = parse_with("\"metric_after\":-0.0,");
    CLEANUP(result_freep) struct result *tiny = parse_with("\"metric_after\":4.9e-324,");

    assert_true(large->claim.after.mean == 123456789012345678901234567890.0);
    assert_true(negative->claim.after.mean == 0);
    assert_true(tiny->claim.after.mean == 4.9e-324);
}

static void the_mean_does_not_overflow(void **state)
{
    CLEANUP(result_freep)
    struct result *large = parse_with("\"metric_after\":[1.7e308,1.7e308,1.7e308],");
    CLEANUP(result_freep)
    struct result *opposite = parse_with("\"metric_after\":[1.7e308,-1.7e308],");
    CLEANUP(result_freep) struct result *same = parse_with("\"metric_after\":[0.1,0.1,0.1],");

    assert_true(fabs(large->claim.after.mean - 1.7e308) < 1e293);
    assert_true(opposite->claim.after.mean == 0);
    /* valgrind computes with 64 bits where the processor has 80. */
    assert_true(same->claim.after.mean == 0.1 || getenv("WINNOWD_UNDER_VALGRIND"));
}

/* Only ok, keep and baseline need a number that means something. */
static void a_crash_needs_no_number(void **state)
{
    static const char *const words[] = {"crash", "crashed", "error",  "timeout",
                                        "oom",   "discard", "Not ok", "whatever"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        CLEANUP_FREE char *none = memory_format("\"status\":\"%s\",", words[i]);
        CLEANUP_FREE char *odd = memory_format("\"metric_after\":\"inf\",\"metric_before\":[],%s",
                                               none);
        CLEANUP_FREE char *some = memory_format(AFTER "%s", none);
        CLEANUP(result_freep) struct result *without = parse_with(none);
        CLEANUP(result_freep) struct result *with_odd = parse_with(odd);
        CLEANUP(result_freep) struct result *with_one = parse_with(some);

        assert_int_equal(without->claim.status, i < 5 ? CLAIM_CRASHED : CLAIM_DISCARDED);
        assert_int_equal(without->claim.after.count, 0);
        assert_int_equal(with_odd->claim.after.count, 0);
        assert_int_equal(with_one->claim.after.count, 1);
        assert_string_equal(without->claim.status_word, words[i]);
    }
    refuse_with("\"status\":\"baseline\",", "metric_after: found nothing");
    refuse_with("\"status\":\"keep\",", "metric_after: found nothing");
    refuse_with("\"status\":\"ok\",", "metric_after: found nothing");
}

static void identifiers(void **state)
{
    static const char *const good[] = {"a", "0", "exp-042", "A.b_c-d", "a.lockx", "lock", "a-"};
    static const char *const bad[] = {"",    ".a",   "-a",  "_a",  "a..b",    "a.",
                                      "a/b", "a b",  "a\n", "a~1", "x.lock",  "a\xc3\xa9",
                                      "a@",  "a\\b", "a:b", "a?",  "\xc3\xa9"};
    char longest[102];

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (!result_id_valid(good[i]))
            fail_msg("'%s' is refused", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (result_id_valid(bad[i]))
            fail_msg("'%s' is taken", bad[i]);
    memset(longest, 'a', sizeof(longest));
    longest[100] = '\0';
    assert_true(result_id_valid(longest));
    longest[100] = 'a';
    longest[101] = '\0';
    assert_false(result_id_valid(longest));
}

static void the_identifier_is_told_even_of_a_bad_result(void **state)
{
    static const char bad_key[] = "{\"metric\":1,\"experiment_id\":\"exp-9\",\"hypothesis\":\"x\"}";
    static const char bad_id[] = "{\"experiment_id\":\"../x\"}";
    CLEANUP_FREE char *experiment_id = NULL;
    struct result *result = NULL;
    struct error error = {0};

    assert_int_equal(
        result_parse(&result, &experiment_id, "a.json", bad_key, strlen(bad_key), &error), -1);
    assert_string_equal(experiment_id, "exp-9");
    free(experiment_id);
    assert_int_equal(
        result_parse(&result, &experiment_id, "a.json", bad_id, strlen(bad_id), &error), -1);
    assert_null(experiment_id);
}

static void a_hypothesis_has_at_most_10000_characters(void **state)
{
    CLEANUP_TEXT struct text letters = {0};
    CLEANUP_FREE char *fits = NULL;
    CLEANUP_FREE char *too_long = NULL;
    CLEANUP(result_freep) struct result *result = NULL;

    for (size_t i = 0; i < 10000; i++)
        text_append(&letters, "\xc3\xa9");
    fits = memory_format("{\"experiment_id\":\"a\",\"hypothesis\":\"%s\",\"metric\":\"m\","
                         "\"metric_after\":1}",
                         text_string(&letters));
    too_long = memory_format("{\"experiment_id\":\"a\",\"hypothesis\":\"%sx\"}",
                             text_string(&letters));
    result = parse("a.json", fits);
    assert_int_equal(strlen(result->hypothesis), 20000);
    refuse("a.json", too_long, "hypothesis: found 10001 characters");
}

static void commits(void **state)
{
    CLEANUP(result_freep)
    struct result *full = parse_with(AFTER
                                     "\"commit\":\"0123456789abcdef0123456789abcdef01234567\",");

    CLEANUP(result_freep)
    struct result *long_one = parse_with(
        AFTER "\"commit\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\",");

    assert_int_equal(strlen(full->commit), 40);
    assert_int_equal(strlen(long_one->commit), 64);
    refuse_with(AFTER "\"commit\":1234567,", "commit: found 1234567");
    refuse_with(AFTER "\"commit\":\"123456\",", "commit: found \"123456\"");
    refuse_with(AFTER
                "\"commit\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0\",",
                "commit");
    refuse_with(AFTER "\"commit\":\"1234567g\",", "commit");
    refuse_with(AFTER "\"commit\":\"HEAD\",", "commit");
    refuse_with(AFTER "\"commit\":\"--upload-pack=x\",", "commit");
    refuse_with(AFTER "\"commit\":\"\",", "commit");
}

static void one_change_at_most(void **state)
{
    CLEANUP(result_freep) struct result *patch = parse_with(AFTER "\"patch\":\"exp 1.diff\",");
    CLEANUP(result_freep) struct result *diff = parse_with(AFTER "\"diff\":\"--- a\\n+++ b\",");
    CLEANUP(result_freep)
    struct result *none = parse_with(AFTER "\"diff\":null,\"patch\":null,\"commit\":null,");

    assert_int_equal(patch->change, RESULT_CHANGE_PATCH);
    assert_string_equal(patch->patch, "exp 1.diff");
    assert_int_equal(diff->change, RESULT_CHANGE_DIFF);
    assert_string_equal(diff->diff, "--- a\n+++ b\n");
    assert_int_equal(none->change, RESULT_CHANGE_NONE);
    refuse_with(AFTER "\"patch\":\"p\",\"commit\":\"1234567\",", "patch: found it beside commit");
    refuse_with(AFTER "\"diff\":\"d\",\"commit\":\"1234567\",", "diff: found it beside commit");
    refuse_with(AFTER "\"diff\":\"d\",\"patch\":\"p\",", "diff: found it beside patch");
    refuse_with(AFTER "\"repository\":\"/r\",", "repository: found none");
    refuse_with(AFTER "\"repository\":\"/r\",\"patch\":\"p\",", "repository: found none");
    refuse_with(AFTER "\"diff\":\"\",", "diff: found \"\"");
}

static void a_parent_is_a_name_beside_a_patch_or_diff(void **state)
{
    static const char *const stored[] = {
        "{\"experiment_id\":\"e\",\"hypothesis\":\"h\",\"metric\":\"m\",\"metric_after\":[1],"
        "\"commit\":\"1234567\",\"parent\":\"1234566\"}",
        "{\"experiment_id\":\"e\",\"hypothesis\":\"h\",\"metric\":\"m\",\"metric_after\":[1],"
        "\"diff\":\"d\",\"parent\":[\"a word of an earlier time\"]}",
    };
    CLEANUP(result_freep)
    struct result *one = parse_with(AFTER "\"diff\":\"d\",\"parent\":\"Exp-1\",");
    CLEANUP(result_freep)
    struct result *other = parse_with(
        AFTER "\"patch\":\"p\",\"parent\":\"1234567\",\"repository\":\"/r\",");

    assert_string_equal(one->parent, "Exp-1");
    assert_string_equal(other->repository, "/r");
    refuse_with(AFTER "\"diff\":\"d\",\"parent\":\"exp 1\",", "parent: found \"exp 1\"");
    refuse_with(AFTER "\"diff\":\"d\",\"parent\":1234567,", "parent: found 1234567");
    refuse_with(AFTER "\"commit\":\"1234567\",\"parent\":\"1234566\",", "parent: found a commit");
    refuse_with(AFTER "\"parent\":\"1234566\",", "parent: found none");
    /* To an earlier version it was a key like any other. */
    for (size_t i = 0; i < sizeof(stored) / sizeof(stored[0]); i++) {
        CLEANUP(result_freep) struct result *result = NULL;
        struct error error = {0};

        if (result_parse_canonical(&result, stored[i], &error) < 0)
            fail_msg("%s", error.message);
        assert_null(result->parent);
    }
}

static void a_patch_is_a_plain_name(void **state)
{
    static const char *const bad[] = {"",       "a/b",    "/etc/passwd", ".hidden", "..",
                                      "x.json", "x.yaml", "x.yml",       "x.tsv",   "x.jsonl",
                                      "x.tmp",  "x.part", "x~"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CLEANUP_FREE char *more = memory_format(AFTER "\"patch\":\"%s\",", bad[i]);

        refuse_with(more, "patch: found \"");
    }
}

static void formats_by_ending(void **state)
{
    assert_int_equal(result_format("a.json"), RESULT_FORMAT_JSON);
    assert_int_equal(result_format("a.yaml"), RESULT_FORMAT_YAML);
    assert_int_equal(result_format("a.b.yml"), RESULT_FORMAT_YAML);
    assert_int_equal(result_format("a.tsv"), RESULT_FORMAT_LOG);
    assert_int_equal(result_format("a.jsonl"), RESULT_FORMAT_LOG);
    assert_int_equal(result_format("a.json.bak"), RESULT_FORMAT_NONE);
    assert_int_equal(result_format("json"), RESULT_FORMAT_NONE);
    assert_int_equal(result_format("a.diff"), RESULT_FORMAT_NONE);
    assert_int_equal(result_format(""), RESULT_FORMAT_NONE);
}

static const struct {
    const char *words;
    enum claim_status status;
    bool known;
} words_of_status[] = {
    {"ok", CLAIM_OK, true},
    {"OK", CLAIM_OK, true},
    {"Keep", CLAIM_OK, true},
    {"kept", CLAIM_OK, true},
    {"ACCEPTED", CLAIM_OK, true},
    {"accept", CLAIM_OK, true},
    {"approve", CLAIM_OK, true},
    {"approved", CLAIM_OK, true},
    {"improve", CLAIM_OK, true},
    {"improved", CLAIM_OK, true},
    {"NEW_BEST", CLAIM_OK, true},
    {"success", CLAIM_OK, true},
    {"SUCCEEDED", CLAIM_OK, true},
    {"FINISHED", CLAIM_OK, true},
    {"complete", CLAIM_OK, true},
    {"COMPLETED", CLAIM_OK, true},
    {"done", CLAIM_OK, true},
    {"yes", CLAIM_OK, true},
    {"True", CLAIM_OK, true},
    {"1", CLAIM_OK, true},
    {" keep (seed 2) ", CLAIM_OK, true},
    {"\xe2\x9c\x85 keep", CLAIM_OK, true},
    {"keep: error bars overlap", CLAIM_OK, true},
    {"Baseline", CLAIM_BASELINE, true},
    {"keep/baseline", CLAIM_BASELINE, true},
    {"CRASHED", CLAIM_CRASHED, true},
    {"crash", CLAIM_CRASHED, true},
    {"FAILED", CLAIM_CRASHED, true},
    {"fail", CLAIM_CRASHED, true},
    {"Error", CLAIM_CRASHED, true},
    {"timeout", CLAIM_CRASHED, true},
    {"OOM-killed", CLAIM_CRASHED, true},
    {"invalid", CLAIM_CRASHED, true},
    {"baseline crashed", CLAIM_CRASHED, true},
    {"discard (crash)", CLAIM_CRASHED, true},
    {"discard", CLAIM_DISCARDED, true},
    {"REJECTED", CLAIM_DISCARDED, true},
    {"revert", CLAIM_DISCARDED, true},
    {"rollback", CLAIM_DISCARDED, true},
    {"skipped", CLAIM_DISCARDED, true},
    {"noop", CLAIM_DISCARDED, true},
    {"not kept", CLAIM_DISCARDED, true},
    {"discarded, not the baseline", CLAIM_DISCARDED, true},
    {"neutral", CLAIM_DISCARDED, true},
    {"no", CLAIM_DISCARDED, true},
    {"FALSE", CLAIM_DISCARDED, true},
    {"0", CLAIM_DISCARDED, true},
    {"no change", CLAIM_DISCARDED, false},
    {"10", CLAIM_DISCARDED, false},
    {"keeper", CLAIM_DISCARDED, false},
    {"TODO", CLAIM_DISCARDED, false},
    {"?", CLAIM_DISCARDED, false},
    {"yes and 1", CLAIM_DISCARDED, false},
};

/* Case does not matter, words are split at what is no letter, the worst of them counts. */
static void status_words(void **state)
{
    for (size_t i = 0; i < sizeof(words_of_status) / sizeof(words_of_status[0]); i++) {
        bool known;
        enum claim_status status = claim_status_parse(words_of_status[i].words, &known);

        if (status != words_of_status[i].status || known != words_of_status[i].known)
            fail_msg("%s: %d, known %d", words_of_status[i].words, status, known);
    }
}

/* As Python's json writes what a diverged run has left. */
static void numbers_that_are_none(void **state)
{
    static const char *const numbers[] = {"NaN", "Infinity", "-Infinity", "[0.5, NaN]"};

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        CLEANUP_FREE char *crashed = memory_format("\"metric_after\":%s,\"status\":\"Crashed\",",
                                                   numbers[i]);
        CLEANUP_FREE char *after = memory_format("\"metric_after\":%s,", numbers[i]);
        CLEANUP_FREE char *discarded = memory_format("\"status\":\"discard\",%s", after);
        CLEANUP_FREE char *before = memory_format("%s\"metric_before\":%s,\"status\":\"crash\",",
                                                  AFTER, numbers[i]);
        CLEANUP_FREE char *details = memory_format("%s\"details\":{\"grad_norm\":%s},", AFTER,
                                                   i < 3 ? numbers[i] : "NaN");
        CLEANUP_FREE char *unknown = memory_format("%s\"more\":[{\"loss\":%s}],", AFTER,
                                                   numbers[i]);
        CLEANUP(result_freep) struct result *result = parse_with(crashed);

        assert_int_equal(result->claim.status, CLAIM_CRASHED);
        assert_int_equal(result->claim.after.count, 0);
        refuse_with(after, "metric_after: found ");
        refuse_with(discarded, "metric_after: found ");
        refuse_with(before, "expected a finite number, or null where there is none, found ");
        refuse_with(details, " in 'grad_norm'");
        refuse_with(
            unknown,
            "more: in 'loss': expected a finite number, or null where there is none, found ");
    }
}

static void numbers_that_a_double_cannot_hold(void **state)
{
    static const char *const numbers[] = {"1e400", "-1e400", "1e-400", "-1e-400"};

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        CLEANUP_FREE char *json = memory_format("\"metric_after\":%s,", numbers[i]);
        CLEANUP_FREE char *yaml = memory_format(
            "experiment_id: e\nhypothesis: h\nmetric: m\nmetric_after: %s\n", numbers[i]);

        refuse_with(json, numbers[i]);
        refuse("a.yaml", yaml, "metric_after: found ");
    }
}

/* The canonical form has all of a result, whatever kind of file it came from. */
static void what_is_canonical(void **state)
{
    static const char *const files[][2] = {
        {"a.json",
         "{\"experiment_id\":\"e\",\"hypothesis\":\"a\\nb/c\",\"metric\":\"m\",\"metric_after\":"
         "[0.1,3],\"metric_before\":1e-5,\"commit\":\"ABCDEF7\",\"repository\":\"/r\","
         "\"details\":{\"n\":1.50,\"x\":null},\"seed\":7,\"title\":\"t\"}"},
        {"a.yml",
         "experiment_id: e\nhypothesis: |\n  a\n  b\nmetric: m\nstatus: OOM\nmetric_after: .nan\n"
         "diff: |\n  x\ndetails: {n: 1.50, t: \"7\"}\nseed: [1, {a: b}]\n"},
    };
    static const char *const expected[] = {
        "{\"experiment_id\":\"e\",\"status\":\"ok\",\"hypothesis\":\"a\\nb/"
        "c\",\"title\":\"t\",\"metric\":\"m\","
        "\"metric_after\":[0.1,3],\"metric_before\":[1e-05],\"commit\":\"abcdef7\",\"repository\":"
        "\"/r\","
        "\"details\":{\"n\":1.50,\"x\":null},\"seed\":7}",
        "{\"experiment_id\":\"e\",\"status\":\"OOM\",\"hypothesis\":\"a\\nb\\n\",\"metric\":\"m\","
        "\"diff\":\"x\\n\",\"details\":{\"n\":\"1.50\",\"t\":\"7\"},\"seed\":[\"1\",{\"a\":\"b\"}]"
        "}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        CLEANUP(result_freep) struct result *result = NULL;
        CLEANUP(result_freep) struct result *again = NULL;
        CLEANUP_FREE char *experiment_id = NULL;
        CLEANUP_FREE char *written = NULL;
        CLEANUP_FREE char *rewritten = NULL;
        struct error error = {0};

        if (result_parse(&result, &experiment_id, files[i][0], files[i][1], strlen(files[i][1]),
                         &error) < 0)
            fail_msg("%s", error.message);
        written = result_canonical(result);
        assert_string_equal(written, expected[i]);
        assert_int_equal(result_parse_canonical(&again, written, &error), 0);
        rewritten = result_canonical(again);
        assert_string_equal(rewritten, written);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_in_json),
        cmocka_unit_test(the_least_there_can_be),
        cmocka_unit_test(the_key_decides_the_type_in_yaml),
        cmocka_unit_test(yaml_refuses_with_the_line),
        cmocka_unit_test(json_refuses_with_the_key),
        cmocka_unit_test(numbers_keep_their_digits),
        cmocka_unit_test(the_mean_does_not_overflow),
        cmocka_unit_test(a_crash_needs_no_number),
        cmocka_unit_test(identifiers),
        cmocka_unit_test(the_identifier_is_told_even_of_a_bad_result),
        cmocka_unit_test(a_hypothesis_has_at_most_10000_characters),
        cmocka_unit_test(commits),
        cmocka_unit_test(one_change_at_most),
        cmocka_unit_test(a_parent_is_a_name_beside_a_patch_or_diff),
        cmocka_unit_test(a_patch_is_a_plain_name),
        cmocka_unit_test(formats_by_ending),
        cmocka_unit_test(status_words),
        cmocka_unit_test(what_is_canonical),
        cmocka_unit_test(numbers_that_are_none),
        cmocka_unit_test(numbers_that_a_double_cannot_hold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

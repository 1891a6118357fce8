/* Promise: whatever Gitea answers is taken for what it means, or for a fault that passes. */

/* Tables of bodies: some were observed, others nobody should send. */

#include "daemon/forge/gitea-body.h"

#include "common/memory.h"
#include "common/secret.h"
#include "common/text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define HASH          "0123456789012345678901234567890123456789"

/* Servers write their own time zone, which changes with summer. */
static void test_times(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } table[] = {
        {"\"2021-09-01T12:00:00Z\"", 1630497600000},
        {"\"2021-09-01T14:00:00+02:00\"", 1630497600000},
        {"\"2021-09-01T07:30:00-04:30\"", 1630497600000},
        {"\"1970-01-01T00:00:01Z\"", 1000},
        {"\"2021-09-01T12:00:00\"", 0},
        {"\"2021-09-01T12:00:00Zulu\"", 0},
        {"\"yesterday\"", 0},
        {"\"\"", 0},
        {"7", 0},
        {"null", 0},
    };

    for (size_t i = 0; i < LENGTH(table); i++) {
        CLEANUP_FREE char *body = memory_format("{\"at\":%s}", table[i].text);
        struct json_object *json = json_tokener_parse(body);

        if (gitea_body_time_ms(json, "at") != table[i].ms)
            fail_msg("%s: %lld", table[i].text, (long long)gitea_body_time_ms(json, "at"));
        json_object_put(json);
    }
    assert_int_equal(gitea_body_time_ms(NULL, "at"), 0);
}

static void test_messages(void **state)
{
    static const struct {
        const char *body;
        const char *words;
    } table[] = {
        {"", ""},
        {"<html><head><title>502 Bad Gateway</title></head></html>", ""},
        {"{\"message\":\"The branch already exists.\",\"url\":\"http://h/api/swagger\"}",
         "The branch already exists."},
        /* 1.15 forgets to return after the first of two answers. */
        {"{\"message\":\"The old branch does not exist\",\"url\":\"u\"}\n"
         "{\"message\":\"branch does not exist [name: nope]\",\"url\":\"u\"}\n",
         "The old branch does not exist"},
        {"{\"message\":\"a } in \\\" text {\"}{\"message\":\"second\"}", "a } in \" text {"},
        {"{\"errors\":[],\"message\":\"The target couldn't be found.\"}",
         "The target couldn't be found."},
        {"{\"errors\":[\"user does not exist [name: x]\"],\"message\":\"Not Found\"}",
         "Not Found (user does not exist [name: x])"},
        {"{\"errors\":[\"only this\"],\"message\":\"\"}", "(only this)"},
        {"{\"errors\":[\"same\"],\"message\":\"the same words\"}", "the same words"},
        {"{\"errors\":null,\"message\":null}", ""},
        {"{\"errors\":[7],\"message\":[\"x\"]}", ""},
        {"[]", ""},
        {"\"message\"", ""},
        {"{\"message\":\"cut", ""},
        {"{\"message\":\"two\\nlines\\tand \\u202e a trick\"}", "two lines and U+202E a trick"},
        {"{\"message\":\"a NUL \\u0000 in it\"}", "a NUL \xef\xbf\xbd in it"},
        {"{\"message\":\"no NUL \\\\u0000 in it\"}", "no NUL \\u0000 in it"},
        {"{\"message\":\"the token tooth-fairy is bad\"}", "the token *********** is bad"},
    };

    secret_add("tooth-fairy");
    for (size_t i = 0; i < LENGTH(table); i++) {
        CLEANUP_TEXT struct text words = {0};

        gitea_body_message(&words, table[i].body, strlen(table[i].body));
        assert_string_equal(text_string(&words), table[i].words);
    }
    secret_clear();
}

static void test_long_message_is_cut(void **state)
{
    CLEANUP_TEXT struct text body = {0};
    CLEANUP_TEXT struct text words = {0};

    text_append(&body, "{\"message\":\"");
    for (int i = 0; i < 10000; i++)
        text_append(&body, "word ");
    text_append(&body, "\"}");
    gitea_body_message(&words, text_string(&body), body.length);
    assert_true(words.length > 100 && words.length < 300);
    assert_string_equal(words.data + words.length - 3, "\xe2\x80\xa6");
}

static void test_refusals(void **state)
{
    static const struct {
        long status;
        enum error_kind kind;
        bool unauthorized;
        const char *part; /* of the sentence */
    } table[] = {
        {301, ERROR_PERMANENT, true, "moved to https://elsewhere/api (mend forge.url"},
        {307, ERROR_PERMANENT, true, "moved to https://elsewhere/api"},
        {400, ERROR_PERMANENT, false, "POST /x was answered 400: Words"},
        {401, ERROR_PERMANENT, true, "forge.token_file"},
        {403, ERROR_PERMANENT, true, "scopes"},
        {404, ERROR_PERMANENT, false, "POST /x was answered 404: Words"},
        {408, ERROR_TRANSIENT, false, "408"},
        {409, ERROR_PERMANENT, false, "409"},
        {413, ERROR_PERMANENT, true, "forge.owner): POST /x was answered 413: Words"},
        {422, ERROR_PERMANENT, false, "422"},
        {423, ERROR_PERMANENT, true, "archived"},
        {429, ERROR_TRANSIENT, false, "slow down"},
        {500, ERROR_TRANSIENT, false, "POST /x was answered 500: Words"},
        {502, ERROR_TRANSIENT, false, "502"},
        {503, ERROR_TRANSIENT, false, "503"},
    };

    for (size_t i = 0; i < LENGTH(table); i++) {
        struct gitea_body body = {
            .method = "POST",
            .path = "/x",
            .status = table[i].status,
            .body = "{\"message\":\"Words.\"}",
            .body_length = strlen("{\"message\":\"Words.\"}"),
            .location = "https://elsewhere/api",
        };
        struct error error = {0};

        assert_int_equal(gitea_body_refusal(&error, &body), table[i].unauthorized);
        assert_int_equal(error.kind, table[i].kind);
        assert_non_null(strstr(error.message, table[i].part));
        assert_int_not_equal(error.message[strlen(error.message) - 1], '.');
    }
}

static void test_redirect_to_nowhere(void **state)
{
    struct gitea_body body = {.method = "GET", .path = "/x", .status = 302, .body = ""};
    struct error error = {0};

    assert_true(gitea_body_refusal(&error, &body));
    assert_non_null(strstr(error.message, "a place it does not name"));
}

static void test_bodies(void **state)
{
    static const struct {
        const char *body;
        int result;
        bool json;
    } table[] = {
        {"", 0, false},
        {" \r\n", 0, false},
        {"{}", 0, true},
        {"[]\n", 0, true},
        {"null", 0, false},
        {"{}{}", -1, false},
        {"{\"a\":", -1, false},
        {"<html>", -1, false},
        {"{\"a\":\"\\u0000\"}", 0, true},
        {"{} trailing", -1, false},
        {"\xff\xfe", -1, false},
    };

    for (size_t i = 0; i < LENGTH(table); i++) {
        struct gitea_body body = {
            .method = "GET",
            .path = "/x",
            .status = 200,
            .body = table[i].body,
            .body_length = strlen(table[i].body),
        };
        struct json_object *json = NULL;
        struct error error = {0};

        assert_int_equal(gitea_body_parse(&json, &body, &error), table[i].result);
        assert_int_equal(json != NULL, table[i].json);
        assert_int_equal(error.kind, table[i].result < 0 ? ERROR_TRANSIENT : ERROR_NONE);
        json_object_put(json);
    }
}

/* The fault is quoted, and the quotation is cut short: no half of a secret is left over. */
static void test_no_half_of_a_secret_in_a_quotation(void **state)
{
    static const char secret[] = "tooth-fairy-under-the-pillow";

    secret_add(secret);
    for (size_t before = 20; before < 80; before++) {
        CLEANUP_TEXT struct text body = {0};
        char key[120] = "";
        struct json_object *json;
        struct error error;

        memset(key, 'x', before);
        strcat(key, secret);
        text_append_format(&body, "{\"%s\":1,\"%s\":2}", key, key);
        assert_int_equal(gitea_body_parse(&json,
                                          &(struct gitea_body){.method = "GET",
                                                               .path = "/x",
                                                               .status = 200,
                                                               .body = body.data,
                                                               .body_length = body.length},
                                          &error),
                         -1);
        assert_non_null(strstr(error.message, "xxx"));
        assert_null(strstr(error.message, "too"));
    }
    secret_clear();
}

static void test_commits(void **state)
{
    static const struct {
        const char *json;
        const char *commit;
    } table[] = {
        {"{\"name\":\"b\",\"commit\":{\"id\":\"" HASH "\"}}", HASH},
        {"{\"commit\":{\"id\":\"" HASH HASH "\"}}", NULL},
        {"{\"commit\":{\"id\":\"" HASH "012345678901234567890123\"}}",
         HASH "012345678901234567890123"},
        {"{\"commit\":{\"id\":\"ABCDEF7890123456789012345678901234567890\"}}", NULL},
        {"{\"commit\":{\"id\":\"\"}}", NULL},
        {"{\"commit\":{\"id\":7}}", NULL},
        {"{\"commit\":null}", NULL},
        {"[]", NULL},
    };

    for (size_t i = 0; i < LENGTH(table); i++) {
        struct json_object *json = json_tokener_parse(table[i].json);
        const char *commit = gitea_body_commit(json);

        assert_int_equal(commit != NULL, table[i].commit != NULL);
        if (commit)
            assert_string_equal(commit, table[i].commit);
        json_object_put(json);
    }
    assert_null(gitea_body_commit(NULL));
}

#define END(ref, id, name)                                                                         \
    "{\"ref\":\"" ref "\",\"sha\":\"" HASH "\",\"repo_id\":" id ",\"repo\":" name "}"
#define PULL(number, state, head)                                                                  \
    "{\"number\":" number ",\"state\":\"" state                                                    \
    "\",\"merged\":false,\"body\":\"text\",\"head\":" head                                         \
    ",\"base\":" END("main", "7", "{\"full_name\":\"lab/model\"}") "}"
#define OURS END("experiment/x", "7", "{\"full_name\":\"lab/model\"}")

static void test_pulls(void **state)
{
    static const struct {
        const char *json;
        int result;
        enum pull_state state;
        bool ours;
    } table[] = {
        {PULL("5", "open", OURS), 0, PULL_OPEN, true},
        {PULL("5", "closed", OURS), 0, PULL_CLOSED, true},
        {"{\"number\":5,\"state\":\"closed\",\"merged\":true,\"head\":" OURS ",\"base\":" OURS "}",
         0, PULL_MERGED, true},
        {PULL("5", "open", END("experiment/xy", "7", "null")), 0, PULL_OPEN, false},
        {PULL("5", "open", END("refs/pull/5/head", "7", "null")), 0, PULL_OPEN, false},
        /* From a fork, one that was deleted, too. */
        {PULL("5", "open", END("experiment/x", "8", "{\"full_name\":\"eve/model\"}")), 0, PULL_OPEN,
         false},
        {PULL("5", "open", END("experiment/x", "0", "null")), 0, PULL_OPEN, false},
        {PULL("5", "open", END("experiment/x", "null", "{\"full_name\":\"Lab/Model\"}")), 0,
         PULL_OPEN, true},
        {PULL("5", "half", OURS), -1, PULL_OPEN, true},
        {PULL("0", "open", OURS), -1, PULL_OPEN, true},
        {PULL("\"5\"", "open", OURS), -1, PULL_OPEN, true},
        {PULL("5", "open", "null"), -1, PULL_OPEN, false},
        {"[]", -1, PULL_OPEN, false},
        {"{}", -1, PULL_OPEN, false},
        {"7", -1, PULL_OPEN, false},
    };

    for (size_t i = 0; i < LENGTH(table); i++) {
        struct json_object *json = json_tokener_parse(table[i].json);
        struct forge_pull pull = {0};

        assert_non_null(json);
        assert_int_equal(gitea_body_pull(&pull, json), table[i].result);
        if (table[i].result == 0) {
            assert_int_equal(pull.number, 5);
            assert_int_equal(pull.state, table[i].state);
            assert_string_equal(pull.sha, HASH);
        }
        assert_int_equal(gitea_body_pull_is_of(json, "experiment/x"), table[i].ours);
        json_object_put(json);
    }
}

static void test_lists(void **state)
{
    struct json_object *kept = json_object_new_array();
    struct json_object *page = json_tokener_parse(
        "[null," PULL("9", "open", OURS) "," PULL("3", "closed", OURS) "," PULL(
            "4", "open", OURS) "," PULL("9", "open", OURS) "," PULL("2", "open",
                                                                    END("other", "7", "null")) "]");
    struct forge_pull *pulls;
    size_t count;

    assert_int_equal(gitea_body_keep_pulls(kept, page, "experiment/x"), 0);
    assert_int_equal(gitea_body_keep_pulls(kept, page, "experiment/x"), 0);
    pulls = gitea_body_pulls(kept, &count);
    assert_int_equal(count, 2);
    assert_int_equal(pulls[0].number, 4);
    assert_int_equal(pulls[1].number, 9);
    free(pulls);
    json_object_put(page);

    page = json_tokener_parse("[" PULL("5", "open", OURS) ",{\"number\":6}]");
    assert_int_equal(gitea_body_keep_pulls(kept, page, "experiment/x"), -1);
    json_object_put(page);
    page = json_tokener_parse("{\"message\":\"x\"}");
    assert_int_equal(gitea_body_keep_pulls(kept, page, "experiment/x"), -1);
    assert_int_equal(gitea_body_keep_pulls(kept, NULL, "experiment/x"), -1);
    json_object_put(page);
    json_object_put(kept);
}

static void test_paging(void **state)
{
    static const struct {
        struct gitea_page page;
        bool more;
    } table[] = {
        {{.count = 50, .seen = 50, .total_count = 51, .has_next = true}, true},
        {{.count = 50, .seen = 50, .total_count = 50}, false},
        {{.count = 50, .seen = 50, .total_count = 51}, true},
        {{.count = 1, .seen = 51, .total_count = 51}, false},
        /* A server that gives less than what was asked for. */
        {{.count = 30, .seen = 30, .total_count = 31}, true},
        {{.count = 30, .seen = 30, .total_count = -1}, true},
        {{.count = 30, .seen = 60, .total_count = -1}, true},
        {{.count = 12, .seen = 72, .total_count = -1}, true},
        {{.count = 50, .seen = 100, .total_count = -1}, true},
        /* An empty page ends it, whatever the headers say. */
        {{.count = 0, .seen = 50, .total_count = 99, .has_next = true}, false},
        {{.count = 0, .seen = 0, .total_count = -1}, false},
    };

    for (size_t i = 0; i < LENGTH(table); i++)
        assert_int_equal(gitea_body_more(&table[i].page), table[i].more);
}

static void test_labels(void **state)
{
    struct json_object *labels = json_tokener_parse(
        "[null,{\"id\":3,\"name\":\"experiment\"},{\"id\":4,\"name\":\"Experiment\"},{\"name\":"
        "\"idle\"},7]");
    const int64_t both[] = {3, 4}, other[] = {3, 5};

    assert_int_equal(gitea_body_label(labels, "experiment"), 3);
    assert_int_equal(gitea_body_label(labels, "Experiment"), 4);
    assert_int_equal(gitea_body_label(labels, "idle"), -1);
    assert_int_equal(gitea_body_label(labels, "absent"), -1);
    assert_int_equal(gitea_body_label(NULL, "absent"), -1);
    assert_true(gitea_body_has_labels(labels, both, 2));
    assert_false(gitea_body_has_labels(labels, other, 2));
    assert_false(gitea_body_has_labels(NULL, both, 1));
    json_object_put(labels);
}

static void test_whether_it_merges(void **state)
{
    static const struct {
        const char *value;
        enum forge_mergeable expected;
    } table[] = {
        {"true", FORGE_MERGEABLE},
        {"false", FORGE_NOT_MERGEABLE},
        {"null", FORGE_MERGEABLE_UNKNOWN},
        {"\"true\"", FORGE_MERGEABLE_UNKNOWN},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        CLEANUP_FREE char *body = memory_format(
            "{\"number\":5,\"state\":\"open\",\"head\":{\"ref\":\"x\"},\"base\":{\"ref\":\"m\"},"
            "\"html_url\":\"http://forge.example/o/r/pulls/5\",\"mergeable\":%s}",
            table[i].value);
        struct json_object *json = json_tokener_parse(body);
        struct forge_pull pull = {0};

        assert_int_equal(gitea_body_pull(&pull, json), 0);
        assert_int_equal(pull.mergeable, table[i].expected);
        assert_string_equal(pull.url, "http://forge.example/o/r/pulls/5");
        json_object_put(json);
    }
}

static void test_what_it_was_merged_as(void **state)
{
    static const char merge[] = "b000000000000000000000000000000000000000";
    const char *const values[][2] = {{merge, merge}, {"", ""}, {"main", ""}};

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        CLEANUP_FREE char *body = memory_format(
            "{\"number\":5,\"state\":\"closed\",\"merged\":true,\"head\":{\"ref\":\"x\"},"
            "\"base\":{\"ref\":\"m\"},\"merge_commit_sha\":\"%s\"}",
            values[i][0]);
        struct json_object *json = json_tokener_parse(body);
        struct forge_pull pull = {0};

        assert_int_equal(gitea_body_pull(&pull, json), 0);
        assert_string_equal(pull.merge_commit, values[i][1]);
        json_object_put(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_whether_it_merges),
        cmocka_unit_test(test_what_it_was_merged_as),
        cmocka_unit_test(test_long_message_is_cut),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_redirect_to_nowhere),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_no_half_of_a_secret_in_a_quotation),
        cmocka_unit_test(test_commits),
        cmocka_unit_test(test_pulls),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_paging),
        cmocka_unit_test(test_labels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

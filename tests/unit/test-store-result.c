/* Promise: each result has one decision, durable before anything else happens. */

/* Results are added, found and decided. */

#include "store-fixture.h"

#include "daemon/result.h"
#include "daemon/store/status.h"

static void check_measurement(const struct measurement *found, const struct measurement *given)
{
    assert_int_equal(found->count, given->count);
    assert_true(found->mean == given->mean);
    assert_true(found->deviation == given->deviation ||
                (isnan(found->deviation) && isnan(given->deviation)));
    assert_memory_equal(found->runs, given->runs, given->count * sizeof(*given->runs));
}

static void test_every_column(void **state)
{
    struct fixture *fixture = *state;
    double runs[] = {-1.7976931348623157e308, 5e-324};
    struct store_result given = {
        .experiment_id = (char *)"exp.1",
        .scope = (char *)"segment 2",
        .metric = (char *)"accuracy",
        .claim = {.status_word = (char *)"NEW_BEST \xe2\x9c\x93",
                  .after = measurement_of(runs, 2),
                  .before = measurement_of(&runs[1], 1)},
        .has_change = false,
        .file_name = (char *)"\xff\xfe name.json",
        .modified_ns = INT64_MIN + 1,
    };
    CLEANUP(store_result_freep) struct store_result *row = NULL;
    CLEANUP(store_result_freep) struct store_result *found = NULL;
    int64_t id;

    memset(given.digest, 'a', sizeof(given.digest) - 1);
    id = add_row(fixture, &given);
    reopen(fixture);
    DONE(store_load(fixture->store, id, &row, &fixture->error));
    assert_string_equal(row->experiment_id, given.experiment_id);
    assert_string_equal(row->scope, given.scope);
    assert_string_equal(row->metric, given.metric);
    assert_string_equal(row->claim.status_word, given.claim.status_word);
    assert_int_equal(row->claim.status, CLAIM_OK);
    check_measurement(&row->claim.after, &given.claim.after);
    check_measurement(&row->claim.before, &given.claim.before);
    free(given.claim.after.runs);
    free(given.claim.before.runs);
    assert_false(row->has_change);
    assert_string_equal(row->file_name, given.file_name);
    assert_int_equal(row->modified_ns, given.modified_ns);
    assert_string_equal(row->digest, given.digest);
    assert_int_equal(row->decision, DECISION_QUEUED);
    assert_string_equal(row->reason, "");
    assert_true(row->received_ms > 0);
    assert_null(row->archived);
    DONE(store_find(fixture->store, "exp.1", &found, &fixture->error));
    assert_int_equal(found->id, id);
}

static void test_numbers_that_are_none(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(store_result_freep) struct store_result *row = NULL;
    int64_t id = add(fixture, "exp-1", NAN);

    DONE(store_load(fixture->store, id, &row, &fixture->error));
    assert_true(isnan(row->claim.after.mean) && isnan(row->claim.before.mean));
    assert_true(row->claim.after.count == 0 && row->claim.before.count == 0);
}

static void test_what_is_not_there(void **state)
{
    struct fixture *fixture = *state;
    struct store_result *row = (void *)fixture;

    DONE(store_find(fixture->store, "nobody", &row, &fixture->error));
    assert_null(row);
    row = (void *)fixture;
    DONE(store_load(fixture->store, 12345678901234, &row, &fixture->error));
    assert_null(row);
    assert_false(has_content(fixture, 1));
}

static void test_identifiers_are_unique(void **state)
{
    struct fixture *fixture = *state;
    struct store_result row = row_of("exp-1", 1);
    struct store_content content = {.parsed = "{}"};
    int64_t id;

    add(fixture, "exp-1", 1);
    add(fixture, "EXP-1", 1);
    assert_int_equal(store_add(fixture->store, &row, &content, NULL, &id, &fixture->error), -1);
}

static int64_t add_discarded(struct fixture *fixture, const char *experiment_id)
{
    const struct store_decision decision = {
        .decision = DECISION_DISCARDED, .reason = "not better", .reference = 1};
    struct store_content content = {.parsed = "{}"};
    struct store_result row = row_of(experiment_id, 2);
    int64_t id;

    DONE(store_add(fixture->store, &row, &content, &decision, &id, &fixture->error));
    return id;
}

/* Within a transaction rows are written together: whoever looks for one finds it all the same. */
static void test_rows_that_wait_are_found(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(store_result_freep) struct store_result *row = NULL;
    CLEANUP(store_result_freep) struct store_result *gone = NULL;
    unsigned counts[DECISION_COUNT];
    int64_t first, id;
    char name[16];

    DONE(store_begin(fixture->store, &fixture->error));
    add_discarded(fixture, "exp-taken-back");
    store_rollback(fixture->store);
    DONE(store_begin(fixture->store, &fixture->error));
    first = add_discarded(fixture, "exp-first");
    for (int i = 1; i < 40; i++) {
        snprintf(name, sizeof(name), "exp-%d", i);
        assert_int_equal(add_discarded(fixture, name), first + i);
    }
    DONE(store_find(fixture->store, name, &row, &fixture->error));
    assert_int_equal(row->id, first + 39);
    assert_string_equal(row->reason, "not better");
    id = add_discarded(fixture, "exp-last");
    DONE(store_count(fixture->store, counts, &fixture->error));
    assert_int_equal(counts[DECISION_DISCARDED], 41);
    add_discarded(fixture, "exp-waits-for-the-commit");
    DONE(store_commit(fixture->store, &fixture->error));
    reopen(fixture);
    DONE(store_count(fixture->store, counts, &fixture->error));
    assert_int_equal(counts[DECISION_DISCARDED], 42);
    assert_int_equal(id, first + 40);
    DONE(store_find(fixture->store, "exp-taken-back", &gone, &fixture->error));
    assert_null(gone);
}

static void test_a_rejected_one_reserves_nothing(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(store_result_freep) struct store_result *row = NULL;
    CLEANUP(store_result_freep) struct store_result *again = NULL;
    int64_t first = add(fixture, "exp-1", 1);
    int64_t second;

    decide(fixture, first, DECISION_REJECTED, 0);
    DONE(store_find(fixture->store, "exp-1", &row, &fixture->error));
    assert_null(row);
    second = add(fixture, "exp-1", 2);
    assert_true(second > first);
    DONE(store_find(fixture->store, "exp-1", &again, &fixture->error));
    assert_int_equal(again->id, second);
    assert_int_equal(decision_of(fixture, first), DECISION_REJECTED);
}

static void test_a_failed_one_is_tried_again(void **state)
{
    struct fixture *fixture = *state;
    struct store_result row = row_of("exp-1", 1);
    struct store_content content = {.parsed = "second", .patch = "patch", .patch_length = 5};
    CLEANUP(store_result_freep) struct store_result *loaded = NULL;
    CLEANUP(store_result_freep) struct store_result *next = NULL;
    CLEANUP_FREE char *parsed = NULL;
    CLEANUP_FREE char *patch = NULL;
    size_t patch_length;
    int64_t id = add(fixture, "exp-1", 1);
    bool left;

    DONE(store_end_move(fixture->store, id, "2026-01-31/x", &fixture->error));
    decide(fixture, id, DECISION_FAILED, 0);
    assert_false(has_content(fixture, id));
    row.file_name = (char *)"again.json";
    row.modified_ns = 77;
    DONE(store_retry(fixture->store, id, &row, &content, &fixture->error));
    DONE(store_load(fixture->store, id, &loaded, &fixture->error));
    assert_int_equal(loaded->decision, DECISION_QUEUED);
    assert_string_equal(loaded->reason, "");
    assert_string_equal(loaded->file_name, "again.json");
    assert_int_equal(loaded->modified_ns, 77);
    assert_null(loaded->archived);
    DONE(store_has_move(fixture->store, "again.json", 0, &left, &fixture->error));
    assert_true(left);
    DONE(store_load_content(fixture->store, id, &parsed, &patch, &patch_length, &fixture->error));
    assert_string_equal(parsed, "second");
    assert_memory_equal(patch, "patch", 6);
    DONE(store_next_queued(fixture->store, "val_bpb", "", STORE_NEXT_ARRIVED, NULL, &next,
                           &fixture->error));
    assert_int_equal(next->id, id);
}

static void test_a_patch_is_bytes(void **state)
{
    struct fixture *fixture = *state;
    static const char patch[] = "a\0b\xff\0\0";
    struct store_result row = row_of("exp-1", 1);
    struct store_content content = {
        .parsed = "{\"a\":1}", .patch = patch, .patch_length = sizeof(patch) - 1};
    CLEANUP_FREE char *loaded = NULL;
    CLEANUP_FREE char *loaded_patch = NULL;
    size_t patch_length;
    int64_t id;

    DONE(store_add(fixture->store, &row, &content, NULL, &id, &fixture->error));
    reopen(fixture);
    DONE(store_load_content(fixture->store, id, &loaded, &loaded_patch, &patch_length,
                            &fixture->error));
    assert_string_equal(loaded, content.parsed);
    assert_int_equal(patch_length, sizeof(patch) - 1);
    assert_memory_equal(loaded_patch, patch, sizeof(patch));
}

static void test_no_patch_is_no_empty_patch(void **state)
{
    struct fixture *fixture = *state;
    struct store_result row = row_of("empty", 1);
    struct store_content content = {.parsed = "{}", .patch = "", .patch_length = 0};
    CLEANUP_FREE char *parsed = NULL;
    CLEANUP_FREE char *patch = NULL;
    size_t patch_length;
    int64_t empty, none = add(fixture, "none", 1);

    DONE(store_load_content(fixture->store, none, &parsed, &patch, &patch_length, &fixture->error));
    assert_null(patch);
    free(TAKE(parsed));
    DONE(store_add(fixture->store, &row, &content, NULL, &empty, &fixture->error));
    DONE(
        store_load_content(fixture->store, empty, &parsed, &patch, &patch_length, &fixture->error));
    assert_non_null(patch);
    assert_int_equal(patch_length, 0);
}

static void test_content_is_let_go_of(void **state)
{
    static const struct {
        enum decision decision;
        bool kept;
    } rows[] = {
        {DECISION_BASELINE, true}, {DECISION_PROMOTED, true},   {DECISION_DISCARDED, false},
        {DECISION_CRASHED, false}, {DECISION_REJECTED, false},  {DECISION_SUPERSEDED, false},
        {DECISION_FAILED, false},  {DECISION_DUPLICATE, false},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t id = add(fixture, decision_name(rows[i].decision), 1);

        assert_true(has_content(fixture, id));
        decide(fixture, id, rows[i].decision, 0);
        assert_int_equal(decision_of(fixture, id), rows[i].decision);
        assert_int_equal(has_content(fixture, id), rows[i].kept);
    }
}

static size_t count_left(struct fixture *fixture, int64_t *id, char *archived, size_t size)
{
    struct store_move *moves;
    size_t count;

    DONE(store_list_moves(fixture->store, 100, &moves, &count, &fixture->error));
    if (count) {
        *id = moves[0].id;
        snprintf(archived, size, "%s", moves[0].archived);
        assert_true(moves[0].rejected);
    }
    store_moves_free(moves, count);
    return count;
}

/* A file that was archived before its result was rejected in its turn. */
static void test_a_misplaced_file(void **state)
{
    struct fixture *fixture = *state;
    char archived[64];
    int64_t found = 0, id = add(fixture, "exp-1", 1);

    DONE(store_end_move(fixture->store, id, ".archive/2026-01-31/exp-1.json", &fixture->error));
    assert_int_equal(count_left(fixture, &found, archived, sizeof(archived)), 0);
    decide(fixture, id, DECISION_REJECTED, 0);
    assert_int_equal(count_left(fixture, &found, archived, sizeof(archived)), 1);
    assert_int_equal(found, id);
    assert_string_equal(archived, ".archive/2026-01-31/exp-1.json");
    DONE(store_end_move(fixture->store, id, ".rejected/exp-1.json", &fixture->error));
    assert_int_equal(count_left(fixture, &found, archived, sizeof(archived)), 0);
}

/* One row for each drop; it holds what was decided at once, and content only where somebody needs it. */
static void test_decided_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct store_decision discarded = {
        .decision = DECISION_DISCARDED, .reason = "because", .reference = 2};
    struct store_result row = row_of("exp-2", 3);
    struct store_content content = {.parsed = "{}"};
    CLEANUP(store_result_freep) struct store_result *loaded = NULL;
    int64_t first = add(fixture, "exp-1", 2), id, other;

    promote(fixture, first, 7);
    row.archived = (char *)".archive/2026-01-31/exp-2.json";
    DONE(store_add(fixture->store, &row, &content, &discarded, &id, &fixture->error));
    assert_false(has_content(fixture, id));
    DONE(store_load(fixture->store, id, &loaded, &fixture->error));
    assert_int_equal(loaded->decision, DECISION_DISCARDED);
    assert_string_equal(loaded->reason, "because");
    assert_string_equal(loaded->archived, row.archived);
    /* It may be taken back what the value of an open pull request turned down. */
    row.experiment_id = (char *)"exp-3";
    discarded.reference_result = first;
    DONE(store_add(fixture->store, &row, &content, &discarded, &other, &fixture->error));
    assert_true(has_content(fixture, other));
    assert_int_equal(settle(fixture, first, PULL_CLOSED), 1);
    assert_int_equal(decision_of(fixture, other), DECISION_QUEUED);
    assert_int_equal(decision_of(fixture, id), DECISION_DISCARDED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_every_column),
        STORE_TEST(test_numbers_that_are_none),
        STORE_TEST(test_what_is_not_there),
        STORE_TEST(test_identifiers_are_unique),
        STORE_TEST(test_rows_that_wait_are_found),
        STORE_TEST(test_a_rejected_one_reserves_nothing),
        STORE_TEST(test_a_failed_one_is_tried_again),
        STORE_TEST(test_a_patch_is_bytes),
        STORE_TEST(test_no_patch_is_no_empty_patch),
        STORE_TEST(test_content_is_let_go_of),
        STORE_TEST(test_a_misplaced_file),
        STORE_TEST(test_decided_at_once),
    };

    return cmocka_run_group_tests_name("store-result", tests, NULL, NULL);
}

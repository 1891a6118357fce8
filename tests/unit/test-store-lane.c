/* Promise: frontier and queue are what the decisions make them. */

/* Here are also the moves of files, and what the end of a pull request changes. */

#include "daemon/store/job.h"
#include "daemon/store/pull.h"
#include "daemon/store/status.h"
#include "store-fixture.h"

static char val_bpb[] = "val_bpb";
static char accuracy[] = "accuracy";
static const struct config_metric minimize = {.name = val_bpb, .direction = METRIC_MINIMIZE};
static const struct config_metric maximize = {.name = val_bpb, .direction = METRIC_MAXIMIZE};

/* ---- frontier ----------------------------------------------------------------------------------- */

static void test_no_frontier(void **state)
{
    struct fixture *fixture = *state;
    struct store_frontier frontier;

    add(fixture, "queued", 1);
    decide(fixture, add(fixture, "discarded", 2), DECISION_DISCARDED, 0);
    decide(fixture, add(fixture, "failed", 3), DECISION_FAILED, 0);
    frontier = frontier_of(fixture, &minimize, "");
    assert_false(frontier.known);
    assert_int_equal(frontier.result, 0);
}

static void test_the_best_that_counts(void **state)
{
    struct fixture *fixture = *state;
    struct store_result row = row_of("low", -1e308);
    struct store_frontier frontier;
    int64_t low, high;

    row.modified_ns = INT64_MAX;
    row.file_name = (char *)"low \xff.json";
    low = add_row(fixture, &row);
    decide(fixture, low, DECISION_BASELINE, 0);
    decide(fixture, add(fixture, "middle", 5e-324), DECISION_BASELINE, 0);
    high = add(fixture, "high", 1e308);
    promote(fixture, high, 7);
    reopen(fixture);
    frontier = frontier_of(fixture, &minimize, "");
    assert_true(frontier.known && frontier.value == -1e308);
    assert_int_equal(frontier.result, low);
    assert_int_equal(frontier.modified_ns, INT64_MAX);
    assert_string_equal(frontier.file_name, "low \xff.json");
    assert_false(frontier.revocable);
    frontier = frontier_of(fixture, &maximize, "");
    assert_true(frontier.known && frontier.value == 1e308);
    assert_int_equal(frontier.result, high);
    assert_true(frontier.revocable);
}

static void test_ties_belong_to_the_first(void **state)
{
    struct fixture *fixture = *state;
    int64_t first = add(fixture, "first", 1);
    int64_t second = add(fixture, "second", 1);

    decide(fixture, second, DECISION_BASELINE, 0);
    decide(fixture, first, DECISION_BASELINE, 0);
    assert_int_equal(frontier_of(fixture, &minimize, "").result, first);
    assert_int_equal(frontier_of(fixture, &maximize, "").result, first);
}

static void test_metrics_and_scopes_do_not_meet(void **state)
{
    struct fixture *fixture = *state;
    struct store_result row = row_of("scoped", 1);
    struct config_metric other = {.name = accuracy, .direction = METRIC_MINIMIZE};

    row.scope = (char *)"segment";
    decide(fixture, add_row(fixture, &row), DECISION_BASELINE, 0);
    assert_false(frontier_of(fixture, &minimize, "").known);
    assert_false(frontier_of(fixture, &other, "segment").known);
    assert_true(frontier_of(fixture, &minimize, "segment").known);
}

static void test_a_configured_baseline(void **state)
{
    struct fixture *fixture = *state;
    struct config_metric metric = {.name = val_bpb, .has_baseline = true, .baseline = 2};
    struct store_frontier frontier = frontier_of(fixture, &metric, "");
    int64_t better;

    assert_true(frontier.known && frontier.value == 2);
    assert_int_equal(frontier.result, 0);
    assert_string_equal(frontier.file_name, "");
    decide(fixture, add(fixture, "worse", 3), DECISION_BASELINE, 0);
    decide(fixture, add(fixture, "equal", 2), DECISION_BASELINE, 0);
    assert_int_equal(frontier_of(fixture, &metric, "").result, 0);
    better = add(fixture, "better", 1);
    decide(fixture, better, DECISION_BASELINE, 0);
    frontier = frontier_of(fixture, &metric, "");
    assert_true(frontier.value == 1);
    assert_int_equal(frontier.result, better);
    metric.direction = METRIC_MAXIMIZE;
    assert_true(frontier_of(fixture, &metric, "").value == 3);
    metric.baseline = 4;
    assert_true(frontier_of(fixture, &metric, "").value == 4);
}

struct points {
    char said[256];
};

static void say_point(struct points *points, const struct store_point *point)
{
    size_t length = strlen(points->said);

    snprintf(points->said + length, sizeof(points->said) - length, "%s%s=%g%s", length ? " " : "",
             point->experiment_id, point->value, point->baseline ? "!" : "");
}

static void check_history(struct fixture *fixture, const char *scope, unsigned limit,
                          const char *expected)
{
    struct points points = {""};
    struct store_point *items;
    size_t count;

    DONE(store_frontier_history(fixture->store, "val_bpb", scope, 0, limit, &items, &count,
                                &fixture->error));
    for (size_t i = 0; i < count; i++)
        say_point(&points, &items[i]);
    store_points_free(items, count);
    assert_string_equal(points.said, expected);
}

/* What a pull request that is refreshed is measured by: what counts by now of what was decided before it. */
static void test_the_frontier_before_a_result(void **state)
{
    struct fixture *fixture = *state;
    int64_t ids[4], id;
    struct store_frontier frontier;
    struct store_point *points;
    size_t count;

    for (int i = 0; i < 4; i++) {
        char name[2] = {(char)('a' + i), '\0'};

        id = ids[i] = add(fixture, name, 4 - i);
        if (i == 0)
            decide(fixture, id, DECISION_BASELINE, 0);
        else
            promote(fixture, id, i);
    }
    DONE(store_frontier_before(fixture->store, &minimize, "", ids[2], &frontier, &fixture->error));
    assert_int_equal(frontier.result, ids[1]);
    settle(fixture, ids[1], PULL_CLOSED);
    DONE(store_frontier_before(fixture->store, &minimize, "", ids[2], &frontier, &fixture->error));
    assert_int_equal(frontier.result, ids[0]);
    DONE(store_frontier_before(fixture->store, &minimize, "", ids[0], &frontier, &fixture->error));
    assert_false(frontier.known);
    assert_int_equal(frontier_of(fixture, &minimize, "").result, ids[3]);
    DONE(store_frontier_history(fixture->store, "val_bpb", "", ids[3], 9, &points, &count,
                                &fixture->error));
    assert_int_equal(count, 2);
    assert_string_equal(points[0].experiment_id, "a");
    assert_string_equal(points[1].experiment_id, "c");
    store_points_free(points, count);
}

static void test_history(void **state)
{
    struct fixture *fixture = *state;
    int64_t a = add(fixture, "a", 4), b = add(fixture, "b", 3), c = add(fixture, "c", 2);
    int64_t d = add(fixture, "d", 1);

    check_history(fixture, "", 10, "");
    decide(fixture, a, DECISION_BASELINE, 0);
    promote(fixture, b, 1);
    decide(fixture, c, DECISION_DISCARDED, b);
    promote(fixture, d, 2);
    check_history(fixture, "", 10, "a=4! b=3 d=1");
    check_history(fixture, "", 2, "b=3 d=1");
    check_history(fixture, "", 0, "");
    check_history(fixture, "other", 10, "");
    settle(fixture, b, PULL_CLOSED);
    check_history(fixture, "", 10, "a=4! d=1");
}

/* ---- pull requests that are settled -------------------------------------------------------------- */

static void test_merged(void **state)
{
    struct fixture *fixture = *state;
    int64_t promoted = add(fixture, "promoted", 1), beaten = add(fixture, "beaten", 2);

    promote(fixture, promoted, 1);
    decide(fixture, beaten, DECISION_DISCARDED, promoted);
    assert_true(has_content(fixture, promoted) && has_content(fixture, beaten));
    assert_int_equal(settle(fixture, promoted, PULL_MERGED), 0);
    assert_false(has_content(fixture, promoted) || has_content(fixture, beaten));
    assert_int_equal(decision_of(fixture, promoted), DECISION_PROMOTED);
    assert_int_equal(decision_of(fixture, beaten), DECISION_DISCARDED);
    assert_int_equal(frontier_of(fixture, &minimize, "").result, promoted);
    assert_false(frontier_of(fixture, &minimize, "").revocable);
}

static void test_closed(void **state)
{
    struct fixture *fixture = *state;
    int64_t base = add(fixture, "base", 9), first = add(fixture, "first", 5);
    int64_t by_first = add(fixture, "by-first", 6), late = add(fixture, "late", 7);
    int64_t second = add(fixture, "second", 4), by_second = add(fixture, "by-second", 4.5);
    int64_t by_base = add(fixture, "by-base", 10), crashed = add(fixture, "crashed", 8);

    decide(fixture, base, DECISION_BASELINE, 0);
    promote(fixture, first, 1);
    decide(fixture, by_first, DECISION_DISCARDED, first);
    decide(fixture, late, DECISION_SUPERSEDED, first);
    decide(fixture, crashed, DECISION_CRASHED, first);
    decide(fixture, by_base, DECISION_DISCARDED, base);
    promote(fixture, second, 2);
    decide(fixture, by_second, DECISION_DISCARDED, second);
    /* A promoted result stays so, whatever it was measured against. */
    decide(fixture, second, DECISION_PROMOTED, first);
    assert_int_equal(settle(fixture, first, PULL_CLOSED), 2);
    assert_int_equal(decision_of(fixture, second), DECISION_PROMOTED);
    assert_int_equal(decision_of(fixture, by_first), DECISION_QUEUED);
    assert_int_equal(decision_of(fixture, late), DECISION_QUEUED);
    assert_true(has_content(fixture, by_first) && has_content(fixture, late));
    assert_false(has_content(fixture, first) || has_content(fixture, by_base));
    assert_int_equal(decision_of(fixture, first), DECISION_PROMOTED);
    assert_int_equal(decision_of(fixture, by_base), DECISION_DISCARDED);
    assert_int_equal(decision_of(fixture, crashed), DECISION_CRASHED);
    assert_int_equal(decision_of(fixture, by_second), DECISION_DISCARDED);
    assert_int_equal(frontier_of(fixture, &minimize, "").result, second);
    assert_int_equal(settle(fixture, second, PULL_CLOSED), 1);
    assert_int_equal(frontier_of(fixture, &minimize, "").result, base);
    /* Judged anew against what stays, it is let go of. */
    decide(fixture, by_first, DECISION_DISCARDED, base);
    assert_false(has_content(fixture, by_first));
    assert_int_equal(settle(fixture, first, PULL_CLOSED), 0);
}

/* Whatever comes between: each slice is durable, and the next life goes on where this one ended. */
static void test_settled_in_slices(void **state)
{
    struct fixture *fixture = *state;
    int64_t first = add(fixture, "first", 1), beaten[5];
    struct store_settling settling;
    char name[16];

    promote(fixture, first, 7);
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof(name), "exp-%d", i);
        beaten[i] = add(fixture, name, 2);
        decide(fixture, beaten[i], DECISION_DISCARDED, first);
    }
    DONE(store_settle_pull(fixture->store, first, PULL_CLOSED, &fixture->error));
    assert_false(frontier_of(fixture, &minimize, "").known);
    for (unsigned done = 0; done < 5; done += 2) {
        reopen(fixture);
        DONE(store_next_settling(fixture->store, &settling, &fixture->error));
        assert_int_equal(settling.result, first);
        assert_int_equal(settling.pull, 7);
        assert_string_equal(settling.experiment_id, "first");
        DONE(store_settle_some(fixture->store, &settling, 2, &fixture->error));
        assert_int_equal(settling.requeued, done < 4 ? 2 : 1);
        assert_false(settling.done);
        for (unsigned i = 0; i < 5; i++)
            assert_int_equal(decision_of(fixture, beaten[i]),
                             i < done + 2 ? DECISION_QUEUED : DECISION_DISCARDED);
    }
    DONE(store_settle_some(fixture->store, &settling, 2, &fixture->error));
    assert_true(settling.done);
    DONE(store_next_settling(fixture->store, &settling, &fixture->error));
    assert_int_equal(settling.result, 0);
}

/* Without its content it could not be promoted. */
static void test_closed_and_the_content_is_gone(void **state)
{
    struct fixture *fixture = *state;
    int64_t first = add(fixture, "first", 1), beaten = add(fixture, "beaten", 2);

    promote(fixture, first, 1);
    settle(fixture, first, PULL_CLOSED);
    decide(fixture, beaten, DECISION_DISCARDED, first);
    assert_false(has_content(fixture, beaten));
    assert_int_equal(settle(fixture, first, PULL_CLOSED), 0);
    assert_int_equal(decision_of(fixture, beaten), DECISION_DISCARDED);
}

static void test_beaten_by_what_was_merged_before(void **state)
{
    struct fixture *fixture = *state;
    int64_t promoted = add(fixture, "promoted", 1), beaten = add(fixture, "beaten", 2);

    promote(fixture, promoted, 1);
    settle(fixture, promoted, PULL_MERGED);
    decide(fixture, beaten, DECISION_DISCARDED, promoted);
    assert_false(has_content(fixture, beaten));
}

static void say_pull(struct points *points, const struct store_pull *pull)
{
    size_t length = strlen(points->said);

    snprintf(points->said + length, sizeof(points->said) - length, "%d %s #%lld%s;",
             (int)pull->result, pull->experiment_id, (long long)pull->number,
             pull->state == PULL_OPEN ? "" : " closed");
}

static void test_open_pulls(void **state)
{
    struct fixture *fixture = *state;
    struct points points = {""};
    int64_t a = add(fixture, "a", 3), b = add(fixture, "b", 2), c = add(fixture, "c", 1), pull;
    struct store_pull *pulls;
    size_t listed;
    unsigned count;
    char *experiment_id;

    DONE(store_last_pull(fixture->store, &pull, &experiment_id, &fixture->error));
    assert_int_equal(pull, 0);
    assert_null(experiment_id);
    promote(fixture, a, 5);
    promote(fixture, b, INT64_MAX);
    promote(fixture, c, 6);
    settle(fixture, a, PULL_MERGED);
    DONE(store_list_pulls(fixture->store, STORE_PULLS_UNMERGED, &pulls, &listed, &fixture->error));
    for (size_t i = 0; i < listed; i++)
        say_pull(&points, &pulls[i]);
    free(pulls);
    assert_string_equal(points.said, "2 b #9223372036854775807;3 c #6;");
    DONE(store_count_open_pulls(fixture->store, &count, &fixture->error));
    assert_int_equal(count, 2);
    DONE(store_last_pull(fixture->store, &pull, &experiment_id, &fixture->error));
    assert_int_equal(pull, 6);
    assert_string_equal(experiment_id, "c");
    free(experiment_id);
}

static void check_measured(struct fixture *fixture, const char *measured, const char *expected,
                           int64_t expected_pull, bool expected_closed)
{
    CLEANUP_FREE char *experiment_id = NULL;
    int64_t pull = -1;
    bool closed = !expected_closed;

    DONE(store_find_measured(fixture->store, measured, &experiment_id, &pull, &closed,
                             &fixture->error));
    assert_string_equal(experiment_id ? experiment_id : "nobody", expected);
    assert_int_equal(pull, expected_pull);
    assert_int_equal(closed, expected_closed);
}

static void promote_unmeasured(struct fixture *fixture, int64_t id, int64_t pull)
{
    struct store_job job = {.result = id, .pull = pull, .reference = NAN};
    struct store_job_end end = {
        .decision = {.decision = DECISION_PROMOTED, .reason = "", .reference = NAN},
        .measured = "",
    };

    DONE(store_add_job(fixture->store, &job, &fixture->error));
    DONE(store_end_job(fixture->store, &job, &end, &fixture->error));
}

static void test_find_measured(void **state)
{
    struct fixture *fixture = *state;
    int64_t a = add(fixture, "a", 3), b = add(fixture, "b", 2);

    promote(fixture, a, 5);
    promote(fixture, b, 6);
    decide(fixture, add(fixture, "of a diff", 1), DECISION_PROMOTED, 0);
    check_measured(fixture, "measured-1", "a", 5, false);
    check_measured(fixture, "measured-2", "b", 6, false);
    check_measured(fixture, "measured-3", "nobody", 0, false);
    check_measured(fixture, "", "nobody", 0, false);
    promote_unmeasured(fixture, add(fixture, "of a diff, open", 1), 7);
    check_measured(fixture, "", "nobody", 0, false);
    settle(fixture, a, PULL_MERGED);
    settle(fixture, b, PULL_CLOSED);
    check_measured(fixture, "measured-1", "nobody", 0, false);
    check_measured(fixture, "measured-2", "b", 6, true);
}

/* ---- queue -------------------------------------------------------------------------------------- */

static void check_lanes(struct fixture *fixture, const char *expected)
{
    struct points lanes = {""};
    struct store_lane *items;
    size_t count;

    DONE(store_list_lanes(fixture->store, &items, &count, &fixture->error));
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(lanes.said);

        snprintf(lanes.said + length, sizeof(lanes.said) - length, "%s/%s;", items[i].metric,
                 items[i].scope);
    }
    store_lanes_free(items, count);
    assert_string_equal(lanes.said, expected);
}

/* Takes what is queued, one after the other, and says in which order. */
static void check_order(struct fixture *fixture, enum store_next which, const char *expected)
{
    char said[64] = "";

    DONE(store_begin(fixture->store, &fixture->error));
    for (;;) {
        CLEANUP(store_result_freep) struct store_result *next = NULL;

        DONE(store_next_queued(fixture->store, "val_bpb", "", which, NULL, &next, &fixture->error));
        if (!next)
            break;
        snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s", next->experiment_id);
        decide(fixture, next->id, DECISION_FAILED, 0);
    }
    store_rollback(fixture->store);
    assert_string_equal(said, expected);
}

static void test_the_next(void **state)
{
    static const struct {
        const char *id;
        double after;
        int64_t modified_ns;
        const char *file_name, *status, *metric;
    } rows[] = {
        {"a", 3, 50, "a", "ok", "val_bpb"},          {"b", 1, 20, "b", "ok", "val_bpb"},
        {"c", 2, 20, "a", "keep", "val_bpb"},        {"d", 9, 60, "a", "baseline", "val_bpb"},
        {"e", 1, -1, "z", "ok", "val_bpb"},          {"f", 3, 50, "a", "ok", "val_bpb"},
        {"g", 4, 70, "\xff", "baseline", "val_bpb"}, {"h", 0, 0, "a", "ok", "accuracy"},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct store_result row = row_of(rows[i].id, rows[i].after);

        row.modified_ns = rows[i].modified_ns;
        row.file_name = (char *)rows[i].file_name;
        row.claim.status_word = (char *)rows[i].status;
        row.claim.status = claim_status_parse(rows[i].status, &row.claim.status_known);
        row.metric = (char *)rows[i].metric;
        add_row(fixture, &row);
    }
    check_order(fixture, STORE_NEXT_ARRIVED, "ecbafdg");
    check_order(fixture, STORE_NEXT_BASELINE, "dg");
    check_order(fixture, STORE_NEXT_LOWEST, "ebcafgd");
    check_order(fixture, STORE_NEXT_HIGHEST, "dgafceb");
    check_lanes(fixture, "accuracy/;val_bpb/;");
}

static void test_a_job_takes_it_out_of_the_queue(void **state)
{
    struct fixture *fixture = *state;
    struct store_result *next = NULL;
    struct store_job job = {.result = add(fixture, "exp-1", 1), .reference = NAN};
    unsigned waiting;

    DONE(store_add_job(fixture->store, &job, &fixture->error));
    DONE(store_next_queued(fixture->store, "val_bpb", "", STORE_NEXT_ARRIVED, NULL, &next,
                           &fixture->error));
    assert_null(next);
    check_lanes(fixture, "");
    DONE(store_count_waiting(fixture->store, &waiting, &fixture->error));
    assert_int_equal(waiting, 0);
    assert_int_equal(decision_of(fixture, job.result), DECISION_QUEUED);
}

/* ---- moves -------------------------------------------------------------------------------------- */

static const char strange_name[] = "\xff\x01 \"name\"\n.json";

static int64_t add_file(struct fixture *fixture, const char *experiment_id, const char *file_name,
                        uint64_t inode)
{
    struct store_result row = row_of(experiment_id, 1);
    struct store_content content = {.parsed = "{}", .patch_name = "a.patch"};
    int64_t id;

    row.file_name = (char *)file_name;
    row.inode = inode;
    row.modified_ns = 77;
    row.archived = (char *)".archive/2026-01-31/b.json";
    DONE(store_add(fixture->store, &row, &content, NULL, &id, &fixture->error));
    return id;
}

static bool has_move(struct fixture *fixture, const char *name, uint64_t inode)
{
    bool has;

    DONE(store_has_move(fixture->store, name, inode, &has, &fixture->error));
    return has;
}

static bool is_held(struct fixture *fixture, const char *patch)
{
    CLEANUP_FREE char *taker = NULL;
    bool held;

    DONE(store_find_patch(fixture->store, patch, &taker, &held, &fixture->error));
    return held;
}

/* Whatever became of a result, it took its patch along. */
static void test_who_took_a_patch(void **state)
{
    struct fixture *fixture = *state;
    struct store_content content = {.parsed = "{}", .patch_name = "a.patch"};
    const struct store_decision rejected = {.decision = DECISION_REJECTED, .reason = "no"};
    static const char *const ids[] = {"exp-1", ""};

    for (size_t i = 0; i < 2; i++) {
        struct store_result row = row_of(ids[i], 2);
        CLEANUP_FREE char *taker = NULL;
        bool held;
        int64_t id;

        row.file_name = (char *)(uintptr_t) "bad.json";
        row.archived = (char *)(uintptr_t) ".rejected/bad.json";
        DONE(store_add(fixture->store, &row, &content, &rejected, &id, &fixture->error));
        DONE(store_find_patch(fixture->store, "a.patch", &taker, &held, &fixture->error));
        assert_string_equal(taker, *ids[i] ? ids[i] : "bad.json");
    }
}

/* A crash leaves all that was added since the note that files were moved. */
static void test_moves(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(store_result_freep) struct store_result *row = NULL;
    int64_t first, second, before = add_file(fixture, "exp-0", "a.json", 1);
    struct store_move *moves;
    size_t count;

    DONE(store_note_moved(fixture->store, true, &fixture->error));
    assert_false(is_held(fixture, "a.patch"));
    first = add_file(fixture, "exp-1", strange_name, UINT64_MAX);
    second = add_file(fixture, "exp-2", "b.json", 2);
    assert_true(is_held(fixture, "a.patch"));
    assert_false(has_move(fixture, strange_name, UINT64_MAX));
    reopen(fixture);
    DONE(store_recall_moves(fixture->store, &fixture->error));
    DONE(store_recall_moves(fixture->store, &fixture->error));
    assert_true(is_held(fixture, "a.patch"));
    DONE(store_list_moves(fixture->store, 1, &moves, &count, &fixture->error));
    assert_int_equal(count, 1);
    store_moves_free(moves, count);
    DONE(store_list_moves(fixture->store, 100, &moves, &count, &fixture->error));
    assert_int_equal(count, 2);
    assert_true(moves[0].id == first && moves[1].id == second);
    assert_string_equal(moves[0].name, strange_name);
    assert_true(moves[0].inode == UINT64_MAX && moves[0].modified_ns == 77);
    assert_string_equal(moves[0].archived, ".archive/2026-01-31/b.json");
    assert_string_equal(moves[0].patch, "a.patch");
    assert_false(moves[0].rejected);
    store_moves_free(moves, count);
    assert_true(has_move(fixture, strange_name, UINT64_MAX));
    assert_false(has_move(fixture, strange_name, 1));
    assert_false(has_move(fixture, "\xff", UINT64_MAX));
    DONE(store_end_move(fixture->store, first, NULL, &fixture->error));
    DONE(store_end_move(fixture->store, second, "2026-01-31/b.json~2", &fixture->error));
    assert_false(has_move(fixture, "b.json", 2));
    assert_false(is_held(fixture, "a.patch"));
    DONE(store_load(fixture->store, second, &row, &fixture->error));
    assert_string_equal(row->archived, "2026-01-31/b.json~2");
    DONE(store_leave_move(fixture->store, before, &fixture->error));
    assert_true(has_move(fixture, "a.json", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_no_frontier),
        STORE_TEST(test_the_best_that_counts),
        STORE_TEST(test_ties_belong_to_the_first),
        STORE_TEST(test_metrics_and_scopes_do_not_meet),
        STORE_TEST(test_a_configured_baseline),
        STORE_TEST(test_the_frontier_before_a_result),
        STORE_TEST(test_history),
        STORE_TEST(test_merged),
        STORE_TEST(test_closed),
        STORE_TEST(test_settled_in_slices),
        STORE_TEST(test_closed_and_the_content_is_gone),
        STORE_TEST(test_beaten_by_what_was_merged_before),
        STORE_TEST(test_open_pulls),
        STORE_TEST(test_find_measured),
        STORE_TEST(test_the_next),
        STORE_TEST(test_a_job_takes_it_out_of_the_queue),
        STORE_TEST(test_moves),
        STORE_TEST(test_who_took_a_patch),
    };

    return cmocka_run_group_tests_name("store-lane", tests, NULL, NULL);
}

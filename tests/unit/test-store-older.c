/* Promise: each result has one decision, durable before anything else happens. */

/* Stores of earlier versions are migrated, and one of a newer version is refused. */

#include "store-fixture.h"

#include "daemon/result.h"
#include "daemon/store/job.h"
#include "daemon/store/status.h"

static void test_a_newer_version_is_refused(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *before = NULL;
    CLEANUP_FREE char *after = NULL;
    CLEANUP_FREE char *whole = NULL;
    CLEANUP_FREE char *bring_back = NULL;
    size_t before_length, after_length;

    close_store(fixture);
    whole = read_whole(fixture, "winnowd.db", &before_length);
    /* Where SQLite's file format keeps it, in big endian. */
    bring_back = memory_format("PRAGMA user_version = %d", (unsigned char)whole[63]);
    execute(fixture, "PRAGMA user_version = 1000000");
    before = read_whole(fixture, "winnowd.db", &before_length);
    assert_non_null(strstr(refused(fixture, false), "newer"));
    assert_non_null(strstr(refused(fixture, true), "newer"));
    assert_non_null(strstr(fixture->error.message, "1000000"));
    after = read_whole(fixture, "winnowd.db", &after_length);
    assert_int_equal(before_length, after_length);
    assert_memory_equal(before, after, after_length);
    execute(fixture, bring_back);
    reopen(fixture);
}

/* As it was when the history did not say what its decisions were about. */
static void make_with_short_history(struct fixture *fixture)
{
    close_store(fixture);
    execute(fixture, "DROP INDEX results_decision;"
                     "CREATE INDEX results_decision ON results (decision);"
                     "CREATE INDEX results_newest_pull ON results (decided_ms, id)"
                     "  WHERE pull_state IS NOT NULL;"
                     "CREATE INDEX results_told ON results (decided)"
                     "  WHERE decision IN ('promoted', 'failed');");
    execute(fixture, "DROP TABLE hold; DROP TABLE runs; DROP TABLE run_id;"
                     "DROP TRIGGER contents_released; DROP TABLE released;"
                     "DROP TABLE places; ALTER TABLE logs DROP COLUMN decision;"
                     "ALTER TABLE contents ADD COLUMN bytes BLOB NOT NULL DEFAULT '';"
                     "ALTER TABLE results DROP COLUMN empty_on;"
                     "DROP TRIGGER results_history;"
                     "CREATE TRIGGER results_history BEFORE UPDATE OF decided ON results BEGIN"
                     "  SELECT 1; END;"
                     "ALTER TABLE decisions DROP COLUMN metric;"
                     "ALTER TABLE decisions DROP COLUMN scope;"
                     "ALTER TABLE decisions DROP COLUMN status;"
                     "ALTER TABLE decisions DROP COLUMN after;"
                     "ALTER TABLE decisions DROP COLUMN reference;"
                     "ALTER TABLE decisions DROP COLUMN measured;"
                     "ALTER TABLE decisions DROP COLUMN pull;"
                     "ALTER TABLE decisions DROP COLUMN pull_url;"
                     "ALTER TABLE decisions DROP COLUMN pull_state;"
                     "PRAGMA user_version = 18");
}

/* As it was before it was known what a pull request contains. */
static void make_without_contained(struct fixture *fixture)
{
    make_with_short_history(fixture);
    execute(fixture, "DROP INDEX results_saving;"
                     "ALTER TABLE results DROP COLUMN saving;"
                     "DROP TABLE awaiting;"
                     "DROP TABLE contained;"
                     "DROP TABLE closings;"
                     "ALTER TABLE results DROP COLUMN contained_in;"
                     "ALTER TABLE results DROP COLUMN superseded;"
                     "ALTER TABLE results DROP COLUMN line_digest;"
                     "ALTER TABLE results DROP COLUMN body_sent;"
                     "PRAGMA user_version = 13");
}

/* As it was before the base was run, too. */
static void make_without_bases(struct fixture *fixture)
{
    make_without_contained(fixture);
    execute(fixture, "DROP TABLE bases; PRAGMA user_version = 12");
}

/* As it was before there were logs of many experiments. */
static void make_without_logs(struct fixture *fixture)
{
    make_without_bases(fixture);
    execute(fixture, "DROP INDEX results_line; DROP INDEX results_named; DROP TABLE logs;"
                     "ALTER TABLE results DROP COLUMN log; ALTER TABLE results DROP COLUMN line;"
                     "ALTER TABLE results DROP COLUMN unfinished;"
                     "ALTER TABLE results DROP COLUMN named;"
                     "PRAGMA user_version = 11");
}

/* As it was before pull requests were refreshed. */
static void make_without_refreshes(struct fixture *fixture)
{
    make_without_logs(fixture);
    execute(fixture, "ALTER TABLE jobs DROP COLUMN kind;"
                     "ALTER TABLE results DROP COLUMN head;"
                     "ALTER TABLE results DROP COLUMN base;"
                     "ALTER TABLE results DROP COLUMN opened_on;"
                     "ALTER TABLE results DROP COLUMN title_digest;"
                     "ALTER TABLE results DROP COLUMN body_digest;"
                     "ALTER TABLE results DROP COLUMN stale;"
                     "ALTER TABLE results DROP COLUMN stale_on;"
                     "PRAGMA user_version = 10");
}

/* As it was when steps were known by their place in the table. */
static void make_numbered(struct fixture *fixture)
{
    make_without_refreshes(fixture);
    execute(fixture, "DROP TABLE findings;"
                     "CREATE TABLE documents (job INTEGER PRIMARY KEY, title TEXT NOT NULL,"
                     "  body TEXT NOT NULL);"
                     "ALTER TABLE jobs DROP COLUMN step;"
                     "ALTER TABLE jobs ADD COLUMN step INTEGER NOT NULL DEFAULT 0;"
                     "ALTER TABLE jobs ADD COLUMN branch_posted_ms INTEGER NOT NULL DEFAULT 0;"
                     "ALTER TABLE jobs ADD COLUMN base_then TEXT NOT NULL DEFAULT '';"
                     "ALTER TABLE jobs ADD COLUMN base TEXT NOT NULL DEFAULT '';"
                     "ALTER TABLE jobs ADD COLUMN composed TEXT NOT NULL DEFAULT '';"
                     "ALTER TABLE jobs ADD COLUMN measured TEXT NOT NULL DEFAULT '';"
                     "ALTER TABLE jobs ADD COLUMN push_sent INTEGER NOT NULL DEFAULT 0;"
                     "ALTER TABLE jobs ADD COLUMN pull_posted_ms INTEGER NOT NULL DEFAULT 0;"
                     "ALTER TABLE jobs ADD COLUMN close_posted_ms INTEGER NOT NULL DEFAULT 0;"
                     "ALTER TABLE jobs ADD COLUMN merge_base TEXT NOT NULL DEFAULT '';"
                     "PRAGMA user_version = 9");
}

/* As the first version left it. */
static void make_older(struct fixture *fixture)
{
    make_numbered(fixture);
    execute(fixture,
            "DROP INDEX results_lowest; DROP INDEX results_highest;"
            "DROP INDEX results_decision; DROP INDEX results_newest_pull;"
            "CREATE INDEX results_best ON results (metric, scope, after)"
            "  WHERE decision = 'queued' AND job = 0;"
            "CREATE INDEX decisions_decision ON decisions (decision);"
            "ALTER TABLE jobs DROP COLUMN turned_down_by;"
            "DROP INDEX results_patch;"
            "ALTER TABLE jobs DROP COLUMN tried_ms;"
            "DROP TABLE looking; DROP INDEX results_pull_number;"
            "ALTER TABLE results DROP COLUMN pull_looked;"
            "DROP INDEX decisions_told; ALTER TABLE jobs DROP COLUMN pull_url;"
            "ALTER TABLE results DROP COLUMN pull_url;"
            "ALTER TABLE results DROP COLUMN mergeable;"
            "ALTER TABLE results DROP COLUMN after_runs;"
            "ALTER TABLE results DROP COLUMN before_runs;"
            "ALTER TABLE contents DROP COLUMN parsed;"
            "DROP TRIGGER results_history; DROP TABLE intake;"
            "DROP INDEX results_moving; DROP INDEX results_decided; DROP INDEX results_told;"
            "DROP INDEX results_experiment;"
            "ALTER TABLE results DROP COLUMN inode;"
            "ALTER TABLE results DROP COLUMN moving;"
            "ALTER TABLE results DROP COLUMN decided;"
            "ALTER TABLE results DROP COLUMN patch;"
            "CREATE UNIQUE INDEX results_experiment ON results (experiment_id)"
            "  WHERE decision <> 'rejected';"
            "CREATE INDEX results_misplaced ON results (id)"
            "  WHERE decision = 'rejected' AND archived IS NOT NULL;"
            "CREATE TABLE moves (id INTEGER PRIMARY KEY, result INTEGER NOT NULL,"
            "  name BLOB NOT NULL, inode INTEGER NOT NULL, place INTEGER NOT NULL, day TEXT,"
            "  reason TEXT, patch TEXT);"
            "DROP TABLE merged; ALTER TABLE jobs DROP COLUMN merge_base;"
            "PRAGMA user_version = 1");
}

/* An earlier version parsed the bytes of a result file each time, by its name. */
static void test_older_content_is_parsed(void **state)
{
    static const char write[] =
        "UPDATE contents SET bytes = CAST('experiment_id: exp-1' || char(10)"
        " || 'hypothesis: x' || char(10) || 'metric: val_bpb' || char(10)"
        " || 'metric_after: [1, 3]' AS BLOB) WHERE result = 1";
    struct fixture *fixture = *state;
    struct store_result row = row_of("exp-1", 2), strange = row_of("exp-2", 2);
    struct store_content content = {.parsed = ""};
    CLEANUP(result_freep) struct result *result = NULL;
    CLEANUP_FREE char *parsed = NULL;
    CLEANUP_FREE char *lost = NULL;
    char *patch;
    size_t length;
    int64_t id, other;

    row.file_name = (char *)"exp-1.yaml";
    DONE(store_add(fixture->store, &row, &content, NULL, &id, &fixture->error));
    DONE(store_add(fixture->store, &strange, &content, NULL, &other, &fixture->error));
    make_older(fixture);
    execute(fixture, write);
    reopen(fixture);
    DONE(store_load_content(fixture->store, id, &parsed, &patch, &length, &fixture->error));
    assert_null(patch);
    DONE(result_parse_canonical(&result, parsed, &fixture->error));
    assert_int_equal(result->claim.after.count, 2);
    assert_true(result->claim.after.mean == 2);
    DONE(store_load_content(fixture->store, other, &lost, &patch, &length, &fixture->error));
    assert_int_equal(result_parse_canonical(&result, lost, &fixture->error), -1);
}

static void test_an_older_one_is_brought_along(void **state)
{
    struct fixture *fixture = *state;
    int64_t id = add(fixture, "exp-1", 1), other = add(fixture, "exp-2", 2);
    struct store_job job = {.result = other, .reference = NAN, .turned_down_by = id}, *found;
    struct store_result *next;
    size_t count;

    DONE(store_add_job(fixture->store, &job, &fixture->error));
    make_older(fixture);
    assert_non_null(strstr(refused(fixture, true), "older"));
    reopen(fixture);
    DONE(store_list_jobs(fixture->store, &found, &count, &fixture->error));
    assert_int_equal(count, 1);
    assert_int_equal(found->id, job.id);
    assert_int_equal(found->turned_down_by, 0);
    store_jobs_free(found, count);
    for (enum store_next which = STORE_NEXT_ARRIVED; which <= STORE_NEXT_HIGHEST; which++) {
        DONE(store_next_queued(fixture->store, "val_bpb", "", which, NULL, &next, &fixture->error));
        assert_int_equal(next ? next->id : 0, which == STORE_NEXT_BASELINE ? 0 : id);
        store_result_free(next);
    }
}

/* Where a job goes on that an earlier version left there. */
static const struct numbered {
    int state, step, started;
    bool documented;
    const char *name;
} numbered[] = {
    {0, 0, 0, false, "recheck"},  {0, 0, 1, false, "branch"},  {0, 1, 1, false, "compose"},
    {0, 2, 1, false, "compose"},  {0, 3, 0, false, "compose"}, {0, 3, 0, true, "judge"},
    {0, 3, 1, true, "push"},      {0, 4, 0, true, "confirm"},  {0, 4, 0, false, "compose"},
    {0, 4, 1, true, "pull"},      {0, 5, 0, true, "label"},    {0, 6, 1, true, "review"},
    {0, 7, 0, true, "end"},       {1, 0, 1, false, "branch"},  {1, 1, 0, false, "compose"},
    {1, 2, 1, false, "validate"}, {1, 3, 0, true, "push"},     {1, 4, 1, true, "pull"},
    {1, 5, 1, true, "label"},     {1, 6, 0, true, "review"},   {1, -1, 0, false, "end"},
};

#define NUMBERED ((int)(sizeof(numbered) / sizeof(numbered[0])))

/* As that version left it, with something in every column. */
static void leave_numbered(struct fixture *fixture)
{
    make_numbered(fixture);
    for (int i = 0; i < NUMBERED; i++) {
        const struct numbered *job = &numbered[i];
        CLEANUP_FREE char *sql = memory_format(
            "UPDATE jobs SET state = %d, step = %d, started = %d, branch_posted_ms = 11,"
            " base_then = 'aa', base = 'bb', composed = 'cc', measured = 'dd', merge_base = 'ee', "
            "push_sent = 1,"
            " pull_posted_ms = 12, close_posted_ms = 13, reference = 1.5 WHERE id = %d;"
            "%s INTO documents VALUES (%d, 'a \"title\"', 'body')",
            job->state, job->step, job->started, i + 1,
            job->documented ? "INSERT" : "INSERT OR REPLACE", job->documented ? i + 1 : 1000);

        execute(fixture, sql);
    }
}

static void check_findings(struct fixture *fixture, int64_t job, bool documented)
{
    static const char *const expected[][2] = {
        {"branch", "{\"posted_ms\":11,\"base_then\":\"aa\",\"base\":\"bb\"}"},
        {"compose", "{\"commit\":\"cc\",\"measured\":\"dd\",\"merge_base\":\"ee\"}"},
        {"describe", "{\"title\":\"a \\\"title\\\"\",\"body\":\"body\",\"reference\":1.5}"},
        {"pull", "{\"posted_ms\":12,\"close_posted_ms\":13}"},
        {"push", "{\"sent\":true}"},
    };
    struct store_finding *findings;
    size_t count, at = 0;

    DONE(store_list_findings(fixture->store, job, &findings, &count, &fixture->error));
    assert_int_equal(count, documented ? 5 : 4);
    for (size_t i = 0; i < 5; i++) {
        if (!documented && strcmp(expected[i][0], "describe") == 0)
            continue;
        assert_string_equal(findings[at].step, expected[i][0]);
        assert_string_equal(findings[at++].json, expected[i][1]);
    }
    store_findings_free(findings, count);
}

static void test_jobs_by_number_are_brought_along(void **state)
{
    struct fixture *fixture = *state;
    struct store_job *found;
    size_t count;

    for (int i = 0; i < NUMBERED; i++) {
        char id[16];

        snprintf(id, sizeof(id), "exp-%02d", i);
        struct store_job job = {.result = add(fixture, id, i), .reference = NAN};

        DONE(store_add_job(fixture->store, &job, &fixture->error));
        assert_int_equal(job.id, i + 1);
    }
    leave_numbered(fixture);
    reopen(fixture);
    DONE(store_list_jobs(fixture->store, &found, &count, &fixture->error));
    assert_int_equal(count, NUMBERED);
    for (size_t i = 0; i < count; i++) {
        const struct numbered *was = &numbered[found[i].id - 1];

        assert_int_equal(found[i].state, was->state);
        assert_int_equal(found[i].started, was->started);
        assert_string_equal(found[i].step, was->name);
        check_findings(fixture, found[i].id, was->documented);
    }
    store_jobs_free(found, count);
}

struct history {
    unsigned count;
    char line[4][96];
};

static bool write_line(void *data, const struct store_exported *exported)
{
    struct history *history = data;

    snprintf(history->line[history->count++], sizeof(history->line[0]),
             "%s %s %g -> %g %s %s %lld %s", exported->current ? "now" : "was", exported->metric,
             exported->before, exported->after, exported->decision, exported->measured,
             (long long)exported->pull, exported->pull_state);
    return true;
}

/* A decision that was replaced still says what was judged then, whatever the result says by now. */
static void test_history_keeps_what_was_judged(void **state)
{
    struct fixture *fixture = *state;
    struct store_decision failed = {.decision = DECISION_FAILED, .reason = "x", .reference = 1.5};
    struct store_decision better = {.decision = DECISION_DISCARDED, .reason = "", .reference = 0.5};
    struct store_content content = {.parsed = "{}"};
    struct store_result other = row_of("exp-1", 2);
    struct history history = {0};
    int64_t id = add(fixture, "exp-1", 1);

    DONE(store_decide(fixture->store, id, &failed, &fixture->error));
    execute(fixture, "UPDATE results SET measured = 'abc', pull = 7, pull_state = 'closed'");
    other.metric = (char *)"loss";
    DONE(store_replace(fixture->store, id, &other, &content, &better, &fixture->error));
    DONE(store_export(fixture->store, write_line, &history, &fixture->error));
    assert_int_equal(history.count, 2);
    assert_string_equal(history.line[0], "was val_bpb 1.5 -> 1 failed abc 7 closed");
    assert_string_equal(history.line[1], "now loss 0.5 -> 2 discarded  7 closed");
    make_with_short_history(fixture); /* of these the earlier version knew the result only */
    reopen(fixture);
    history.count = 0;
    DONE(store_export(fixture->store, write_line, &history, &fixture->error));
    assert_string_equal(history.line[0], "was loss nan -> 2 failed  0 ");
}

/* A store of the version before: what was rejected stood in the history only, and moves in a table. */
static void test_drops_of_the_version_before(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(store_result_freep) struct store_result *row = NULL;
    CLEANUP(store_result_freep) struct store_result *free_id = NULL;
    struct store_decided *decided;
    struct store_move *moves;
    unsigned counts[DECISION_COUNT];
    size_t count;
    int64_t a = add(fixture, "a", 1), b = add(fixture, "b", 1), c = add(fixture, "c", 1);

    decide(fixture, a, DECISION_FAILED, 0);
    make_older(fixture);
    execute(
        fixture,
        "INSERT INTO decisions (result, experiment_id, file_name, digest, decision, reason, at_ms)"
        "  VALUES (1, 'a', 'exp.json', '', 'failed', 'once', 5), (0, NULL, 'x.json', '',"
        "  'rejected', 'line 1', 6), (1, 'a', 'exp.json', '', 'failed', 'twice', 7),"
        "  (0, 'a', 'y.json', '', 'duplicate', 'again', 8), (3, 'c', 'exp.json', '', 'rejected',"
        "  'no change', 9);"
        "UPDATE results SET reason = 'twice' WHERE id = 1;"
        "UPDATE results SET decision = 'rejected', reason = 'no change', archived = "
        "'.archive/2026-01-31/exp.json'"
        "  WHERE id = 3;"
        "INSERT INTO moves (result, name, inode, place, day, reason, patch) VALUES"
        "  (2, CAST('b.json' AS BLOB), 12, 0, '2026-01-30', NULL, 'b.diff'),"
        "  (0, CAST('x.json' AS BLOB), 13, 1, '2026-01-30', 'line 1', NULL)");
    reopen(fixture);
    DONE(store_count(fixture->store, counts, &fixture->error));
    assert_int_equal(counts[DECISION_QUEUED], 1);
    assert_int_equal(counts[DECISION_FAILED], 1);
    assert_int_equal(counts[DECISION_REJECTED], 2);
    assert_int_equal(counts[DECISION_DUPLICATE], 1);
    DONE(store_find(fixture->store, "a", &row, &fixture->error));
    assert_int_equal(row->id, a);
    DONE(store_find(fixture->store, "c", &free_id, &fixture->error));
    assert_null(free_id);
    DONE(store_last_decisions(fixture->store, 10, 0, &decided, &count, &fixture->error));
    assert_int_equal(count, 5);
    assert_string_equal(decided[0].reason, "no change");
    assert_string_equal(decided[1].reason, "again");
    assert_string_equal(decided[2].reason, "twice");
    assert_string_equal(decided[3].file_name, "x.json");
    assert_null(decided[3].experiment_id);
    assert_string_equal(decided[4].reason, "once");
    store_decisions_free(decided, count);
    DONE(store_list_moves(fixture->store, 10, &moves, &count, &fixture->error));
    assert_int_equal(count, 3);
    assert_int_equal(moves[0].id, b);
    assert_int_equal(moves[0].inode, 12);
    assert_string_equal(moves[0].archived, ".archive/2026-01-30/b.json");
    assert_string_equal(moves[0].patch, "b.diff");
    assert_int_equal(moves[1].id, c);
    assert_string_equal(moves[1].archived, ".archive/2026-01-31/exp.json");
    assert_string_equal(moves[2].archived, ".rejected/x.json");
    assert_string_equal(moves[2].name, "x.json");
    assert_true(moves[1].rejected && moves[2].rejected && !moves[0].rejected);
    store_moves_free(moves, count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_a_newer_version_is_refused),
        STORE_TEST(test_older_content_is_parsed),
        STORE_TEST(test_an_older_one_is_brought_along),
        STORE_TEST(test_jobs_by_number_are_brought_along),
        STORE_TEST(test_history_keeps_what_was_judged),
        STORE_TEST(test_drops_of_the_version_before),
    };

    return cmocka_run_group_tests_name("store-older", tests, NULL, NULL);
}

/* Promise: each result has one decision, durable before anything else happens. */

/*
 * The store as a file: opened, refused, locked, full. And its results: added, found, decided.
 */

#include "store-fixture.h"

#include "daemon/result.h"
#include "daemon/store/job.h"
#include "daemon/store/status.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the file ----------------------------------------------------------------------------------- */

static char *path_of(const struct fixture *fixture, const char *name)
{
    return file_join(fixture->directory, name);
}

static char *read_whole(const struct fixture *fixture, const char *name, size_t *length)
{
    CLEANUP_FREE char *path = path_of(fixture, name);
    struct error error;
    char *bytes = NULL;

    if (file_read(&bytes, length, AT_FDCWD, path, 16u << 20, &error) < 0)
        fail_msg("%s", error.message);
    return bytes;
}

static void write_whole(const struct fixture *fixture, const char *name, const char *bytes,
                        size_t length)
{
    CLEANUP_FREE char *path = path_of(fixture, name);
    struct error error;

    if (file_write(AT_FDCWD, path, bytes, length, 0600, &error) < 0)
        fail_msg("%s", error.message);
}

/* As somebody with a sqlite3 shell does. */
static void execute(const struct fixture *fixture, const char *sql)
{
    CLEANUP_FREE char *path = path_of(fixture, "winnowd.db");
    sqlite3 *database;

    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
}

static void close_store(struct fixture *fixture)
{
    store_free(fixture->store);
    fixture->store = NULL;
}

/* The sentence of the refusal. */
static const char *refused(struct fixture *fixture, bool read_only)
{
    struct store *second = NULL;

    assert_int_equal(store_open(&second, fixture->directory, read_only, &fixture->error), -1);
    assert_null(second);
    assert_int_equal(fixture->error.kind, ERROR_PERMANENT);
    return fixture->error.message;
}

static void test_what_was_added_survives(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(store_result_freep) struct store_result *row = NULL;
    int64_t id = add(fixture, "exp-1", 0.5);

    reopen(fixture);
    DONE(store_find(fixture->store, "exp-1", &row, &fixture->error));
    assert_non_null(row);
    assert_int_equal(row->id, id);
    assert_true(has_content(fixture, id));
}

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
    execute(fixture, "DROP TABLE hold; DROP TABLE runs; DROP TABLE run_id;"
                     "DROP TRIGGER contents_released; DROP TABLE released;"
                     "DROP TABLE places; ALTER TABLE logs DROP COLUMN decision;"
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

/* What a result file said was read out of its bytes again and again, by its name. */
static void test_older_content_is_parsed(void **state)
{
    static const char yaml[] = "experiment_id: exp-1\nhypothesis: x\nmetric: val_bpb\n"
                               "metric_after: [1, 3]\n";
    struct fixture *fixture = *state;
    struct store_result row = row_of("exp-1", 2), strange = row_of("exp-2", 2);
    struct store_content content = {.bytes = yaml, .length = sizeof(yaml) - 1},
                         none = {.bytes = ""};
    CLEANUP(result_freep) struct result *result = NULL;
    CLEANUP_FREE char *parsed = NULL;
    CLEANUP_FREE char *lost = NULL;
    char *patch;
    size_t length;
    int64_t id, other;

    row.file_name = (char *)"exp-1.yaml";
    DONE(store_add(fixture->store, &row, &content, NULL, &id, &fixture->error));
    DONE(store_add(fixture->store, &strange, &none, NULL, &other, &fixture->error));
    make_older(fixture);
    reopen(fixture);
    DONE(store_load_parsed(fixture->store, id, &parsed, &patch, &length, &fixture->error));
    assert_null(patch);
    DONE(result_parse_canonical(&result, parsed, &fixture->error));
    assert_int_equal(result->claim.after.count, 2);
    assert_true(result->claim.after.mean == 2);
    DONE(store_load_parsed(fixture->store, other, &lost, &patch, &length, &fixture->error));
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

static void fill(struct fixture *fixture, int count)
{
    DONE(store_begin(fixture->store, &fixture->error));
    for (int i = 0; i < count; i++) {
        char id[32];

        snprintf(id, sizeof(id), "exp-%d", i);
        add(fixture, id, i);
    }
    DONE(store_commit(fixture->store, &fixture->error));
}

/* Refused, and not a byte of it or of its log is another one. */
static void check_left_alone(struct fixture *fixture, bool with_log)
{
    static const char *const names[] = {"winnowd.db", "winnowd.db-wal"};
    char *before[2], *after[2];
    size_t before_length[2], after_length[2];

    for (int i = 0; i < 1 + with_log; i++)
        before[i] = read_whole(fixture, names[i], &before_length[i]);
    assert_non_null(strstr(refused(fixture, false), "damaged"));
    assert_non_null(strstr(fixture->error.message, "winnowd.db"));
    for (int i = 0; i < 1 + with_log; i++) {
        after[i] = read_whole(fixture, names[i], &after_length[i]);
        assert_int_equal(before_length[i], after_length[i]);
        assert_memory_equal(before[i], after[i], after_length[i]);
        free(before[i]);
        free(after[i]);
    }
}

static void test_no_database_at_all(void **state)
{
    struct fixture *fixture = *state;
    char garbage[8192];

    close_store(fixture);
    memset(garbage, 'x', sizeof(garbage));
    write_whole(fixture, "winnowd.db", garbage, sizeof(garbage));
    check_left_alone(fixture, false);
}

static void test_a_damaged_page(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *bytes = NULL;
    size_t length;

    fill(fixture, 300);
    close_store(fixture);
    bytes = read_whole(fixture, "winnowd.db", &length);
    memset(bytes + length - 3 * 4096, 0xa5, 4096);
    write_whole(fixture, "winnowd.db", bytes, length);
    check_left_alone(fixture, false);
}

static void test_a_file_cut_short(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *bytes = NULL;
    size_t length;

    fill(fixture, 300);
    close_store(fixture);
    bytes = read_whole(fixture, "winnowd.db", &length);
    write_whole(fixture, "winnowd.db", bytes, length / 2);
    check_left_alone(fixture, false);
}

/* A crash leaves a log behind, which the next one to open it would write back into the file. */
/* Where the last page is that the log has not got a newer one of. */
static size_t last_page_behind(size_t length, const char *log, size_t log_length)
{
    const unsigned char *bytes = (const unsigned char *)log;
    size_t page = length / 4096;

    for (size_t at = 32; at + 24 + 4096 <= log_length;) {
        if (page == ((size_t)bytes[at] << 24 | (size_t)bytes[at + 1] << 16 |
                     (size_t)bytes[at + 2] << 8 | bytes[at + 3])) {
            page--;
            at = 32;
        } else {
            at += 24 + 4096;
        }
    }
    return (page - 1) * 4096;
}

static void test_a_damaged_page_and_a_log(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *bytes = NULL;
    CLEANUP_FREE char *log = NULL;
    size_t length, log_length;

    fill(fixture, 300);
    reopen(fixture);
    add(fixture, "the last", 1);
    bytes = read_whole(fixture, "winnowd.db", &length);
    log = read_whole(fixture, "winnowd.db-wal", &log_length);
    assert_true(log_length > 0);
    close_store(fixture);
    memset(bytes + last_page_behind(length, log, log_length), 0xa5, 4096);
    write_whole(fixture, "winnowd.db", bytes, length);
    write_whole(fixture, "winnowd.db-wal", log, log_length);
    check_left_alone(fixture, true);
}

/* More than what is looked at before the work begins. */
static void fill_much(struct fixture *fixture)
{
    const size_t length = 6 * 1024 * 1024;
    CLEANUP_FREE char *bytes = memory_new(length);
    struct store_content content = {.bytes = bytes, .length = length};
    struct store_result row = row_of("large", 1);
    int64_t id;

    DONE(store_add(fixture->store, &row, &content, NULL, &id, &fixture->error));
}

/* Adds a result as a daemon that is killed then; its log is left. */
static void add_and_die(struct fixture *fixture, const char *experiment_id)
{
    int status;
    pid_t child;

    close_store(fixture);
    child = fork();
    if (child == 0) {
        reopen(fixture);
        add(fixture, experiment_id, 1);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void test_a_clean_stop_is_believed(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *path = path_of(fixture, "winnowd.db");

    fill_much(fixture);
    reopen(fixture);
    assert_false(store_is_unchecked(fixture->store));
    close_store(fixture);
    assert_int_equal(chmod(path, 0600), 0); /* as whatever else touches it */
    reopen(fixture);
    assert_true(store_is_unchecked(fixture->store));
    reopen(fixture);
    assert_true(store_is_unchecked(fixture->store)); /* nobody has looked yet */
    store_trust(fixture->store);
    reopen(fixture);
    assert_false(store_is_unchecked(fixture->store));
}

/* Nothing gets into the file itself until it is known to be whole. */
static void test_an_unclean_stop_of_a_large_store(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *before = NULL;
    CLEANUP_FREE char *after = NULL;
    size_t before_length, after_length;

    fill_much(fixture);
    add_and_die(fixture, "the last");
    before = read_whole(fixture, "winnowd.db", &before_length);
    reopen(fixture);
    assert_true(store_is_unchecked(fixture->store));
    fill(fixture, 3000);
    reopen(fixture);
    after = read_whole(fixture, "winnowd.db", &after_length);
    assert_int_equal(before_length, after_length);
    assert_memory_equal(before, after, after_length);
    store_trust(fixture->store);
    close_store(fixture);
    free(after);
    after = read_whole(fixture, "winnowd.db", &after_length);
    assert_true(after_length > before_length);
    reopen(fixture);
    assert_false(store_is_unchecked(fixture->store));
}

/* The lock belongs to the process, so that another one has to try. */
static void refused_elsewhere(struct fixture *fixture, char message[static 1024])
{
    int ends[2], status;
    ssize_t length;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        struct store *second;
        struct error error = {0};

        if (store_open(&second, fixture->directory, false, &error) == 0 ||
            write(ends[1], error.message, strlen(error.message)) < 0)
            _exit(1);
        _exit(error.kind == ERROR_PERMANENT ? 0 : 2);
    }
    close(ends[1]);
    length = read(ends[0], message, 1023);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(length > 0);
    message[length] = '\0';
}

static void test_one_writer(void **state)
{
    struct fixture *fixture = *state;
    char message[1024], pid[32];

    snprintf(pid, sizeof(pid), "process %d)", (int)getpid());
    refused_elsewhere(fixture, message);
    assert_non_null(strstr(message, pid));
    assert_non_null(strstr(message, fixture->directory));
    assert_int_equal(store_writer(fixture->directory), getpid());
    close_store(fixture);
    assert_int_equal(store_writer(fixture->directory), 0);
    reopen(fixture);
}

static void test_a_reader_beside_the_writer(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(store_freep) struct store *reader = NULL;
    CLEANUP(store_result_freep) struct store_result *row = NULL;
    CLEANUP(store_result_freep) struct store_result *uncommitted = NULL;

    add(fixture, "exp-1", 1);
    DONE(store_open(&reader, fixture->directory, true, &fixture->error));
    DONE(store_begin(fixture->store, &fixture->error));
    add(fixture, "exp-2", 2);
    DONE(store_find(reader, "exp-1", &row, &fixture->error));
    DONE(store_find(reader, "exp-2", &uncommitted, &fixture->error));
    DONE(store_commit(fixture->store, &fixture->error));
    assert_non_null(row);
    assert_null(uncommitted);
    DONE(store_find(reader, "exp-2", &uncommitted, &fixture->error));
    assert_non_null(uncommitted);
    assert_int_equal(store_leave_move(reader, 1, &fixture->error), -1);
}

static void test_a_snapshot_is_of_one_moment(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(store_freep) struct store *reader = NULL;
    unsigned waiting;

    DONE(store_open(&reader, fixture->directory, true, &fixture->error));
    DONE(store_snapshot(reader, &fixture->error));
    DONE(store_count_waiting(reader, &waiting, &fixture->error));
    assert_int_equal(waiting, 0);
    add(fixture, "exp-1", 1);
    DONE(store_count_waiting(reader, &waiting, &fixture->error));
    assert_int_equal(waiting, 0);
    store_rollback(reader);
    DONE(store_count_waiting(reader, &waiting, &fixture->error));
    assert_int_equal(waiting, 1);
}

static void test_a_reader_makes_nothing(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *path = path_of(fixture, "winnowd.db");

    close_store(fixture);
    assert_int_equal(unlink(path), 0);
    refused(fixture, true);
    assert_int_equal(access(path, F_OK), -1);
    DONE(file_remove_tree(fixture->directory, &fixture->error));
    refused(fixture, false);
}

static void test_rollback(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(store_result_freep) struct store_result *row = NULL;
    int64_t kept = add(fixture, "kept", 1);

    DONE(store_begin(fixture->store, &fixture->error));
    add(fixture, "dropped", 2);
    decide(fixture, kept, DECISION_BASELINE, 0);
    store_rollback(fixture->store);
    store_rollback(fixture->store); /* of nothing is nothing */
    DONE(store_find(fixture->store, "dropped", &row, &fixture->error));
    assert_null(row);
    assert_int_equal(decision_of(fixture, kept), DECISION_QUEUED);
    assert_true(has_content(fixture, kept));
    add(fixture, "dropped", 2);
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Writing fails in the middle of a transaction, and at its end; nothing of it is left, and all goes
 * on once there is room. */
static void test_a_full_disk(void **state)
{
    struct fixture *fixture = *state;
    struct store_result row = row_of("too large", 1);
    CLEANUP_FREE char *bytes = memory_new(4u << 20);
    struct store_content content = {.bytes = bytes, .length = 4u << 20};
    CLEANUP(store_result_freep) struct store_result *found = NULL;
    struct store_job job = {.id = 1, .reference = NAN};
    struct store_finding finding = {.step = (char *)"describe", .json = bytes};
    int64_t id;

    add(fixture, "before", 1);
    signal(SIGXFSZ, SIG_IGN);
    limit_files(1u << 20);
    assert_int_equal(store_save_job(fixture->store, &job, &finding, &fixture->error), 0);
    memset(bytes, 'x', (4u << 20) - 1);
    assert_int_equal(store_save_job(fixture->store, &job, &finding, &fixture->error), -1);
    assert_int_equal(fixture->error.kind, ERROR_TRANSIENT);
    DONE(store_begin(fixture->store, &fixture->error));
    if (store_add(fixture->store, &row, &content, NULL, &id, &fixture->error) == 0) {
        assert_int_equal(store_commit(fixture->store, &fixture->error), -1);
        assert_int_equal(fixture->error.kind, ERROR_TRANSIENT);
    }
    store_rollback(fixture->store);
    limit_files(RLIM_INFINITY);
    DONE(store_find(fixture->store, "too large", &found, &fixture->error));
    assert_null(found);
    reopen(fixture);
    DONE(store_begin(fixture->store, &fixture->error));
    DONE(store_add(fixture->store, &row, &content, NULL, &id, &fixture->error));
    DONE(store_commit(fixture->store, &fixture->error));
    assert_true(has_content(fixture, id));
}

static void test_a_lock_of_somebody_else_is_transient(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *path = path_of(fixture, "winnowd.db");
    sqlite3 *other;

    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(store_begin(fixture->store, &fixture->error), -1);
    assert_int_equal(fixture->error.kind, ERROR_TRANSIENT);
    sqlite3_close(other);
    DONE(store_begin(fixture->store, &fixture->error));
    DONE(store_commit(fixture->store, &fixture->error));
}

/* ---- results ------------------------------------------------------------------------------------ */

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
    assert_int_equal(row->reference_result, 0);
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
    struct store_content content = {.bytes = "{}", .length = 2};
    int64_t id;

    add(fixture, "exp-1", 1);
    add(fixture, "EXP-1", 1);
    assert_int_equal(store_add(fixture->store, &row, &content, NULL, &id, &fixture->error), -1);
}

static int64_t add_discarded(struct fixture *fixture, const char *experiment_id)
{
    const struct store_decision decision = {
        .decision = DECISION_DISCARDED, .reason = "not better", .reference = 1};
    struct store_content content = {.bytes = "{}", .length = 2};
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
    struct store_content content = {
        .bytes = "second", .length = 6, .patch = "patch", .patch_length = 5};
    CLEANUP(store_result_freep) struct store_result *loaded = NULL;
    CLEANUP(store_result_freep) struct store_result *next = NULL;
    CLEANUP_FREE char *bytes = NULL;
    CLEANUP_FREE char *patch = NULL;
    size_t length, patch_length;
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
    DONE(store_load_content(fixture->store, id, &bytes, &length, &patch, &patch_length,
                            &fixture->error));
    assert_int_equal(length, 6);
    assert_memory_equal(bytes, "second", 7);
    assert_memory_equal(patch, "patch", 6);
    DONE(store_next_queued(fixture->store, "val_bpb", "", STORE_NEXT_ARRIVED, NULL, &next,
                           &fixture->error));
    assert_int_equal(next->id, id);
}

static void test_content_is_bytes(void **state)
{
    struct fixture *fixture = *state;
    static const char bytes[] = "a\0b\xff", patch[] = "\0\0";
    struct store_result row = row_of("exp-1", 1);
    struct store_content content = {
        .bytes = bytes, .length = sizeof(bytes) - 1, .patch = patch, .patch_length = 2};
    CLEANUP_FREE char *loaded = NULL;
    CLEANUP_FREE char *loaded_patch = NULL;
    size_t length, patch_length;
    int64_t id;

    DONE(store_add(fixture->store, &row, &content, NULL, &id, &fixture->error));
    reopen(fixture);
    DONE(store_load_content(fixture->store, id, &loaded, &length, &loaded_patch, &patch_length,
                            &fixture->error));
    assert_int_equal(length, 4);
    assert_memory_equal(loaded, bytes, 5);
    assert_int_equal(patch_length, 2);
    assert_memory_equal(loaded_patch, patch, 3);
}

static void test_no_patch_is_no_empty_patch(void **state)
{
    struct fixture *fixture = *state;
    struct store_result row = row_of("empty", 1);
    struct store_content content = {.bytes = "", .length = 0, .patch = "", .patch_length = 0};
    CLEANUP_FREE char *bytes = NULL;
    CLEANUP_FREE char *patch = NULL;
    size_t length, patch_length;
    int64_t empty, none = add(fixture, "none", 1);

    DONE(store_load_content(fixture->store, none, &bytes, &length, &patch, &patch_length,
                            &fixture->error));
    assert_null(patch);
    free(bytes);
    bytes = NULL;
    DONE(store_add(fixture->store, &row, &content, NULL, &empty, &fixture->error));
    DONE(store_load_content(fixture->store, empty, &bytes, &length, &patch, &patch_length,
                            &fixture->error));
    assert_int_equal(length, 0);
    assert_string_equal(bytes, "");
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
    struct store_content content = {.bytes = "{}", .length = 2};
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
    struct store_content content = {.bytes = ""};
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
        STORE_TEST(test_what_was_added_survives),
        STORE_TEST(test_a_newer_version_is_refused),
        STORE_TEST(test_an_older_one_is_brought_along),
        STORE_TEST(test_jobs_by_number_are_brought_along),
        STORE_TEST(test_older_content_is_parsed),
        STORE_TEST(test_no_database_at_all),
        STORE_TEST(test_a_damaged_page),
        STORE_TEST(test_a_file_cut_short),
        STORE_TEST(test_a_damaged_page_and_a_log),
        STORE_TEST(test_a_clean_stop_is_believed),
        STORE_TEST(test_an_unclean_stop_of_a_large_store),
        STORE_TEST(test_one_writer),
        STORE_TEST(test_a_reader_beside_the_writer),
        STORE_TEST(test_a_snapshot_is_of_one_moment),
        STORE_TEST(test_a_reader_makes_nothing),
        STORE_TEST(test_rollback),
        STORE_TEST(test_a_full_disk),
        STORE_TEST(test_a_lock_of_somebody_else_is_transient),
        STORE_TEST(test_every_column),
        STORE_TEST(test_numbers_that_are_none),
        STORE_TEST(test_what_is_not_there),
        STORE_TEST(test_identifiers_are_unique),
        STORE_TEST(test_rows_that_wait_are_found),
        STORE_TEST(test_a_rejected_one_reserves_nothing),
        STORE_TEST(test_a_failed_one_is_tried_again),
        STORE_TEST(test_content_is_bytes),
        STORE_TEST(test_no_patch_is_no_empty_patch),
        STORE_TEST(test_content_is_let_go_of),
        STORE_TEST(test_a_misplaced_file),
        STORE_TEST(test_decided_at_once),
        STORE_TEST(test_history_keeps_what_was_judged),
        STORE_TEST(test_drops_of_the_version_before),
    };

    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}

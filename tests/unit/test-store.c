/* Promise: each result has one decision, durable before anything else happens. */

/* Here the store is a file: opened, refused, locked, full. */

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
    struct store_content content = {.parsed = "{}", .patch = bytes, .patch_length = length};
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
    refused(fixture, true);
    assert_int_equal(access(fixture->directory, F_OK), -1);
}

static void test_a_writer_makes_its_directory(void **state)
{
    struct fixture *fixture = *state;

    close_store(fixture);
    DONE(file_remove_tree(fixture->directory, &fixture->error));
    DONE(store_open(&fixture->store, fixture->directory, false, &fixture->error));
    close_store(fixture);
    DONE(file_remove_tree(fixture->directory, &fixture->error));
    DONE(file_write(AT_FDCWD, fixture->directory, "", 0, 0600, &fixture->error));
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
    struct store_content content = {.parsed = "{}", .patch = bytes, .patch_length = 4u << 20};
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_what_was_added_survives),
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
        STORE_TEST(test_a_writer_makes_its_directory),
        STORE_TEST(test_rollback),
        STORE_TEST(test_a_full_disk),
        STORE_TEST(test_a_lock_of_somebody_else_is_transient),
    };

    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}

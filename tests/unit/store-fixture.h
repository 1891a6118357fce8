#pragma once

/*
 * A store in a directory of its own, and short ways to put results into it.
 */

#include "common/file.h"
#include "common/memory.h"
#include "daemon/store.h"
#include "daemon/store/job.h"
#include "daemon/store/pull.h"
#include "tests/unit/temporary.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    char directory[TEMPORARY_SIZE];
    struct store *store;
    struct error error;
};

/* For calls that must not fail. */
#define DONE(call)                                                                                 \
    do {                                                                                           \
        if ((call) < 0)                                                                            \
            fail_msg("%s: %s", #call, fixture->error.message);                                     \
    } while (0)

static inline void reopen(struct fixture *fixture)
{
    store_free(fixture->store);
    fixture->store = NULL;
    DONE(store_open(&fixture->store, fixture->directory, false, &fixture->error));
}

static inline int set_up(void **state)
{
    struct fixture *fixture = memory_new(sizeof(*fixture));

    assert_non_null(temporary_directory(fixture->directory));
    reopen(fixture);
    *state = fixture;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *fixture = *state;

    store_free(fixture->store);
    DONE(file_remove_tree(fixture->directory, &fixture->error));
    free(fixture);
    return 0;
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static inline char *path_of(const struct fixture *fixture, const char *name)
{
    return file_join(fixture->directory, name);
}

static inline char *read_whole(const struct fixture *fixture, const char *name, size_t *length)
{
    CLEANUP_FREE char *path = path_of(fixture, name);
    struct error error;
    char *bytes = NULL;

    if (file_read(&bytes, length, AT_FDCWD, path, 16u << 20, &error) < 0)
        fail_msg("%s", error.message);
    return bytes;
}

static inline void write_whole(const struct fixture *fixture, const char *name, const char *bytes,
                               size_t length)
{
    CLEANUP_FREE char *path = path_of(fixture, name);
    struct error error;

    if (file_write(AT_FDCWD, path, bytes, length, 0600, &error) < 0)
        fail_msg("%s", error.message);
}

/* As somebody with a sqlite3 shell does. */
static inline void execute(const struct fixture *fixture, const char *sql)
{
    CLEANUP_FREE char *path = path_of(fixture, "winnowd.db");
    sqlite3 *database;

    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
}

static inline void close_store(struct fixture *fixture)
{
    store_free(fixture->store);
    fixture->store = NULL;
}

/* The sentence of the refusal. */
static inline const char *refused(struct fixture *fixture, bool read_only)
{
    struct store *second = NULL;

    assert_int_equal(store_open(&second, fixture->directory, read_only, &fixture->error), -1);
    assert_null(second);
    assert_int_equal(fixture->error.kind, ERROR_PERMANENT);
    return fixture->error.message;
}

/* A row with something in every column. */
static inline struct store_result row_of(const char *experiment_id, double after)
{
    struct store_result row = {
        .experiment_id = (char *)experiment_id,
        .scope = (char *)"",
        .metric = (char *)"val_bpb",
        .claim = {.status_word = (char *)"ok",
                  .after = {.count = !isnan(after), .mean = after},
                  .before = {.mean = NAN}},
        .has_change = true,
        .file_name = (char *)"exp.json",
        .modified_ns = 1,
    };

    memset(row.digest, 'd', sizeof(row.digest) - 1);
    return row;
}

static inline int64_t add_row(struct fixture *fixture, const struct store_result *row)
{
    struct store_content content = {.parsed = "{}"};
    int64_t id = 0;

    DONE(store_add(fixture->store, row, &content, NULL, &id, &fixture->error));
    return id;
}

static inline int64_t add(struct fixture *fixture, const char *experiment_id, double after)
{
    struct store_result row = row_of(experiment_id, after);

    return add_row(fixture, &row);
}

static inline bool has_content(struct fixture *fixture, int64_t id)
{
    CLEANUP_FREE char *parsed = NULL;
    CLEANUP_FREE char *patch = NULL;
    size_t patch_length;

    if (store_load_content(fixture->store, id, &parsed, &patch, &patch_length, &fixture->error) ==
        0)
        return true;
    assert_int_equal(fixture->error.kind, ERROR_PERMANENT);
    return false;
}

/* A drop that becomes no result of its own. */
static inline int64_t add_refused(struct fixture *fixture, const char *file_name,
                                  const char *experiment_id, enum decision decision,
                                  const char *reason)
{
    struct store_decision verdict = {.decision = decision, .reason = reason, .reference = NAN};
    struct store_result row = {
        .experiment_id = (char *)experiment_id,
        .scope = (char *)"",
        .metric = (char *)"",
        .claim = claim_none(),
        .file_name = (char *)file_name,
        .modified_ns = 1,
    };
    struct store_content content = {.parsed = "{}"};
    int64_t id = 0;

    row.claim.status_word = (char *)"";
    DONE(store_add(fixture->store, &row, &content, &verdict, &id, &fixture->error));
    assert_false(has_content(fixture, id));
    return id;
}

/* `because` is the result whose value it did not beat. */
static inline void decide(struct fixture *fixture, int64_t id, enum decision decision,
                          int64_t because)
{
    struct store_decision verdict = {
        .decision = decision,
        .reason = "because",
        .reference = NAN,
        .reference_result = because,
    };

    DONE(store_decide(fixture->store, id, &verdict, &fixture->error));
}

/* Promotes it, with a pull request of that number. */
static inline void promote(struct fixture *fixture, int64_t id, int64_t pull)
{
    struct store_job job = {.result = id, .pull = pull, .reference = NAN};
    char measured[32];
    struct store_job_end end = {
        .decision = {.decision = DECISION_PROMOTED, .reason = "", .reference = NAN},
        .measured = measured,
    };

    snprintf(measured, sizeof(measured), "measured-%d", (int)id);
    DONE(store_add_job(fixture->store, &job, &fixture->error));
    DONE(store_end_job(fixture->store, &job, &end, &fixture->error));
}

static inline unsigned settle(struct fixture *fixture, int64_t id, enum pull_state state)
{
    struct store_settling settling;

    DONE(store_settle_pull(fixture->store, id, state, &fixture->error));
    DONE(store_next_settling(fixture->store, &settling, &fixture->error));
    assert_int_equal(settling.result, id);
    assert_int_equal(settling.state, state);
    while (!settling.done)
        DONE(store_settle_some(fixture->store, &settling, 2, &fixture->error));
    return settling.requeued;
}

static inline enum decision decision_of(struct fixture *fixture, int64_t id)
{
    CLEANUP(store_result_freep) struct store_result *row = NULL;

    DONE(store_load(fixture->store, id, &row, &fixture->error));
    assert_non_null(row);
    return row->decision;
}

static inline struct store_frontier
frontier_of(struct fixture *fixture, const struct config_metric *metric, const char *scope)
{
    struct store_frontier frontier;

    memset(&frontier, 0xff, sizeof(frontier));
    DONE(store_frontier(fixture->store, metric, scope, &frontier, &fixture->error));
    return frontier;
}

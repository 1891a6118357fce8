/*
 * The pull requests in the store: which are open, and what follows for results when one is settled.
 */

#include "daemon/store/pull.h"
#include "daemon/store/internal.h"
#include "daemon/store/job.h"

#include <stdio.h>
#include <string.h>

/* By state: the word while something is left to be done, and the word afterwards. */
static const char *const words[][2] = {
    [PULL_OPEN] = {"open", "open"},
    [PULL_CLOSED] = {"closing", "closed"},
    [PULL_MERGED] = {"merging", "merged"},
    [PULL_CONTAINED] = {"containing", "contained"},
};

#define PULL_COLUMNS                                                                               \
    "id, experiment_id, pull, pull_state, digest, head, base, stale IS NOT NULL, stale_on,"        \
    " EXISTS (SELECT 1 FROM closings c WHERE c.result = results.id),"                              \
    " EXISTS (SELECT 1 FROM closings c WHERE c.result = results.id"                                \
    " AND (c.step = 'state' OR c.kind = 'reopened')),"                                             \
    " body_digest, body_sent, line_digest, empty_on "

static enum pull_state state_of(const char *word)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(word, words[i][0]) == 0 || strcmp(word, words[i][1]) == 0)
            return (enum pull_state)i;
    }
    return PULL_OPEN;
}

static void read_pull(sqlite3_stmt *statement, struct store_pull *pull)
{
    pull->result = sqlite3_column_int64(statement, 0);
    snprintf(pull->experiment_id, sizeof(pull->experiment_id), "%s", store_text(statement, 1));
    pull->number = sqlite3_column_int64(statement, 2);
    pull->state = state_of(store_text(statement, 3));
    snprintf(pull->digest, sizeof(pull->digest), "%s", store_text(statement, 4));
    snprintf(pull->head, sizeof(pull->head), "%s", store_text(statement, 5));
    snprintf(pull->base, sizeof(pull->base), "%s", store_text(statement, 6));
    pull->stale = sqlite3_column_int(statement, 7);
    snprintf(pull->stale_on, sizeof(pull->stale_on), "%s", store_text(statement, 8));
    pull->leaves = sqlite3_column_int(statement, 9);
    pull->closing = sqlite3_column_int(statement, 10);
    snprintf(pull->body_digest, sizeof(pull->body_digest), "%s", store_text(statement, 11));
    snprintf(pull->body_sent, sizeof(pull->body_sent), "%s", store_text(statement, 12));
    snprintf(pull->line, sizeof(pull->line), "%s", store_text(statement, 13));
    snprintf(pull->empty_on, sizeof(pull->empty_on), "%s", store_text(statement, 14));
}

int store_list_pulls(struct store *store, enum store_pulls which, struct store_pull **pulls,
                     size_t *count, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT " PULL_COLUMNS "FROM results INDEXED BY results_pull WHERE (pull_state = 'open'"
        " AND (? OR pull_looked = 0)) OR (? AND pull_state IN ('closing', 'closed')) ORDER BY id",
        "ii", (int64_t)(which != STORE_PULLS_NEW), (int64_t)(which == STORE_PULLS_UNMERGED));
    int row = -1;

    *pulls = NULL;
    *count = 0;
    while (statement && (row = store_row(store, statement, error)) > 0)
        read_pull(statement, STORE_GROW(*pulls, *count));
    return row;
}

int store_get_pull(struct store *store, int64_t result, struct store_pull *pull,
                   struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error, "SELECT " PULL_COLUMNS "FROM results WHERE id = ? AND pull_state IS NOT NULL",
        "i", result);
    int row = statement ? store_row(store, statement, error) : -1;

    *pull = (struct store_pull){0};
    if (row > 0)
        read_pull(statement, pull);
    return row < 0 ? -1 : 0;
}

int store_get_left(struct store *store, int64_t result, struct store_left *left,
                   char opened_on[static GIT_HASH_SIZE], struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT head, base, title_digest, body_digest, opened_on FROM results WHERE id = ?", "i",
        result);

    if (!statement || store_row(store, statement, error) < 0)
        return -1;
    snprintf(left->head, sizeof(left->head), "%s", store_text(statement, 0));
    snprintf(left->base, sizeof(left->base), "%s", store_text(statement, 1));
    snprintf(left->title, sizeof(left->title), "%s", store_text(statement, 2));
    snprintf(left->body, sizeof(left->body), "%s", store_text(statement, 3));
    snprintf(opened_on, GIT_HASH_SIZE, "%s", store_text(statement, 4));
    return 0;
}

int store_set_fresh(struct store *store, int64_t result, struct error *error)
{
    return store_run(store, error,
                     "UPDATE results SET stale = NULL WHERE id = ? AND stale IS NOT NULL", "i",
                     result);
}

int store_set_pull_looked(struct store *store, int64_t result, struct error *error)
{
    return store_run(store, error, "UPDATE results SET pull_looked = 1 WHERE id = ?", "i", result);
}

int store_find_pull(struct store *store, int64_t number, struct store_pull *pull,
                    struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT " PULL_COLUMNS "FROM results WHERE pull = ? AND pull <> 0"
        " AND pull_state IS NOT NULL ORDER BY id DESC LIMIT 1",
        "i", number);
    int row = statement ? store_row(store, statement, error) : -1;

    *pull = (struct store_pull){0};
    if (row > 0)
        read_pull(statement, pull);
    return row < 0 ? -1 : 0;
}

int store_has_unmerged_pull(struct store *store, bool *has, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT 1 FROM results INDEXED BY results_pull"
        " WHERE pull_state IN ('open', 'closing', 'closed', 'containing', 'contained') LIMIT 1",
        "");
    int row = statement ? store_row(store, statement, error) : -1;

    *has = row > 0;
    return row < 0 ? -1 : 0;
}

int store_get_looking(struct store *store, struct store_looking *looking, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error, "SELECT changed_ms, looked_ms FROM looking", "");

    if (!statement || store_row(store, statement, error) < 0)
        return -1;
    looking->changed_ms = sqlite3_column_int64(statement, 0);
    looking->looked_ms = sqlite3_column_int64(statement, 1);
    return 0;
}

int store_set_looking(struct store *store, const struct store_looking *looking, struct error *error)
{
    return store_run(store, error, "UPDATE looking SET changed_ms = ?, looked_ms = ?", "ii",
                     looking->changed_ms, looking->looked_ms);
}

int store_count_open_pulls(struct store *store, unsigned *count, struct error *error)
{
    return store_count_rows(store, "SELECT count(*) FROM results WHERE pull_state = 'open'", count,
                            error);
}

int store_count_merged_pulls(struct store *store, unsigned *count, struct error *error)
{
    return store_count_rows(store,
                            "SELECT count(*) FROM results INDEXED BY results_pull"
                            " WHERE pull_state IN ('merging', 'merged')",
                            count, error);
}

int store_set_mergeable(struct store *store, int64_t result, enum forge_mergeable mergeable,
                        struct error *error)
{
    return store_run(
        store, error,
        "UPDATE results SET mergeable = ? WHERE id = ? AND coalesce(mergeable, 0) <> ?", "iii",
        (int64_t)mergeable, result, (int64_t)mergeable);
}

int store_write_settled(struct store *store, int64_t result, enum pull_state state,
                        struct error *error)
{
    bool counts = state != PULL_CLOSED;

    /* contained_in -1: a person opened it after we had closed it, so it is not closed for that reason again. */
    if (store_run(store, error,
                  "UPDATE results SET pull_state = ?, counts = ?, superseded = 0,"
                  " contained_in = iif(? AND contained_in <> 0, -1, 0) WHERE id = ?",
                  "tiii", words[state][0], (int64_t)counts, (int64_t)(state == PULL_OPEN),
                  result) < 0 ||
        store_write_followers(store, result, state, error) < 0)
        return -1;
    if (state == PULL_OPEN)
        return 0;
    return store_run(store, error, "DELETE FROM contents WHERE result = ?", "i", result);
}

int store_settle_pull(struct store *store, int64_t result, enum pull_state state,
                      struct error *error)
{
    if (store_begin(store, error) < 0)
        return -1;
    return store_end(store, store_write_settled(store, result, state, error), error);
}

int store_next_settling(struct store *store, struct store_settling *settling, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT id, pull, pull_state, experiment_id FROM results INDEXED BY results_pull"
        " WHERE pull_state IN ('closing', 'merging', 'containing') ORDER BY pull_state, id LIMIT 1",
        "");
    int row = statement ? store_row(store, statement, error) : -1;

    *settling = (struct store_settling){0};
    if (row <= 0)
        return row;
    settling->result = sqlite3_column_int64(statement, 0);
    settling->pull = sqlite3_column_int64(statement, 1);
    settling->state = state_of(store_text(statement, 2));
    snprintf(settling->experiment_id, sizeof(settling->experiment_id), "%s",
             store_text(statement, 3));
    return 0;
}

/* Finds the last of the next `limit` results that were turned down because of it; 0: there are none. */
static int find_last(struct store *store, const struct store_settling *settling, unsigned limit,
                     int64_t *last, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT coalesce(max(id), 0) FROM (SELECT id FROM results INDEXED BY results_reference"
        " WHERE reference_result = ? AND reference_result <> 0 AND id > ? ORDER BY id LIMIT ?)",
        "iii", settling->result, settling->after, (int64_t)limit);

    if (!statement || store_row(store, statement, error) < 0)
        return -1;
    *last = sqlite3_column_int64(statement, 0);
    return 0;
}

/* Queues again what was turned down only because of a value that is gone. */
static int requeue(struct store *store, struct store_settling *settling, int64_t last,
                   struct error *error)
{
    if (store_run(store, error,
                  "UPDATE results INDEXED BY results_reference"
                  " SET " STORE_QUEUED_AGAIN
                  " WHERE reference_result = ? AND reference_result <> 0 AND id > ? AND id <= ?"
                  " AND decision IN ('discarded', 'superseded')"
                  " AND id IN (SELECT result FROM contents)",
                  "iii", settling->result, settling->after, last) < 0)
        return -1;
    settling->requeued += (unsigned)sqlite3_changes(store->database);
    return 0;
}

/* Lets go of the content of results that a merged value turned down. They stay turned down. */
static int let_go(struct store *store, const struct store_settling *settling, int64_t last,
                  struct error *error)
{
    return store_run(store, error,
                     "DELETE FROM contents WHERE result IN (SELECT id FROM results"
                     " INDEXED BY results_reference WHERE reference_result = ?"
                     " AND reference_result <> 0 AND id > ? AND id <= ?"
                     " AND decision IN ('discarded', 'superseded'))",
                     "iii", settling->result, settling->after, last);
}

static int settle_some(struct store *store, struct store_settling *settling, unsigned limit,
                       struct error *error)
{
    int64_t last;

    if (find_last(store, settling, limit, &last, error) < 0)
        return -1;
    settling->done = last == 0;
    if (settling->done)
        return store_run(store, error, "UPDATE results SET pull_state = ? WHERE id = ?", "ti",
                         words[settling->state][1], settling->result);
    if (settling->state == PULL_CLOSED ? requeue(store, settling, last, error) < 0
                                       : let_go(store, settling, last, error) < 0)
        return -1;
    settling->after = last;
    return 0;
}

int store_settle_some(struct store *store, struct store_settling *settling, unsigned limit,
                      struct error *error)
{
    struct store_settling before = *settling;

    if (store_begin(store, error) == 0 &&
        store_end(store, settle_some(store, settling, limit, error), error) == 0)
        return 0;
    *settling = before;
    return -1;
}

int store_find_measured(struct store *store, const char *measured, char **experiment_id,
                        int64_t *pull, bool *closed, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT experiment_id, pull, pull_state IN ('closing', 'closed') FROM results"
        " WHERE measured = ? AND measured <> ''"
        " AND pull_state NOT IN ('merging', 'merged', 'containing')"
        " AND (pull_state <> 'contained' OR superseded) ORDER BY id LIMIT 1",
        "t", measured);
    int row = statement ? store_row(store, statement, error) : -1;

    if (row < 0)
        return -1;
    *experiment_id = row ? memory_copy(store_text(statement, 0)) : NULL;
    *pull = row ? sqlite3_column_int64(statement, 1) : 0;
    *closed = row && sqlite3_column_int(statement, 2);
    return 0;
}

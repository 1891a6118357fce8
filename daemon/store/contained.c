/*
 * The store's knowledge of which pull requests contain others, and what is to be done about these.
 *
 * The store keeps the measured commits that each open pull request contains. So when one is merged, the same
 * transaction finds the others to close, without asking the forge or git.
 */

#include "daemon/store/internal.h"
#include "daemon/store/pull.h"

#include <stdio.h>
#include <string.h>

static const char *const kinds[] = {
    [STORE_CLOSING_MERGED] = "merged",
    [STORE_CLOSING_SUPERSEDED] = "superseded",
    [STORE_CLOSING_REOPENED] = "reopened",
};

static const char *const steps[] = {
    [STORE_CLOSING_LOOK] = "look",
    [STORE_CLOSING_COMMENT] = "comment",
    [STORE_CLOSING_STATE] = "state",
    [STORE_CLOSING_BRANCH] = "branch",
};

/* The measured commits that come into the base with the pull request of a result: its own, and those that it
 * contains. There are two parameters, both that result. */
#define BROUGHT                                                                                    \
    "(SELECT measured FROM contained WHERE result = ?"                                             \
    " UNION SELECT measured FROM results WHERE id = ? AND measured <> '')"

int store_write_contained(struct store *store, int64_t result, char *const *measured, size_t count,
                          struct error *error)
{
    if (store_run(store, error, "DELETE FROM contained WHERE result = ?", "i", result) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (store_run(store, error,
                      "INSERT OR IGNORE INTO contained (result, measured) VALUES (?, ?)", "it",
                      result, measured[i]) < 0)
            return -1;
    }
    return 0;
}

/* Open ones that it contains are to be closed. If one is about to be closed in favour of another, that stays
 * its container, unless this one was merged. So it is opened again if that one is closed unmerged. What was
 * said already of why it is in the base is not said again in other words. */
static int close_contained(struct store *store, int64_t container, enum store_closing_kind kind,
                           struct error *error)
{
    return store_run(store, error,
                     "INSERT INTO closings (result, container, kind, step)"
                     " SELECT id, ?, ?, 'look' FROM results INDEXED BY results_measured"
                     " WHERE measured <> '' AND measured IN " BROUGHT
                     " AND pull_state = 'open' AND id <> ?"
                     " ON CONFLICT (result) DO UPDATE"
                     " SET container = excluded.container, kind = excluded.kind"
                     " WHERE excluded.kind = 'merged' AND (kind <> 'merged' OR step = 'look')",
                     "itiii", container, kinds[kind], container, container, container);
}

/* Those that were closed in favour of this one, or of another that was not merged, are in the base now. Their
 * branches are deleted. */
static int confirm_superseded(struct store *store, int64_t container, struct error *error)
{
    if (store_run(store, error,
                  "INSERT OR REPLACE INTO closings (result, container, kind, step)"
                  " SELECT id, ?, 'merged', 'branch' FROM results INDEXED BY results_measured"
                  " WHERE measured <> '' AND measured IN " BROUGHT
                  " AND pull_state = 'contained' AND superseded",
                  "iii", container, container, container) < 0)
        return -1;
    return store_run(
        store, error,
        "UPDATE results SET pull_state = 'containing', superseded = 0, contained_in = ?"
        " WHERE pull_state = 'contained' AND superseded AND id IN"
        " (SELECT result FROM closings WHERE container = ? AND step = 'branch')",
        "ii", container, container);
}

/* Those that were closed in favour of it, or are about to be, are opened again. */
static int reopen_superseded(struct store *store, int64_t container, struct error *error)
{
    if (store_run(store, error,
                  "UPDATE closings SET kind = 'reopened', step = 'look', commented_ms = 0"
                  " WHERE container = ? AND kind = 'superseded'",
                  "i", container) < 0)
        return -1;
    return store_run(
        store, error,
        "INSERT OR IGNORE INTO closings (result, container, kind, step)"
        " SELECT id, contained_in, 'reopened', 'look' FROM results INDEXED BY results_pull"
        " WHERE pull_state = 'contained' AND superseded AND contained_in = ?",
        "i", container);
}

/* A refresh that failed before this merge was known may succeed now. */
static int forget_failed_refreshes(struct store *store, struct error *error)
{
    return store_run(store, error,
                     "UPDATE results INDEXED BY results_pull SET stale_on = ''"
                     " WHERE pull_state = 'open' AND stale_on <> ''",
                     "");
}

int store_write_followers(struct store *store, int64_t result, enum pull_state state,
                          struct error *error)
{
    /* A person has decided about it, so nothing that we planned for it is done. */
    if (store_run(store, error, "DELETE FROM closings WHERE result = ?", "i", result) < 0)
        return -1;
    switch (state) {
    case PULL_MERGED:
        return close_contained(store, result, STORE_CLOSING_MERGED, error) < 0 ||
                       forget_failed_refreshes(store, error) < 0
                   ? -1
                   : confirm_superseded(store, result, error);
    case PULL_CLOSED:
        return reopen_superseded(store, result, error);
    case PULL_OPEN:
    case PULL_CONTAINED:
        break;
    }
    return 0;
}

int store_write_opened(struct store *store, int64_t result, bool supersedes, struct error *error)
{
    if (supersedes && close_contained(store, result, STORE_CLOSING_SUPERSEDED, error) < 0)
        return -1;
    return store_run(
        store, error,
        "INSERT INTO closings (result, container, kind, step)"
        " SELECT o.id, m.id, 'merged', 'look' FROM results o"
        " JOIN contained c ON c.measured = o.measured JOIN results m ON m.id = c.result"
        " WHERE o.id = ? AND o.pull_state = 'open' AND o.measured <> ''"
        " AND m.pull_state IN ('merging', 'merged') LIMIT 1"
        " ON CONFLICT (result) DO NOTHING",
        "i", result);
}

static int find_word(const char *const *words, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i], word) == 0)
            return (int)i;
    }
    return 0;
}

int store_next_closing(struct store *store, int64_t after, struct store_closing *closing,
                       struct error *error)
{
    /* One that is being refreshed has its turn when its job is over. */
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT c.result, r.pull, r.experiment_id, r.digest, r.head, c.kind, c.step,"
        " m.pull, m.experiment_id, c.commented_ms FROM closings c JOIN results r ON r.id = c.result"
        " LEFT JOIN results m ON m.id = c.container WHERE c.result > ? AND (c.step <> 'look' OR"
        " NOT EXISTS (SELECT 1 FROM jobs j WHERE j.state <> 2 AND j.result = c.result))"
        " ORDER BY c.result LIMIT 1",
        "i", after);
    int row = statement ? store_row(store, statement, error) : -1;

    *closing = (struct store_closing){0};
    if (row <= 0)
        return row;
    closing->result = sqlite3_column_int64(statement, 0);
    closing->number = sqlite3_column_int64(statement, 1);
    snprintf(closing->experiment_id, sizeof(closing->experiment_id), "%s",
             store_text(statement, 2));
    snprintf(closing->digest, sizeof(closing->digest), "%s", store_text(statement, 3));
    snprintf(closing->head, sizeof(closing->head), "%s", store_text(statement, 4));
    closing->kind = (enum store_closing_kind)find_word(kinds, sizeof(kinds) / sizeof(kinds[0]),
                                                       store_text(statement, 5));
    closing->step = (enum store_closing_step)find_word(steps, sizeof(steps) / sizeof(steps[0]),
                                                       store_text(statement, 6));
    closing->container = sqlite3_column_int64(statement, 7);
    snprintf(closing->container_id, sizeof(closing->container_id), "%s", store_text(statement, 8));
    closing->commented_ms = sqlite3_column_int64(statement, 9);
    return 0;
}

int store_add_closing(struct store *store, int64_t result, struct error *error)
{
    return store_run(store, error,
                     "INSERT INTO closings (result, container, kind, step)"
                     " SELECT id, 0, 'merged', 'look' FROM results"
                     " WHERE id = ? AND pull_state = 'open' AND contained_in = 0"
                     " ON CONFLICT (result) DO NOTHING",
                     "i", result);
}

int store_set_closing_step(struct store *store, int64_t result, enum store_closing_step step,
                           struct error *error)
{
    return store_run(store, error, "UPDATE closings SET step = ? WHERE result = ?", "ti",
                     steps[step], result);
}

int store_begin_comment(struct store *store, int64_t result, int64_t now_ms, struct error *error)
{
    return store_run(store, error,
                     "UPDATE closings SET step = 'comment', commented_ms = ? WHERE result = ?",
                     "ii", now_ms, result);
}

int store_drop_closing(struct store *store, int64_t result, struct error *error)
{
    return store_run(store, error, "DELETE FROM closings WHERE result = ?", "i", result);
}

static int write_closed(struct store *store, const struct store_closing *closing,
                        struct error *error)
{
    bool superseded = closing->kind == STORE_CLOSING_SUPERSEDED;

    if (store_run(store, error,
                  "UPDATE results SET pull_state = ?, superseded = ?, counts = 1, contained_in ="
                  " (SELECT iif(container = 0, -1, container) FROM closings WHERE result = id) "
                  "WHERE id = ?",
                  "tii", superseded ? "contained" : "containing", (int64_t)superseded,
                  closing->result) < 0)
        return -1;
    if (superseded)
        return store_drop_closing(store, closing->result, error);
    if (store_run(store, error, "DELETE FROM contents WHERE result = ?", "i", closing->result) < 0)
        return -1;
    return store_set_closing_step(store, closing->result, STORE_CLOSING_BRANCH, error);
}

static int write_reopened(struct store *store, const struct store_closing *closing,
                          struct error *error)
{
    if (store_run(store, error,
                  "UPDATE results SET pull_state = 'open', superseded = 0, contained_in = 0"
                  " WHERE id = ?",
                  "i", closing->result) < 0)
        return -1;
    return store_drop_closing(store, closing->result, error);
}

int store_end_closing(struct store *store, const struct store_closing *closing, struct error *error)
{
    bool reopened = closing->kind == STORE_CLOSING_REOPENED;

    if (store_begin(store, error) < 0)
        return -1;
    return store_end(store,
                     reopened ? write_reopened(store, closing, error)
                              : write_closed(store, closing, error),
                     error);
}

int store_list_relatives(struct store *store, int64_t result, struct store_relative **relatives,
                         size_t *count, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT * FROM (SELECT pull, experiment_id, 0 AS above FROM contained c"
        " JOIN results r ON r.measured = c.measured AND r.measured <> ''"
        " WHERE c.result = ? AND r.pull_state = 'open' ORDER BY pull DESC)"
        " UNION ALL SELECT * FROM (SELECT m.pull, m.experiment_id, 1 FROM results r"
        " JOIN contained c ON c.measured = r.measured JOIN results m ON m.id = c.result"
        " WHERE r.id = ? AND r.measured <> '' AND m.pull_state = 'open' ORDER BY m.pull)",
        "ii", result, result);
    int row = -1;

    *relatives = NULL;
    *count = 0;
    while (statement && (row = store_row(store, statement, error)) > 0) {
        struct store_relative *relative = STORE_GROW(*relatives, *count);

        relative->pull = sqlite3_column_int64(statement, 0);
        snprintf(relative->experiment_id, sizeof(relative->experiment_id), "%s",
                 store_text(statement, 1));
        relative->above = sqlite3_column_int(statement, 2);
    }
    return row;
}

/* Pairs of a container and one that it contains. A person can still merge both: each is open, or was closed
 * in favour of another. */
#define CONTAINMENTS                                                                               \
    " FROM results m INDEXED BY results_pull JOIN contained c ON c.result = m.id"                  \
    " JOIN results r INDEXED BY results_measured ON r.measured = c.measured AND r.measured <> ''"  \
    " WHERE m.pull_state IN ('open', 'contained') AND (m.pull_state = 'open' OR m.superseded)"     \
    " AND r.pull_state IN ('open', 'contained') AND (r.pull_state = 'open' OR r.superseded)"

int store_list_members(struct store *store, struct store_member **members, size_t *count,
                       struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT id, pull, experiment_id, pull_state = 'open', stale IS NOT NULL FROM results"
        " WHERE id IN (SELECT m.id" CONTAINMENTS " UNION SELECT r.id" CONTAINMENTS ")"
        " ORDER BY id DESC",
        "");
    int row = -1;

    *members = NULL;
    *count = 0;
    while (statement && (row = store_row(store, statement, error)) > 0) {
        struct store_member *member = STORE_GROW(*members, *count);

        *member = (struct store_member){
            .result = sqlite3_column_int64(statement, 0),
            .pull = sqlite3_column_int64(statement, 1),
            .open = sqlite3_column_int(statement, 3),
            .stale = sqlite3_column_int(statement, 4),
        };
        snprintf(member->experiment_id, sizeof(member->experiment_id), "%s",
                 store_text(statement, 2));
    }
    return row;
}

int store_list_containments(struct store *store, struct store_containment **containments,
                            size_t *count, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(store, error,
                                                        "SELECT m.id, r.id" CONTAINMENTS, "");
    int row = -1;

    *containments = NULL;
    *count = 0;
    while (statement && (row = store_row(store, statement, error)) > 0)
        *STORE_GROW(*containments, *count) = (struct store_containment){
            .container = sqlite3_column_int64(statement, 0),
            .contained = sqlite3_column_int64(statement, 1),
        };
    return row;
}

int store_send_line(struct store *store, int64_t result, const char *body, struct error *error)
{
    return store_run(store, error, "UPDATE results SET body_sent = ? WHERE id = ?", "ti", body,
                     result);
}

int store_set_line(struct store *store, int64_t result, const char *line, const char *body,
                   struct error *error)
{
    return store_run(store, error,
                     "UPDATE results SET line_digest = ?, body_sent = '',"
                     " body_digest = iif(? = '', body_digest, ?) WHERE id = ?",
                     "ttti", line, body, body, result);
}

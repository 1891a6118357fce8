/* Promise: a store of an older version becomes the same as a new one. */

#include "store-fixture.h"

#include "daemon/store/internal.h"

#include <sqlite3.h>

/* Each column with all that is known of it, each index and trigger without its spaces, and the rows that a new
 * store has. */
static const char description[] =
    "SELECT group_concat(line, char(10)) FROM ("
    " SELECT m.name || ' ' || x.cid || ' ' || x.name || ' ' || x.type || ' ' || x.\"notnull\" || ' "
    "'"
    "  || coalesce(x.dflt_value, 'none') || ' ' || x.pk || (m.sql LIKE '%WITHOUT ROWID') AS line"
    "  FROM sqlite_schema m, pragma_table_xinfo(m.name) x WHERE m.type = 'table'"
    " UNION ALL SELECT replace(sql, ' ', '') FROM sqlite_schema"
    "  WHERE type <> 'table' AND sql IS NOT NULL"
    " UNION ALL SELECT 'looking ' || changed_ms || looked_ms || merged_ms FROM looking"
    " UNION ALL SELECT 'intake ' || first FROM intake"
    " UNION ALL SELECT 'run_id ' || length(id) FROM run_id"
    " ORDER BY line)";

static char *describe(sqlite3 *database)
{
    sqlite3_stmt *statement;
    char *lines;

    assert_int_equal(sqlite3_prepare_v2(database, description, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    lines = memory_copy((const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    return lines;
}

static void test_the_migrations_come_to_what_a_new_store_has(void **state)
{
    struct fixture *fixture = *state;
    struct store older = {0};
    CLEANUP_FREE char *made = NULL;
    CLEANUP_FREE char *migrated = NULL;

    assert_int_equal(sqlite3_open(":memory:", &older.database), SQLITE_OK);
    DONE(store_add_canonical(&older, &fixture->error));
    for (int version = 0; version < store_version; version++)
        assert_int_equal(sqlite3_exec(older.database, store_migrations[version], NULL, NULL, NULL),
                         SQLITE_OK);
    made = describe(fixture->store->database);
    migrated = describe(older.database);
    sqlite3_close(older.database);
    assert_string_equal(made, migrated);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_the_migrations_come_to_what_a_new_store_has),
    };

    return cmocka_run_group_tests_name("tables", tests, NULL, NULL);
}

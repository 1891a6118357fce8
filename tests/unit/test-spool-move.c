/* Promise: a decided file moves once, under a name of its own, and its patch with it. */

/* It moves to the archive or to the rejected ones. A patch stays until its result moves. */

#include "spool-fixture.h"

#include <sys/syscall.h>

static int rename_errno;
static unsigned looks; /* fstatat() calls */

int fstatat(int directory, const char *path, struct stat *status, int flags)
{
    looks++;
    return syscall(SYS_newfstatat, directory, path, status, flags);
}

int renameat2(int old_directory, const char *old, int new_directory, const char *new,
              unsigned int flags)
{
    if (rename_errno != 0) {
        errno = rename_errno;
        return -1;
    }
    return syscall(SYS_renameat2, old_directory, old, new_directory, new, flags);
}

static char *move_file(struct fixture *fixture, const char *name, enum spool_place place,
                       const char *reason, const char *patch)
{
    const struct spool_move move = {
        .name = name,
        .inode = inode_of(fixture, name),
        .place = place,
        .day = "2026-01-31",
        .reason = reason,
        .patch = patch,
    };
    struct error error;
    char *moved_to;

    if (spool_move(fixture->spool, &move, &moved_to, &error) < 0)
        fail_msg("%s", error.message);
    return moved_to;
}

static void a_taken_name_gets_a_number(void **state)
{
    static const char *const expected[] = {".archive/2026-01-31/a.json",
                                           ".archive/2026-01-31/a.json~2",
                                           ".archive/2026-01-31/a.json~3"};
    struct fixture *fixture = *state;

    begin(fixture, NEVER_MS, NEVER_MS);
    for (size_t i = 0; i < 3; i++) {
        CLEANUP_FREE char *content = memory_format("%zu", i);
        CLEANUP_FREE char *moved_to = NULL;

        write_file(fixture, "a.json", content);
        write_file(fixture, "p.diff", content);
        moved_to = move_file(fixture, "a.json", SPOOL_ARCHIVE, NULL, "p.diff");
        assert_string_equal(moved_to, expected[i]);
        assert_content(fixture, expected[i], content);
    }
    assert_content(fixture, ".archive/2026-01-31/p.diff", "0");
    assert_content(fixture, ".archive/2026-01-31/p.diff~3", "2");
    assert_false(exists(fixture, "p.diff"));
}

/* However many files of that name there are: a name is found in as many looks as their number has bits. */
static void many_of_a_name_cost_no_more_than_few(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(file_closep) int day = -1;
    CLEANUP_FREE char *moved_to = NULL, *rejected = NULL, *found = NULL;
    struct spool_move again = {.name = "a.json", .place = SPOOL_ARCHIVE, .day = "2026-01-31"};
    struct error error;

    begin(fixture, NEVER_MS, NEVER_MS);
    assert_int_equal(mkdirat(fixture->directory, ".archive/2026-01-31", 0755), 0);
    day = openat(fixture->directory, ".archive/2026-01-31", O_RDONLY | O_DIRECTORY);
    write_file(fixture, ".archive/2026-01-31/a.json", "{}");
    for (unsigned i = 2; i <= 3000; i++) {
        char name[32];

        snprintf(name, sizeof(name), "a.json~%u", i);
        assert_int_equal(linkat(day, "a.json", day, name, 0), 0);
    }
    write_file(fixture, "a.json", "1");
    looks = 0;
    again.inode = inode_of(fixture, "a.json");
    moved_to = move_file(fixture, "a.json", SPOOL_ARCHIVE, NULL, NULL);
    assert_string_equal(moved_to, ".archive/2026-01-31/a.json~3001");
    assert_in_range(looks, 1, 40);
    /* A move that a crash interrupted is found from the other end. */
    looks = 0;
    assert_int_equal(spool_move(fixture->spool, &again, &found, &error), 0);
    assert_string_equal(found, ".archive/2026-01-31/a.json~3001");
    assert_in_range(looks, 1, 60);
    write_file(fixture, "a.json", "2");
    rejected = move_file(fixture, "a.json", SPOOL_REJECT, "odd", NULL);
    assert_string_equal(rejected, ".rejected/a.json");
}

static void a_reason_overwrites_nothing(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *first = NULL;
    CLEANUP_FREE char *second = NULL;
    CLEANUP_FREE char *third = NULL;

    begin(fixture, NEVER_MS, NEVER_MS);
    write_file(fixture, "a.json", "1");
    write_file(fixture, "b.json.reason", "a patch");
    first = move_file(fixture, "a.json", SPOOL_REJECT, "x", "b.json.reason");
    assert_content(fixture, ".rejected/b.json.reason", "a patch");
    write_file(fixture, "b.json", "2");
    second = move_file(fixture, "b.json", SPOOL_REJECT, "odd", NULL);
    assert_string_equal(second, ".rejected/b.json~2");
    assert_content(fixture, ".rejected/b.json.reason", "a patch");
    assert_content(fixture, ".rejected/b.json~2.reason", "odd\n");
    /* The reason that was written before a crash is used, as it says the same. */
    write_file(fixture, ".rejected/c.json.reason", "again\n");
    write_file(fixture, "c.json", "3");
    third = move_file(fixture, "c.json", SPOOL_REJECT, "again", NULL);
    assert_string_equal(third, ".rejected/c.json");
}

static void what_is_rejected_says_why(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *first = NULL;
    CLEANUP_FREE char *second = NULL;

    begin(fixture, NEVER_MS, NEVER_MS);
    write_file(fixture, "a.json", "1");
    first = move_file(fixture, "a.json", SPOOL_REJECT, "too odd", "missing.diff");
    write_file(fixture, "a.json", "2");
    second = move_file(fixture, "a.json", SPOOL_REJECT, "odd again\nmore\n", NULL);
    assert_string_equal(first, ".rejected/a.json");
    assert_string_equal(second, ".rejected/a.json~2");
    assert_content(fixture, ".rejected/a.json.reason", "too odd\n");
    assert_content(fixture, ".rejected/a.json~2.reason", "odd again\nmore\n");
    assert_content(fixture, ".rejected/a.json~2", "2");
}

static void a_long_name_is_shortened_between_characters(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_TEXT struct text name = {0};

    begin(fixture, NEVER_MS, NEVER_MS);
    while (name.length < 250)
        text_append(&name, "\xc3\xa9");
    text_append(&name, ".json");
    for (int i = 0; i < 2; i++) {
        CLEANUP_FREE char *archived = NULL;
        CLEANUP_FREE char *rejected = NULL;
        CLEANUP_FREE char *reason = NULL;

        write_file(fixture, text_string(&name), "{}");
        archived = move_file(fixture, text_string(&name), SPOOL_ARCHIVE, NULL, NULL);
        assert_true(exists(fixture, archived));
        assert_true(utf8_valid(archived, strlen(archived), NULL));
        if (i == 0)
            assert_string_equal(strrchr(archived, '/') + 1, text_string(&name));
        write_file(fixture, text_string(&name), "{}");
        rejected = move_file(fixture, text_string(&name), SPOOL_REJECT, "long", NULL);
        reason = memory_format("%s.reason", rejected);
        assert_true(exists(fixture, rejected));
        assert_content(fixture, reason, "long\n");
        assert_true(utf8_valid(rejected, strlen(rejected), NULL));
    }
}

static void a_move_that_is_done_is_done(void **state)
{
    struct fixture *fixture = *state;
    struct spool_move move = {.name = "a.json", .place = SPOOL_REJECT, .reason = "x"};
    CLEANUP_FREE char *moved_to = NULL;
    struct error error;

    begin(fixture, NEVER_MS, NEVER_MS);
    move.inode = 1;
    assert_int_equal(spool_move(fixture->spool, &move, &moved_to, &error), 0);
    assert_null(moved_to);
    write_file(fixture, "a.json", "{}");
    assert_int_equal(spool_move(fixture->spool, &move, &moved_to, &error), 0);
    assert_null(moved_to);
    assert_true(exists(fixture, "a.json"));
    assert_false(exists(fixture, ".rejected/a.json.reason"));
}

static void a_move_that_fails_can_be_tried_again(void **state)
{
    static const int codes[] = {ENOSPC, EROFS, EDQUOT, EIO};
    struct fixture *fixture = *state;

    begin(fixture, QUICK_MS, QUICK_MS);
    drop_file(fixture, "a.json", "{}");
    until_handed(fixture, 1);
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        const struct spool_move move = {.name = "a.json",
                                        .inode = fixture->handed[0].inode,
                                        .place = SPOOL_REJECT,
                                        .reason = "x"};
        struct error error;

        rename_errno = codes[i];
        assert_int_equal(spool_move(fixture->spool, &move, NULL, &error), -1);
        assert_int_equal(error.kind, ERROR_TRANSIENT);
        assert_non_null(strstr(error.message, "a.json"));
        rename_errno = 0;
    }
    run_for(fixture, 3 * QUICK_MS);
    assert_int_equal(fixture->handed_count, 1);
    move_away(fixture, "a.json", fixture->handed[0].inode);
    assert_true(exists(fixture, ".archive/2026-01-31/a.json"));
}

/* A file system without RENAME_NOREPLACE. */
static void a_move_without_noreplace_overwrites_nothing(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *first = NULL;
    CLEANUP_FREE char *second = NULL;

    begin(fixture, NEVER_MS, NEVER_MS);
    rename_errno = EINVAL;
    write_file(fixture, "a.json", "1");
    first = move_file(fixture, "a.json", SPOOL_ARCHIVE, NULL, NULL);
    write_file(fixture, "a.json", "2");
    second = move_file(fixture, "a.json", SPOOL_ARCHIVE, NULL, NULL);
    rename_errno = 0;
    assert_content(fixture, first, "1");
    assert_content(fixture, second, "2");
}

static void a_link_in_place_of_the_archive_leads_nowhere(void **state)
{
    struct fixture *fixture = *state;
    struct spool_move move = {.name = "a.json", .place = SPOOL_ARCHIVE, .day = "2026-01-31"};
    struct error error;

    begin(fixture, NEVER_MS, NEVER_MS);
    write_file(fixture, "a.json", "{}");
    move.inode = inode_of(fixture, "a.json");
    assert_int_equal(unlinkat(fixture->directory, ".archive", AT_REMOVEDIR), 0);
    assert_int_equal(mkdirat(fixture->directory, "elsewhere", 0755), 0);
    assert_int_equal(symlinkat("elsewhere", fixture->directory, ".archive"), 0);
    assert_int_equal(spool_move(fixture->spool, &move, NULL, &error), -1);
    assert_true(exists(fixture, "a.json"));
    assert_false(exists(fixture, "elsewhere/2026-01-31"));
    assert_int_equal(unlinkat(fixture->directory, ".archive", 0), 0);
    assert_int_equal(spool_move(fixture->spool, &move, NULL, &error), 0);
    assert_true(exists(fixture, ".archive/2026-01-31/a.json"));
}

/* The name that was chosen, unless another file has it by then. */
static void a_target_is_where_the_file_lies(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *chosen = NULL, *moved_to = NULL, *found = NULL, *other = NULL;
    struct spool_move move = {.name = "a.json", .place = SPOOL_REJECT, .reason = "odd"};
    struct error error;

    begin(fixture, NEVER_MS, NEVER_MS);
    write_file(fixture, "a.json", "1");
    move.inode = inode_of(fixture, "a.json");
    assert_int_equal(spool_choose(fixture->spool, SPOOL_REJECT, NULL, "a.json", &chosen, &error),
                     0);
    assert_string_equal(chosen, ".rejected/a.json");
    move.target = chosen;
    assert_int_equal(spool_move(fixture->spool, &move, &moved_to, &error), 0);
    assert_string_equal(moved_to, chosen);
    assert_content(fixture, ".rejected/a.json.reason", "odd\n");
    /* After a crash that came before this was known. */
    assert_int_equal(spool_move(fixture->spool, &move, &found, &error), 0);
    assert_string_equal(found, chosen);
    write_file(fixture, "a.json", "2");
    move.inode = inode_of(fixture, "a.json");
    assert_int_equal(spool_move(fixture->spool, &move, &other, &error), 0);
    assert_string_equal(other, ".rejected/a.json~2");
    assert_content(fixture, ".rejected/a.json~2.reason", "odd\n");
    assert_content(fixture, ".rejected/a.json", "1");
}

/* A file that was written to after it was decided is another drop. */
static void what_changed_since_stays(void **state)
{
    struct fixture *fixture = *state;
    struct spool_move move = {
        .name = "a.json", .place = SPOOL_ARCHIVE, .day = "2026-01-31", .modified_ns = 12345};
    CLEANUP_FREE char *moved_to = NULL;
    struct error error;

    begin(fixture, NEVER_MS, NEVER_MS);
    write_file(fixture, "a.json", "1");
    move.inode = inode_of(fixture, "a.json");
    assert_int_equal(spool_move(fixture->spool, &move, &moved_to, &error), 0);
    assert_null(moved_to);
    assert_content(fixture, "a.json", "1");
}

static void what_is_archived_can_be_rejected_later(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *archived = NULL;
    CLEANUP_FREE char *moved_to = NULL;
    struct error error;
    char *again;

    begin(fixture, NEVER_MS, NEVER_MS);
    write_file(fixture, "a.json", "{}");
    archived = move_file(fixture, "a.json", SPOOL_ARCHIVE, NULL, NULL);
    assert_int_equal(
        spool_reject_archived(fixture->spool, archived, "no change", &moved_to, &error), 0);
    assert_string_equal(moved_to, ".rejected/a.json");
    assert_false(exists(fixture, archived));
    assert_content(fixture, ".rejected/a.json", "{}");
    assert_content(fixture, ".rejected/a.json.reason", "no change\n");
    assert_int_equal(spool_reject_archived(fixture->spool, archived, "no change", &again, &error),
                     0);
    assert_null(again);
    assert_int_equal(
        spool_reject_archived(fixture->spool, ".archive/1999-01-01/x.json", "x", &again, &error),
        0);
    assert_null(again);
    assert_false(exists(fixture, ".rejected/a.json~2"));
}

static void a_patch_is_read_beside_the_result(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *bytes = NULL;
    size_t length;
    struct error error;

    begin(fixture, NEVER_MS, NEVER_MS);
    write_file(fixture, "p.diff", "--- a\n");
    assert_int_equal(symlinkat("/etc/passwd", fixture->directory, "l.diff"), 0);
    assert_int_equal(spool_read_patch(fixture->spool, "p.diff", 100, &bytes, &length, &error), 0);
    assert_string_equal(bytes, "--- a\n");
    assert_int_equal(length, 6);
    free(TAKE(bytes));
    assert_int_equal(spool_read_patch(fixture->spool, "p.diff", 5, &bytes, &length, &error), -1);
    assert_int_equal(error.kind, ERROR_PERMANENT);
    assert_int_equal(spool_read_patch(fixture->spool, "no.diff", 5, &bytes, &length, &error), 1);
    assert_int_equal(spool_read_patch(fixture->spool, "l.diff", 5, &bytes, &length, &error), -1);
    assert_int_equal(error.kind, ERROR_PERMANENT);
    assert_int_equal(spool_read_patch(fixture->spool, "../etc/passwd", 5, &bytes, &length, &error),
                     -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_taken_name_gets_a_number),
        TEST(many_of_a_name_cost_no_more_than_few),
        TEST(a_reason_overwrites_nothing),
        TEST(what_is_rejected_says_why),
        TEST(a_long_name_is_shortened_between_characters),
        TEST(a_move_that_is_done_is_done),
        TEST(a_move_that_fails_can_be_tried_again),
        TEST(a_move_without_noreplace_overwrites_nothing),
        TEST(a_link_in_place_of_the_archive_leads_nowhere),
        TEST(a_target_is_where_the_file_lies),
        TEST(what_changed_since_stays),
        TEST(what_is_archived_can_be_rejected_later),
        TEST(a_patch_is_read_beside_the_result),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

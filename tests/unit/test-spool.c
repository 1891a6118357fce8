/* Promise: each whole file of the spool is handed on once, in the order of arrival. */

#include "spool-fixture.h"

#include <sys/inotify.h>
#include <sys/syscall.h>
#include <time.h>

static bool no_watches;

int inotify_init1(int flags)
{
    if (no_watches) {
        errno = EMFILE;
        return -1;
    }
    return syscall(SYS_inotify_init1, flags);
}

/* A writer that ends its work while the file is being read: after it was opened, before its bytes are.
 * Or a machine that is so busy that we stand still there. */
static int finishing = -1;
static const char *rest_of_it;
static uint64_t standstill_ms;
static unsigned advised; /* how often a file was opened to be read */

int posix_fadvise(int descriptor, off_t offset, off_t length, int advice)
{
    advised++;
    usleep(standstill_ms * 1000);
    if (finishing >= 0) {
        put(finishing, rest_of_it);
        close(finishing);
        finishing = -1;
    }
    return syscall(SYS_fadvise64, descriptor, offset, length, advice) < 0 ? errno : 0;
}

/* A writer that is faster than we are: before each look at p.diff it has added to it, `pieces` times. */
static struct fixture *adding;
static unsigned pieces;

int fstatat(int directory, const char *path, struct stat *status, int flags)
{
    if (pieces > 0 && strcmp(path, "p.diff") == 0) {
        pieces--;
        write_file(adding, path, "more ");
    }
    return syscall(SYS_newfstatat, directory, path, status, flags);
}

/* Each test begins with a system in order, also after one that failed. */
static int set_up_anew(void **state)
{
    no_watches = false;
    finishing = -1;
    standstill_ms = advised = pieces = 0;
    return set_up(state);
}

#define ANEW(function) cmocka_unit_test_setup_teardown(function, set_up_anew, tear_down)

static void what_waits_is_handed_on_oldest_first(void **state)
{
    struct fixture *fixture = *state;

    write_file(fixture, "c.json", "{\"a\":1}");
    write_file(fixture, "a.json", "{\"b\":2}");
    write_file(fixture, "b.json", "{}");
    set_age(fixture, "c.json", 100);
    set_age(fixture, "b.json", 200);
    set_age(fixture, "a.json", 200);
    begin(fixture, NEVER_MS, NEVER_MS);
    assert_int_equal(fixture->handed_count, 0);
    until_idle(fixture);
    assert_int_equal(fixture->handed_count, 3);
    assert_handed(fixture, 0, "c.json");
    assert_handed(fixture, 1, "a.json");
    assert_handed(fixture, 2, "b.json");
    assert_string_equal(fixture->handed[0].bytes, "{\"a\":1}");
    assert_int_equal(fixture->handed[0].inode, inode_of(fixture, "c.json"));
    assert_false(fixture->idle_held);
}

/* A file from before 1970, or after tomorrow, is of a clock that is wrong: it arrives now. */
static void a_time_that_cannot_be_is_the_time_of_intake(void **state)
{
    static const struct {
        const char *name;
        long long seconds; /* of the first three since 1970, of the others from now on */
    } files[] = {
        {"a-in-2400.json", 13569465600}, {"b-in-2300.json", 10413792000},
        {"c-before-1970.json", -1},      {"d-in-a-week.json", 7 * 24 * 3600},
        {"e-an-hour-ago.json", -3600},   {"f-a-year-ago.json", -365 * 24 * 3600},
        {"g-in-an-hour.json", 3600},
    };
    static const char *const expected[] = {
        "f-a-year-ago.json",  "e-an-hour-ago.json", "a-in-2400.json",    "b-in-2300.json",
        "c-before-1970.json", "d-in-a-week.json",   "g-in-an-hour.json",
    };
    struct fixture *fixture = *state;
    int64_t now = time(NULL);

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        write_file(fixture, files[i].name, "{}");
        set_age(fixture, files[i].name, i < 3 ? files[i].seconds : now + files[i].seconds);
    }
    fixture->moves = true;
    begin(fixture, NEVER_MS, NEVER_MS);
    until_idle(fixture);
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        int64_t seconds = fixture->handed[i].modified_ns / 1000000000;

        assert_handed(fixture, i, expected[i]);
        if (i >= 2 && i < 6)
            assert_in_range(seconds, now, now + 60);
    }
    assert_false(exists(fixture, "a-in-2400.json"));
}

static void many_files_keep_their_order(void **state)
{
    struct fixture *fixture = *state;

    for (unsigned i = 0; i < 1500; i++) {
        CLEANUP_FREE char *name = memory_format("%u.json", i);

        write_file(fixture, name, "{}");
        set_age(fixture, name, 1000 + (i * 7919) % 1500);
    }
    fixture->moves = true;
    begin(fixture, NEVER_MS, NEVER_MS);
    until_idle(fixture);
    assert_int_equal(fixture->handed_count, 1500);
    for (unsigned i = 0; i < 1500; i++) {
        unsigned number = atoi(fixture->handed[i].name);

        assert_int_equal((number * 7919) % 1500, i);
    }
    assert_true(fixture->slices >= 6);
    assert_true(fixture->largest_slice <= 256);
}

/* Each of them takes the taker tens of milliseconds, in which the loop does nothing else. */
static void a_slice_is_bounded_in_bytes(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *large = memory_new(3 * 1024 * 1024 + 1);

    memset(large, ' ', 3 * 1024 * 1024);
    large[0] = '{';
    large[1] = '}';
    for (unsigned i = 0; i < 8; i++) {
        CLEANUP_FREE char *name = memory_format("%u.json", i);

        write_file(fixture, name, large);
    }
    begin(fixture, NEVER_MS, NEVER_MS);
    until_idle(fixture);
    assert_int_equal(fixture->handed_count, 8);
    assert_int_equal(fixture->largest_slice, 1);
}

static void other_names_are_left_alone(void **state)
{
    static const char *const names[] = {".a.json", "a.json.tmp", "a.json.part", "a.json~",
                                        "p.diff",  "README",     "json",        "a.JSON"};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        write_file(fixture, names[i], "{}");
    write_file(fixture, "a.json", "{}");
    begin(fixture, NEVER_MS, NEVER_MS);
    until_handed(fixture, 1);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        write_file(fixture, names[i], "{}");
    drop_file(fixture, "b.json", "{}");
    until_handed(fixture, 2);
    until_idle(fixture);
    assert_int_equal(fixture->handed_count, 2);
}

static void a_moved_file_is_taken_by_its_event(void **state)
{
    struct fixture *fixture = *state;

    fixture->moves = true;
    begin(fixture, NEVER_MS, NEVER_MS);
    until_idle(fixture);
    drop_file(fixture, "a.yaml", "x: 1\n");
    until_handed(fixture, 1);
    drop_file(fixture, "b.tsv", "not whole");
    until_handed(fixture, 2);
    assert_string_equal(fixture->handed[0].bytes, "x: 1\n");
    assert_handed(fixture, 1, "b.tsv");
}

static void a_file_in_place_is_taken_when_its_writer_closes_it(void **state)
{
    struct fixture *fixture = *state;
    int descriptor;

    begin(fixture, QUICK_MS, QUICK_MS);
    until_idle(fixture);
    descriptor = open_file(fixture, "slow.json");
    run_for(fixture, 3 * QUICK_MS);
    put(descriptor, "{\"a\":1}");
    run_for(fixture, 3 * QUICK_MS);
    put(descriptor, "\n");
    run_for(fixture, 3 * QUICK_MS);
    assert_int_equal(fixture->handed_count, 0);
    assert_true(fixture->idle_held);
    close(descriptor);
    until_handed(fixture, 1);
    assert_string_equal(fixture->handed[0].bytes, "{\"a\":1}\n");
}

static void a_file_that_is_closed_while_it_is_read_is_read_again(void **state)
{
    static const char *const begins[] = {"", "{\"a\":", "{}"};

    for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
        struct fixture *fixture;
        CLEANUP_FREE char *whole = memory_format("%s1}\n", begins[i]);

        assert_int_equal(set_up(state), 0);
        fixture = *state;
        finishing = open_file(fixture, "slow.json");
        put(finishing, begins[i]);
        rest_of_it = "1}\n";
        begin(fixture, NEVER_MS, QUICK_MS);
        until_handed(fixture, 1);
        assert_string_equal(fixture->handed[0].bytes, whole);
        until_idle(fixture);
        assert_int_equal(fixture->handed_count, 1);
        assert_int_equal(tear_down(state), 0);
    }
}

static void a_file_that_was_made_and_is_closed_while_it_is_looked_at(void **state)
{
    struct fixture *fixture = *state;

    begin(fixture, NEVER_MS, NEVER_MS);
    until_idle(fixture);
    finishing = open_file(fixture, "slow.json");
    rest_of_it = "{}";
    drop_file(fixture, "other.json", "{}");
    until_handed(fixture, 2);
    assert_string_equal(fixture->handed[0].bytes, "{}");
    assert_string_equal(fixture->handed[1].bytes, "{}");
}

static void later_files_wait_for_a_slow_writer_but_not_for_long(void **state)
{
    struct fixture *fixture = *state;
    int descriptor;
    uint64_t begun;

    begin(fixture, NEVER_MS, 40 * QUICK_MS);
    until_idle(fixture);
    descriptor = open_file(fixture, "a.json");
    put(descriptor, "{");
    set_age(fixture, "a.json", 100);
    begun = uv_hrtime();
    drop_file(fixture, "b.json", "{}");
    until_handed(fixture, 1);
    assert_handed(fixture, 0, "b.json");
    assert_true(uv_hrtime() - begun >= 40 * QUICK_MS * 1000000ull);
    drop_file(fixture, "c.json", "{}");
    begun = uv_hrtime();
    until_handed(fixture, 2);
    assert_true(uv_hrtime() - begun < 40 * QUICK_MS * 1000000ull);
    put(descriptor, "}");
    close(descriptor);
    until_handed(fixture, 3);
    assert_handed(fixture, 2, "a.json");
    assert_string_equal(fixture->handed[2].bytes, "{}");
}

static void without_events_a_file_is_steady_and_whole_json_need_not_be(void **state)
{
    struct fixture *fixture = *state;
    uint64_t begun = uv_hrtime();

    write_file(fixture, "a.json", "{}");
    write_file(fixture, "b.yaml", "x: 1\n");
    write_file(fixture, "c.json", "{}");
    write_file(fixture, "d.json", "{\"half\":");
    set_age(fixture, "a.json", 100);
    set_age(fixture, "b.yaml", 200);
    set_age(fixture, "c.json", 300);
    set_age(fixture, "d.json", 400);
    begin(fixture, NEVER_MS, 40 * QUICK_MS);
    until_handed(fixture, 1);
    assert_true(uv_hrtime() - begun < 40 * QUICK_MS * 1000000ull);
    until_idle(fixture);
    assert_true(uv_hrtime() - begun >= 39 * QUICK_MS * 1000000ull);
    assert_int_equal(fixture->handed_count, 4);
    assert_handed(fixture, 0, "a.json");
    assert_handed(fixture, 1, "b.yaml");
    assert_handed(fixture, 2, "c.json");
    assert_handed(fixture, 3, "d.json");
}

static int growing = -1;

static void on_pace(uv_timer_t *timer)
{
    put(growing, "x");
}

static void a_timer_that_is_due_at_the_first_turn_does_no_harm(void **state)
{
    struct fixture *fixture = *state;
    uint64_t begun_ns;

    write_file(fixture, "a.json", "{}");
    begin(fixture, 1, NEVER_MS);
    begun_ns = uv_hrtime();
    while (uv_hrtime() - begun_ns < 5 * 1000 * 1000)
        continue;
    until_handed(fixture, 1);
    until_idle(fixture);
}

static void without_a_watch_the_timer_finds_files(void **state)
{
    struct fixture *fixture = *state;

    no_watches = true;
    begin(fixture, QUICK_MS, QUICK_MS);
    until_idle(fixture);
    growing = open_file(fixture, "grows.tsv");
    set_age(fixture, "grows.tsv", 100);
    uv_timer_start(&fixture->pace, on_pace, 0, QUICK_MS / 6);
    write_file(fixture, "b.json", "{}");
    write_file(fixture, "c.yaml", "x: 1\n");
    until_handed(fixture, 2);
    assert_handed(fixture, 0, "b.json");
    run_for(fixture, 3 * QUICK_MS);
    assert_int_equal(fixture->handed_count, 2);
    uv_timer_stop(&fixture->pace);
    close(growing);
    until_handed(fixture, 3);
    assert_handed(fixture, 2, "grows.tsv");
    /* As soon as there are watches again, one is armed. */
    no_watches = false;
    run_for(fixture, 3 * QUICK_MS);
    drop_file(fixture, "d.yaml", "x: 1\n");
    until_handed(fixture, 4);
}

static void what_is_put_off_comes_again_and_holds_up_nobody(void **state)
{
    struct fixture *fixture = *state;

    fixture->moves = true;
    fixture->puts_off = "bad";
    fixture->delay = SPOOL_DELAY_FAULT;
    fixture->again_ms = 3 * QUICK_MS;
    write_file(fixture, "bad.json", "{}");
    write_file(fixture, "good.json", "{}");
    set_age(fixture, "bad.json", 100);
    begin(fixture, NEVER_MS, QUICK_MS);
    until_handed(fixture, 2);
    assert_handed(fixture, 0, "bad.json");
    assert_handed(fixture, 1, "good.json");
    assert_int_equal(fixture->handed[0].delayed_ms, 0);
    until_idle(fixture);
    assert_true(fixture->idle_held);
    until_handed(fixture, 3);
    assert_handed(fixture, 2, "bad.json");
    assert_true(fixture->handed[2].delayed_ms >= 3 * QUICK_MS - 1);
    fixture->puts_off = NULL;
    until_handed(fixture, 4);
    assert_true(fixture->handed[3].delayed_ms > fixture->handed[2].delayed_ms);
    until_idle(fixture);
    assert_false(fixture->idle_held);
    assert_int_equal(fixture->handed_count, 4);
}

static void what_is_put_off_comes_at_once_when_it_is_another_file(void **state)
{
    struct fixture *fixture = *state;

    fixture->puts_off = "bad";
    fixture->delay = SPOOL_DELAY_FAULT;
    fixture->again_ms = NEVER_MS;
    begin(fixture, NEVER_MS, NEVER_MS);
    drop_file(fixture, "bad.json", "{}");
    until_handed(fixture, 1);
    run_for(fixture, QUICK_MS);
    drop_file(fixture, "bad.json", "{\"a\":1}");
    until_handed(fixture, 2);
    assert_int_equal(fixture->handed[1].delayed_ms, 0);
}

/* By its event, or, where there are none, once it has not changed for the steady time. */
static void a_result_waits_for_its_patch(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *bytes = NULL;
    size_t length;
    struct error error;
    int descriptor;

    fixture->puts_off = "late";
    fixture->delay = SPOOL_DELAY_PATCH;
    fixture->again_ms = NEVER_MS;
    fixture->patch = "p.diff";
    begin(fixture, NEVER_MS, NEVER_MS);
    drop_file(fixture, "late.json", "{}");
    until_handed(fixture, 1);
    assert_int_equal(spool_read_patch(fixture->spool, "p.diff", 99, &bytes, &length, &error), 1);
    descriptor = open_file(fixture, "p.diff");
    put(descriptor, "half ");
    drop_file(fixture, "other.json", "{}");
    until_handed(fixture, 2);
    until_idle(fixture);
    assert_int_equal(fixture->handed_count, 2);
    assert_int_equal(spool_read_patch(fixture->spool, "p.diff", 99, &bytes, &length, &error), 1);
    fixture->puts_off = NULL;
    put(descriptor, "and half");
    close(descriptor);
    until_handed(fixture, 3);
    assert_handed(fixture, 2, "late.json");
    assert_int_equal(spool_read_patch(fixture->spool, "p.diff", 99, &bytes, &length, &error), 0);
    assert_string_equal(bytes, "half and half");
}

static void a_patch_that_comes_late_without_events_has_to_be_steady(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *bytes = NULL;
    size_t length;
    struct error error;

    no_watches = true;
    fixture->puts_off = "late";
    fixture->delay = SPOOL_DELAY_PATCH;
    fixture->again_ms = NEVER_MS;
    fixture->patch = "p.diff";
    write_file(fixture, "late.json", "{}");
    begin(fixture, QUICK_MS, 2 * QUICK_MS);
    until_handed(fixture, 1);
    adding = fixture;
    pieces = 6;
    write_file(fixture, "p.diff", "first ");
    until_handed(fixture, 2);
    assert_int_equal(pieces, 0);
    assert_int_equal(spool_read_patch(fixture->spool, "p.diff", 99, &bytes, &length, &error), 0);
    assert_int_equal(length, 36);
    /* Bytes that came after the last look have to be steady as well. */
    write_file(fixture, "p.diff", "last");
    assert_int_equal(spool_read_patch(fixture->spool, "p.diff", 99, &bytes, &length, &error), 1);
}

/* Two looks, and not one that took long. */
static void a_standstill_makes_nothing_steady(void **state)
{
    struct fixture *fixture = *state;

    no_watches = true;
    write_file(fixture, "a.yaml", "x: 1\n");
    standstill_ms = 2 * QUICK_MS;
    begin(fixture, NEVER_MS, QUICK_MS);
    until_handed(fixture, 1);
    assert_true(advised >= 2);
}

static void a_file_is_handed_on_once(void **state)
{
    struct fixture *fixture = *state;
    uint64_t inode;

    begin(fixture, QUICK_MS, QUICK_MS);
    drop_file(fixture, "a.json", "{}");
    until_handed(fixture, 1);
    run_for(fixture, 4 * QUICK_MS);
    drop_file(fixture, "b.json", "{}");
    until_handed(fixture, 2);
    run_for(fixture, 4 * QUICK_MS);
    assert_int_equal(fixture->handed_count, 2);
    /* Another file under the name is another file; so is another content. */
    drop_file(fixture, "a.json", "{\"a\":1}");
    until_handed(fixture, 3);
    inode = fixture->handed[2].inode;
    assert_int_not_equal(inode, fixture->handed[0].inode);
    write_file(fixture, "a.json", "\n");
    until_handed(fixture, 4);
    assert_string_equal(fixture->handed[3].bytes, "{\"a\":1}\n");
    /* The first one's move leaves the present one alone. */
    move_away(fixture, "a.json", fixture->handed[0].inode);
    assert_true(exists(fixture, "a.json"));
    move_away(fixture, "a.json", inode);
    assert_false(exists(fixture, "a.json"));
}

/* The writer comes back between the taking and the move: what it added is not lost. */
static void a_file_that_changed_before_its_move_is_handed_on_again(void **state)
{
    struct fixture *fixture = *state;

    begin(fixture, NEVER_MS, NEVER_MS);
    drop_file(fixture, "a.yaml", "one\n");
    until_handed(fixture, 1);
    write_file(fixture, "a.yaml", "two\n");
    move_away(fixture, "a.yaml", fixture->handed[0].inode);
    assert_true(exists(fixture, "a.yaml"));
    until_handed(fixture, 2);
    assert_string_equal(fixture->handed[1].bytes, "one\ntwo\n");
    move_away(fixture, "a.yaml", fixture->handed[1].inode);
    assert_content(fixture, ".archive/2026-01-31/a.yaml", "one\ntwo\n");
}

static void the_taker_may_take_less(void **state)
{
    struct fixture *fixture = *state;

    write_file(fixture, "a.json", "{}");
    write_file(fixture, "b.json", "{}");
    write_file(fixture, "c.json", "{}");
    set_age(fixture, "a.json", 100);
    set_age(fixture, "b.json", 200);
    fixture->take_at_most = 0;
    begin(fixture, QUICK_MS, QUICK_MS);
    run_for(fixture, 3 * QUICK_MS);
    assert_int_equal(fixture->slices, 1);
    fixture->take_at_most = 1;
    spool_resume(fixture->spool);
    until_idle(fixture);
    assert_int_equal(fixture->handed_count, 3);
    assert_handed(fixture, 0, "a.json");
    assert_handed(fixture, 1, "b.json");
    assert_handed(fixture, 2, "c.json");
    spool_stop(fixture->spool);
    drop_file(fixture, "d.json", "{}");
    run_for(fixture, 3 * QUICK_MS);
    assert_int_equal(fixture->handed_count, 3);
}

/* More events than the kernel queues: they are lost, the files are not. */
/* As many events as the kernel keeps for a reader. Two in a row that are the same would be one. */
static void fill_the_queue_of_events(struct fixture *fixture)
{
    FILE *setting = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
    int most = 0;

    assert_non_null(setting);
    assert_int_equal(fscanf(setting, "%d", &most), 1);
    fclose(setting);
    for (int i = 0; i <= most; i++)
        close(open_file(fixture, i % 2 ? ".odd.tmp" : ".even.tmp"));
}

/* Nothing tells of the files but that something was lost. */
static void a_burst_that_overflows_loses_nothing(void **state)
{
    struct fixture *fixture = *state;

    fixture->moves = true;
    begin(fixture, NEVER_MS, NEVER_MS);
    until_idle(fixture);
    fill_the_queue_of_events(fixture);
    for (unsigned i = 0; i < 300; i++) {
        CLEANUP_FREE char *name = memory_format("%u.json", i);

        drop_file(fixture, name, "{}");
    }
    until_handed(fixture, 300);
    until_idle(fixture);
    assert_false(exists(fixture, "299.json"));
}

static void a_directory_that_is_made_again_is_watched_again(void **state)
{
    struct fixture *fixture = *state;
    struct error error;

    begin(fixture, NEVER_MS, QUICK_MS);
    drop_file(fixture, "a.json", "{}");
    until_handed(fixture, 1);
    if (file_remove_tree(fixture->path, &error) < 0)
        fail_msg("%s", error.message);
    run_for(fixture, 2 * QUICK_MS);
    {
        const struct spool_move move = {
            .name = "a.json", .inode = 1, .place = SPOOL_ARCHIVE, .day = "2026-01-31"};

        assert_int_equal(spool_move(fixture->spool, &move, NULL, &error), -1);
        assert_int_equal(error.kind, ERROR_TRANSIENT);
    }
    assert_int_equal(mkdir(fixture->path, 0755), 0);
    close(fixture->directory);
    fixture->directory = open(fixture->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    drop_file(fixture, "a.json", "{}");
    until_handed(fixture, 2);
    assert_true(exists(fixture, ".archive"));
    drop_file(fixture, "b.yaml", "x: 1\n");
    until_handed(fixture, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ANEW(what_waits_is_handed_on_oldest_first),
        ANEW(a_time_that_cannot_be_is_the_time_of_intake),
        ANEW(many_files_keep_their_order),
        ANEW(a_slice_is_bounded_in_bytes),
        ANEW(other_names_are_left_alone),
        ANEW(a_moved_file_is_taken_by_its_event),
        ANEW(a_file_in_place_is_taken_when_its_writer_closes_it),
        cmocka_unit_test(a_file_that_is_closed_while_it_is_read_is_read_again),
        ANEW(a_file_that_was_made_and_is_closed_while_it_is_looked_at),
        ANEW(later_files_wait_for_a_slow_writer_but_not_for_long),
        ANEW(without_events_a_file_is_steady_and_whole_json_need_not_be),
        ANEW(a_timer_that_is_due_at_the_first_turn_does_no_harm),
        ANEW(without_a_watch_the_timer_finds_files),
        ANEW(what_is_put_off_comes_again_and_holds_up_nobody),
        ANEW(what_is_put_off_comes_at_once_when_it_is_another_file),
        ANEW(a_result_waits_for_its_patch),
        ANEW(a_patch_that_comes_late_without_events_has_to_be_steady),
        ANEW(a_standstill_makes_nothing_steady),
        ANEW(a_file_is_handed_on_once),
        ANEW(a_file_that_changed_before_its_move_is_handed_on_again),
        ANEW(the_taker_may_take_less),
        ANEW(a_burst_that_overflows_loses_nothing),
        ANEW(a_directory_that_is_made_again_is_watched_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

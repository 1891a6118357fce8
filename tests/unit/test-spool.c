/*
 * The spool against a real directory on a real loop.
 *
 * Where a test is about events, the settle time is far longer than the test may last, and where it is
 * about time, there are no events: so each can be passed for one reason only.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/file.h"
#include "common/memory.h"
#include "common/text.h"
#include "daemon/result.h"
#include "daemon/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

#define NEVER_MS    600000
#define QUICK_MS    60
#define PATIENCE_MS 60000
#define HANDED_MAX  30000

/* ---- a system that refuses -------------------------------------------------------------------- */

static bool no_watches;
static int rename_errno;

int inotify_init1(int flags)
{
    if (no_watches) {
        errno = EMFILE;
        return -1;
    }
    return syscall(SYS_inotify_init1, flags);
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

/* ---- the spool and its taker ------------------------------------------------------------------ */

struct handed {
    char *name;
    char *bytes;
    char *problem;
    uint64_t inode;
};

struct fixture {
    uv_loop_t loop;
    uv_timer_t patience;
    uv_timer_t pace;
    bool late;
    char path[64];
    int directory;
    struct spool *spool;

    struct handed handed[HANDED_MAX];
    size_t handed_count;
    size_t slices;
    size_t largest_slice;
    size_t largest_bytes;
    unsigned idles;
    bool idle_held;
    size_t take_at_most;
    bool moves; /* to the archive, as soon as it was handed on */
};

static void move_away(struct fixture *fixture, const char *name, uint64_t inode)
{
    struct error error;
    const struct spool_move move = {
        .name = name,
        .inode = inode,
        .place = SPOOL_ARCHIVE,
        .day = "2026-01-31",
    };

    if (spool_move(fixture->spool, &move, NULL, &error) < 0)
        fail_msg("%s", error.message);
}

static size_t on_take(void *data, struct spool_file *files, size_t count)
{
    struct fixture *fixture = data;
    size_t bytes = 0;

    if (fixture->take_at_most < count)
        count = fixture->take_at_most;
    fixture->slices++;
    if (count > fixture->largest_slice)
        fixture->largest_slice = count;
    for (size_t i = 0; i < count; i++) {
        struct handed *handed = &fixture->handed[fixture->handed_count++];

        assert_true(fixture->handed_count < HANDED_MAX);
        assert_true(!files[i].bytes == !!files[i].problem);
        handed->name = memory_copy(files[i].name);
        handed->bytes = memory_copy(files[i].bytes);
        handed->problem = memory_copy(files[i].problem);
        handed->inode = files[i].inode;
        bytes += files[i].length;
        if (fixture->moves)
            move_away(fixture, files[i].name, files[i].inode);
    }
    if (bytes > fixture->largest_bytes)
        fixture->largest_bytes = bytes;
    return count;
}

static void on_idle(void *data, bool held)
{
    struct fixture *fixture = data;

    fixture->idles++;
    fixture->idle_held = held;
}

static int set_up(void **state)
{
    struct fixture *fixture = memory_new(sizeof(*fixture));

    uv_loop_init(&fixture->loop);
    uv_timer_init(&fixture->loop, &fixture->patience);
    uv_timer_init(&fixture->loop, &fixture->pace);
    fixture->patience.data = fixture;
    strcpy(fixture->path, "/tmp/test-spool.XXXXXX");
    if (!mkdtemp(fixture->path))
        return -1;
    fixture->directory = open(fixture->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fixture->take_at_most = SIZE_MAX;
    no_watches = false;
    rename_errno = 0;
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    struct error error;

    spool_free(fixture->spool);
    uv_close((uv_handle_t *)&fixture->patience, NULL);
    uv_close((uv_handle_t *)&fixture->pace, NULL);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&fixture->loop) != 0)
        return -1;
    for (size_t i = 0; i < fixture->handed_count; i++) {
        free(fixture->handed[i].name);
        free(fixture->handed[i].bytes);
        free(fixture->handed[i].problem);
    }
    close(fixture->directory);
    if (file_remove_tree(fixture->path, &error) < 0)
        return -1;
    free(fixture);
    return 0;
}

static void begin(struct fixture *fixture, uint64_t scan_every_ms, uint64_t settle_ms)
{
    const struct spool_options options = {
        .path = fixture->path,
        .scan_every_ms = scan_every_ms,
        .settle_ms = settle_ms,
        .take = on_take,
        .idle = on_idle,
        .data = fixture,
    };
    struct error error;

    if (spool_new(&fixture->spool, &fixture->loop, &options, &error) < 0)
        fail_msg("%s", error.message);
}

static void on_late(uv_timer_t *timer)
{
    struct fixture *fixture = timer->data;

    fixture->late = true;
}

/* Runs the loop until `count` files were handed on since the beginning. */
static void until_handed(struct fixture *fixture, size_t count)
{
    fixture->late = false;
    uv_timer_start(&fixture->patience, on_late, PATIENCE_MS, 0);
    while (fixture->handed_count < count && !fixture->late)
        uv_run(&fixture->loop, UV_RUN_ONCE);
    uv_timer_stop(&fixture->patience);
    assert_int_equal(fixture->handed_count, count);
}

static void until_idle(struct fixture *fixture)
{
    unsigned before = fixture->idles;

    fixture->late = false;
    uv_timer_start(&fixture->patience, on_late, PATIENCE_MS, 0);
    while (fixture->idles == before && !fixture->late)
        uv_run(&fixture->loop, UV_RUN_ONCE);
    uv_timer_stop(&fixture->patience);
    assert_false(fixture->late);
}

/* Runs the loop for a while in which nothing is expected. */
static void run_for(struct fixture *fixture, uint64_t ms)
{
    fixture->late = false;
    uv_update_time(&fixture->loop);
    uv_timer_start(&fixture->patience, on_late, ms, 0);
    while (!fixture->late)
        uv_run(&fixture->loop, UV_RUN_ONCE);
}

/* ---- files ------------------------------------------------------------------------------------ */

static int open_file(struct fixture *fixture, const char *name)
{
    int descriptor = openat(fixture->directory, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
                            0644);

    assert_true(descriptor >= 0);
    return descriptor;
}

static void put(int descriptor, const char *bytes)
{
    assert_int_equal(write(descriptor, bytes, strlen(bytes)), strlen(bytes));
}

static void write_file(struct fixture *fixture, const char *name, const char *bytes)
{
    int descriptor = open_file(fixture, name);

    put(descriptor, bytes);
    close(descriptor);
}

static void drop_file(struct fixture *fixture, const char *name, const char *bytes)
{
    write_file(fixture, ".dropped.tmp", bytes);
    assert_int_equal(renameat(fixture->directory, ".dropped.tmp", fixture->directory, name), 0);
}

static void set_age(struct fixture *fixture, const char *name, time_t seconds)
{
    const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};

    assert_int_equal(utimensat(fixture->directory, name, times, AT_SYMLINK_NOFOLLOW), 0);
}

static bool exists(struct fixture *fixture, const char *path)
{
    struct stat status;

    return fstatat(fixture->directory, path, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

static uint64_t inode_of(struct fixture *fixture, const char *path)
{
    struct stat status;

    assert_int_equal(fstatat(fixture->directory, path, &status, AT_SYMLINK_NOFOLLOW), 0);
    return status.st_ino;
}

static void assert_content(struct fixture *fixture, const char *path, const char *expected)
{
    CLEANUP_FREE char *bytes = NULL;
    size_t length;
    struct error error;

    if (file_read(&bytes, &length, fixture->directory, path, 1 << 20, &error) < 0)
        fail_msg("%s", error.message);
    assert_string_equal(bytes, expected);
}

static void assert_handed(struct fixture *fixture, size_t index, const char *name)
{
    assert_true(index < fixture->handed_count);
    assert_string_equal(fixture->handed[index].name, name);
}

/* ---- which files, in which order, when -------------------------------------------------------- */

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
    assert_true(fixture->largest_bytes <= 16 * 1024 * 1024);
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

static void later_files_wait_for_a_slow_writer_but_not_for_long(void **state)
{
    struct fixture *fixture = *state;
    int descriptor;
    uint64_t begun;

    begin(fixture, NEVER_MS, 4 * QUICK_MS);
    until_idle(fixture);
    descriptor = open_file(fixture, "a.json");
    put(descriptor, "{");
    set_age(fixture, "a.json", 100);
    begun = uv_hrtime();
    drop_file(fixture, "b.json", "{}");
    until_handed(fixture, 1);
    assert_handed(fixture, 0, "b.json");
    assert_true(uv_hrtime() - begun >= 4 * QUICK_MS * 1000000ull);
    drop_file(fixture, "c.json", "{}");
    begun = uv_hrtime();
    until_handed(fixture, 2);
    assert_true(uv_hrtime() - begun < 4 * QUICK_MS * 1000000ull);
    put(descriptor, "}");
    close(descriptor);
    until_handed(fixture, 3);
    assert_handed(fixture, 2, "a.json");
    assert_string_equal(fixture->handed[2].bytes, "{}");
}

static void without_events_a_file_settles_and_whole_json_does_not_have_to(void **state)
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
    begin(fixture, NEVER_MS, 16 * QUICK_MS);
    until_handed(fixture, 1);
    assert_true(uv_hrtime() - begun < 16 * QUICK_MS * 1000000ull);
    until_idle(fixture);
    assert_true(uv_hrtime() - begun >= 15 * QUICK_MS * 1000000ull);
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

static void a_linked_file_is_taken(void **state)
{
    struct fixture *fixture = *state;

    begin(fixture, NEVER_MS, QUICK_MS);
    until_idle(fixture);
    write_file(fixture, ".new.tmp", "x: 1\n");
    assert_int_equal(linkat(fixture->directory, ".new.tmp", fixture->directory, "a.yaml", 0), 0);
    until_handed(fixture, 1);
    assert_handed(fixture, 0, "a.yaml");
}

static void what_is_no_regular_file_is_handed_on_unopened(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *large = memory_new(RESULT_SIZE_LIMIT + 2);

    memset(large, ' ', RESULT_SIZE_LIMIT + 1);
    write_file(fixture, "large.json", large);
    assert_int_equal(symlinkat("/etc/passwd", fixture->directory, "link.json"), 0);
    assert_int_equal(symlinkat("nowhere", fixture->directory, "dangling.yaml"), 0);
    assert_int_equal(mkfifoat(fixture->directory, "pipe.tsv", 0644), 0);
    assert_int_equal(mkdirat(fixture->directory, "folder.json", 0755), 0);
    begin(fixture, NEVER_MS, QUICK_MS);
    until_handed(fixture, 5);
    for (size_t i = 0; i < 5; i++) {
        const struct handed *handed = &fixture->handed[i];
        const char *expected = *handed->name == 'l' && handed->name[1] == 'a' ? "4194305 bytes"
                               : strstr(handed->name, "pipe")                 ? "a FIFO"
                               : strstr(handed->name, "folder")               ? "a directory"
                                                                              : "a symbolic link";

        assert_null(handed->bytes);
        if (!strstr(handed->problem, expected))
            fail_msg("%s %s", handed->name, handed->problem);
    }
    /* They come while it runs, too, and no event closes them. */
    assert_int_equal(mkfifoat(fixture->directory, "later.json", 0644), 0);
    until_handed(fixture, 6);
    assert_non_null(strstr(fixture->handed[5].problem, "FIFO"));
}

static void odd_names_are_names(void **state)
{
    static const char *const names[] = {"a\nb.json", "\xff\xfe.json", " .json", "-rf.json",
                                        "%s.json"};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        write_file(fixture, names[i], "{}");
    fixture->moves = true;
    begin(fixture, NEVER_MS, NEVER_MS);
    until_handed(fixture, 5);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CLEANUP_FREE char *path = memory_format(".archive/2026-01-31/%s", names[i]);

        assert_true(exists(fixture, path));
        assert_false(exists(fixture, names[i]));
    }
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
    drop_file(fixture, "a.tsv", "one\n");
    until_handed(fixture, 1);
    write_file(fixture, "a.tsv", "two\n");
    move_away(fixture, "a.tsv", fixture->handed[0].inode);
    assert_true(exists(fixture, "a.tsv"));
    until_handed(fixture, 2);
    assert_string_equal(fixture->handed[1].bytes, "one\ntwo\n");
    move_away(fixture, "a.tsv", fixture->handed[1].inode);
    assert_content(fixture, ".archive/2026-01-31/a.tsv", "one\ntwo\n");
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
static void a_burst_that_overflows_loses_nothing(void **state)
{
    struct fixture *fixture = *state;

    fixture->moves = true;
    begin(fixture, NEVER_MS, NEVER_MS);
    until_idle(fixture);
    for (unsigned i = 0; i < 20000; i++) {
        CLEANUP_FREE char *name = memory_format("%u.json", i);

        drop_file(fixture, name, "{}");
    }
    until_handed(fixture, 20000);
    until_idle(fixture);
    assert_false(exists(fixture, "19999.json"));
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

static void a_directory_that_cannot_be_used_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    struct spool_options options = {.path = "/nonexistent/spool", .take = on_take, .idle = on_idle};
    struct spool *spool = NULL;
    struct error error;

    assert_int_equal(spool_new(&spool, &fixture->loop, &options, &error), -1);
    assert_non_null(strstr(error.message, "/nonexistent/spool"));
    write_file(fixture, ".archive", "in the way");
    options.path = fixture->path;
    assert_int_equal(spool_new(&spool, &fixture->loop, &options, &error), -1);
    assert_non_null(strstr(error.message, ".archive"));
    assert_null(spool);
}

/* ---- moves ------------------------------------------------------------------------------------ */

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

static void what_is_archived_can_be_rejected_later(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *archived = NULL;
    struct error error;

    begin(fixture, NEVER_MS, NEVER_MS);
    write_file(fixture, "a.json", "{}");
    archived = move_file(fixture, "a.json", SPOOL_ARCHIVE, NULL, NULL);
    assert_int_equal(spool_reject_archived(fixture->spool, archived, "no change", &error), 0);
    assert_false(exists(fixture, archived));
    assert_content(fixture, ".rejected/a.json", "{}");
    assert_content(fixture, ".rejected/a.json.reason", "no change\n");
    assert_int_equal(spool_reject_archived(fixture->spool, archived, "no change", &error), 0);
    assert_int_equal(
        spool_reject_archived(fixture->spool, ".archive/1999-01-01/x.json", "x", &error), 0);
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
    assert_int_equal(spool_read_patch(fixture->spool, "no.diff", 5, &bytes, &length, &error), -1);
    assert_int_equal(error.kind, ERROR_PERMANENT);
    assert_int_equal(spool_read_patch(fixture->spool, "l.diff", 5, &bytes, &length, &error), -1);
    assert_int_equal(error.kind, ERROR_PERMANENT);
    assert_int_equal(spool_read_patch(fixture->spool, "../etc/passwd", 5, &bytes, &length, &error),
                     -1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_waits_is_handed_on_oldest_first),
        TEST(many_files_keep_their_order),
        TEST(a_slice_is_bounded_in_bytes),
        TEST(other_names_are_left_alone),
        TEST(a_moved_file_is_taken_by_its_event),
        TEST(a_file_in_place_is_taken_when_its_writer_closes_it),
        TEST(later_files_wait_for_a_slow_writer_but_not_for_long),
        TEST(without_events_a_file_settles_and_whole_json_does_not_have_to),
        TEST(without_a_watch_the_timer_finds_files),
        TEST(a_linked_file_is_taken),
        TEST(what_is_no_regular_file_is_handed_on_unopened),
        TEST(odd_names_are_names),
        TEST(a_file_is_handed_on_once),
        TEST(a_file_that_changed_before_its_move_is_handed_on_again),
        TEST(the_taker_may_take_less),
        TEST(a_burst_that_overflows_loses_nothing),
        TEST(a_directory_that_is_made_again_is_watched_again),
        TEST(a_directory_that_cannot_be_used_is_an_error),
        TEST(a_taken_name_gets_a_number),
        TEST(what_is_rejected_says_why),
        TEST(a_long_name_is_shortened_between_characters),
        TEST(a_move_that_is_done_is_done),
        TEST(a_move_that_fails_can_be_tried_again),
        TEST(a_move_without_noreplace_overwrites_nothing),
        TEST(a_link_in_place_of_the_archive_leads_nowhere),
        TEST(what_is_archived_can_be_rejected_later),
        TEST(a_patch_is_read_beside_the_result),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

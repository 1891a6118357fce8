/* Promise: each whole file of the spool is handed on once, in the order of arrival. */

/* Here something is wrong with the spool: links, pipes, no permission, faults of the system, odd names. */

#include "spool-fixture.h"

#include <sys/syscall.h>

/* Faults of the system at files whose names begin with "bad". */
static int fault_at_open, fault_at_read, faulty_descriptor = -1;

int openat(int directory, const char *path, int flags, ...)
{
    va_list arguments;
    mode_t mode;
    int descriptor;

    va_start(arguments, flags);
    mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (fault_at_open && strncmp(path, "bad", 3) == 0 && !(flags & O_CREAT)) {
        errno = fault_at_open;
        return -1;
    }
    descriptor = syscall(SYS_openat, directory, path, flags, mode);
    if (strncmp(path, "bad", 3) == 0)
        faulty_descriptor = descriptor;
    return descriptor;
}

ssize_t read(int descriptor, void *buffer, size_t size)
{
    if (fault_at_read && descriptor == faulty_descriptor) {
        errno = fault_at_read;
        return -1;
    }
    return syscall(SYS_read, descriptor, buffer, size);
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
        const char *expected = *handed->name == 'l' && handed->name[1] == 'a' ? "found 4194305"
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

static void a_file_that_may_not_be_read_says_what_to_do(void **state)
{
    struct fixture *fixture = *state;
    bool root = geteuid() == 0;

    write_file(fixture, "private.json", "{}");
    assert_int_equal(fchmodat(fixture->directory, "private.json", 0, 0), 0);
    assert_int_equal(fchmod(fixture->directory, 0777), 0);
    begin(fixture, NEVER_MS, QUICK_MS);
    if (root) /* whom no permission stops */
        assert_int_equal(seteuid(65534), 0);
    until_handed(fixture, 1);
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_non_null(strstr(fixture->handed[0].problem, "Permission denied; make it readable"));
}

static void a_fault_of_the_system_is_told_as_one(void **state)
{
    static const struct {
        int at_open, at_read;
        bool passes;
    } faults[] = {
        {EMFILE, 0, true}, {ENFILE, 0, true}, {ENOMEM, 0, true},  {EIO, 0, true},
        {ESTALE, 0, true}, {EINTR, 0, true},  {0, EIO, true},     {0, ESTALE, true},
        {0, EAGAIN, true}, {0, ENOMEM, true}, {EACCES, 0, false},
    };
    struct fixture *fixture = *state;
    size_t handed = 0;

    fixture->moves = true;
    begin(fixture, NEVER_MS, NEVER_MS);
    until_idle(fixture);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        fault_at_open = faults[i].at_open;
        fault_at_read = faults[i].at_read;
        drop_file(fixture, "bad.json", "{}");
        until_handed(fixture, ++handed);
        fault_at_open = fault_at_read = 0;
        assert_non_null(fixture->handed[handed - 1].problem);
        assert_int_equal(fixture->handed[handed - 1].faulty, faults[i].passes);
        until_idle(fixture);
    }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_linked_file_is_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_regular_file_is_handed_on_unopened, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_may_not_be_read_says_what_to_do, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_fault_of_the_system_is_told_as_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(odd_names_are_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_directory_that_cannot_be_used_is_an_error, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

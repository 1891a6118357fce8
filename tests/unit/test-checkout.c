/* Promise: nothing that tests start or leave outlives their run. */

#include "daemon/validation/checkout.h"
#include "tests/unit/validation-fixture.h"

#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static void on_removed(void *data, const struct error *error)
{
    struct fixture *fixture = data;

    assert_null(error);
    fixture->calls++;
}

static void on_unexpected_end(void *data, const struct error *error)
{
    fail_msg("it ended");
}

static void test_remove(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *directory = memory_format("%s/state/checkouts/" ID, fixture->directory);
    CLEANUP_FREE char *note = memory_format("%s/state/checkouts/." ID, fixture->directory);

    assert_int_equal(begin(fixture, "sandbox: none, command: [sh, -c, 'mkdir d; touch d/f; "
                                    "chmod 0 d']"),
                     0);
    run(fixture);
    assert_int_equal(access(directory, F_OK), 0);
    assert_int_equal(access(note, F_OK), 0);
    for (int twice = 0; twice < 2; twice++) {
        fixture->calls = 0;
        validation_remove(fixture->validation, ID, on_removed, fixture);
        assert_int_equal(fixture->calls, 0);
        uv_run(&fixture->loop, UV_RUN_DEFAULT);
        assert_int_equal(fixture->calls, 1);
        assert_int_equal(access(directory, F_OK), -1);
        assert_int_equal(access(note, F_OK), -1);
    }
}

/* Whether a process is there and no zombie. */
static bool is_running(int id)
{
    char path[64], line[512] = "";
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/stat", id);
    file = fopen(path, "r");
    if (!file)
        return false;
    if (!fgets(line, sizeof line, file))
        line[0] = '\0';
    fclose(file);
    return strrchr(line, ')') && strrchr(line, ')')[2] != 'Z';
}

/* Discards the removal of so many files as soon as it has begun. */
static void interrupt_removal(struct fixture *fixture, const struct checkout *checkout, int files)
{
    struct operation *operation;
    struct stat before, now;

    assert_int_equal(shell("mkdir -p '%s' && cd '%s' && seq %d | xargs touch", checkout->directory,
                           checkout->directory, files),
                     0);
    assert_int_equal(stat(checkout->directory, &before), 0);
    operation = checkout_remove(&fixture->loop, checkout, on_unexpected_end, NULL);
    while (!stat(checkout->directory, &now) && now.st_mtim.tv_sec == before.st_mtim.tv_sec &&
           now.st_mtim.tv_nsec == before.st_mtim.tv_nsec)
        ;
    operation_discard(operation);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
}

/* A checkout may take minutes to remove, and a daemon that ends waits for its threads. Few
 * files may be gone before this process has its turn again. */
static void test_remove_is_interrupted(void **state)
{
    struct fixture *fixture = *state;
    struct checkout checkout = checkout_name(fixture->directory, ID);

    for (int files = 2000; files < 100000 && access(checkout.directory, F_OK) < 0; files *= 4)
        interrupt_removal(fixture, &checkout, files);
    assert_int_equal(access(checkout.directory, F_OK), 0);
    checkout_free(&checkout);
}

/* The shell of somebody who looks around in a checkout, on a terminal of their own. */
static int start_looking(const char *directory, int *terminal)
{
    int id = forkpty(terminal, NULL, NULL, NULL);

    if (id == 0) {
        if (chdir(directory) == 0)
            execlp("sh", "sh", "-c", "echo here; read line", (char *)NULL);
        _exit(1);
    }
    return id;
}

static void test_remove_spares_onlookers(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *source = memory_format("%s/state/checkouts/" ID "/source",
                                              fixture->directory);
    char line[16];
    int terminal = -1;
    int id;

    assert_int_equal(begin(fixture, "sandbox: none, command: [sh, -c, 'exit 0']"), 0);
    run(fixture);
    id = start_looking(source, &terminal);
    assert_true(id > 1);
    assert_true(read(terminal, line, sizeof line) > 0);
    validation_remove(fixture->validation, ID, on_removed, fixture);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_true(is_running(id));
    kill(id, SIGKILL);
    waitpid(id, NULL, 0);
    close(terminal);
}

/* For runs that are to be discarded before their end. */
static void on_unexpected(void *data, const struct validation_outcome *outcome,
                          const struct error *error)
{
    fail_msg("it ended: %s", error ? error->message : outcome->sentence);
}

/* Skips a test, before it owns anything, where no process of an earlier daemon can be taken hold of:
 * valgrind 3.19 does not know pidfd_open(). */
static struct fixture *with_pidfd(struct fixture *fixture)
{
    int self = (int)syscall(SYS_pidfd_open, getpid(), 0);

    if (self < 0 && errno == ENOSYS)
        skip();
    close(self);
    return fixture;
}

/* Waits until a process that was killed has ended; not for ever. */
static bool has_ended(int id)
{
    struct pollfd ended = {.fd = (int)syscall(SYS_pidfd_open, id, 0), .events = POLLIN};
    int ready = ended.fd < 0 ? 1 : poll(&ended, 1, 10000);

    close(ended.fd);
    return ready == 1;
}

struct discard {
    struct operation *operation;
    uv_poll_t poll;
    int fifo;
    int id;
};

static void on_begun(uv_poll_t *poll, int status, int events)
{
    struct discard *discard = poll->data;
    char line[64] = "";

    assert_true(read(discard->fifo, line, sizeof line - 1) > 0);
    discard->id = atoi(line);
    operation_clear(&discard->operation);
    uv_close((uv_handle_t *)poll, NULL);
}

static void test_discard(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *fifo = memory_format("%s/fifo", fixture->directory);
    CLEANUP_FREE char *validation = memory_format(
        "sandbox: none, command: [sh, -c, 'sleep 600 & echo $! >%s; wait']", fifo);
    struct validation_task task = task_of(fixture);
    struct discard discard = {0};

    assert_int_equal(mkfifo(fifo, 0600), 0);
    discard.fifo = open(fifo, O_RDWR | O_CLOEXEC);
    assert_int_equal(begin(fixture, validation), 0);
    discard.operation = validation_run(fixture->validation, &task, on_unexpected, fixture);
    uv_poll_init(&fixture->loop, &discard.poll, discard.fifo);
    discard.poll.data = &discard;
    uv_poll_start(&discard.poll, UV_READABLE, on_begun);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    close(discard.fifo);
    assert_true(discard.id > 1);
    assert_int_equal(fixture->calls, 0);
    assert_true(has_ended(discard.id));
}

/* Discarded in every step before the command, too: nothing leaks and nothing is called. */
static void test_discard_early(void **state)
{
    struct fixture *fixture = *state;
    struct validation_task task = task_of(fixture);

    assert_int_equal(begin(fixture, "sandbox: none, command: [sh, -c, 'exit 0']"), 0);
    for (int turns = 0; turns < 4; turns++) {
        struct operation *operation = validation_run(fixture->validation, &task, on_outcome,
                                                     fixture);

        for (int i = 0; i < turns && !fixture->calls; i++)
            uv_run(&fixture->loop, UV_RUN_ONCE);
        if (!fixture->calls)
            operation_discard(operation);
        uv_run(&fixture->loop, UV_RUN_DEFAULT);
    }
    assert_int_equal(fixture->calls, 0);
}

/* A daemon that is killed: its tests, one in the group and one that has left it, live on until the
 * next daemon sweeps. */
static void test_sweep(void **state)
{
    struct fixture *fixture = with_pidfd(*state);
    CLEANUP_FREE char *fifo = memory_format("%s/fifo", fixture->directory);
    CLEANUP_FREE char *checkout = memory_format("%s/state/checkouts/" ID, fixture->directory);
    CLEANUP_FREE char *note = memory_format("%s/state/checkouts/." ID, fixture->directory);
    CLEANUP_FREE char *validation = memory_format(
        "sandbox: none, command: [sh, -c, 'cd /; env -i sleep 600 & a=$!; setsid sleep 600 & "
        "b=$!; cd; env -i setsid sleep 600 & c=$!; until test -e %s; do sleep 0.01; done; "
        "echo $a $b $c >%s; wait']",
        note, fifo);
    int daemon, file, ids[3] = {0};
    char line[64] = "";

    assert_int_equal(mkfifo(fifo, 0600), 0);
    file = open(fifo, O_RDWR | O_CLOEXEC);
    daemon = fork();
    if (!daemon) {
        uv_loop_fork(&fixture->loop);
        if (begin(fixture, validation))
            _exit(1);
        struct validation_task task = task_of(fixture);

        validation_run(fixture->validation, &task, on_outcome, fixture);
        uv_run(&fixture->loop, UV_RUN_DEFAULT);
        _exit(2);
    }
    assert_true(read(file, line, sizeof line - 1) > 0);
    close(file);
    assert_int_equal(sscanf(line, "%d %d %d", &ids[0], &ids[1], &ids[2]), 3);
    kill(daemon, SIGKILL);
    waitpid(daemon, NULL, 0);
    for (int i = 0; i < 3; i++)
        assert_true(is_running(ids[i]));
    assert_int_equal(access(note, F_OK), 0);

    assert_int_equal(begin(fixture, "sandbox: none"), 0);
    assert_int_equal(validation_sweep(fixture->validation, &fixture->error), 0);
    for (int i = 0; i < 3; i++)
        assert_false(is_running(ids[i]));
    assert_int_equal(access(checkout, F_OK), -1);
    assert_int_equal(access(note, F_OK), -1);
    assert_int_equal(validation_sweep(fixture->validation, &fixture->error), 0);
}

/* A note whose group's number belongs to somebody else by now harms nobody. */
static void test_sweep_spares_others(void **state)
{
    struct fixture *fixture = with_pidfd(*state);
    CLEANUP_FREE char *parent = memory_format("%s/state/checkouts", fixture->directory);
    struct checkout checkout = checkout_name(parent, ID);
    CLEANUP_FREE char *line = NULL;
    size_t length;
    int other = fork();

    if (!other) {
        setsid();
        execlp("sleep", "sleep", "600", (char *)NULL);
        _exit(1);
    }
    while (getsid(other) != other)
        sched_yield();
    assert_int_equal(shell("mkdir -p '%s'", parent), 0);
    assert_int_equal(checkout_note(&checkout, other, &fixture->error), 0);
    assert_int_equal(file_read(&line, &length, AT_FDCWD, checkout.note, 1000, &fixture->error), 0);
    strstr(line, "began ")[6] ^= 1; /* another process, an hour or more earlier or later */
    assert_int_equal(file_write(AT_FDCWD, checkout.note, line, length, 0600, &fixture->error), 0);
    assert_int_equal(begin(fixture, "sandbox: none"), 0);
    assert_int_equal(validation_sweep(fixture->validation, &fixture->error), 0);
    assert_true(is_running(other));

    assert_int_equal(checkout_note(&checkout, other, &fixture->error), 0);
    assert_int_equal(validation_sweep(fixture->validation, &fixture->error), 0);
    assert_false(is_running(other));
    waitpid(other, NULL, 0);
    checkout_free(&checkout);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_remove, setup, teardown),
        cmocka_unit_test_setup_teardown(test_remove_is_interrupted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_remove_spares_onlookers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_discard, setup, teardown),
        cmocka_unit_test_setup_teardown(test_discard_early, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sweep, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sweep_spares_others, setup, teardown),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

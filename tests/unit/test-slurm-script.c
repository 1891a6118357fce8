/* Promise: the script of a run on Slurm begins once, and says how the command ended unless Slurm ended it. */

#include "common/file.h"
#include "common/memory.h"
#include "daemon/validation/slurm-script.h"
#include "tests/unit/temporary.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

struct fixture {
    char directory[TEMPORARY_SIZE];
};

static char *path_of(const struct fixture *fixture, const char *name)
{
    return memory_format("%s/%s", fixture->directory, name);
}

static int setup(void **state)
{
    struct fixture *fixture = memory_new(sizeof(*fixture));
    CLEANUP_FREE char *source = NULL;
    struct error error;
    if (!temporary_directory(fixture->directory))
        return -1;
    source = path_of(fixture, "box/source");
    *state = fixture;
    return file_make_directories(source, 0700, &error);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    int result = file_remove_tree(fixture->directory, &error);

    free(fixture);
    return result;
}

static void write_script(const struct fixture *fixture, const char *command, uint64_t timeout_ms)
{
    static const char *const none[] = {NULL};
    const char *const words[] = {"sh", "-c", command, NULL};
    const char *const limits[] = {"--core=0:0", "--", NULL};
    const char *const environment[] = {"PATH=/usr/bin:/bin", "HOME=/nowhere",
                                       "GIVEN=it's $HOME\n\"two\" lines", NULL};
    CLEANUP(checkout_free) struct checkout inside = checkout_name(fixture->directory, "box");
    CLEANUP_FREE char *path = path_of(fixture, "script");
    CLEANUP_TEXT struct text text = {0};
    struct error error;

    slurm_script_append(&text, &(struct slurm_script){
                                   .directory = fixture->directory,
                                   .inside = &inside,
                                   .environment = environment,
                                   .launcher = none,
                                   .command = words,
                                   .limits = limits,
                                   .hidden = none,
                                   .hidden_files = none,
                                   .read_only = none,
                                   .timeout_ms = timeout_ms,
                                   .output_limit = 2000,
                               });
    assert_int_equal(file_write(AT_FDCWD, path, text_string(&text), text.length, 0700, &error), 0);
}

static pid_t begin(const struct fixture *fixture)
{
    CLEANUP_FREE char *path = path_of(fixture, "script");
    pid_t child = fork();

    if (child == 0) {
        setsid();
        execl(path, path, (char *)NULL);
        _exit(99);
    }
    assert_true(child > 0);
    return child;
}

static int ended(pid_t child)
{
    int status;

    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static char *content(const struct fixture *fixture, const char *name)
{
    CLEANUP_FREE char *path = path_of(fixture, name);
    struct error error;
    char *bytes;
    size_t length;

    return file_read(&bytes, &length, AT_FDCWD, path, 100000, &error) == 0 ? bytes : NULL;
}

static void test_an_end(void **state)
{
    const struct fixture *fixture = *state;
    CLEANUP_FREE char *end = NULL;
    CLEANUP_FREE char *output = NULL;

    write_script(fixture, "echo \"$GIVEN $(pwd) $SECRET\"; exit 3", 5000);
    setenv("SECRET", "of the one who starts it", 1);
    (void)ended(begin(fixture));
    end = content(fixture, "ended");
    output = content(fixture, "output");
    assert_non_null(end);
    assert_memory_equal(end, "3 0.", 4);
    assert_non_null(strstr(output, "it's $HOME\n\"two\" lines "));
    assert_non_null(strstr(output, "/box/source \n"));
}

static void test_it_begins_once(void **state)
{
    const struct fixture *fixture = *state;
    CLEANUP_FREE char *output = NULL;

    write_script(fixture, "echo ran >>../times", 5000);
    assert_int_equal(ended(begin(fixture)), 0);
    assert_int_equal(ended(begin(fixture)), 0);
    output = content(fixture, "box/times");
    assert_string_equal(output, "ran\n");
}

static void test_a_timeout(void **state)
{
    const struct fixture *fixture = *state;
    CLEANUP_FREE char *end = NULL;

    write_script(fixture, "exec sleep 20", 300);
    (void)ended(begin(fixture));
    end = content(fixture, "ended");
    assert_non_null(end);
    assert_memory_equal(end, "124 ", 4);
    assert_true(strtod(end + 4, NULL) >= 0.3); /* on a busy machine it takes longer */
}

/* Both ends of what it printed. */
static void test_much_output(void **state)
{
    const struct fixture *fixture = *state;
    CLEANUP_FREE char *output = NULL;

    write_script(fixture, "seq 100000", 5000);
    (void)ended(begin(fixture));
    output = content(fixture, "output");
    assert_memory_equal(output, "1\n2\n", 4);
    assert_string_equal(output + strlen(output) - 7, "100000\n");
    assert_non_null(strstr(output, "\n[winnowd: "));
    assert_true(strlen(output) < 2200);
}

/* A df that says so, before and after the tests have made the file. */
static void say_room(const struct fixture *fixture, const char *before, const char *after)
{
    CLEANUP_FREE char *bin = path_of(fixture, "bin");
    CLEANUP_FREE char *df = path_of(fixture, "bin/df");
    CLEANUP_FREE char *path = memory_format("%s:/usr/bin:/bin", bin);
    CLEANUP_FREE char *script = memory_format(
        "#!/bin/sh\necho Avail\n[ -e %s/box/source/big ] && echo ' %s' || echo ' %s'\n",
        fixture->directory, after, before);
    struct error error;

    assert_int_equal(file_make_directories(bin, 0700, &error), 0);
    assert_int_equal(file_write(AT_FDCWD, df, script, strlen(script), 0700, &error), 0);
    setenv("PATH", path, 1);
}

/* Of tests that failed, or whose output is lost; unless it is they that filled it. */
static void test_a_full_disk_is_no_verdict(void **state)
{
    static const struct {
        const char *before;
        const char *after;
        const char *command;
        bool lost; /* no output can be written */
        const char *end;
    } rows[] = {
        {"10", "10", ": >big; exit 1", false, NULL},
        {"90000", "10", ": >big; exit 1", false, NULL},
        {"90000", "10", ": >big; exit 0", false, "0 "},
        {"90000", "80000", ": >big; exit 1", false, "1 "},
        {"2000", "10", "seq 300000 >big; exit 1", false, "1 "},
        {"-", "-", ": >big; exit 1", false, "1 "},
        {"90000", "10", "echo words; : >big", true, NULL},
    };
    CLEANUP_FREE char *usual = memory_copy(getenv("PATH"));
    void *fixtures[LENGTH(rows)];
    pid_t children[LENGTH(rows)];

    (void)state;
    for (size_t i = 0; i < LENGTH(rows);
         i++) { /* side by side: each waits for a signal at its end */
        CLEANUP_FREE char *output = NULL;

        assert_int_equal(setup(&fixtures[i]), 0);
        output = path_of(fixtures[i], "output");
        say_room(fixtures[i], rows[i].before, rows[i].after);
        assert_true(!rows[i].lost || symlink("/dev/full", output) == 0);
        write_script(fixtures[i], rows[i].command, 5000);
        children[i] = begin(fixtures[i]);
        setenv("PATH", usual, 1);
    }
    for (size_t i = 0; i < LENGTH(rows); i++) {
        CLEANUP_FREE char *end = NULL;
        CLEANUP_FREE char *problem = NULL;

        (void)ended(children[i]);
        end = content(fixtures[i], "ended");
        problem = content(fixtures[i], "problem");
        assert_true(!end == !rows[i].end && !problem == !!end);
        assert_true(!end || strncmp(end, rows[i].end, 2) == 0);
        assert_true(end || strncmp(problem, "validation.directory\n", 21) == 0);
        assert_int_equal(teardown(&fixtures[i]), 0);
    }
}

/* Whatever the command makes of the signal. */
static void test_told_to_end(void **state)
{
    static const char *const commands[] = {
        "echo $$ >../begun.new; mv ../begun.new ../begun; exec sleep 20",
        "trap 'exit 0' TERM; echo $$ >../begun.new; mv ../begun.new ../begun; while :; do sleep "
        "0.05; done",
        "trap 'exit 77' TERM; echo $$ >../begun.new; mv ../begun.new ../begun; while :; do sleep "
        "0.05; done",
    };

    for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
        const struct fixture *fixture = *state;
        CLEANUP_FREE char *begun = path_of(fixture, "box/begun");
        CLEANUP_FREE char *started = path_of(fixture, "started");
        CLEANUP_FREE char *id = NULL;
        struct error error;
        pid_t child;

        write_script(fixture, commands[i], 30000);
        child = begin(fixture);
        while (access(begun, F_OK) < 0)
            usleep(10000);
        /* As Slurm does: everything that it started. `timeout` leads a group of its own. */
        id = content(fixture, "box/begun");
        assert_int_equal(kill(-getpgid((pid_t)strtol(id, NULL, 10)), SIGTERM), 0);
        assert_int_equal(kill(-child, SIGTERM), 0);
        assert_int_not_equal(ended(child), 0);
        assert_null(content(fixture, "ended"));
        assert_int_equal(unlink(begun), 0);
        assert_int_equal(file_remove_tree(started, &error), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_it_begins_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_timeout, setup, teardown),
        cmocka_unit_test_setup_teardown(test_much_output, setup, teardown),
        cmocka_unit_test(test_a_full_disk_is_no_verdict),
        cmocka_unit_test_setup_teardown(test_told_to_end, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Promise: a program is found where exec would find it. */

#include "common/program.h"

#include "common/memory.h"
#include "tests/unit/temporary.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[TEMPORARY_SIZE];

static char *path_of(const char *name)
{
    return memory_format("%s/%s", directory, name);
}

static void write_program(const char *name, const char *content, mode_t mode)
{
    CLEANUP_FREE char *path = path_of(name);
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

static void make(const char *name, mode_t mode)
{
    write_program(name, "true\n", mode);
}

static void finds(const char *name, const char *variable, const char *where, const char *expected)
{
    const char *const environment[] = {"APATH=/nowhere", "PAT=/nowhere", variable, NULL};
    CLEANUP_FREE char *path = NULL;
    struct error error;

    assert_int_equal(program_find(&path, name, environment, where, &error), 0);
    assert_string_equal(path, expected);
}

static void misses(const char *name, const char *variable, const char *where, const char *message)
{
    const char *const environment[] = {variable, NULL};
    CLEANUP_FREE char *path = NULL;
    struct error error;

    assert_int_equal(program_find(&path, name, environment, where, &error), -1);
    assert_null(path);
    assert_int_equal(error.kind, ERROR_PERMANENT);
    assert_string_equal(error.message, message);
}

static void test_path_is_searched_in_order(void **state)
{
    finds("sh", "PATH=/nowhere:/usr/bin:/bin", NULL, "/usr/bin/sh");
    finds("sh", "PATH=/bin:/usr/bin", NULL, "/bin/sh");
    finds("sh", "OTHER=1", NULL, "/bin/sh");
    finds("sh", NULL, NULL, "/bin/sh");
    misses("sh", "PATH=/nowhere", NULL, "sh: no such program on the PATH");
    misses("sh", "PATH=/dev/null:/nowhere", NULL, "sh: no such program on the PATH");
    misses("", "PATH=/bin", NULL, "(an empty name): no such program on the PATH");
}

static void test_relative_entries_start_from_the_directory(void **state)
{
    finds("-find me", "PATH=/nowhere:bin", directory, "bin/-find me");
    finds("bin/-find me", "PATH=/nowhere", directory, "bin/-find me");
    finds("here", "PATH=/nowhere:", directory, "./here");
    finds("here", "PATH=:/nowhere", directory, "./here");
    finds("here", "PATH=", directory, "./here");
    misses("here", "PATH=:bin", NULL, "here: no such program on the PATH");
    misses("bin/here", "PATH=:", directory, "bin/here: No such file or directory");
}

static void test_what_may_not_be_executed_is_passed_over(void **state)
{
    CLEANUP_FREE char *path = memory_format("PATH=%1$s:%1$s/bin", directory);
    CLEANUP_FREE char *second = path_of("bin/both");
    CLEANUP_FREE char *plain = path_of("plain");
    CLEANUP_FREE char *refused = memory_format("%s: Permission denied", plain);

    finds("both", path, NULL, second);
    misses("plain", path, NULL, "plain: Permission denied");
    misses("bin", path, NULL, "bin: Permission denied");
    misses(plain, path, NULL, refused);
    misses("/usr", "PATH=", NULL, "/usr: Permission denied");
}

/* As after an upgrade of Python, which leaves the scripts of old environments behind. */
static void test_a_script_needs_its_interpreter(void **state)
{
    CLEANUP_FREE char *path = memory_format("PATH=%1$s/old:%1$s/new", directory);
    CLEANUP_FREE char *old_only = memory_format("PATH=%s/old", directory);
    CLEANUP_FREE char *old = path_of("old/tox");
    CLEANUP_FREE char *second = path_of("new/tox");
    CLEANUP_FREE char *lacks = memory_format(
        "%s: its interpreter /nowhere/python3: No such file or directory", old);

    misses(old, "PATH=/bin", NULL, lacks);
    misses("tox", old_only, NULL, lacks);
    finds("tox", path, NULL, second);
    finds("relative", "PATH=", directory, "./relative");
    misses("./relative", "PATH=", "/", "./relative: No such file or directory");
    finds("bare", "PATH=", directory, "./bare");
}

static void test_what_env_looks_for_is_looked_for(void **state)
{
    CLEANUP_FREE char *path = memory_format("PATH=/usr/bin:/bin:%s/bin", directory);
    static const struct {
        const char *line, *lacks; /* NULL: nothing, or only env knows */
    } cases[] = {
        {"#!/usr/bin/env sh\n", NULL},
        {"#!/usr/bin/env -S sh -e\n", NULL},
        {"#!/usr/bin/env both\n", NULL},
        {"#!/usr/bin/env /bin/sh\n", NULL},
        {"#!/usr/bin/env -i gone\n", NULL},
        {"#!/usr/bin/env A=1 gone\n", NULL},
        {"#!/usr/bin/env\n", NULL},
        {"#!/usr/bin/env gone\n", "gone"},
        {"#! /usr/bin/env\tgone -u\n", "gone"},
        {"#!/usr/bin/env -S gone -u\n", "gone"},
        {"#!/usr/bin/env /nowhere/sh\n", "/nowhere/sh"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP_FREE char *lacks = memory_format(
            "./asks: its interpreter %s: No such file or directory", cases[i].lacks);

        write_program("asks", cases[i].line, 0755);
        if (cases[i].lacks)
            misses("./asks", path, directory, lacks);
        else
            finds("./asks", path, directory, "./asks");
    }
}

static void write_bytes(const char *name, const void *bytes, size_t length)
{
    CLEANUP_FREE char *path = path_of(name);
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    fclose(file);
    assert_int_equal(chmod(path, 0755), 0);
}

/* exec gives what it does not take to a shell, for which an empty file is a program that succeeds. */
static void test_what_no_machine_runs_is_no_program(void **state)
{
    CLEANUP_FREE char *path = memory_format("PATH=%1$s/old:%1$s/new", directory);
    CLEANUP_FREE char *second = path_of("new/fit");
    CLEANUP_FREE char *interpreter = path_of("unfit");
    CLEANUP_FREE char *script = memory_format("#!%s\n", interpreter);
    CLEANUP_FREE char *lacks = memory_format("./asks: its interpreter %s: Exec format error",
                                             interpreter);
    unsigned char head[64] = "";
    FILE *own = fopen("/proc/self/exe", "re");
    glob_t emulators;

    if (glob("/proc/sys/fs/binfmt_misc/[!rs]*", 0, NULL, &emulators) == 0)
        skip(); /* then nobody knows */
    assert_non_null(own);
    assert_int_equal(fread(head, 1, sizeof(head), own), sizeof(head));
    fclose(own);
    write_bytes("unfit", head, sizeof(head));
    finds("./unfit", "PATH=", directory, "./unfit");
    write_bytes("unfit", head, 18); /* cut */
    misses("./unfit", "PATH=", directory, "./unfit: Exec format error");
    head[18] ^= 0x40; /* e_machine */
    write_bytes("unfit", head, sizeof(head));
    misses("./unfit", "PATH=", directory, "./unfit: Exec format error");
    write_program("asks", script, 0755);
    misses("./asks", "PATH=", directory, lacks);
    write_bytes("unfit", "a\0b\n", 4);
    misses("./unfit", "PATH=", directory, "./unfit: Exec format error");
    write_bytes("unfit", "echo\n\0\1", 7); /* as installers are that bring an archive along */
    finds("./unfit", "PATH=", directory, "./unfit");
    write_bytes("old/fit", "", 0);
    misses("fit", path, NULL, "fit: Exec format error");
    write_program("new/fit", "#!/bin/sh\n", 0755);
    finds("fit", path, NULL, second);
    (void)state;
}

static void test_missing_directory_is_named(void **state)
{
    misses("sh", "PATH=/bin", "/nowhere", "working directory /nowhere: No such file or directory");
    misses("sh", "PATH=/bin", "/dev/null", "working directory /dev/null: Not a directory");
}

static int set_up(void **state)
{
    const char *const folders[] = {"bin", "old", "new"};

    if (!temporary_directory(directory))
        return -1;
    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
        CLEANUP_FREE char *folder = path_of(folders[i]);

        if (mkdir(folder, 0700) < 0)
            return -1;
    }
    make("plain", 0644);
    make("here", 0755);
    make("both", 0644);
    make("bin/both", 0755);
    make("bin/-find me", 0755);
    write_program("old/tox", "#!/nowhere/python3 -I\nimport tox\n", 0755);
    write_program("new/tox", "#! /bin/sh -e\n", 0755);
    write_program("relative", "#!bin/both\n", 0755);
    write_program("bare", "#!", 0755);
    return 0;
}

static int tear_down(void **state)
{
    CLEANUP_FREE char *command = memory_format("rm -r %s", directory);

    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path_is_searched_in_order),
        cmocka_unit_test(test_relative_entries_start_from_the_directory),
        cmocka_unit_test(test_what_may_not_be_executed_is_passed_over),
        cmocka_unit_test(test_a_script_needs_its_interpreter),
        cmocka_unit_test(test_what_env_looks_for_is_looked_for),
        cmocka_unit_test(test_what_no_machine_runs_is_no_program),
        cmocka_unit_test(test_missing_directory_is_named),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/*
 * For the tests of common/process.h: a loop, a directory, children of sh, what became of them.
 */

#pragma once

#include "common/process.h"

#include "common/memory.h"
#include "tests/unit/temporary.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MEBIBYTE (1024 * 1024)

static const char *const plain_environment[] = {"PATH=/usr/bin:/bin", NULL};

static uv_loop_t loop;
static char directory[TEMPORARY_SIZE];

/* A copy of what the callback saw, since the result itself does not last. */
struct outcome {
    unsigned calls;
    struct process_result result;
    char *output;
    char *errors;
    char *tail;
    char *problem;
    char description[256];
};

static inline void on_result(void *data, const struct process_result *result)
{
    struct outcome *outcome = data;

    outcome->calls++;
    outcome->result = *result;
    outcome->output = memory_copy_bytes(result->output, result->output_length);
    outcome->errors = memory_copy(result->errors);
    outcome->tail = memory_copy(result->tail);
    outcome->problem = memory_copy(result->problem);
    process_describe(outcome->description, sizeof(outcome->description), result);
}

static inline void outcome_clear(struct outcome *outcome)
{
    free(outcome->output);
    free(outcome->errors);
    free(outcome->tail);
    free(outcome->problem);
    *outcome = (struct outcome){0};
}
#define CLEANUP_OUTCOME CLEANUP(outcome_clear)

static inline void run(struct outcome *outcome, const struct process_options *options)
{
    process_start(&loop, options, on_result, outcome);
    assert_int_equal(outcome->calls, 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(outcome->calls, 1);
    /* Nobody is left to be reaped. */
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* The options of a script of sh; `log` beside the others where output is to go to a file. */
#define SHELL(script_)                                                                             \
    .argv = (const char *const[]){"sh", "-c", (script_), NULL}, .environment = plain_environment,  \
    .output_limit = MEBIBYTE

static inline char *path_of(const char *name)
{
    return memory_format("%s/%s", directory, name);
}

static inline void write_file(const char *path, const char *content, mode_t mode)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

/* Whether a process is gone; a zombie that its new parent has yet to reap counts as gone. */
static inline bool gone(int pid)
{
    CLEANUP_FREE char *path = memory_format("/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    char state = 'Z';

    if (!file)
        return true;
    if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = 'Z';
    fclose(file);
    return state == 'Z' || state == 'X';
}

/* A signal is delivered soon, not at once. */
static inline bool soon_gone(int pid)
{
    for (int i = 0; i < 3000; i++) {
        if (gone(pid))
            return true;
        usleep(10000);
    }
    return false;
}

static inline int set_up(void **state)
{
    signal(SIGPIPE, SIG_IGN);
    return uv_loop_init(&loop) == 0 && temporary_directory(directory) ? 0 : -1;
}

static inline int tear_down(void **state)
{
    CLEANUP_FREE char *command = memory_format("rm -rf %s", directory);

    return uv_loop_close(&loop) == 0 && system(command) == 0 ? 0 : -1;
}

#pragma once

/*
 * What the tests of validation, checkout and sandbox stand on: a real project, a commit composed on
 * it in a real repository of the daemon's, and a loop to run things on.
 */

#include "common/file.h"
#include "common/http.h"
#include "common/memory.h"
#include "config/config.h"
#include "daemon/validation.h"
#include "tests/unit/background-fixture.h"
#include "tests/unit/temporary.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ID "exp-1"

struct fixture {
    char *directory;
    char base[GIT_HASH_SIZE];
    char commit[GIT_HASH_SIZE]; /* an experiment's, on the base */
    uv_loop_t loop;
    struct config *config;
    struct forge forge;
    struct repository *repository;
    struct http *http;
    struct validation *validation;

    unsigned calls;
    bool failed;
    struct validation_outcome outcome; /* strings copied */
    struct error error;
};

__attribute__((format(printf, 1, 2))) static inline int shell(const char *format, ...)
{
    char command[4096];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    return system(command); /* NOLINT(cert-env33-c): all of it is our own */
}

/* A project with a file `hello` and a tox.ini that shows what reaches the tests. */
static inline void make_repository(struct fixture *fixture)
{
    CLEANUP_FREE char *path = memory_format("%s/commit", fixture->directory);
    CLEANUP_FREE char *bytes = NULL;
    struct error error;
    size_t length;

    assert_int_equal(
        shell(
            "cd '%s' && export HOME=\"$PWD\" GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a "
            "GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b && "
            "git init -q -b main project && cd project && echo hello >hello && "
            "printf '[tox]\\nskipsdist = true\\n[testenv]\\npassenv = KEPT\\ncommands = python -c "
            "\"import os; print([os.environ.get(n) for n in (\\047GIVEN\\047, \\047PASSED\\047, "
            "\\047KEPT\\047, \\047DROPPED\\047)], os.environ[\\047HOME\\047])\"\\n' >tox.ini && "
            "git add . && git commit -q -m one && git rev-parse HEAD >../commit && "
            "git init -q --bare ../state/repository.git && "
            "git push -q ../state/repository.git main:experiment/" ID,
            fixture->directory),
        0);
    assert_int_equal(file_read(&bytes, &length, AT_FDCWD, path, 1000, &error), 0);
    snprintf(fixture->base, sizeof fixture->base, "%.*s", (int)strcspn(bytes, "\n"), bytes);
}

static inline void on_composed(void *data, const struct repository_change *change,
                               const struct error *error)
{
    struct fixture *fixture = data;

    if (error)
        fail_msg("%s", error->message);
    else
        snprintf(fixture->commit, sizeof fixture->commit, "%s", change->commit);
}

/* Makes the commit in the daemon's repository that is to be validated. */
static inline void compose(struct fixture *fixture)
{
    struct result result = {
        .experiment_id = (char *)ID,
        .change = RESULT_CHANGE_DIFF,
        .diff = (char *)"--- a/hello\n+++ b/hello\n@@ -1 +1 @@\n-hello\n+hello, world\n",
    };
    struct repository_compose compose = {
        .base = fixture->base,
        .branch = "experiment/" ID,
        .result = &result,
        .message = "experiment\n",
        .date = 1,
    };

    repository_compose(fixture->repository, &compose, on_composed, fixture);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
}

/* `validation` is what stands below that key, in flow style. */
static inline int begin(struct fixture *fixture, const char *validation)
{
    CLEANUP_FREE char *yaml = memory_format(
        "spool: %s/spool\nstate: %s/state\nforge: {kind: local, path: %s/project}\n"
        "metrics: {m: {direction: minimize}}\nvalidation: {%s}\n",
        fixture->directory, fixture->directory, fixture->directory, validation);
    struct config_problems problems;
    int result = config_parse(&fixture->config, "f", yaml, strlen(yaml), &problems);

    for (size_t i = 0; i < problems.count; i++)
        print_error("%s\n", problems.items[i].message);
    assert_int_equal(result, 0);
    fixture->forge.git_url = fixture->config->forge.path;
    assert_int_equal(repository_new(&fixture->repository, &fixture->loop, fixture->config,
                                    &fixture->forge, &fixture->error),
                     0);
    compose(fixture);
    assert_int_equal(http_new(&fixture->http, &fixture->loop, NULL, &fixture->error), 0);
    return validation_new(&fixture->validation, &fixture->loop, fixture->config, NULL,
                          fixture->repository, fixture->http, &fixture->error);
}

static inline void end(struct fixture *fixture)
{
    validation_free(fixture->validation);
    http_free(fixture->http);
    repository_free(fixture->repository);
    config_free(fixture->config);
    fixture->validation = NULL;
    fixture->http = NULL;
    fixture->repository = NULL;
    fixture->config = NULL;
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
}

static inline int setup(void **state)
{
    struct fixture *fixture = memory_new(sizeof *fixture);
    char directory[TEMPORARY_SIZE];

    assert_non_null(temporary_directory(directory));
    fixture->directory = memory_copy(directory);
    assert_int_equal(shell("cd '%s' && mkdir state spool && touch spool/result.json", directory),
                     0);
    assert_int_equal(uv_loop_init(&fixture->loop), 0);
    make_repository(fixture);
    *state = fixture;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *fixture = *state;
    struct error error;

    end(fixture);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
    file_remove_tree(fixture->directory, &error);
    free((char *)fixture->outcome.command);
    free((char *)fixture->outcome.tail);
    free((char *)fixture->outcome.failure);
    free((char *)fixture->outcome.log);
    free(fixture->directory);
    free(fixture);
    return 0;
}

static inline void on_outcome(void *data, const struct validation_outcome *outcome,
                              const struct error *error)
{
    struct fixture *fixture = data;

    fixture->calls++;
    fixture->failed = error != NULL;
    if (error) {
        fixture->error = *error;
        return;
    }
    assert_non_null(outcome);
    if (!outcome)
        return;
    free((char *)fixture->outcome.command);
    free((char *)fixture->outcome.tail);
    free((char *)fixture->outcome.failure);
    free((char *)fixture->outcome.log);
    fixture->outcome = *outcome;
    fixture->outcome.command = memory_copy(outcome->command);
    fixture->outcome.tail = memory_copy(outcome->tail);
    fixture->outcome.failure = memory_copy(outcome->failure);
    fixture->outcome.log = memory_copy(outcome->log);
}

/* The fixture's commit, as an experiment's. */
static inline struct validation_task task_of(const struct fixture *fixture)
{
    return (struct validation_task){
        .experiment_id = ID,
        .branch = "experiment/" ID,
        .commit = fixture->commit,
        .base = fixture->commit,
    };
}

static inline void run(struct fixture *fixture)
{
    struct validation_task task = task_of(fixture);

    fixture->calls = 0;
    validation_run(fixture->validation, &task, on_outcome, fixture);
    assert_int_equal(fixture->calls, 0);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(fixture->calls, 1);
}

static inline void assert_outcome(struct fixture *fixture, enum validation_verdict verdict,
                                  int status)
{
    if (fixture->failed)
        print_error("%s\n", fixture->error.message);
    assert_false(fixture->failed);
    if (fixture->outcome.verdict != verdict)
        print_error("%s\n", fixture->outcome.tail);
    assert_int_equal(fixture->outcome.verdict, verdict);
    assert_int_equal(fixture->outcome.status, status);
}

static inline void assert_error(struct fixture *fixture, enum error_kind kind, const char *part)
{
    assert_true(fixture->failed);
    if (!strstr(fixture->error.message, part))
        print_error("%s\n", fixture->error.message);
    assert_non_null(strstr(fixture->error.message, part));
    assert_int_equal(fixture->error.kind, kind);
}

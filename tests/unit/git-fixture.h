#pragma once

/*
 * A forge and a source as real repositories in a temporary directory, a loop, and a git on the PATH that
 * writes down how it was called.
 */

#include "common/file.h"
#include "common/memory.h"
#include "common/text.h"
#include "daemon/repository.h"
#include "tests/unit/temporary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

struct fixture {
    char directory[TEMPORARY_SIZE];
    char *path; /* PATH as it was */
    uv_loop_t loop;
    struct config config;
    struct forge forge;
    struct repository *repository;
    char *sources[3];
    char *protect[3];
    char *exclude[3];
    char base[GIT_HASH_SIZE];
    char tip[GIT_HASH_SIZE]; /* of a branch that is composed anew; "": a new one */
};

/* Runs a script in the fixture's directory; its output without the last line end; caller frees. */
static inline char *sh(const struct fixture *fixture, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static inline char *sh(const struct fixture *fixture, const char *format, ...)
{
    struct text output = {0};
    char *script = NULL;
    char buffer[4096];
    va_list arguments;

    va_start(arguments, format);
    assert_true(vasprintf(&script, format, arguments) >= 0);
    va_end(arguments);

    CLEANUP_FREE char *command = memory_format(
        "export PATH='%s' HOME=/nonexistent GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 "
        "GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b; "
        "set -e; cd %s\n%s",
        fixture->path, fixture->directory, script);
    FILE *pipe = popen(command, "r");

    assert_non_null(pipe);
    for (size_t got; (got = fread(buffer, 1, sizeof(buffer), pipe)) > 0;)
        text_append_bytes(&output, buffer, got);
    if (pclose(pipe) != 0)
        fail_msg("script failed: %s", script);
    free(script);
    while (output.length > 0 && output.data[output.length - 1] == '\n')
        output.data[--output.length] = '\0';
    return text_take(&output);
}

/* The same for its effect alone. */
#define RUN(...) free(sh(__VA_ARGS__))

static inline void check_output(const struct fixture *fixture, const char *expected,
                                const char *script)
{
    CLEANUP_FREE char *output = sh(fixture, "%s", script);

    assert_string_equal(output, expected);
}

static const char project[] =
    "git init -q -b main source && cd source\n"
    "seq 1 20 >train.py; mkdir sub; echo util >sub/util.py\n"
    "printf '[tox]\\n' >tox.ini; printf 'commit\\tbpb\\n' >results.tsv\n"
    "printf '[project]\\nname = \"x\"\\n[tool.tox]\\nlegacy_tox_ini = \"\"\"\\n[testenv]\\n"
    "commands = a\\n\"\"\"\\n[tool.other]\\nx = 1\\n' >pyproject.toml\n"
    "git add . && git commit -qm base\n"
    "cd .. && git clone -q --bare source forge.git\n"
    "mkdir state bin\n"
    "cat >bin/git <<'END'\n"
    "#!/bin/sh\n"
    "here=${0%/*}\n"
    "line=; for word in \"$@\"; do line=\"$line [$word]\"; done\n"
    "echo \"$line\" >>\"$here/log\"\n"
    "if [ -n \"$GIT_CONFIG_VALUE_0\" ]; then echo \"$GIT_CONFIG_VALUE_0\" >>\"$here/secrets\"; fi\n"
    "if [ -e \"$here/before\" ]; then . \"$here/before\"; fi\n"
    "PATH=${PATH#*:} exec git \"$@\"\n"
    "END\n"
    "chmod +x bin/git; : >bin/log\n";

static inline void open_repository(struct fixture *fixture)
{
    struct error error = {0};

    if (repository_new(&fixture->repository, &fixture->loop, &fixture->config, &fixture->forge,
                       &error) < 0)
        fail_msg("repository_new: %s", error.message);
}

static inline int set_up(void **state)
{
    struct fixture *fixture = memory_new(sizeof(*fixture));
    struct config *config = &fixture->config;

    assert_non_null(temporary_directory(fixture->directory));
    fixture->path = memory_copy(getenv("PATH"));
    RUN(fixture, "%s", project);

    CLEANUP_FREE char *base = sh(fixture, "git -C source rev-parse HEAD");
    CLEANUP_FREE char *path = memory_format("%s/bin:%s", fixture->directory, fixture->path);

    strcpy(fixture->base, base);
    setenv("PATH", path, 1);
    config->state = memory_format("%s/state", fixture->directory);
    config->forge.kind = FORGE_LOCAL;
    config->forge.path = memory_format("%s/forge.git", fixture->directory);
    config->forge.base = memory_copy("main");
    config->forge.timeout_ms = 10000;
    fixture->sources[0] = memory_format("%s/source", fixture->directory);
    config->sources = (struct config_list){fixture->sources, 1};
    fixture->protect[0] = memory_copy("tox.ini");
    config->change.protect = (struct config_list){fixture->protect, 1};
    fixture->exclude[0] = memory_copy("results.tsv");
    fixture->exclude[1] = memory_copy(".auto/**");
    config->change.exclude = (struct config_list){fixture->exclude, 2};
    config->change.author_name = memory_copy("winnowd");
    config->change.author_email = memory_copy("winnowd@localhost");
    fixture->forge.git_url = memory_copy(config->forge.path);
    assert_int_equal(uv_loop_init(&fixture->loop), 0);
    open_repository(fixture);
    *state = fixture;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *fixture = *state;
    struct config *config = &fixture->config;
    struct error error;

    repository_free(fixture->repository);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
    setenv("PATH", fixture->path, 1);
    file_remove_tree(fixture->directory, &error);
    free(config->state);
    free(config->forge.path);
    free(config->forge.base);
    free(config->change.author_name);
    free(config->change.author_email);
    for (size_t i = 0; i < 3; i++) {
        free(fixture->sources[i]);
        free(fixture->protect[i]);
        free(fixture->exclude[i]);
    }
    free(fixture->forge.git_url);
    free(fixture->forge.token);
    free(fixture->path);
    free(fixture);
    return 0;
}

/* What an operation ended with. */
struct outcome {
    unsigned fired;
    struct error error; /* kind ERROR_NONE: success */
    struct repository_change change;
    struct repository_refs refs;
    enum repository_deleted deleted;
    char points_at[GIT_HASH_SIZE];
    bool held;
};

static inline void take_error(struct outcome *outcome, const struct error *error)
{
    outcome->fired++;
    if (error)
        outcome->error = *error;
}

static inline void on_done(void *data, const struct error *error)
{
    take_error(data, error);
}

static inline void on_composed(void *data, const struct repository_change *change,
                               const struct error *error)
{
    struct outcome *outcome = data;

    take_error(outcome, error);
    assert_true(!change == !!error);
    if (change)
        repository_change_copy(&outcome->change, change);
}

/* Runs the loop until nothing is under way any more; the outcome must be there then, once. */
static inline void finish(struct fixture *fixture, const struct outcome *outcome)
{
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(outcome->fired, 1);
}

static inline void check_success(const struct outcome *outcome)
{
    if (outcome->error.kind != ERROR_NONE)
        fail_msg("%s error: %s", error_kind_name(outcome->error.kind), outcome->error.message);
}

static inline void check_error(const struct outcome *outcome, enum error_kind kind,
                               const char *part)
{
    if (outcome->error.kind != kind || !strstr(outcome->error.message, part))
        fail_msg("found a %s error \"%s\", expected \"%s\"", error_kind_name(outcome->error.kind),
                 outcome->error.message, part);
}

/* How many gits were started since the log was emptied. */
static inline int count_gits(const struct fixture *fixture)
{
    CLEANUP_FREE char *lines = sh(fixture, "wc -l <bin/log; : >bin/log");

    return atoi(lines);
}

/* Composes; the outcome's change is the caller's. */
static inline void compose(struct fixture *fixture, const struct result *result, const char *branch,
                           struct outcome *outcome)
{
    const struct repository_compose compose = {
        .base = fixture->base,
        .branch = branch,
        .result = result,
        .message = "experiment: x\n\nMeasured-On: %M\n",
        .date = 1700000000,
    };

    *outcome = (struct outcome){0};
    repository_compose(fixture->repository, &compose, on_composed, outcome);
    finish(fixture, outcome);
}

static inline void compose_diff(struct fixture *fixture, const char *diff, struct outcome *outcome)
{
    CLEANUP_FREE char *copy = memory_copy(diff);
    struct result result = {.change = RESULT_CHANGE_DIFF, .diff = copy};

    compose(fixture, &result, "experiment/x", outcome);
}

static inline void compose_commit(struct fixture *fixture, const char *digits,
                                  struct outcome *outcome)
{
    CLEANUP_FREE char *copy = memory_copy(digits);
    struct result result = {.change = RESULT_CHANGE_COMMIT, .commit = copy};

    compose(fixture, &result, "experiment/x", outcome);
}

/* Makes a commit in the source on the branch that is checked out; its full hash; caller frees. */
static inline char *commit_in_source(const struct fixture *fixture, const char *script)
{
    return sh(fixture, "cd source\n%s\ngit add -A; git commit -qm change; git rev-parse HEAD",
              script);
}

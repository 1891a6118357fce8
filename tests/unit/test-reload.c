/* Promise: every key is applied by a reload, or named as one that needs a restart. */

#include "daemon/reload.h"

#include "common/text.h"
#include "config/schema.h"
#include "tests/unit/temporary.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char before[] = "spool: /a/spool\n"
                             "metrics: {m: {direction: minimize}}\n"
                             "forge: {owner: a, repo: b, path: /a/c, outbox: /a/d}\n"
                             "log: {level: error}\n";

/* Every key has another value than before. */
static const char after[] =
    "spool: /b/spool\nstate: /b/state\nsources: [/b]\n"
    "metrics: {m: {direction: maximize}, n: {direction: minimize}}\n"
    "forge: {kind: local, url: 'http://b', owner: b, repo: c, token_file: /b, ca_file: /b,\n"
    "  git_url: /b, path: /b, outbox: /b/o, base: b, branch_prefix: c/, labels: [b],\n"
    "  create_labels: false, status: false, reviewers: [b], timeout: 1s, poll: 1s}\n"
    "change: {protect: [b], exclude: [b], author: B <b@b>}\n"
    "validation: {command: [b], launcher: [b], timeout: 1s, output_lines: 1, environment: {B: b},\n"
    "  pass_environment: [B], expect: b, base: never, sandbox: none, read_only: [/b],\n"
    "  cache: false, cache_limit: 2G,\n"
    "  history: 7, network: none,\n"
    "  engine: slurm, directory: /b/runs, slurm: {options: [--b], poll: 1s},\n"
    "  requires: ['http://b'],\n"
    "  limits: {memory: 1G, processes: 7, file_size: 2M, cpu_time: 3m}}\n"
    "queue: {parallel: 2, max_open_pulls: 2, order: best, retry_for: 1s}\n"
    "pulls: {refresh: always, supersede: true}\n"
    "keep: {validation_logs: 1d, archive: 1d, rejected: 1d}\n"
    "log: {level: warning, format: json, status_every: 1s}\n"
    "status: {textfile: /b/t}\n";

static void write_file(const char *path, const char *content)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static struct config *load(const char *content)
{
    struct config_problems problems;
    struct config *config = NULL;
    int parsed = config_parse(&config, "a file", content, strlen(content), &problems);

    for (size_t i = 0; i < problems.count; i++)
        print_message("%s\n", problems.items[i].message);
    assert_int_equal(parsed, 0);
    config_problems_free(&problems);
    return config;
}

static bool same(const struct config_key *key, const struct config *a, const struct config *b)
{
    CLEANUP_TEXT struct text left = {0};
    CLEANUP_TEXT struct text right = {0};

    config_render(key, a, &left);
    config_render(key, b, &right);
    return strcmp(text_string(&left), text_string(&right)) == 0;
}

static void test_every_key_is_applied_or_needs_a_restart(void **state)
{
    char path[TEMPORARY_SIZE];
    int descriptor = temporary_file(path);
    struct config *old = load(before), *running = load(before), *new = load(after);

    (void)state;
    assert_true(descriptor >= 0);
    close(descriptor);
    write_file(path, after);
    /* Twice: what was not applied is still not, and nothing is swapped back. */
    for (int i = 0; i < 2; i++) {
        assert_true(reload_configuration(running, path));
        for (const struct config_key *key = config_keys; key->name; key++) {
            bool restart = key->flags & CONFIG_RESTART;

            if (same(key, old, new))
                fail_msg("this test does not change %s", key->name);
            if (!same(key, running, restart ? old : new))
                fail_msg("%s is %s", key->name, restart ? "applied" : "not applied");
        }
        assert_int_equal(running->metric_count, 2);
    }
    write_file(path, "spool: [\n");
    assert_false(reload_configuration(running, path));
    assert_int_equal(running->queue.parallel, 2);
    config_free(old);
    config_free(running);
    config_free(new);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_key_is_applied_or_needs_a_restart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Promise: a wrong configuration is refused with file, line, key, what was expected and what was found. */

#include "config/config.h"

#include "common/memory.h"
#include "common/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LEAST "forge: {owner: o, repo: r}\nmetrics: {m: {direction: minimize}}\n"

static int clear_environment(void **state)
{
    unsetenv("GITEA_URL");
    unsetenv("GITEA_OWNER");
    unsetenv("GITEA_REPO");
    return 0;
}

static struct config *good(const char *yaml)
{
    struct config_problems problems;
    struct config *config = NULL;

    if (config_parse(&config, "f.yaml", yaml, strlen(yaml), &problems))
        for (size_t i = 0; i < problems.count; i++)
            print_error("%s\n", problems.items[i].message);
    assert_int_equal(problems.count, 0);
    assert_non_null(config);
    config_problems_free(&problems);
    return config;
}

/* All messages, each with a line end behind it; caller frees. */
static char *bad(const char *yaml)
{
    struct config_problems problems;
    struct config *config = NULL;
    struct text text = {0};

    assert_int_equal(config_parse(&config, "f.yaml", yaml, strlen(yaml), &problems), -1);
    assert_null(config);
    assert_true(problems.count > 0);
    for (size_t i = 0; i < problems.count; i++)
        text_append_format(&text, "%s\n", problems.items[i].message);
    config_problems_free(&problems);
    return text_take(&text);
}

static void assert_problems(const char *yaml, const char *expected)
{
    CLEANUP_FREE char *messages = bad(yaml);

    assert_string_equal(messages, expected);
}

/* That the only thing wrong with the least configuration and `yaml` is `expected`. */
static void assert_refused(const char *yaml, const char *expected)
{
    CLEANUP_FREE char *whole = memory_format("%s\n" LEAST, yaml);
    CLEANUP_FREE char *line = memory_format("%s\n", expected);

    assert_problems(whole, line);
}

static void assert_list(const struct config_list *list, const char *joined)
{
    CLEANUP_TEXT struct text text = {0};

    for (size_t i = 0; i < list->count; i++)
        text_append_format(&text, "%s%s", i ? "," : "", list->items[i]);
    assert_string_equal(text_string(&text), joined);
    assert_non_null(list->items);
    assert_null(list->items[list->count]);
}

static void test_defaults(void **state)
{
    CLEANUP(config_freep) struct config *config = good(LEAST);
    const struct config_metric *metric = config_metric(config, "m");

    assert_string_equal(config->spool, "/var/spool/winnowd");
    assert_string_equal(config->state, "/var/lib/winnowd");
    assert_int_equal(config->forge.kind, FORGE_GITEA);
    assert_string_equal(config->forge.url, "http://127.0.0.1:3000");
    assert_null(config->forge.token_file);
    assert_null(config->forge.ca_file);
    assert_null(config->forge.git_url);
    assert_null(config->forge.path);
    assert_string_equal(config->forge.outbox, "/var/lib/winnowd/outbox");
    assert_string_equal(config->forge.base, "main");
    assert_string_equal(config->forge.branch_prefix, "experiment/");
    assert_list(&config->forge.labels, "experiment");
    assert_true(config->forge.create_labels);
    assert_list(&config->forge.reviewers, "");
    assert_int_equal(config->forge.timeout_ms, 30000);
    assert_int_equal(config->forge.poll_ms, 300000);
    assert_list(&config->sources, "");
    assert_list(&config->change.protect,
                "tox.ini,tox.toml,toxfile.py,setup.cfg,pyproject.toml,**/conftest.py,"
                "**/pytest.ini,**/.pytest.ini,noxfile.py,Makefile,.pre-commit-config.yaml,"
                ".tox/**,.gitmodules,.gitattributes,.lfsconfig,.gitea/**,.forgejo/**,.github/**");
    assert_list(&config->change.exclude, "results.tsv,autoresearch.jsonl,.auto/**");
    assert_string_equal(config->change.author_name, "winnowd");
    assert_string_equal(config->change.author_email, "winnowd@localhost");
    assert_list(&config->validation.command, "tox,-e,unit");
    assert_list(&config->validation.launcher, "");
    assert_int_equal(config->validation.timeout_ms, 1800000);
    assert_int_equal(config->validation.output_lines, 50);
    assert_list(&config->validation.environment, "");
    assert_list(&config->validation.pass_environment, "");
    assert_int_equal(config->validation.sandbox, SANDBOX_AUTO);
    assert_list(&config->validation.requires, "");
    assert_int_equal(config->validation.limits.memory, 0);
    assert_int_equal(config->validation.limits.processes, 4096);
    assert_int_equal(config->validation.limits.file_size, 16LL << 30);
    assert_int_equal(config->validation.limits.cpu_time_ms, 0);
    assert_int_equal(config->queue.parallel, 1);
    assert_int_equal(config->queue.max_open_pulls, 0);
    assert_int_equal(config->queue.order, QUEUE_ORDER_ARRIVAL);
    assert_int_equal(config->queue.retry_for_ms, 86400000);
    assert_int_equal(config->keep.validation_logs_ms, 2592000000);
    assert_int_equal(config->keep.archive_ms, 0);
    assert_int_equal(config->keep.rejected_ms, 0);
    assert_int_equal(config->log.level, LOG_LEVEL_INFO);
    assert_int_equal(config->log.format, LOG_FORMAT_AUTO);
    assert_int_equal(config->log.status_every_ms, 900000);
    assert_int_equal(config->metric_count, 1);
    assert_non_null(metric);
    assert_int_equal(metric->direction, METRIC_MINIMIZE);
    assert_true(metric->min_delta == 0 && metric->min_relative == 0);
    assert_false(metric->has_baseline);
    assert_int_equal(metric->reference, METRIC_REFERENCE_BEST);
    assert_null(config_metric(config, "n"));
}

static void test_forge_keys(void **state)
{
    CLEANUP(config_freep)
    struct config *config = good("spool: /s/in//\n"
                                 "state: /s/state/\n"
                                 "forge:\n"
                                 "  kind: local\n"
                                 "  url: https://forge.example:8443/git/\n"
                                 "  owner: 0123\n"
                                 "  token_file: /t\n"
                                 "  ca_file: /c\n"
                                 "  git_url: file:///srv/x.git\n"
                                 "  path: /srv/x.git/\n"
                                 "  base: devel\n"
                                 "  branch_prefix: winnow-\n"
                                 "  labels: [a b, \"true\"]\n"
                                 "  create_labels: false\n"
                                 "  reviewers: [Timmy]\n"
                                 "  timeout: 1500ms\n"
                                 "  poll: 0\n"
                                 "sources: [/a/, /b]\n"
                                 "metrics: {m: {direction: minimize}}\n");

    assert_string_equal(config->spool, "/s/in");
    assert_string_equal(config->state, "/s/state");
    assert_int_equal(config->forge.kind, FORGE_LOCAL);
    assert_string_equal(config->forge.url, "https://forge.example:8443/git");
    assert_string_equal(config->forge.owner, "0123");
    assert_string_equal(config->forge.token_file, "/t");
    assert_string_equal(config->forge.ca_file, "/c");
    assert_string_equal(config->forge.git_url, "file:///srv/x.git");
    assert_string_equal(config->forge.path, "/srv/x.git");
    assert_string_equal(config->forge.outbox, "/s/state/outbox");
    assert_string_equal(config->forge.base, "devel");
    assert_string_equal(config->forge.branch_prefix, "winnow-");
    assert_list(&config->forge.labels, "a b,true");
    assert_false(config->forge.create_labels);
    assert_list(&config->forge.reviewers, "Timmy");
    assert_int_equal(config->forge.timeout_ms, 1500);
    assert_int_equal(config->forge.poll_ms, 0);
    assert_list(&config->sources, "/a,/b");
}

static void test_other_keys(void **state)
{
    CLEANUP(config_freep)
    struct config *config = good(
        LEAST
        "change:\n"
        "  protect: []\n"
        "  exclude: ['*.log']\n"
        "  author: Ada Lovelace <ada@example.org>\n"
        "validation:\n"
        "  command: [sh, -c, \"a\\nb\"]\n"
        "  launcher: [apptainer, exec, image.sif]\n"
        "  engine: slurm\n"
        "  directory: /shared/winnowd/\n"
        "  slurm:\n"
        "    options: [--partition=gpu, -p, gpu, --gres=gpu:1, --time-min=5, -c4, --exclude=n3,\n"
        "      --exclusive, --nodes=1, --error-free, --constraint=a&b]\n"
        "    poll: 1m\n"
        "  timeout: 2h\n"
        "  output_lines: 0\n"
        "  environment: {OLLAMA_HOST: \"http://127.0.0.1:11434\", N: 1e-5, EMPTY: }\n"
        "  pass_environment: [CUDA_VISIBLE_DEVICES]\n"
        "  sandbox: none\n"
        "  requires: [\"http://127.0.0.1:11434/api/version?x=1\"]\n"
        "  limits: {memory: 4G, processes: 100, file_size: 1572864, cpu_time: 10m}\n"
        "queue: {parallel: 3, max_open_pulls: 2, order: best, retry_for: 1d}\n"
        "keep: {validation_logs: 0, archive: 365d, rejected: 1h}\n"
        "log: {level: debug, format: json, status_every: 0}\n");

    assert_list(&config->change.protect, "");
    assert_list(&config->change.exclude, "*.log");
    assert_string_equal(config->change.author_name, "Ada Lovelace");
    assert_string_equal(config->change.author_email, "ada@example.org");
    assert_list(&config->validation.command, "sh,-c,a\nb");
    assert_list(&config->validation.launcher, "apptainer,exec,image.sif");
    assert_int_equal(config->validation.engine, ENGINE_SLURM);
    assert_string_equal(config->validation.directory, "/shared/winnowd");
    assert_int_equal(config->validation.slurm.options.count, 11);
    assert_int_equal(config->validation.slurm.poll_ms, 60000);
    assert_int_equal(config->validation.timeout_ms, 7200000);
    assert_int_equal(config->validation.output_lines, 0);
    assert_list(&config->validation.environment,
                "OLLAMA_HOST=http://127.0.0.1:11434,N=1e-5,EMPTY=");
    assert_list(&config->validation.pass_environment, "CUDA_VISIBLE_DEVICES");
    assert_int_equal(config->validation.sandbox, SANDBOX_NONE);
    assert_list(&config->validation.requires, "http://127.0.0.1:11434/api/version?x=1");
    assert_int_equal(config->validation.limits.memory, 4LL << 30);
    assert_int_equal(config->validation.limits.processes, 100);
    assert_int_equal(config->validation.limits.file_size, 1536 << 10);
    assert_int_equal(config->validation.limits.cpu_time_ms, 600000);
    assert_int_equal(config->queue.parallel, 3);
    assert_int_equal(config->queue.max_open_pulls, 2);
    assert_int_equal(config->queue.order, QUEUE_ORDER_BEST);
    assert_int_equal(config->queue.retry_for_ms, 86400000);
    assert_int_equal(config->keep.validation_logs_ms, 0);
    assert_int_equal(config->keep.archive_ms, 31536000000);
    assert_int_equal(config->keep.rejected_ms, 3600000);
    assert_int_equal(config->log.level, LOG_LEVEL_DEBUG);
    assert_int_equal(config->log.format, LOG_FORMAT_JSON);
    assert_int_equal(config->log.status_every_ms, 0);
}

static void test_metrics(void **state)
{
    CLEANUP(config_freep)
    struct config *config = good(
        "forge: {owner: o, repo: r}\n"
        "metrics:\n"
        "  total_µs: {direction: maximize, min_delta: 1e-5, min_relative: 0.01}\n"
        "  tokens/s: {direction: minimize, baseline: -1.5, reference: before}\n");
    const struct config_metric *first = config_metric(config, "total_µs");
    const struct config_metric *second = config_metric(config, "tokens/s");

    assert_int_equal(first->direction, METRIC_MAXIMIZE);
    assert_true(first->min_delta == 1e-5 && first->min_relative == 0.01);
    assert_false(first->has_baseline);
    assert_true(second->has_baseline);
    assert_true(second->baseline == -1.5);
    assert_int_equal(second->reference, METRIC_REFERENCE_BEFORE);
}

static void test_environment_overrides(void **state)
{
    struct config *config;

    setenv("GITEA_URL", "https://e.example/", 1);
    setenv("GITEA_OWNER", "eo", 1);
    setenv("GITEA_REPO", "", 1);
    config = good("forge: {url: 'http://f', owner: fo, repo: fr}\n"
                  "metrics: {m: {direction: minimize}}\n");
    assert_string_equal(config->forge.url, "https://e.example");
    assert_string_equal(config->forge.owner, "eo");
    assert_string_equal(config->forge.repo, "fr");
    config_free(config);

    setenv("GITEA_URL", "ftp://u:geheim@e", 1);
    assert_problems(LEAST, "GITEA_URL: forge.url: expected a URL that begins with http:// or "
                           "https://, found \"ftp://***@e\"\n");
}

static void test_all_problems_in_one_go(void **state)
{
    assert_problems(
        "spool: spool\n"
        "forge:\n"
        "  kind: github\n"
        "  tiemout: 3s\n"
        "  labels: experiment\n"
        "  poll: 5 minutes\n"
        "metrics:\n"
        "  m: {direction: minimise, min_delta: tiny}\n"
        "  n: {}\n"
        "qeue: {}\n"
        "validation: {output_lines: 1000000, command: []}\n",
        "f.yaml:1:8: spool: expected an absolute path, found \"spool\"\n"
        "f.yaml:3:9: forge.kind: expected gitea or local, found \"github\"\n"
        "f.yaml:4:3: forge.tiemout: unknown key, did you mean forge.timeout?\n"
        "f.yaml:5:11: forge.labels: expected a list such as [one, two], found \"experiment\"\n"
        "f.yaml:6:9: forge.poll: expected 0 or a whole number with ms, s, m, h or d, from 1ms to "
        "30d, found \"5 minutes\"\n"
        "f.yaml:8:18: metrics.m.direction: expected minimize or maximize, found \"minimise\"\n"
        "f.yaml:8:39: metrics.m.min_delta: expected a number of at least 0, found \"tiny\"\n"
        "f.yaml:9:3: metrics.n.direction: expected minimize or maximize, found nothing\n"
        "f.yaml:10:1: qeue: unknown key, did you mean queue?\n"
        "f.yaml:11:28: validation.output_lines: expected a whole number from 0 to 10000, found "
        "\"1000000\"\n"
        "f.yaml:11:46: validation.command: expected a list of at least one item, found an empty "
        "list\n");
}

static void test_missing_keys(void **state)
{
    assert_problems("", "f.yaml: forge.owner: expected the repository's owner (or GITEA_OWNER in "
                        "the environment), found nothing\n"
                        "f.yaml: forge.repo: expected the repository's name (or GITEA_REPO in the "
                        "environment), found nothing\n"
                        "f.yaml: metrics: expected at least one metric, such as {val_bpb: "
                        "{direction: minimize}}, found nothing\n");
    assert_problems("log: 1\n",
                    "f.yaml:1:6: log: expected a group of keys with values, found no keys\n"
                    "f.yaml: forge.owner: expected the repository's owner (or GITEA_OWNER in the "
                    "environment), found nothing\n"
                    "f.yaml: forge.repo: expected the repository's name (or GITEA_REPO in the "
                    "environment), found nothing\n"
                    "f.yaml: metrics: expected at least one metric, such as {val_bpb: {direction: "
                    "minimize}}, found nothing\n");
    assert_problems("\nforge: {kind: local}\nmetrics: {m: {direction: minimize}}\n",
                    "f.yaml:2:1: forge.path: expected the bare repository's path, found nothing\n");
    assert_problems("forge: {owner: o, repo: }\nmetrics: {}\n",
                    "f.yaml:1:19: forge.repo: expected the repository's name (or GITEA_REPO in the "
                    "environment), found nothing\n"
                    "f.yaml:2:10: metrics: expected at least one metric, such as {val_bpb: "
                    "{direction: minimize}}, found nothing\n");
}

static void test_unknown_keys(void **state)
{
    assert_refused("timeout: 3s", "f.yaml:1:1: timeout: unknown key, did you mean forge.timeout?");
    assert_refused("metric: {}", "f.yaml:1:1: metric: unknown key, did you mean metrics?");
    assert_refused("log: {levle: info}",
                   "f.yaml:1:7: log.levle: unknown key, did you mean log.level?");
    assert_refused(
        "log: {colours: yes}",
        "f.yaml:1:7: log.colours: unknown key, expected one of level, format, status_every");
    assert_refused("log.level: info",
                   "f.yaml:1:1: log.level: unknown key, expected one of spool, state, forge, "
                   "sources, change, validation, queue, pulls, keep, log, status, logs, metrics");
    assert_refused("log: info",
                   "f.yaml:1:6: log: expected a group of keys with values, found no keys");
    assert_problems("forge: {owner: o, repo: r}\n"
                    "metrics: {m: {direction: minimize, min_dleta: 1}}\n",
                    "f.yaml:2:36: metrics.m.min_dleta: unknown key, did you mean "
                    "metrics.m.min_delta?\n");
}

/* A key goes to the terminal of whoever checks the configuration. */
static void test_unreadable_keys(void **state)
{
    CLEANUP_FREE char *many = memory_format("? \"%0*d\"\n: 1", 5000, 1);
    CLEANUP_FREE char *whole = memory_format("%s\n" LEAST, many);
    CLEANUP_FREE char *messages = bad(whole);

    assert_true(strlen(messages) < 1500);
    assert_refused("log: {\"le\\e[31m\\u202e\\nvel\": info}",
                   "f.yaml:1:7: log.leU+001B[31mU+202EU+000Avel: unknown key, expected one of "
                   "level, format, status_every");
}

static const char *const out_of_bounds[] = {
    "queue: {parallel: 0}",
    "queue: {parallel: 65}",
    "queue: {parallel: -1}",
    "queue: {parallel: 1.5}",
    "queue: {parallel: \"2\"}",
    "queue: {parallel: 18446744073709551617}",
    "queue: {retry_for: 1}",
    "queue: {retry_for: -1s}",
    "queue: {retry_for: 1.5h}",
    "queue: {retry_for: 1 h}",
    "queue: {retry_for: 366d}",
    "queue: {retry_for: 999999999999999d}",
    "queue: {order: random}",
    "queue: {order: [best]}",
    "log: {level: INFO}",
    "validation: {timeout: 0}",
    "validation: {timeout: 0s}",
    "validation: {sandbox: docker}",
    "validation: {engine: pbs}",
    "validation: {engine: slurm}",
    "validation: {engine: slurm, directory: runs}",
    "validation: {engine: slurm, directory: /var/lib/winnowd/runs}",
    "validation: {directory: /var/spool/winnowd}",
    "validation: {directory: /var}",
    "validation: {launcher: [srun]}",
    "validation: {launcher: [nice, /opt/slurm/bin/srun, -n1]}",
    "validation: {launcher: [salloc]}",
    "validation: {launcher: [/usr/bin/sbatch, --wait]}",
    "validation: {slurm: {poll: 0}}",
    "validation: {slurm: {poll: 2h}}",
    "validation: {slurm: {options: --partition=gpu}}",
    "validation: {slurm: {options: [--time=10]}}",
    "validation: {slurm: {options: [-t, 10]}}",
    "validation: {slurm: {options: [-t10]}}",
    "validation: {slurm: {options: [-Ht10]}}",
    "validation: {slurm: {options: [--job-name=x]}}",
    "validation: {slurm: {options: [--job=x]}}",
    "validation: {slurm: {options: [-Jx]}}",
    "validation: {slurm: {options: [--output=x]}}",
    "validation: {slurm: {options: [--chdir, /tmp]}}",
    "validation: {slurm: {options: [--export=NONE]}}",
    "validation: {slurm: {options: [--requeue]}}",
    "validation: {slurm: {options: [--array=1-4]}}",
    "validation: {slurm: {options: [--wrap=true]}}",
    "validation: {slurm: {options: [--parsable]}}",
    "validation: {slurm: {options: [-x, n1]}}",
    "validation: {slurm: {options: [--exclude, n1]}}",
    "validation: {slurm: {options: [--]}}",
    "validation: {slurm: {options: ['']}}",
    "validation: {slurm: {options: [\"--partition=a\\nb\"]}}",
    "validation: {limits: 4G}",
    "validation: {limits: {memory: 4}}",
    "validation: {limits: {memory: 4GB}}",
    "validation: {limits: {memory: -1}}",
    "validation: {limits: {memory: G}}",
    "validation: {limits: {file_size: 4g}}",
    "validation: {limits: {file_size: 99999999T}}",
    "validation: {limits: {file_size: 999999999999999T}}",
    "validation: {limits: {processes: many}}",
    "validation: {limits: {cpu_time: 10ms}}",
    "validation: {limits: {disk: 4G}}",
    "validation: {command: tox}",
    "validation: {command: [\"\"]}",
    "validation: {command: [[a]]}",
    "validation: {environment: [A]}",
    "validation: {environment: {1A: x}}",
    "validation: {environment: {A: [x]}}",
    "validation: {pass_environment: [A=b]}",
    "validation: {expect: 'a(b'}",
    "validation: {expect: ''}",
    "validation: {pass_environment: [GITEA_TOKEN]}",
    "validation: {requires: [localhost]}",
    "validation: {requires: [\"ftp://x\"]}",
    "sources: [relative]",
    "sources: [/a/../b]",
    "change: {author: Ada}",
    "change: {author: <ada@x>}",
    "change: {author: Ada <>}",
    "change: {author: Ada <a b>}",
    "change: {protect: [/tox.ini]}",
    "change: {exclude: [\"\"]}",
    "spool: /",
    "state: ~/state",
};

static void test_values_out_of_bounds(void **state)
{
    for (size_t i = 0; i < sizeof out_of_bounds / sizeof *out_of_bounds; i++) {
        CLEANUP_FREE char *whole = memory_format("%s\n" LEAST, out_of_bounds[i]);
        CLEANUP_FREE char *messages = bad(whole);

        /* Exactly one, with its place. */
        assert_ptr_equal(strchr(messages, '\n') + 1, messages + strlen(messages));
        assert_memory_equal(messages, "f.yaml:1:", 9);
        assert_non_null(strstr(messages, "expected "));
    }
}

static void assert_forge_refused(const char *forge)
{
    CLEANUP_FREE char *yaml = memory_format("metrics: {m: {direction: minimize}}\n"
                                            "forge: {owner: o, repo: r, %s}\n",
                                            forge);
    CLEANUP_FREE char *messages = bad(yaml);

    assert_ptr_equal(strchr(messages, '\n') + 1, messages + strlen(messages));
    assert_memory_equal(messages, "f.yaml:2:", 9);
}

static void test_forge_values(void **state)
{
    assert_forge_refused("url: forge.example");
    assert_forge_refused("url: 'ftp://forge.example'");
    assert_forge_refused("url: 'http://'");
    assert_forge_refused("url: 'http:/forge.example'");
    assert_forge_refused("url: 'http:///forge.example'");
    assert_forge_refused("url: 'https:/git/:////'");
    assert_forge_refused("url: 'file://forge.example'");
    assert_forge_refused("url: 'HTTP://forge.example'");
    assert_forge_refused("url: 'http://u:p@forge.example'");
    assert_forge_refused("url: 'http://u@forge.example'");
    assert_forge_refused("url: 'http://forge.example/?a=b'");
    assert_forge_refused("url: 'http://forge.example:99999'");
    assert_forge_refused("git_url: 'ext::sh -c id'");
    assert_forge_refused("git_url: 'https://u:p@forge.example/x.git'");
    assert_forge_refused("base: 'a..b'");
    assert_forge_refused("base: refs/heads/main");
    assert_forge_refused("base: '-x'");
    assert_forge_refused("base: a.lock");
    assert_forge_refused("base: 'a b'");
    assert_forge_refused("branch_prefix: ''");
    assert_forge_refused("branch_prefix: '/x/'");
    assert_forge_refused("branch_prefix: 'x//'");
    assert_forge_refused("branch_prefix: '.x/'");
    assert_forge_refused("branch_prefix: 'x~'");
    assert_forge_refused("branch_prefix: 'x.lock/'");
    assert_forge_refused("branch_prefix: main");  /* equal to the base */
    assert_forge_refused("branch_prefix: ma");    /* the base is below it */
    assert_forge_refused("branch_prefix: main/"); /* git cannot hold both */
    assert_forge_refused("base: e/x, branch_prefix: e/");
    assert_forge_refused("labels: ['']");
    assert_forge_refused("reviewers: [a/b]");
    assert_forge_refused("token_file: token");
    assert_forge_refused("timeout: 0");
    assert_forge_refused("create_labels: yes");
    assert_forge_refused("create_labels: \"true\"");
}

static void test_no_password_in_messages(void **state)
{
    CLEANUP_FREE char *messages = bad("metrics: {m: {direction: minimize}}\n"
                                      "forge: {owner: o, repo: r, url: 'http://u:geheim@x/'}\n");

    assert_null(strstr(messages, "geheim"));
    assert_non_null(strstr(messages, "http://***@x/"));
}

static void test_keys_together(void **state)
{
    assert_refused("{}", "f.yaml:2:1: did not find expected <document start>");
    assert_refused(
        "spool: /x\nstate: /x/",
        "f.yaml:2:8: state: expected a directory of its own, found \"/x\", which is the spool");
    assert_problems("forge: {owner: o, repo: r, poll: 0}\n"
                    "metrics: {m: {direction: minimize}}\n"
                    "queue: {max_open_pulls: 3}\n",
                    "f.yaml:3:25: queue.max_open_pulls: expected 0, or a forge.poll that notices "
                    "when a pull request is closed, found 3 with forge.poll 0\n");
}

static void test_metric_names(void **state)
{
    static const char *const names[] = {"\"\"",        "\"a b\"", "\"a|b\"", "\"a`b\"", "\"a\\nb\"",
                                        "\"\\u200b\"", "\"<b>\"", "\"@x\"",  "\"#1\""};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        CLEANUP_FREE char *yaml = memory_format("forge: {owner: o, repo: r}\n"
                                                "metrics: {%s: {direction: minimize}}\n",
                                                names[i]);
        CLEANUP_FREE char *messages = bad(yaml);

        assert_memory_equal(messages, "f.yaml:2:11: metrics: expected ", 31);
        assert_ptr_equal(strchr(messages, '\n') + 1, messages + strlen(messages));
    }
}

static void test_broken_yaml(void **state)
{
    CLEANUP_FREE char *messages = bad("forge:\n  owner: [a\n");
    CLEANUP_FREE char *twice = bad("spool: /a\nspool: /b\n");
    CLEANUP_FREE char *list = bad("- a\n");

    assert_memory_equal(messages, "f.yaml:3:1: ", 12);
    assert_memory_equal(twice, "f.yaml:2:1: ", 12);
    assert_string_equal(list, "f.yaml:1:1: expected keys with values, found none\n");
}

static void test_load(void **state)
{
    struct config_problems problems;
    struct config *config = NULL;

    assert_int_equal(config_load(&config, "/nonexistent/winnowd.yaml", &problems), -1);
    assert_int_equal(problems.count, 1);
    assert_int_equal(problems.items[0].line, 0);
    assert_non_null(strstr(problems.items[0].message, "/nonexistent/winnowd.yaml"));
    config_problems_free(&problems);
}

static void test_example(void **state)
{
    CLEANUP(config_freep) struct config *config = NULL;
    struct config_problems problems;
    int result = config_load(&config, WINNOWD_EXAMPLE, &problems);

    for (size_t i = 0; i < problems.count; i++)
        print_error("%s\n", problems.items[i].message);
    assert_int_equal(result, 0);
    assert_int_equal(config->validation.sandbox, SANDBOX_BUBBLEWRAP);
    config_problems_free(&problems);
}

/* Every key stands in the example, if only behind a '#', and what stands there is its default. */
static void test_example_is_complete(void **state)
{
    CLEANUP(config_freep) struct config *example = NULL;
    CLEANUP(config_freep)
    struct config *least = good("forge: {owner: example, repo: example}\n"
                                "metrics: {val_bpb: {direction: minimize}}\n"
                                "validation: {sandbox: bubblewrap}\n");
    CLEANUP_TEXT struct text expected = {0};
    CLEANUP_TEXT struct text actual = {0};
    CLEANUP_FREE char *bytes = memory_new(65536);
    struct config_problems problems;
    FILE *file = fopen(WINNOWD_EXAMPLE, "r");

    assert_non_null(file);
    assert_true(fread(bytes, 1, 65535, file) > 0);
    fclose(file);
    assert_int_equal(config_load(&example, WINNOWD_EXAMPLE, &problems), 0);
    config_explain(example, &actual);
    config_explain(least, &expected);
    assert_string_equal(text_string(&actual), text_string(&expected));

    for (const char *at = strstr(text_string(&actual), "  spool:"); at; at = strstr(at, "\n  ")) {
        CLEANUP_FREE char *word = NULL;
        size_t length;

        at += strspn(at, "\n ");
        length = strcspn(at, ":");
        while (memchr(at, '.', length)) {
            size_t skip = (size_t)((const char *)memchr(at, '.', length) - at) + 1;

            at += skip;
            length -= skip;
        }
        word = memory_format("%.*s:", (int)length, at);
        if (!strstr(bytes, word))
            print_error("%s is missing\n", word);
        assert_non_null(strstr(bytes, word));
    }
}

static void test_explain(void **state)
{
    CLEANUP(config_freep)
    struct config *config = good("forge: {owner: o, repo: r}\n"
                                 "metrics: {m: {direction: maximize}}\n"
                                 "validation: {environment: {API_KEY: geheim}, timeout: 90s, "
                                 "limits: {memory: 1572864K, file_size: 1500000}}\n");
    CLEANUP_TEXT struct text text = {0};

    config_explain(config, &text);
    assert_non_null(strstr(text_string(&text), "/var/spool/winnowd"));
    assert_non_null(strstr(text_string(&text), "o/r at http://127.0.0.1:3000"));
    assert_non_null(strstr(text_string(&text), "validation.timeout: 90s "));
    assert_non_null(strstr(text_string(&text), "validation.environment: [API_KEY]"));
    assert_non_null(strstr(text_string(&text), "validation.limits.memory: 1536M "));
    assert_non_null(strstr(text_string(&text), "validation.limits.file_size: 1500000 "));
    assert_non_null(strstr(text_string(&text), "forge.base: main "));
    assert_non_null(strstr(text_string(&text), "metrics.m.direction: maximize"));
    assert_non_null(strstr(text_string(&text), "validation.output_lines: 50 "));
    assert_null(strstr(text_string(&text), "geheim"));
}

static void test_exchange(void **state)
{
    CLEANUP(config_freep) struct config *running = good(LEAST);
    CLEANUP(config_freep) struct config *same = good(LEAST "queue: {parallel: 2}\n");
    CLEANUP(config_freep)
    struct config *other = good(
        "spool: /x\nforge: {kind: local, path: /y}\nmetrics: {n: {direction: minimize}}\n");
    CLEANUP_TEXT struct text text = {0};

    config_exchange(running, same, &text);
    assert_string_equal(text_string(&text), "");
    assert_int_equal(running->queue.parallel, 2);
    assert_int_equal(same->queue.parallel, 1);
    config_exchange(running, other, &text);
    assert_string_equal(text_string(&text),
                        "spool, forge.kind, forge.owner, forge.repo, forge.path");
    assert_int_equal(running->forge.kind, FORGE_GITEA);
    assert_int_equal(running->queue.parallel, 1);
    assert_non_null(config_metric(running, "n"));
    assert_non_null(config_metric(other, "m"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_defaults, clear_environment),
        cmocka_unit_test_setup(test_forge_keys, clear_environment),
        cmocka_unit_test_setup(test_other_keys, clear_environment),
        cmocka_unit_test_setup(test_metrics, clear_environment),
        cmocka_unit_test_setup(test_environment_overrides, clear_environment),
        cmocka_unit_test_setup(test_all_problems_in_one_go, clear_environment),
        cmocka_unit_test_setup(test_missing_keys, clear_environment),
        cmocka_unit_test_setup(test_unknown_keys, clear_environment),
        cmocka_unit_test_setup(test_unreadable_keys, clear_environment),
        cmocka_unit_test_setup(test_values_out_of_bounds, clear_environment),
        cmocka_unit_test_setup(test_forge_values, clear_environment),
        cmocka_unit_test_setup(test_no_password_in_messages, clear_environment),
        cmocka_unit_test_setup(test_keys_together, clear_environment),
        cmocka_unit_test_setup(test_metric_names, clear_environment),
        cmocka_unit_test_setup(test_broken_yaml, clear_environment),
        cmocka_unit_test_setup(test_load, clear_environment),
        cmocka_unit_test_setup(test_example, clear_environment),
        cmocka_unit_test_setup(test_example_is_complete, clear_environment),
        cmocka_unit_test_setup(test_explain, clear_environment),
        cmocka_unit_test_setup(test_exchange, clear_environment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Promise: each value of a configuration is what the file, the environment or the default says. */

/* Configurations that are taken: their values, where they come from, and what changes with them. */

#include "config-fixture.h"

static void assert_list(const struct config_list *list, const char *joined)
{
    CLEANUP_TEXT struct text text = {0};

    for (size_t i = 0; i < list->count; i++)
        text_append_format(&text, "%s%s", i ? "," : "", list->items[i]);
    assert_string_equal(text_string(&text), joined);
    assert_non_null(list->items);
    assert_null(list->items[list->count]);
}

static void check_default_forge(const struct config *config)
{
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
}

static void check_default_validation(const struct config *config)
{
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
}

static void test_defaults(void **state)
{
    CLEANUP(config_freep) struct config *config = good(LEAST);
    const struct config_metric *metric = config_metric(config, "m");

    check_default_forge(config);
    check_default_validation(config);
    assert_string_equal(config->spool, "/var/spool/winnowd");
    assert_string_equal(config->state, "/var/lib/winnowd");
    assert_list(&config->change.protect,
                "tox.ini,tox.toml,toxfile.py,setup.cfg,pyproject.toml,**/conftest.py,"
                "**/pytest.ini,**/.pytest.ini,noxfile.py,Makefile,.pre-commit-config.yaml,"
                ".tox/**,.gitmodules,.gitattributes,.lfsconfig,.gitea/**,.forgejo/**,.github/**");
    assert_list(&config->change.exclude, "results.tsv,autoresearch.jsonl,.auto/**");
    assert_string_equal(config->change.author_name, "winnowd");
    assert_string_equal(config->change.author_email, "winnowd@localhost");
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

static void check_other_validation(const struct config *config)
{
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
}

static void test_other_keys(void **state)
{
    CLEANUP(config_freep)
    struct config *config = good(
        LEAST "change:\n"
              "  protect: []\n"
              "  exclude: ['*.log']\n"
              "  author: Ada Lovelace <ada@example.org>\n"
              "validation:\n"
              "  command: [sh, -c, \"a\\nb\"]\n"
              "  launcher: [apptainer, exec, image.sif]\n"
              "  engine: slurm\n"
              "  directory: /shared/winnowd/\n"
              "  slurm:\n"
              "    options: [--partition=gpu, -p, gpu, --gres=gpu:1, --tmp=5, -c4, --exclude=n3,\n"
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

    check_other_validation(config);
    assert_list(&config->change.protect, "");
    assert_list(&config->change.exclude, "*.log");
    assert_string_equal(config->change.author_name, "Ada Lovelace");
    assert_string_equal(config->change.author_email, "ada@example.org");
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

/* By which a hold is logged. */
static void test_key_that_a_sentence_names(void **state)
{
    static const char *const rows[][2] = {
        {"forge.reviewers: Bob cannot be asked for a review: 422", "forge.reviewers"},
        {"forge.path is no git repository: git exited with status 128", "forge.path"},
        {"forge.path: git could not be started", "forge.path"},
        {"sources: /a/b: No such file or directory", "sources"},
        {"spool: /a is not a directory", "spool"},
        {"the forge does not accept the token for git (forge.token_file)", "forge.token_file"},
        {"GET / was answered 301: it has moved to /x (mend forge.url, forge.owner or forge.repo)",
         "forge.url"},
        {"the forge does not know branch a, or the base main (forge.base)", "forge.base"},
        {"validation.slurm.options: sbatch refuses them", "validation.slurm.options"},
        {"validation.launcher: the base main fails at commit 1", "validation.launcher"},
        {"status.textfile: /a: No such file or directory", "status.textfile"},
        {"git: no such program on the PATH", NULL},
        {"the forge refuses: 403 sources are closed", NULL},
        {"/srv/forge.path/x: No such file or directory", NULL},
        {"forge.pathological", NULL},
        {"", NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const char *key = config_key_named(rows[i][0]);

        if ((key == NULL) != (rows[i][1] == NULL) || (key && strcmp(key, rows[i][1]) != 0))
            fail_msg("%s: %s", rows[i][0], key ? key : "none");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_defaults, clear_environment),
        cmocka_unit_test_setup(test_forge_keys, clear_environment),
        cmocka_unit_test_setup(test_other_keys, clear_environment),
        cmocka_unit_test_setup(test_metrics, clear_environment),
        cmocka_unit_test_setup(test_environment_overrides, clear_environment),
        cmocka_unit_test_setup(test_load, clear_environment),
        cmocka_unit_test_setup(test_example, clear_environment),
        cmocka_unit_test_setup(test_example_is_complete, clear_environment),
        cmocka_unit_test(test_key_that_a_sentence_names),
        cmocka_unit_test_setup(test_explain, clear_environment),
        cmocka_unit_test_setup(test_exchange, clear_environment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

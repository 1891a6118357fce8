/* Promise: a wrong configuration is refused with file, line, key, what was expected and what was found. */

#include "config-fixture.h"

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

/* What stands in a block that is there twice is checked in both. */
static void test_twice(void **state)
{
    assert_problems("metrics: {m: {direction: minimize}}\n"
                    "forge: {kind: local, path: /x, poll: soon}\n"
                    "log: {level: loud}\n"
                    "forge: {kind: github, poll: late}\n",
                    "f.yaml:2:38: forge.poll: expected 0 or a whole number with ms, s, m, h or d, "
                    "from 1ms to 30d, found \"soon\"\n"
                    "f.yaml:3:14: log.level: expected error, warning, info or debug, found "
                    "\"loud\"\n"
                    "f.yaml:4:1: duplicate key 'forge'\n"
                    "f.yaml:4:15: forge.kind: expected gitea or local, found \"github\"\n"
                    "f.yaml:4:29: forge.poll: expected 0 or a whole number with ms, s, m, h or d, "
                    "from 1ms to 30d, found \"late\"\n");
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
    "validation: {slurm: {options: [--time-min=1]}}",
    "validation: {slurm: {options: [--deadline=23:00]}}",
    "validation: {slurm: {options: [--uid=ada]}}",
    "validation: {slurm: {options: [--partition=a, ':', --partition=b]}}",
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

/* Returns a configuration for a prefix of `length` bytes; the caller frees it. */
static char *with_prefix(const char *forge, int length)
{
    return memory_format(
        "metrics: {m: {direction: minimize}}\n"
        "forge: {%s, branch_prefix: %.*s/}\n",
        forge, length - 1,
        "pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp"
        "pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp"
        "pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp");
}

/* How much room there is depends on the forge, and the shortest experiment_id has one character. */
static void test_prefix_without_room(void **state)
{
    static const struct {
        const char *forge, *expected;
        int fits;
    } cases[] = {
        {"owner: o, repo: r", "forge.branch_prefix: expected at most 99 bytes, found 100", 99},
        {"kind: local, path: /x", "forge.branch_prefix: expected at most 199 bytes, found 200",
         199},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        CLEANUP_FREE char *fits = with_prefix(cases[i].forge, cases[i].fits);
        CLEANUP_FREE char *longer = with_prefix(cases[i].forge, cases[i].fits + 1);
        CLEANUP_FREE char *messages = bad(longer);
        struct config_problems problems;
        struct config *config = NULL;

        assert_non_null(strstr(messages, cases[i].expected));
        assert_int_equal(config_parse(&config, "f.yaml", fits, strlen(fits), &problems), 0);
        config_free(config);
    }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_all_problems_in_one_go, clear_environment),
        cmocka_unit_test_setup(test_twice, clear_environment),
        cmocka_unit_test_setup(test_missing_keys, clear_environment),
        cmocka_unit_test_setup(test_unknown_keys, clear_environment),
        cmocka_unit_test_setup(test_unreadable_keys, clear_environment),
        cmocka_unit_test_setup(test_values_out_of_bounds, clear_environment),
        cmocka_unit_test_setup(test_prefix_without_room, clear_environment),
        cmocka_unit_test_setup(test_forge_values, clear_environment),
        cmocka_unit_test_setup(test_no_password_in_messages, clear_environment),
        cmocka_unit_test_setup(test_keys_together, clear_environment),
        cmocka_unit_test_setup(test_metric_names, clear_environment),
        cmocka_unit_test_setup(test_broken_yaml, clear_environment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

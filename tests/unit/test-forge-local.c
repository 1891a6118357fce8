/* Promise: a bare repository and an outbox are a forge, whatever has been done to them. */

/* Other people and crashes have changed the outbox. */

#include "daemon/forge/kinds.h"
#include "daemon/git/hash.h"

#include "common/file.h"
#include "common/memory.h"
#include "common/text.h"
#include "daemon/forge/local-outbox.h"
#include "tests/unit/temporary.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BRANCH "experiment/exp-1"
#define PULLS  8
#define SHA    "0123456789012345678901234567890123456789"

static char directory[TEMPORARY_SIZE];
static uv_loop_t loop;
static struct config config;
static struct forge *forge;
static char *labels[4], *reviewers[4];

static struct {
    unsigned calls;
    bool failed;
    struct error error;
    struct forge_reply reply;
    struct forge_pull pulls[PULLS]; /* numbers and states; the strings are gone */
    char sha[GIT_HASH_SIZE];
    char body[64];
    char url[256];
} outcome;

static void set_list(struct config_list *list, char **items, const char *first, const char *second)
{
    items[0] = (char *)first;
    items[1] = (char *)second;
    items[2] = NULL;
    list->items = items;
    list->count = (first != NULL) + (second != NULL);
}

/* Runs a line of shell in the test's directory; what it printed, without the last line end. */
static char *__attribute__((format(printf, 1, 2))) shell(const char *format, ...)
{
    CLEANUP_TEXT struct text output = {0};
    CLEANUP_FREE char *line = NULL, *command = NULL;
    char buffer[4096];
    size_t count;
    va_list arguments;
    FILE *pipe;

    va_start(arguments, format);
    assert_true(vasprintf(&line, format, arguments) > 0);
    va_end(arguments);
    command = memory_format("cd %s && { %s ; }", directory, line);
    pipe = popen(command, "r"); /* NOLINT(cert-env33-c): all of it is our own */
    assert_non_null(pipe);
    while ((count = fread(buffer, 1, sizeof(buffer), pipe)) > 0)
        text_append_bytes(&output, buffer, count);
    if (pclose(pipe) != 0)
        fail_msg("failed: %s", line);
    while (output.length > 0 && output.data[output.length - 1] == '\n')
        output.data[--output.length] = '\0';
    return text_take(&output);
}

static void run_shell(const char *line)
{
    free(shell("%s", line));
}

static void assert_shell(const char *line, const char *expected)
{
    CLEANUP_FREE char *output = shell("%s", line);

    assert_string_equal(output, expected);
}

static int begin(void **state)
{
    struct error error = {0};

    assert_non_null(temporary_directory(directory));
    run_shell(
        "export HOME=/nonexistent GIT_CONFIG_NOSYSTEM=1; git init -q --bare -b main repo.git && "
        "commit=$(git -C repo.git -c user.name=a -c user.email=a@b commit-tree -m first "
        "4b825dc642cb6eb9a060e54bf8d69288fbee4904 2>/dev/null || "
        "git -C repo.git -c user.name=a -c user.email=a@b commit-tree -m first "
        "$(git -C repo.git hash-object -t tree -w /dev/null)) && "
        "git -C repo.git update-ref refs/heads/main $commit");
    memset(&config, 0, sizeof(config));
    config.forge.kind = FORGE_LOCAL;
    config.forge.path = memory_format("%s/repo.git", directory);
    config.forge.outbox = memory_format("%s/state/outbox", directory);
    config.forge.base = (char *)"main";
    config.forge.branch_prefix = (char *)"experiment/";
    set_list(&config.forge.labels, labels, NULL, NULL);
    set_list(&config.forge.reviewers, reviewers, NULL, NULL);
    uv_loop_init(&loop);
    return forge_new(&forge, &loop, &config, NULL, NULL, &error);
}

static int end(void **state)
{
    struct error error;

    forge_free(forge);
    uv_run(&loop, UV_RUN_DEFAULT);
    free(config.forge.path);
    free(config.forge.outbox);
    return uv_loop_close(&loop) | file_remove_tree(directory, &error);
}

static void on_answer(void *data, const struct forge_reply *reply, const struct error *error)
{
    outcome.calls++;
    outcome.failed = error != NULL;
    if (error)
        outcome.error = *error;
    outcome.reply = *reply;
    for (size_t i = 0; i < reply->pull_count && i < PULLS; i++)
        outcome.pulls[i] = reply->pulls[i];
    if (reply->sha || reply->pull_count > 0)
        snprintf(outcome.sha, sizeof(outcome.sha), "%s",
                 reply->sha ? reply->sha : reply->pulls[0].sha);
    if (reply->pull_count > 0) {
        snprintf(outcome.body, sizeof(outcome.body), "%s", reply->pulls[0].body);
        snprintf(outcome.url, sizeof(outcome.url), "%s", reply->pulls[0].url);
    }
}

static void finish(struct operation *operation)
{
    assert_non_null(operation);
    assert_int_equal(outcome.calls, 0); /* never from inside the call */
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(outcome.calls, 1);
}

#define CALL(function, ...)                                                                        \
    (memset(&outcome, 0, sizeof(outcome)),                                                         \
     finish(forge->functions->function(forge, ##__VA_ARGS__, on_answer, NULL)))

#define assert_success()                                                                           \
    do {                                                                                           \
        if (outcome.failed)                                                                        \
            fail_msg("failed: %s", outcome.error.message);                                         \
    } while (0)

static void check_error(enum error_kind kind, const char *part, int line)
{
    if (!outcome.failed)
        fail_msg("line %d: no error", line);
    if (outcome.error.kind != kind || !strstr(outcome.error.message, part))
        fail_msg("line %d: %s: %s", line, error_kind_name(outcome.error.kind),
                 outcome.error.message);
}
#define assert_transient(part) check_error(ERROR_TRANSIENT, (part), __LINE__)
#define assert_permanent(part) check_error(ERROR_PERMANENT, (part), __LINE__)

static void test_branch(void **state)
{
    CLEANUP_FREE char *tip = shell("git -C repo.git rev-parse main");

    CALL(create_branch, BRANCH, tip);
    assert_success();
    assert_string_equal(outcome.sha, tip);
    assert_shell("git -C repo.git for-each-ref --format='%(refname)'",
                 "refs/heads/" BRANCH "\nrefs/heads/main");
    CALL(create_branch, BRANCH, tip);
    assert_permanent("exists already");
    assert_true(outcome.reply.conflict);
    CALL(create_branch, BRANCH "/below", tip);
    assert_permanent("stands in its way");
    assert_false(outcome.reply.conflict);
    run_shell("touch repo.git/refs/heads/experiment/held.lock");
    CALL(create_branch, "experiment/held", tip);
    assert_transient("held.lock");
    run_shell("mv repo.git gone.git");
    CALL(create_branch, "experiment/exp-2", tip);
    assert_transient("not a git repository");
}

/* As at a server, they are asked before anything is there that would be left behind. */
static void test_hooks_that_refuse(void **state)
{
    static const char *const hooks[] = {"pre-receive", "update"};
    CLEANUP_FREE char *tip = shell("git -C repo.git rev-parse main");

    for (size_t i = 0; i < sizeof(hooks) / sizeof(*hooks); i++) {
        CLEANUP_FREE char *script = memory_format(
            "mkdir -p repo.git/hooks; printf '#!/bin/sh\\necho no experiments here >&2\\nexit "
            "1\\n' "
            ">repo.git/hooks/%s; chmod +x repo.git/hooks/%s",
            hooks[i], hooks[i]);
        CLEANUP_FREE char *mend = memory_format("rm repo.git/hooks/%s", hooks[i]);

        run_shell(script);
        CALL(create_branch, BRANCH, tip);
        assert_permanent("forge.path: ");
        assert_permanent("no experiments here");
        assert_true(outcome.reply.installation);
        assert_false(outcome.reply.conflict);
        assert_shell("git -C repo.git for-each-ref --format='%(refname)'", "refs/heads/main");
        run_shell(mend);
    }
    CALL(create_branch, BRANCH, tip);
    assert_success();
}

/* The caller's environment has no say. */
static void test_environment_is_closed(void **state)
{
    CLEANUP_FREE char *tip = shell("git -C repo.git rev-parse main");

    setenv("GIT_DIR", "/nonexistent", 1);
    setenv("GIT_CONFIG_PARAMETERS", "'core.bare'='broken'", 1);
    CALL(create_branch, BRANCH, tip);
    unsetenv("GIT_DIR");
    unsetenv("GIT_CONFIG_PARAMETERS");
    assert_success();
}

static void test_pull_files(void **state)
{
    CLEANUP_FREE char *created = NULL;

    CALL(open_pull, BRANCH, SHA, "experiment: \"title\"", "# Body\n");
    assert_success();
    assert_int_equal(outcome.reply.pull_count, 1);
    assert_int_equal(outcome.pulls[0].number, 1);
    assert_int_equal(outcome.pulls[0].state, PULL_OPEN);
    assert_non_null(strstr(outcome.url, "/outbox/1.md"));
    assert_string_equal(outcome.sha, SHA);
    assert_string_equal(outcome.body, "# Body\n");
    assert_shell("ls -A state/outbox | sort", "1.json\n1.md");
    assert_shell("cat state/outbox/1.md", "# Body");
    assert_shell("python3 -c 'import json; d = json.load(open(\"state/outbox/1.json\")); "
                 "d.pop(\"created_at\"); print(d)'",
                 "{'number': 1, 'state': 'open', 'title': 'experiment: \"title\"', 'head': '" BRANCH
                 "', 'base': 'main', 'sha': '" SHA "', 'labels': [], 'reviewers': []}");
    created = shell("date -u -d \"$(python3 -c 'import json; "
                    "print(json.load(open(\"state/outbox/1.json\"))[\"created_at\"])')\" +%%s");
    assert_true(labs(atol(created) - (long)time(NULL)) < 100);
    CALL(open_pull, "experiment/other", SHA, "t", "b");
    assert_success();
    assert_int_equal(outcome.pulls[0].number, 2);
}

static void test_look_and_close(void **state)
{
    CALL(open_pull, BRANCH, SHA, "t", "body");
    assert_success();
    run_shell("sed -i 's/\"number\": *1,/\"number\": 1, \"note\": [1.50],/' state/outbox/1.json");
    CALL(close_pull, 1L);
    assert_success();
    CALL(look_pull, 1L);
    assert_success();
    assert_int_equal(outcome.pulls[0].state, PULL_CLOSED);
    assert_string_equal(outcome.body, "body");
    assert_shell("grep -c 1.50 state/outbox/1.json", "1");
    CALL(list_pulls, BRANCH);
    assert_success();
    assert_int_equal(outcome.reply.pull_count, 0);
    run_shell("sed -i 's/closed/merged/' state/outbox/1.json; rm state/outbox/1.md");
    CALL(close_pull, 1L);
    assert_success();
    CALL(look_pull, 1L);
    assert_success();
    assert_int_equal(outcome.pulls[0].state, PULL_MERGED);
    assert_string_equal(outcome.body, "");
    CALL(close_pull, 7L);
    assert_success();
    CALL(look_pull, 7L);
    assert_permanent("no pull request 7");
}

static void test_open_again(void **state)
{
    CALL(open_pull, BRANCH, SHA, "t", "body");
    CALL(close_pull, 1L);
    CALL(reopen_pull, 1L);
    assert_success();
    CALL(look_pull, 1L);
    assert_int_equal(outcome.pulls[0].state, PULL_OPEN);
    run_shell("sed -i 's/\"open\"/\"Merged\"/' state/outbox/1.json");
    CALL(reopen_pull, 1L);
    assert_permanent("was merged");
    assert_true(outcome.reply.this_only);
    CALL(reopen_pull, 7L);
    assert_permanent("no pull request 7");
}

static void test_edit(void **state)
{
    CALL(open_pull, BRANCH, SHA, "t", "body");
    CALL(edit_pull, 1L, "another", NULL);
    assert_success();
    assert_string_equal(outcome.body, "body");
    assert_shell("grep -c '\"title\": *\"another\"' state/outbox/1.json", "1");
    CALL(edit_pull, 1L, NULL, "other words");
    assert_success();
    assert_string_equal(outcome.body, "other words");
    assert_shell("grep -c '\"title\": *\"another\"' state/outbox/1.json", "1");
    assert_shell("cat state/outbox/1.md", "other words");
    CALL(edit_pull, 7L, "x", NULL);
    assert_permanent("no pull request 7");
}

static void test_comment(void **state)
{
    CALL(open_pull, BRANCH, SHA, "t", "body");
    CALL(comment_pull, 1L, "It is there.", false);
    assert_success();
    CALL(comment_pull, 1L, "It is there.", true);
    assert_success();
    CALL(comment_pull, 1L, "It is here.", true);
    assert_success();
    assert_shell("python3 -c \"import json; c = json.load(open('state/outbox/1.json'))['comments'];"
                 "print(*(o['text'] for o in c), len(c[0]['at']), sorted(c[0]))\"",
                 "It is there. It is here. 20 ['at', 'text']");
    CALL(comment_pull, 7L, "x", false);
    assert_permanent("no pull request 7");
}

/* By when a file was written, whoever wrote it; one that cannot be made out hides no other. */
static void test_changed(void **state)
{
    CALL(list_changed, 1u); /* before there is an outbox */
    assert_success();
    assert_int_equal(outcome.reply.pull_count, 0);
    for (int i = 0; i < 3; i++)
        CALL(open_pull, BRANCH, SHA, "t", "b");
    run_shell("cd state/outbox; sed -i 's/open/closed/' 1.json; echo '{' >3.json;"
              "touch -d @2000.5 1.json; touch -d @1000 2.json; touch -d @3000 3.json");
    CALL(list_changed, 1u);
    assert_success();
    assert_int_equal(outcome.reply.pull_count, 2);
    assert_false(outcome.reply.more);
    assert_int_equal(outcome.pulls[0].number, 1);
    assert_int_equal(outcome.pulls[0].state, PULL_CLOSED);
    assert_int_equal(outcome.pulls[0].changed_ms, 2000500);
    assert_int_equal(outcome.pulls[1].number, 2);
    assert_int_equal(outcome.pulls[1].changed_ms, 1000000);
    CALL(list_changed, 2u);
    assert_success();
    assert_int_equal(outcome.reply.pull_count, 0);
}

static void test_list(void **state)
{
    CALL(list_pulls, BRANCH); /* before there is an outbox */
    assert_success();
    assert_int_equal(outcome.reply.pull_count, 0);
    for (int i = 0; i < 3; i++)
        CALL(open_pull, i == 1 ? "experiment/exp-10" : BRANCH, SHA, "t", "b");
    run_shell("cd state/outbox; text=$(sed 's/exp-1\"/exp-2\"/' 1.json);"
              "for i in $(seq 4 700); do printf '%s\\n' \"$text\" >$i.json; done;"
              "cp 1.json 650.json; echo '{' >notes.json; echo '{' >0.json; echo '{' >x1.json;"
              "echo '{' >1.json.tmp; mkdir sub");
    CALL(list_pulls, BRANCH);
    assert_success();
    assert_int_equal(outcome.reply.pull_count, 3);
    assert_int_equal(outcome.pulls[0].number, 1);
    assert_int_equal(outcome.pulls[1].number, 3);
    assert_int_equal(outcome.pulls[2].number, 650);
}

static void test_edited_by_hand(void **state)
{
    static const struct {
        const char *edit;
        const char *part;
    } table[] = {
        {"echo '{\"state\": \"open\",}' >1.json", "outbox/1.json: line 1"},
        {": >1.json", "outbox/1.json"},
        {"echo '[]' >1.json", "outbox/1.json is no object"},
        {"sed -i 's/\"open\"/\"maybe\"/' 1.json", "outbox/1.json has no state that is"},
        {"sed -i 's/\"open\"/null/' 1.json", "outbox/1.json has no state that is"},
        {"sed -i 's/\"sha\"/\"hash\"/' 1.json", "outbox/1.json lacks head, base or sha"},
        {"printf '\\377' >1.json", "outbox/1.json"},
        {"head -c 2000000 /dev/zero | tr '\\0' ' ' >1.json", "outbox/1.json is larger than"},
        {"rm 1.json; mkfifo 1.json", "outbox/1.json is a FIFO"},
        {"rm 1.json; mkdir 1.json", "outbox/1.json is a directory"},
        {"rmdir 1.json; ln -s /etc/passwd 1.json", "outbox/1.json is a symbolic link"},
    };

    set_list(&config.forge.labels, labels, "experiment", NULL);
    CALL(open_pull, BRANCH, SHA, "t", "b");
    run_shell("cp state/outbox/1.json saved");
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        free(shell(
            "[ ! -f state/outbox/1.json ] || cp saved state/outbox/1.json; cd state/outbox; %s",
            table[i].edit));
        CALL(look_pull, 1L);
        assert_transient(table[i].part);
        CALL(list_pulls, BRANCH);
        assert_success(); /* it is one of many */
        assert_int_equal((int)outcome.reply.pull_count, 0);
        CALL(close_pull, 1L);
        assert_transient(table[i].part);
        CALL(label_pull, 1L);
        assert_transient(table[i].part);
    }
}

static void test_labels_and_reviewers(void **state)
{
    CALL(label_pull, 1L);
    assert_success(); /* none configured: nothing to look at */
    set_list(&config.forge.labels, labels, "experiment", "speed");
    set_list(&config.forge.reviewers, reviewers, "Timmy", NULL);
    CALL(label_pull, 1L);
    assert_permanent("no pull request 1");
    CALL(open_pull, BRANCH, SHA, "t", "b");
    run_shell("python3 -c 'import json; name = \"state/outbox/1.json\"; d = json.load(open(name)); "
              "d.update(labels=[\"by hand\", \"speed\"], reviewers=7); "
              "json.dump(d, open(name, \"w\"))'");
    for (int i = 0; i < 2; i++) {
        CALL(label_pull, 1L);
        assert_success();
        CALL(review_pull, 1L);
        assert_success();
        assert_shell("python3 -c 'import json; d = json.load(open(\"state/outbox/1.json\")); "
                     "print(d[\"labels\"], d[\"reviewers\"])'",
                     "['by hand', 'speed', 'experiment'] ['Timmy']");
    }
}

/* The latest counts; one that is set again stands there once. */
static void test_statuses(void **state)
{
    CALL(set_status, 1L, SHA, "passed in 2 s");
    assert_permanent("no pull request 1");
    CALL(open_pull, BRANCH, SHA, "t", "b");
    for (int i = 0; i < 2; i++) {
        CALL(set_status, 1L, SHA, "passed in 2 s");
        assert_success();
    }
    CALL(set_status, 1L, SHA, "passed in 3 s");
    assert_success();
    assert_shell("python3 -c 'import json; d = json.load(open(\"state/outbox/1.json\")); "
                 "print([(s[\"sha\"] == d[\"sha\"], s[\"state\"], s[\"context\"], "
                 "s[\"description\"]) for s in d[\"statuses\"]])'",
                 "[(True, 'success', 'winnowd', 'passed in 2 s'), "
                 "(True, 'success', 'winnowd', 'passed in 3 s')]");
}

/* Killed between the two files, or a person took one away. */
static void test_leftovers(void **state)
{
    CALL(open_pull, BRANCH, SHA, "t", "b");
    run_shell("cd state/outbox; printf same >2.md; printf 'half' >.new; printf '{' >.new.tmp");
    CALL(open_pull, BRANCH, SHA, "t", "same");
    assert_success();
    assert_int_equal(outcome.pulls[0].number, 2);
    run_shell("printf other >state/outbox/3.md");
    CALL(open_pull, BRANCH, SHA, "t", "same");
    assert_int_equal(outcome.pulls[0].number, 4);
    assert_shell("cat state/outbox/3.md", "other");
    run_shell("rm state/outbox/4.json");
    CALL(open_pull, BRANCH, SHA, "t", "another");
    assert_int_equal(outcome.pulls[0].number, 5);
    assert_shell("ls -A state/outbox | sort | tr '\\n' ' '",
                 "1.json 1.md 2.json 2.md 3.md 4.md 5.json 5.md ");
}

/* Several processes add at once: no number twice, nothing lost. */
static void test_no_number_twice(void **state)
{
    pid_t children[4];
    struct error error;
    int lock, mine, status;

    for (int i = 0; i < 4; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            for (int added = 0; added < 25;) {
                struct outbox_entry entry = {"t", BRANCH, "main", SHA, "b"};
                int64_t number;

                entry.body = (const char *const[]){"a", "b", "c", "d"}[i];
                if (outbox_lock(&mine, config.forge.outbox, &error) == 0)
                    continue; /* one of the others has it */
                if (outbox_add(&number, config.forge.outbox, &entry, &error) < 0)
                    _exit(1);
                close(mine);
                added++;
            }
            _exit(0);
        }
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    assert_shell("ls state/outbox/*.json | wc -l", "100");
    assert_shell("cat state/outbox/*.md | fold -w1 | sort | uniq -c | tr -s ' ' | tr -d '\\n'",
                 " 25 a 25 b 25 c 25 d");
    lock = open(config.forge.outbox, O_RDONLY | O_DIRECTORY);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    assert_int_equal(outbox_lock(&mine, config.forge.outbox, &error), 0);
    close(lock);
    assert_int_equal(outbox_lock(&mine, config.forge.outbox, &error), 1);
    close(mine);
}

static void test_check(void **state)
{
    CALL(check);
    assert_success();
    assert_shell("ls -d state 2>/dev/null || echo none", "none"); /* nothing is touched */
    config.forge.base = (char *)"nope";
    CALL(check);
    assert_permanent("forge.base");
    config.forge.base = (char *)"main";
    run_shell("git -C repo.git branch experiment main");
    CALL(check);
    assert_permanent("forge.branch_prefix: a branch experiment exists");
    run_shell("git -C repo.git branch -m experiment experiment/already");
    CALL(check);
    assert_success();
    run_shell("git -C repo.git config core.bare false");
    CALL(check);
    assert_permanent("no bare repository");
    run_shell("mv repo.git gone.git");
    CALL(check);
    assert_permanent("forge.path");
    run_shell(
        "mv gone.git repo.git; git -C repo.git config core.bare true; rm -r state; touch state");
    CALL(check); /* the outbox is another question */
    assert_success();
    CALL(open_pull, BRANCH, SHA, "t", "b");
    assert_true(outcome.failed);
}

static void test_urls(void **state)
{
    assert_string_equal(forge->git_url, config.forge.path);
    assert_null(forge->web_url);
    assert_null(forge->token);
}

static void test_discard(void **state)
{
    struct operation *operations[] = {
        forge->functions->create_branch(forge, BRANCH, SHA, on_answer, NULL),
        forge->functions->open_pull(forge, BRANCH, SHA, "t", "b", on_answer, NULL),
        forge->functions->check(forge, on_answer, NULL),
    };

    memset(&outcome, 0, sizeof(outcome));
    operation_discard(operations[1]);
    uv_run(&loop, UV_RUN_NOWAIT); /* the others are at git now */
    operation_discard(operations[0]);
    operation_discard(operations[2]);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(outcome.calls, 0);
    assert_shell("ls -A state 2>/dev/null || true", "");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_branch),
        TEST(test_hooks_that_refuse),
        TEST(test_environment_is_closed),
        TEST(test_pull_files),
        TEST(test_look_and_close),
        TEST(test_open_again),
        TEST(test_edit),
        TEST(test_comment),
        TEST(test_changed),
        TEST(test_list),
        TEST(test_edited_by_hand),
        TEST(test_labels_and_reviewers),
        TEST(test_edited_by_hand),
        TEST(test_statuses),
        TEST(test_leftovers),
        TEST(test_no_number_twice),
        TEST(test_check),
        TEST(test_urls),
        TEST(test_discard),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#pragma once

/*
 * The Gitea client and, as a child over real HTTP, the stand-in of the integration tests.
 *
 * The child reads Python expressions from its standard input and prints what each one is: tell() sets
 * things up there, ask() looks. It is one for all tests, since Python takes longer to start than a test. Each
 * test begins a stand-in of its own there with begin(), and TEST() ends it.
 */

#include "daemon/forge/kinds.h"
#include "daemon/git/hash.h"

#include "common/http.h"
#include "common/loop.h"
#include "common/memory.h"
#include "common/secret.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOKEN  "a-token-nobody-guesses"
#define PULLS  8 /* as many of an answer as a test looks at */
#define BRANCH "experiment/exp-1"

static const char driver[] =
    "import re, sys\n"
    "sys.path.insert(0, sys.argv[1])\n"
    "from gitea import Gitea\n"
    "def begin(**wanted):\n"
    "    global g\n"
    "    g = Gitea(**(dict(owner='lab', repo='model', token=sys.argv[2]) | wanted)).start()\n"
    "    return g.url\n"
    "def count(method, path):\n"
    "    return sum(r.method == method and bool(re.search(path, r.path)) for r in g.records)\n"
    "def push(branch):\n"
    "    old = g.git.tip(branch)\n"
    "    new = g.git.commit([old], {'change.txt': 'changed\\n'}, 'Change\\n')\n"
    "    g.git.set_ref('refs/heads/' + branch, new)\n"
    "    g.forge.branch_written(branch, old, new, 'daemon')\n"
    "    g.ledger.wrote(branch, new)\n"
    "    return new\n"
    "def caught_up(record):\n"
    "    g.forge._lagging.clear()\n"
    "    g.forge._lag_ends = 0\n"
    "for line in sys.stdin:\n"
    "    try:\n"
    "        print(str(eval(line)).replace('\\n', ' '), flush=True)\n"
    "    except Exception as error:\n"
    "        print('failed:', type(error).__name__, error, flush=True)\n";

/* The last answer, kept. */
static struct {
    unsigned calls;
    bool failed;
    struct error error;
    struct forge_reply reply;
    struct forge_pull pulls[PULLS];
    char sha[GIT_HASH_SIZE];
    char unchecked[1000];
} outcome;

/* The child. It ends when this program does, as its standard input does. */
static struct {
    FILE *to;
    FILE *from;
    char *line; /* the last one that it printed */
    size_t line_size;
} python;

static struct {
    bool begun;
    uv_loop_t loop;
    struct config config;
    struct http *http;
    struct forge *forge;
    char *labels[4];
    char *reviewers[4];
} fixture;

static inline void read_line(void)
{
    assert_true(getline(&python.line, &python.line_size, python.from) > 0);
    python.line[strcspn(python.line, "\n")] = '\0';
}

/* One Python expression; the answer is valid until the next one. */
static inline const char *__attribute__((format(printf, 1, 2))) ask(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(python.to, format, arguments);
    va_end(arguments);
    fputc('\n', python.to);
    fflush(python.to);
    read_line();
    if (strncmp(python.line, "failed:", 7) == 0)
        fail_msg("%s", python.line);
    return python.line;
}
#define tell (void)ask

/* How many requests of a kind there were. */
static inline int requests(const char *method, const char *path)
{
    return atoi(ask("count('%s', r'%s')", method, path));
}

static inline void start_python(void)
{
    int to[2], from[2];

    assert_int_equal(pipe(to), 0);
    assert_int_equal(pipe(from), 0);
    if (fork() == 0) {
        dup2(to[0], STDIN_FILENO);
        dup2(from[1], STDOUT_FILENO);
        close(to[1]);
        close(from[0]);
        setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
        execlp("python3", "python3", "-c", driver, WINNOWD_TESTS "/integration", TOKEN,
               (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    python.to = fdopen(to[1], "w");
    python.from = fdopen(from[0], "r");
}

static inline void set_list(struct config_list *list, char **items, const char *first,
                            const char *second)
{
    items[0] = (char *)first;
    items[1] = (char *)second;
    items[2] = NULL;
    list->items = items;
    list->count = (first != NULL) + (second != NULL);
}

static inline void make_forge(const char *token)
{
    struct error error = {0};

    forge_free(fixture.forge);
    fixture.forge = NULL;
    assert_int_equal(
        forge_new(&fixture.forge, &fixture.loop, &fixture.config, fixture.http, token, &error), 0);
}

/* The linker puts this before the client's own pauses: they are a twentieth of what they are, and told. */
static uint64_t paused_ms;
struct operation *__real_loop_after(uv_loop_t *loop, uint64_t delay_ms, loop_callback callback,
                                    void *data);
struct operation *__wrap_loop_after(uv_loop_t *loop, uint64_t delay_ms, loop_callback callback,
                                    void *data);

struct operation *__wrap_loop_after(uv_loop_t *loop, uint64_t delay_ms, loop_callback callback,
                                    void *data)
{
    paused_ms += delay_ms;
    return __real_loop_after(loop, delay_ms / 20, callback, data);
}

/* Starts stand-in and client; to be called by each test, since each wants another stand-in. */
static inline void begin(const char *arguments)
{
    struct error error = {0};

    signal(SIGPIPE, SIG_IGN);
    if (!python.to)
        start_python();
    secret_add(TOKEN);
    memset(&fixture.config, 0, sizeof(fixture.config));
    fixture.config.forge.kind = FORGE_GITEA;
    fixture.config.forge.url = memory_copy(ask("begin(%s)", arguments));
    fixture.config.forge.owner = (char *)"lab";
    fixture.config.forge.repo = (char *)"model";
    fixture.config.forge.base = (char *)"main";
    fixture.config.forge.branch_prefix = (char *)"experiment/";
    fixture.config.forge.create_labels = true;
    fixture.config.forge.timeout_ms = 10000;
    set_list(&fixture.config.forge.labels, fixture.labels, NULL, NULL);
    set_list(&fixture.config.forge.reviewers, fixture.reviewers, NULL, NULL);
    uv_loop_init(&fixture.loop);
    assert_int_equal(http_new(&fixture.http, &fixture.loop, NULL, &error), 0);
    make_forge(TOKEN);
    fixture.begun = true;
}

static inline int end(void **state)
{
    int status;

    if (!fixture.begun)
        return 0;
    forge_free(fixture.forge);
    http_free(fixture.http);
    uv_run(&fixture.loop, UV_RUN_DEFAULT);
    status = uv_loop_close(&fixture.loop);
    free(fixture.config.forge.url);
    tell("g.stop()");
    secret_clear();
    memset(&fixture, 0, sizeof(fixture));
    return status;
}

static inline void on_answer(void *data, const struct forge_reply *reply, const struct error *error)
{
    outcome.calls++;
    outcome.failed = error != NULL;
    if (error)
        outcome.error = *error;
    outcome.reply = *reply;
    snprintf(outcome.unchecked, sizeof(outcome.unchecked), "%s",
             reply->unchecked ? reply->unchecked : "");
    for (size_t i = 0; i < reply->pull_count && i < PULLS; i++)
        outcome.pulls[i] = reply->pulls[i];
    if (reply->sha || reply->pull_count > 0)
        snprintf(outcome.sha, sizeof(outcome.sha), "%s",
                 reply->sha ? reply->sha : reply->pulls[0].sha);
    /* The token stays where it is, whatever was answered. */
    assert_null(error ? strstr(error->message, TOKEN) : NULL);
}

static inline void finish(struct operation *operation)
{
    assert_non_null(operation);
    assert_int_equal(outcome.calls, 0);
    while (outcome.calls == 0)
        uv_run(&fixture.loop, UV_RUN_ONCE);
    assert_int_equal(outcome.calls, 1);
}

/* CALL(look_pull, 7) makes one call and waits for its answer. */
#define CALL(function, ...)                                                                        \
    (memset(&outcome, 0, sizeof(outcome)),                                                         \
     finish(fixture.forge->functions->function(fixture.forge, ##__VA_ARGS__, on_answer, NULL)))

#define assert_success()                                                                           \
    do {                                                                                           \
        if (outcome.failed)                                                                        \
            fail_msg("failed: %s", outcome.error.message);                                         \
    } while (0)

static inline void check_error(enum error_kind kind, const char *part, int line)
{
    if (!outcome.failed)
        fail_msg("line %d: no error", line);
    if (outcome.error.kind != kind || !strstr(outcome.error.message, part))
        fail_msg("line %d: %s: %s", line, error_kind_name(outcome.error.kind),
                 outcome.error.message);
}
#define assert_transient(part) check_error(ERROR_TRANSIENT, (part), __LINE__)
#define assert_permanent(part) check_error(ERROR_PERMANENT, (part), __LINE__)

/* A branch with a commit of its own, as a job has it before its pull request; its commit's hash. */
static inline char *pushed_branch(const char *branch)
{
    CALL(create_branch, branch, "refs/heads/main");
    assert_success();
    return memory_copy(ask("push('%s')", branch));
}

static inline int64_t open_pull_of(const char *branch)
{
    CLEANUP_FREE char *sha = pushed_branch(branch);

    CALL(open_pull, branch, sha, "experiment: title", "The body\n");
    assert_success();
    return outcome.pulls[0].number;
}

#define TEST(function) cmocka_unit_test_teardown(function, end)

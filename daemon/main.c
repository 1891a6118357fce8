/*
 * What each command does, and the exit status (sysexits.h).
 */

#include "common/caret.h"
#include "common/file.h"
#include "common/http.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "common/secret.h"
#include "common/text.h"
#include "config/config.h"
#include "config/credential.h"
#include "daemon/background.h"
#include "daemon/command-line/check.h"
#include "daemon/command-line/command-line.h"
#include "daemon/command-line/export.h"
#include "daemon/command-line/retry.h"
#include "daemon/events.h"
#include "daemon/forge/kinds.h"
#include "daemon/installation.h"
#include "daemon/repository.h"
#include "daemon/status.h"
#include "daemon/status/status-file.h"
#include "daemon/store.h"
#include "daemon/store/base.h"
#include "daemon/validation/sandbox.h"
#include "daemon/validation/tool.h"
#include "daemon/winnowd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>
#include <uv.h>

#define FILE_LIMIT        (1024 * 1024) /* bytes of the configuration */
#define DESCRIPTORS_LEAST 32

/* Opens the store as it is, or sets NULL if there is none yet. Returns -1 if it cannot be read. */
static int open_store(struct store **store, const struct config *config, struct error *error)
{
    CLEANUP_FREE char *path = memory_format("%s/winnowd.db", config->state);
    struct stat status;

    *store = NULL;
    if (stat(path, &status) < 0)
        return 0;
    return store_open(store, config->state, true, error);
}

/* ---- --check-config ----------------------------------------------------------------------------- */

struct inquiry {
    bool done;
    struct installation_problems problems;
};

static void on_answered(void *data, const struct installation_problems *problems)
{
    struct inquiry *inquiry = data;

    inquiry->done = true;
    installation_problems_copy(&inquiry->problems, problems);
}

static void tell_tool(const struct tool *tool)
{
    if (tool->path)
        printf("\nThe tests are run by %s%s%s.\n", tool->path, *tool->version ? ": " : "",
               tool->version);
    fflush(stdout);
}

/* Prints the problems. Returns the exit status: that of the first problem that holds anything. */
static int tell_problems(const struct installation_problems *problems)
{
    int status = EX_OK;

    for (size_t i = 0; i < problems->count; i++) {
        const struct installation_problem *problem = &problems->items[i];

        fprintf(stderr, "winnowd: %s%s\n", problem->status == EX_OK ? "warning: " : "",
                problem->error.message);
        if (status == EX_OK)
            status = problem->status;
    }
    if (problems->unchecked)
        fprintf(stderr, "winnowd: warning: not checked: %s\n", problems->unchecked);
    if (status == EX_OK)
        printf("\nThe forge answers, and lets winnowd do what it needs.\n");
    return status;
}

/* Asks all questions, on a loop of its own. git needs a directory for its configuration. The daemon's
 * may belong to another user, and is not touched. */
static int ask_installation(const struct config *config, const char *directory, const char *token)
{
    struct config own = *config;
    struct inquiry inquiry = {.problems.retry_after_ms = -1};
    struct tool tool = {0};
    struct installation installation = {
        .config = &own, .tool = &tool, .state = config->state, .everything = true};
    struct http *http = NULL;
    struct error error;
    uv_loop_t loop;
    int status = EX_CONFIG;

    own.state = (char *)directory;
    uv_loop_init(&loop);
    installation.loop = &loop;
    if (http_new(&http, &loop, config->forge.ca_file, &error) == 0 &&
        forge_new(&installation.forge, &loop, &own, http, token, &error) == 0 &&
        repository_new(&installation.repository, &loop, &own, installation.forge, &error) == 0 &&
        sandbox_new(&installation.sandbox, config, &error) == 0) {
        installation.http = http;
        installation_ask(&installation, on_answered, &inquiry);
        while (!inquiry.done)
            uv_run(&loop, UV_RUN_ONCE);
        tell_tool(&tool);
        status = tell_problems(&inquiry.problems);
    } else {
        fprintf(stderr, "winnowd: %s\n", error.message);
    }
    installation_problems_clear(&inquiry.problems);
    tool_clear(&tool);
    sandbox_free(installation.sandbox);
    repository_free(installation.repository);
    forge_free(installation.forge);
    http_free(http);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    return status;
}

static int ask(const struct config *config, const char *token)
{
    const char *temporary = getenv("TMPDIR");
    CLEANUP_FREE char *directory = memory_format("%s/winnowd.XXXXXX",
                                                 temporary && *temporary ? temporary : "/tmp");
    struct error error;
    int status;

    if (!mkdtemp(directory)) {
        fprintf(stderr, "winnowd: cannot make %s: %s\n", directory, strerror(errno));
        return EX_IOERR;
    }
    status = ask_installation(config, directory, token);
    if (file_remove_tree(directory, &error) < 0)
        fprintf(stderr, "winnowd: %s\n", error.message);
    return status;
}

/* The last verdict on the base, if it can be read. */
static void tell_base(const struct config *config)
{
    CLEANUP(store_freep) struct store *store = NULL;
    CLEANUP(store_base_clear) struct store_base base = {0};
    CLEANUP_TEXT struct text text = {0};
    struct error ignored;

    if (config->validation.base == BASE_RUNS_NEVER || open_store(&store, config, &ignored) < 0 ||
        !store || store_last_base(store, &base, &ignored) < 0 || !base.at_ms)
        return;
    text_append_format(&text, "\nThe base %s ", config->forge.base);
    status_append_base(&text, &base, clock_now_ms());
    if (*base.reason) {
        text_append(&text, ": ");
        text_append_visible(&text, base.reason, NULL);
    }
    printf("%s.\n", text_string(&text));
    fflush(stdout);
}

static int check_config(const struct config *config)
{
    CLEANUP_TEXT struct text meaning = {0};
    struct error error;
    char *token = NULL;
    int status = credential_load(&token, config, &error); /* first, to hide the token soon */

    config_explain(config, &meaning);
    fputs(text_string(&meaning), stdout);
    fflush(stdout);
    if (status < 0) {
        fprintf(stderr, "winnowd: %s\n", error.message);
        return EX_CONFIG;
    }
    tell_base(config);
    status = ask(config, token);
    if (token)
        secret_wipe(token, strlen(token));
    free(token);
    return status;
}

/* ---- --check-result, --status ------------------------------------------------------------------- */

static int explain_result(const struct config *config, const char *path)
{
    CLEANUP(store_freep) struct store *store = NULL;
    CLEANUP_TEXT struct text text = {0};
    struct error error;
    int status;

    if (open_store(&store, config, &error) < 0 ||
        check_result(&text, &status, config, store, path, &error) < 0) {
        fprintf(stderr, "winnowd: %s\n", error.message);
        return EX_IOERR;
    }
    fputs(text_string(&text), stdout);
    return status;
}

/* Returns the columns of the terminal; 0 if there is none. */
static unsigned terminal_width(void)
{
    struct winsize size;

    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static int print_status(const struct config *config, bool json)
{
    CLEANUP(store_freep) struct store *store = NULL;
    CLEANUP(status_freep) struct status *status = NULL;
    CLEANUP_TEXT struct text text = {0};
    struct status_file status_file;
    struct error error;

    status_file_read(&status_file, config->state);
    if (open_store(&store, config, &error) < 0 ||
        status_read(&status, store, config, &status_file, &error) < 0) {
        fprintf(stderr, "winnowd: %s\n", error.message);
        return EX_IOERR;
    }
    if (json)
        status_json(&text, status);
    else
        status_table(&text, status, terminal_width());
    fputs(text_string(&text), stdout);
    return EX_OK;
}

/* ---- --retry, --export -------------------------------------------------------------------------- */

static const char *id_at(const struct arguments *arguments, int i)
{
    return i < 0 ? arguments->id : arguments->more_ids[i];
}

/* The same id twice is one. */
static bool was_named(const struct arguments *arguments, int i)
{
    for (int before = -1; before < i; before++) {
        if (strcmp(id_at(arguments, before), id_at(arguments, i)) == 0)
            return true;
    }
    return false;
}

static int retry(const struct config *config, const struct arguments *arguments)
{
    CLEANUP(store_freep) struct store *store = NULL;
    struct error error;
    int status = EX_OK;

    if (open_store(&store, config, &error) < 0) {
        fprintf(stderr, "winnowd: %s\n", error.message);
        return EX_IOERR;
    }
    for (int i = -1; i < arguments->more_id_count; i++) {
        const char *id = id_at(arguments, i);

        if (was_named(arguments, i))
            continue;
        if (retry_result(config->spool, store, id, &error) == 0) {
            printf("%s is in the spool again\n", id);
            continue;
        }
        fprintf(stderr, "winnowd: %s\n", error.message);
        if (status != EX_IOERR)
            status = error.kind == ERROR_PERMANENT ? EX_DATAERR : EX_IOERR;
    }
    return status;
}

static int export_all(const struct config *config, bool json)
{
    CLEANUP(store_freep) struct store *store = NULL;
    struct error error;

    if (open_store(&store, config, &error) == 0 &&
        export_decisions(stdout, store, json, &error) == 0)
        return EX_OK;
    fprintf(stderr, "winnowd: %s\n", error.message);
    return EX_IOERR;
}

/* ---- the beginning ------------------------------------------------------------------------------ */

/* Prints each problem with its line of the file, as far as the file still has it. */
static void print_problems(const char *path, const struct config_problems *problems)
{
    CLEANUP_FREE char *real = realpath(path, NULL);
    CLEANUP_FREE char *bytes = NULL;
    size_t length = 0;
    struct error ignored;

    if (file_read(&bytes, &length, AT_FDCWD, real ? real : path, FILE_LIMIT, &ignored) < 0)
        length = 0;
    for (size_t i = 0; i < problems->count; i++) {
        CLEANUP_TEXT struct text caret = {0};

        if (length && problems->items[i].line)
            caret_append(&caret, bytes, length, problems->items[i].line, problems->items[i].column,
                         false);
        fprintf(stderr, "%s\n%s", problems->items[i].message, text_string(&caret));
    }
}

/* Nobody watches a service's output, so the log says what is wrong. */
static void log_problems(const struct config_problems *problems)
{
    for (size_t i = 0; i < problems->count; i++)
        log_event(&event_start_failed, LOG_TEXT("reason", problems->items[i].message));
}

static struct config *load(const struct arguments *arguments)
{
    bool service = arguments->command == COMMAND_RUN || arguments->command == COMMAND_ONCE;
    struct config_problems problems = {0};
    struct config *config = NULL;

    config_load(&config, arguments->config, &problems);
    if (service && !isatty(STDERR_FILENO))
        log_problems(&problems);
    else
        print_problems(arguments->config, &problems);
    config_problems_free(&problems);
    return config;
}

static int run(const struct arguments *arguments, struct config *config)
{
    bool once = arguments->command == COMMAND_ONCE;
    int status = EX_OK;

    switch (arguments->command) {
    case COMMAND_RUN:
    case COMMAND_ONCE:
        return winnowd_run(config, arguments->config, once); /* takes it over */
    case COMMAND_CHECK_CONFIG:
        status = check_config(config);
        break;
    case COMMAND_CHECK_RESULT:
        status = explain_result(config, arguments->result);
        break;
    case COMMAND_STATUS:
        status = print_status(config, arguments->json);
        break;
    case COMMAND_RETRY:
        status = retry(config, arguments);
        break;
    case COMMAND_EXPORT:
        status = export_all(config, arguments->json);
        break;
    }
    config_free(config);
    return status;
}

/* No core dump may contain the token, neither ours nor that of a git, which can be dumped again after its
 * exec. A limit of 1 also stops a pipe in core_pattern, which no other limit does on Linux. */
static void forbid_dumps(void)
{
    struct rlimit core = {.rlim_cur = 1, .rlim_max = 1};
    struct rlimit now;

    prctl(PR_SET_DUMPABLE, 0);
    if (getrlimit(RLIMIT_CORE, &now) == 0 && now.rlim_max >= core.rlim_max)
        setrlimit(RLIMIT_CORE, &core);
}

/* If a standard descriptor is closed, the next file that is opened would get its number, and what is
 * meant for people would be written there. */
static void open_standard_descriptors(void)
{
    for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; descriptor++) {
        if (fcntl(descriptor, F_GETFD) < 0 && open("/dev/null", O_RDWR) != descriptor)
            _exit(EX_IOERR);
    }
}

/* With fewer, libraries end the process by themselves. Returns false after it has printed that. */
static bool has_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= DESCRIPTORS_LEAST)
        return true;
    fprintf(stderr, "winnowd: expected a limit of at least %d open files, found %llu (ulimit -n)\n",
            DESCRIPTORS_LEAST, (unsigned long long)limit.rlim_cur);
    return false;
}

static bool needs_token(enum command command)
{
    return command == COMMAND_RUN || command == COMMAND_ONCE || command == COMMAND_CHECK_CONFIG;
}

/* Writes what is left of the output. A reader that closed the pipe early needs no message. */
static int flush_output(int status)
{
    bool failed = fflush(stdout) != 0;

    if (!failed && !ferror(stdout))
        return status;
    if (failed && errno != EPIPE)
        fprintf(stderr, "winnowd: standard output cannot be written: %s\n", strerror(errno));
    return EX_IOERR;
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    struct config *config;
    int status;

    open_standard_descriptors();
    status = background_main(argc, argv);
    if (status >= 0)
        return status;
    status = command_line_parse(&arguments, argc, argv);
    if (status >= 0)
        return flush_output(status);
    if (!has_descriptors())
        return EX_CONFIG;
    signal(SIGPIPE, SIG_IGN); /* a broken pipe is an error like any other */
    forbid_dumps();
    if (!needs_token(arguments.command))
        credential_hide_environment();
    config = load(&arguments);
    if (!config) {
        credential_hide_environment();
        return EX_CONFIG;
    }
    status = run(&arguments, config);
    secret_clear();
    return flush_output(status);
}

#include "daemon/validation/tool.h"

#include "common/loop.h"
#include "common/memory.h"
#include "common/process.h"
#include "common/program.h"
#include "common/text.h"
#include "daemon/validation/arguments.h"
#include "daemon/validation/environment.h"
#include "daemon/validation/programs.h"
#include "daemon/validation/tox-override.h"
#include "daemon/validation/tox-report.h"
#include "daemon/validation/wrapper.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The first tox 4 that knows `pass_env+=`, see validation/tox-override.h. */
#define APPENDS_MAJOR 4u
#define APPENDS_MINOR 12u

#define TRY_WITHIN_MS 60000
#define OUTPUT_LIMIT  65536
#define LINE_SHOWN    200    /* code points */
#define ELSEWHERE     "/tmp" /* HOME while it is tried, since there is no checkout */

/* Asks whether each argument exists and can be run. */
static const char look[] =
    "for file; do test -x \"$file\" || { echo \"$file: it is not there\" >&2; exit 1; }; done";

struct trial {
    struct operation operation; /* first */
    uv_loop_t *loop;
    struct tool *tool;
    const struct config *config;
    struct sandbox *sandbox;
    tool_callback callback;
    void *data;
    struct operation *step;
    char *path;
    char *state;
    bool asked; /* for its version */
    struct error error;
};

void tool_clear(struct tool *tool)
{
    free(tool->path);
    free(tool->version);
    free(tool->state);
    *tool = (struct tool){0};
}

/* Whether the program is tox, or a Python that is told to run it. Another one that starts tox is not asked for its
 * version, since it may have to fetch it first. */
static bool is_tox(const struct config_list *command)
{
    const char *module = wrapper_is_python(command->items[0]) ? wrapper_module(command) : NULL;

    return tox_report_place(command->items) == 0 || (module && !strcmp(module, "tox"));
}

static void trial_discard(struct operation *operation)
{
    struct trial *trial = (struct trial *)operation;

    operation_clear(&trial->step);
    free(trial->path);
    free(trial->state);
    free(trial);
}

static void trial_end(struct trial *trial, bool changed, const struct error *error)
{
    trial->callback(trial->data, changed, error);
    trial_discard(&trial->operation);
}

/* Appends the last line that is not blank, as it can be shown. */
static void append_last_line(struct text *text, const char *output)
{
    CLEANUP_FREE char *copy = memory_copy(output);
    char *end = copy + strlen(copy);
    char *line;

    while (end > copy && isspace((unsigned char)end[-1]))
        *--end = '\0';
    line = strrchr(copy, '\n');
    text_append_line(text, line ? line + 1 : copy, LINE_SHOWN);
}

/* Appends the line that begins with a number: below it tox names its plugins. Else the last line. */
static void append_version(struct text *text, const char *output)
{
    const char *line = output;
    CLEANUP_FREE char *copy = NULL;

    while (line && !isdigit((unsigned char)*line)) {
        line = strchr(line, '\n');
        if (line)
            line++;
    }
    if (!line) {
        append_last_line(text, output);
        return;
    }
    copy = memory_copy_bytes(line, strcspn(line, "\n"));
    text_append_line(text, copy, LINE_SHOWN);
}

static void keep(struct trial *trial, const char *version)
{
    struct tool *tool = trial->tool;

    tool_clear(tool);
    tool->path = TAKE(trial->path);
    tool->version = memory_copy(version);
    tool->state = TAKE(trial->state);
    if (!is_tox(&trial->config->validation.command) ||
        sscanf(version, "%u.%u", &tool->major, &tool->minor) != 2)
        tool->major = tool->minor = 0;
}

static void on_tried(void *data, const struct process_result *result)
{
    struct trial *trial = data;
    CLEANUP_TEXT struct text said = {0};
    bool boxed = sandbox_is_there(trial->sandbox);
    char end[PROCESS_DESCRIPTION_SIZE];

    trial->step = NULL;
    if (process_succeeded(result)) {
        append_version(&said, *result->output ? result->output : result->errors);
        keep(trial, trial->asked ? text_string(&said) : "");
        trial_end(trial, true, NULL);
        return;
    }
    process_describe(end, sizeof end, result);
    if (result->end != PROCESS_EXITED) {
        error_set_key(&trial->error, ERROR_PERMANENT, "validation.command",
                      "%s could not be tried: it %.500s", trial->path, end);
    } else {
        append_last_line(&said, *result->errors ? result->errors : result->output);
        error_set_key(&trial->error, ERROR_PERMANENT, "validation.command",
                      "%s cannot be started%s: %s%s", trial->path, boxed ? " in the sandbox" : "",
                      said.length ? text_string(&said) : end,
                      boxed ? "; if it needs a directory that the sandbox hides, name that in "
                              "validation.read_only"
                            : "");
    }
    tool_clear(trial->tool);
    trial_end(trial, false, &trial->error);
}

static void append_question(struct trial *trial, struct config_list *arguments)
{
    const struct config_list *command = &trial->config->validation.command;
    CLEANUP_FREE char *interpreter = program_interpreter(trial->path);

    if (is_tox(command) || wrapper_is_python(command->items[0])) {
        int last = is_tox(command) ? tox_report_place(command->items) : 0;

        config_list_append(arguments, memory_copy(trial->path));
        for (int i = 1; i <= last; i++)
            config_list_append(arguments, memory_copy(command->items[i]));
        config_list_append(arguments, memory_copy("--version"));
    } else {
        trial->asked = false;
        arguments_append_copies(arguments, (const char *const[]){"/bin/sh", "-c", look, "sh",
                                                                 trial->path, interpreter, NULL});
    }
}

static void ask(struct trial *trial)
{
    CLEANUP(environment_free) struct environment environment = {0};
    struct config_list question = {0};
    char **arguments;
    struct process_options options = {
        .directory = "/",
        .deadline_ms = TRY_WITHIN_MS,
        .output_limit = OUTPUT_LIMIT,
    };

    trial->asked = true;
    append_question(trial, &question);
    environment_make(&environment, trial->config, ELSEWHERE, ELSEWHERE, "");
    arguments = sandbox_trial_arguments(trial->sandbox, trial->path, &question);
    options.argv = (const char *const *)arguments;
    options.environment = (const char *const *)environment.variables;
    trial->step = process_start(trial->loop, &options, on_tried, trial);
    sandbox_free_arguments(arguments);
    config_list_clear(&question);
}

/* Returns everything that the answer depends on, in one string. */
static char *state_of(const struct trial *trial)
{
    const struct config_list *lists[] = {&trial->config->validation.command,
                                         &trial->config->validation.launcher,
                                         &trial->config->validation.read_only};
    struct text text = {0};
    struct stat status = {0};

    if (stat(trial->path, &status) < 0)
        status.st_ino = 0;
    text_append_format(&text, "%s %llu %lld.%09ld", trial->path, (unsigned long long)status.st_ino,
                       (long long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        text_append(&text, "\n");
        for (size_t j = 0; j < lists[i]->count; j++)
            text_append_format(&text, " %s", lists[i]->items[j]);
    }
    return text_take(&text);
}

/* A file of the repository is not there yet. And nobody knows what a launcher starts, or what is on a node of
 * Slurm. */
static bool may_be_tried(const struct trial *trial)
{
    return trial->config->validation.engine == ENGINE_LOCAL &&
           trial->config->validation.launcher.count == 0 && programs_is_installed(trial->path);
}

static int find(struct trial *trial)
{
    CLEANUP(environment_free) struct environment environment = {0};
    const char *name = trial->config->validation.command.items[0];

    environment_make(&environment, trial->config, ELSEWHERE, ELSEWHERE, "");
    if (trial->config->validation.engine == ENGINE_SLURM || !programs_is_installed(name))
        trial->path = memory_copy(name);
    else if (program_find(&trial->path, name, (const char *const *)environment.variables, "/",
                          &trial->error) < 0)
        return error_wrap(&trial->error, "validation.command");
    return programs_find_command(trial->config, &trial->error);
}

static void begin(void *data)
{
    struct trial *trial = data;

    trial->step = NULL;
    if (find(trial) < 0) {
        tool_clear(trial->tool);
        trial_end(trial, false, &trial->error);
        return;
    }
    trial->state = state_of(trial);
    if (trial->tool->state && !strcmp(trial->state, trial->tool->state)) {
        trial_end(trial, false, NULL);
    } else if (!may_be_tried(trial)) {
        keep(trial, "");
        trial_end(trial, true, NULL);
    } else {
        ask(trial);
    }
}

struct operation *tool_try(uv_loop_t *loop, struct tool *tool, const struct config *config,
                           struct sandbox *sandbox, tool_callback callback, void *data)
{
    struct trial *trial = memory_new(sizeof *trial);

    trial->operation.discard = trial_discard;
    trial->loop = loop;
    trial->tool = tool;
    trial->config = config;
    trial->sandbox = sandbox;
    trial->callback = callback;
    trial->data = data;
    trial->step = loop_after(loop, 0, begin, trial);
    return &trial->operation;
}

/* Appends the section of tox.ini for the first environment that the command names. */
static void append_section(struct text *text, const struct config_list *command)
{
    CLEANUP_FREE char *environment = tox_environments(command);

    if (environment)
        text_append_format(text, "[testenv:%.*s]", (int)strcspn(environment, ","), environment);
    else
        text_append(text, "[testenv]");
}

int tool_check_environment(const struct tool *tool, const struct config *config,
                           struct error *error)
{
    CLEANUP(environment_names_free) struct environment_names names = environment_names(config);
    CLEANUP_TEXT struct text joined = {0};
    CLEANUP_TEXT struct text section = {0};

    if (!names.items[0] || tool->major != APPENDS_MAJOR || tool->minor >= APPENDS_MINOR)
        return 0;
    for (size_t i = 0; names.items[i]; i++)
        text_append_format(&joined, "%s%s", i ? ", " : "", names.items[i]);
    append_section(&section, &config->validation.command);
    return error_set_key(
        error, ERROR_PERMANENT, "validation.environment",
        "tox %u.%u cannot be told to let variables through to the tests; write pass_env = %.500s "
        "into %.100s of the project, or install tox %u.%u",
        tool->major, tool->minor, text_string(&joined), text_string(&section), APPENDS_MAJOR,
        APPENDS_MINOR);
}

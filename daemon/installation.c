#include "daemon/installation.h"

#include "common/file.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "common/process.h"
#include "common/program.h"
#include "common/text.h"
#include "daemon/events.h"
#include "daemon/git/hash.h"
#include "daemon/store/run.h"
#include "daemon/validation.h"
#include "daemon/validation/module.h"
#include "daemon/validation/programs.h"
#include "daemon/validation/requires.h"
#include "daemon/validation/sandbox.h"
#include "daemon/validation/slurm-look.h"
#include "daemon/validation/slurm.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define BASE_LOOKS    3 /* the base may move between the forge's answer and git's */
#define LOOK_AGAIN_MS 500
#define OBJECTS_MS    60000 /* how long a person waits for the objects of one source */
#define GIT_MS        60000 /* how long git may take to say its version */
#define GIT_OUTPUT    4096  /* bytes */
#define GIT_SAID      200   /* code points */

struct asking;

/* Each question ends in exactly one answered(), from the loop or at once. */
struct question {
    const char *key;
    enum installation_holds holds;
    bool at_forge;
    void (*ask)(struct asking *asking);
};

struct asking {
    struct operation operation; /* first */
    const struct installation *installation;
    installation_callback callback;
    void *data;
    struct operation *step;
    struct operation *patience; /* with a source */
    size_t question;            /* its place in the table */
    size_t source;              /* the current source */
    unsigned looks;             /* at the base, by git */
    bool lacks_git;
    char base[GIT_HASH_SIZE]; /* what the base points at; "": not known */
    struct installation_problems problems;
};

static void next(void *data);
static const struct question *current(const struct asking *asking);

static void discard(struct operation *operation)
{
    struct asking *asking = (struct asking *)operation;

    operation_clear(&asking->step);
    operation_clear(&asking->patience);
    installation_problems_clear(&asking->problems);
    free(asking);
}

/* Adds a problem of the current question. */
static struct installation_problem *add(struct asking *asking, const struct error *error)
{
    struct installation_problems *problems = &asking->problems;
    const struct question *question = current(asking);
    struct installation_problem *problem;

    problems->items = memory_resize(problems->items, (problems->count + 1) * sizeof(*problem));
    problem = &problems->items[problems->count++];
    *problem = (struct installation_problem){
        .key = question->key,
        .holds = question->holds,
        .source = asking->source,
        .status = error->kind == ERROR_TRANSIENT ? EX_UNAVAILABLE : EX_CONFIG,
        .at_forge = question->at_forge,
        .error = *error,
    };
    return problem;
}

/* Goes on with the next question in the loop's next turn, since a question may be answered at once. */
static void answered(struct asking *asking)
{
    asking->question++;
    asking->step = loop_after(asking->installation->loop, 0, next, asking);
}

/* ---- git ---------------------------------------------------------------------------------------- */

/* Without git nothing goes on, whatever the forge says, and only a person can install it. */
static void ask_for_git(struct asking *asking)
{
    CLEANUP_FREE char *program = NULL;
    struct error error;

    asking->lacks_git = program_find(&program, "git", (const char *const *)environ, "/", &error) <
                        0;
    if (asking->lacks_git)
        add(asking, &error);
    answered(asking);
}

/* A program that is broken stays so until a person mends it. What the system did to it may pass. */
static bool is_broken(const struct process_result *result)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS};

    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        if (result->end == PROCESS_SIGNALLED && result->signal == signals[i])
            return true;
    }
    return result->end == PROCESS_EXITED;
}

static void on_git_tried(void *data, const struct process_result *result)
{
    struct asking *asking = data;
    CLEANUP_TEXT struct text said = {0};
    char end[PROCESS_DESCRIPTION_SIZE];
    struct error error;

    asking->step = NULL;
    asking->lacks_git = !process_succeeded(result);
    if (asking->lacks_git) {
        process_describe(end, sizeof end, result);
        text_append_line(&said, result->errors, GIT_SAID);
        error_set_key(&error, is_broken(result) ? ERROR_PERMANENT : ERROR_TRANSIENT, "git",
                      "it %s%s%s", end, said.length ? ": " : "", text_string(&said));
        asking->problems.count = 0;
        add(asking, &error);
    }
    answered(asking);
}

/* If git itself does not work, neither forge nor source is to blame for that. */
static void try_git(struct asking *asking)
{
    const struct process_options options = {
        .argv = (const char *const[]){"git", "--version", NULL},
        .environment = (const char *const *)environ,
        .directory = "/",
        .deadline_ms = GIT_MS,
        .output_limit = GIT_OUTPUT,
    };

    if (asking->problems.count == 0 || asking->lacks_git)
        answered(asking);
    else
        asking->step = process_start(asking->installation->loop, &options, on_git_tried, asking);
}

/* ---- the forge, and git at the forge ------------------------------------------------------------ */

static void add_forge(struct asking *asking, const struct forge_reply *reply,
                      const struct error *error)
{
    struct installation_problem *problem = add(asking, error);

    asking->problems.retry_after_ms = reply->retry_after_ms;
    if (reply->at_forge)
        problem->status = EX_UNAVAILABLE;
}

static void on_forge_checked(void *data, const struct forge_reply *reply, const struct error *error)
{
    struct asking *asking = data;

    asking->step = NULL;
    if (!error) {
        snprintf(asking->base, sizeof(asking->base), "%s", reply->sha ? reply->sha : "");
        asking->problems.unchecked = memory_copy(reply->unchecked);
    } else {
        add_forge(asking, reply, error);
    }
    answered(asking);
}

static void ask_forge(struct asking *asking)
{
    struct forge *forge = asking->installation->forge;

    if (asking->lacks_git && asking->installation->config->forge.kind == FORGE_LOCAL)
        answered(asking);
    else
        asking->step = forge->functions->check(forge, on_forge_checked, asking);
}

static void on_base_asked(void *data, const struct forge_reply *reply, const struct error *error);

static void ask_base_again(void *data)
{
    struct asking *asking = data;
    struct forge *forge = asking->installation->forge;

    asking->step = forge->functions->check(forge, on_base_asked, asking);
}

static void on_git_looked(void *data, const struct repository_refs *refs, const struct error *error)
{
    struct asking *asking = data;
    const struct forge *forge = asking->installation->forge;
    struct error other;

    asking->step = NULL;
    if (error && !refs->answered) {
        other = *error;
        error_wrap(&other, "forge.git_url");
        add(asking, &other);
    } else if (*asking->base && strcmp(refs->base, asking->base) != 0) {
        if (++asking->looks < BASE_LOOKS) {
            asking->step = loop_after(asking->installation->loop, LOOK_AGAIN_MS, ask_base_again,
                                      asking);
            return;
        }
        error_set_key(&other, ERROR_PERMANENT, "forge.git_url",
                      "the base %s is at %s there, and at %s at the forge: %s is another "
                      "repository",
                      asking->installation->config->forge.base,
                      *refs->base ? refs->base : "nothing", asking->base, forge->git_url);
        add(asking, &other);
    } else if (!error) {
        snprintf(asking->base, sizeof(asking->base), "%s", refs->base);
    }
    answered(asking);
}

static void look(struct asking *asking)
{
    asking->step = repository_look(asking->installation->repository, NULL, on_git_looked, asking);
}

static void on_base_asked(void *data, const struct forge_reply *reply, const struct error *error)
{
    struct asking *asking = data;

    asking->step = NULL;
    if (error) {
        add_forge(asking, reply, error);
        answered(asking);
        return;
    }
    snprintf(asking->base, sizeof(asking->base), "%s", reply->sha ? reply->sha : "");
    look(asking);
}

/* A missing one is made. */
static int check_outbox(const char *path, struct error *error)
{
    if (file_check_writable(path, error) < 0)
        return -1;
    if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) < 0 && errno != ENOENT)
        return error_set(error, ERROR_PERMANENT, "%s cannot be listed: %s", path, strerror(errno));
    return 0;
}

/* The other half of a local forge. */
static void ask_outbox(struct asking *asking)
{
    const struct config *config = asking->installation->config;
    struct error error;

    if (config->forge.kind == FORGE_LOCAL && check_outbox(config->forge.outbox, &error) < 0) {
        error_wrap(&error, "forge.outbox");
        add(asking, &error);
    }
    answered(asking);
}

/* If the forge itself is not well, git need not be asked. */
static void ask_git(struct asking *asking)
{
    if (!asking->installation->repository || asking->problems.count)
        answered(asking);
    else
        look(asking);
}

/* ---- sources ------------------------------------------------------------------------------------ */

static void ask_sources(struct asking *asking);

static void go_on_with_sources(struct asking *asking)
{
    asking->step = NULL;
    operation_clear(&asking->patience);
    asking->source++;
    ask_sources(asking);
}

static void on_source_looked(void *data, const struct error *error)
{
    if (error)
        add(data, error);
    go_on_with_sources(data);
}

/* Most jobs need nothing of what it lacks. */
static void on_source_whole(void *data, const struct error *error)
{
    if (error)
        add(data, error)->status = EX_OK;
    go_on_with_sources(data);
}

static const char *source_of(const struct asking *asking)
{
    return asking->installation->config->sources.items[asking->source];
}

static void on_patience_over(void *data)
{
    struct asking *asking = data;
    struct error error;

    asking->patience = NULL;
    operation_clear(&asking->step);
    error_set_key(&error, ERROR_TRANSIENT, "sources", "%s has not answered yet", source_of(asking));
    add(asking, &error)->unanswered = true;
    asking->source++;
    ask_sources(asking);
}

static void on_objects_take_long(void *data)
{
    struct asking *asking = data;
    struct error error;

    asking->patience = NULL;
    operation_clear(&asking->step);
    error_set_key(&error, ERROR_TRANSIENT, "sources",
                  "%s: whether all of its objects are there is not known: that takes more than %d "
                  "seconds; 'git rev-list --objects --all --quiet' in it finds out",
                  source_of(asking), OBJECTS_MS / 1000);
    add(asking, &error)->status = EX_OK;
    asking->source++;
    ask_sources(asking);
}

static void ask_whole(struct asking *asking);

static void look_at_source(struct asking *asking)
{
    const struct installation *installation = asking->installation;
    struct repository *repository = installation->repository;
    bool objects = current(asking)->holds == HOLDS_NOTHING;
    uint64_t patience = objects ? OBJECTS_MS : installation->source_patience_ms;

    if (current(asking)->ask == ask_whole)
        asking->step = repository_check_whole(repository, asking->source, on_source_whole, asking);
    else if (objects)
        asking->step = repository_check_objects(repository, asking->source, on_source_looked,
                                                asking);
    else
        asking->step = repository_look_at_source(repository, asking->source, asking->base,
                                                 on_source_looked, asking);
    if (patience)
        asking->patience = loop_after(installation->loop, patience,
                                      objects ? on_objects_take_long : on_patience_over, asking);
}

static void ask_sources(struct asking *asking)
{
    const struct installation *installation = asking->installation;

    if (!installation->repository || asking->lacks_git ||
        asking->source == installation->config->sources.count)
        answered(asking);
    else
        look_at_source(asking);
}

/* If something is wrong with a source, that is said already. */
static void ask_sources_again(struct asking *asking)
{
    const struct installation_problems *problems = &asking->problems;

    asking->source = 0;
    if (problems->count && strcmp(problems->items[problems->count - 1].key, "sources") == 0)
        answered(asking);
    else
        ask_sources(asking);
}

/* The daemon does not ask this, since it takes long: a job that needs what is damaged waits by itself. */
static void ask_objects(struct asking *asking)
{
    ask_sources_again(asking);
}

/* Nor this, for the same reason. */
static void ask_whole(struct asking *asking)
{
    ask_sources_again(asking);
}

/* ---- what is on this machine -------------------------------------------------------------------- */

static void ask_launcher(struct asking *asking)
{
    struct error error;

    if (programs_find_launcher(asking->installation->config, &error) < 0)
        add(asking, &error);
    answered(asking);
}

/* A controller that is away holds nothing: runs wait for it, and go on. */
static void on_slurm_tried(void *data, const struct error *error)
{
    struct asking *asking = data;

    asking->step = NULL;
    if (error && (error->kind == ERROR_PERMANENT || asking->installation->everything))
        add(asking, error);
    answered(asking);
}

static void ask_slurm(struct asking *asking)
{
    const struct installation *installation = asking->installation;

    if (installation->config->validation.engine != ENGINE_SLURM)
        answered(asking);
    else
        asking->step = slurm_try(installation->loop, installation->config, on_slurm_tried, asking);
}

static void on_tool_tried(void *data, bool changed, const struct error *error)
{
    struct asking *asking = data;
    const struct tool *tool = asking->installation->tool;

    asking->step = NULL;
    if (error)
        add(asking, error);
    else if (changed && !asking->installation->everything)
        log_event(&event_tool, LOG_TEXT("path", tool->path),
                  LOG_TEXT("version", *tool->version ? tool->version : NULL));
    answered(asking);
}

static void ask_command(struct asking *asking)
{
    const struct installation *installation = asking->installation;
    struct error error;

    if (!installation->sandbox) {
        if (programs_find_command(installation->config, &error) < 0)
            add(asking, &error);
        answered(asking);
        return;
    }
    asking->step = tool_try(installation->loop, installation->tool, installation->config,
                            installation->sandbox, on_tool_tried, asking);
}

/* This holds nothing: the project itself may let the variables through, which only its tests know. */
static void ask_environment(struct asking *asking)
{
    const struct installation *installation = asking->installation;
    struct error error;

    if (installation->tool &&
        tool_check_environment(installation->tool, installation->config, &error) < 0)
        add(asking, &error)->status = EX_OK;
    answered(asking);
}

static void ask_read_only(struct asking *asking)
{
    const struct config *config = asking->installation->config;
    size_t count = config->validation.engine == ENGINE_LOCAL ? config->validation.read_only.count
                                                             : 0;
    struct error error;

    for (size_t i = 0; i < count; i++) {
        if (sandbox_check_read_only(config, i, &error) < 0)
            add(asking, &error);
    }
    answered(asking);
}

/* Only a run on the base shows whether the project has the module itself. */
static void on_module_tried(void *data, const struct error *error)
{
    struct asking *asking = data;

    asking->step = NULL;
    if (error)
        add(asking, error)->status = EX_OK;
    answered(asking);
}

static void ask_module(struct asking *asking)
{
    const struct installation *installation = asking->installation;

    asking->step = installation->sandbox
                       ? module_try(installation->loop, installation->config, installation->sandbox,
                                    on_module_tried, asking)
                       : NULL;
    if (!asking->step)
        answered(asking);
}

static void on_runs_seen(void *data, char *const *directories, const struct slurm_files *files,
                         size_t count)
{
    struct asking *asking = data;
    struct error error;

    (void)directories;
    asking->step = NULL;
    if (count && files->away) {
        slurm_directory_away(&error, asking->installation->config, files->away);
        add(asking, &error);
    }
    answered(asking);
}

static bool had_runs(const char *state)
{
    CLEANUP(store_freep) struct store *store = NULL;
    struct error unread; /* then there is none yet, or a start finds out */
    bool any;

    return store_open(&store, state, true, &unread) == 0 &&
           store_any_run(store, &any, &unread) == 0 && any;
}

/* The daemon itself has made the directory. Before the first run, a start makes it. */
static bool is_for_runs_of_before(const struct installation *installation)
{
    return installation->config->validation.engine == ENGINE_SLURM &&
           (!installation->state || had_runs(installation->state));
}

/* Of the runs on Slurm. If it is missing later, its file system is not mounted. */
static void ask_runs(struct asking *asking)
{
    const struct config *config = asking->installation->config;
    const bool used = is_for_runs_of_before(asking->installation);
    CLEANUP_FREE char *name = used ? file_join(config->validation.directory, ".") : NULL;

    if (used)
        asking->step = slurm_look_start(asking->installation->loop, (const char *const *)&name, 1,
                                        on_runs_seen, asking);
    else
        answered(asking);
}

/* A start makes it if it is missing, and ends if it cannot. */
static void ask_directory(struct asking *asking)
{
    const struct config *config = asking->installation->config;
    const char *directory = config->validation.directory;
    bool made = !is_for_runs_of_before(asking->installation);
    struct error error;

    if (directory && (made || access(directory, F_OK) == 0) &&
        file_check_writable(directory, &error) < 0) {
        error_wrap(&error, "validation.directory");
        add(asking, &error);
    }
    answered(asking);
}

static int check_directory(const char *path, struct error *error)
{
    struct stat status;

    if (stat(path, &status) < 0)
        return error_set(error, ERROR_PERMANENT, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(status.st_mode))
        return error_set(error, ERROR_PERMANENT, "%s is not a directory", path);
    return 0;
}

static void ask_spool(struct asking *asking)
{
    struct error error;

    if (check_directory(asking->installation->config->spool, &error) < 0) {
        error_wrap(&error, "spool");
        add(asking, &error)->status = EX_IOERR;
    }
    answered(asking);
}

/* A start makes a state directory that is missing, and ends where it cannot. */
static void ask_state(struct asking *asking)
{
    const char *state = asking->installation->state;
    struct error error;

    if (state && file_check_writable(state, &error) < 0) {
        error_wrap(&error, "state");
        add(asking, &error)->status = EX_IOERR;
    }
    answered(asking);
}

static void ask_textfile(struct asking *asking)
{
    CLEANUP_FREE char *copy = memory_copy(asking->installation->config->status.textfile);
    struct error error;

    if (copy && check_directory(dirname(copy), &error) < 0) {
        error_wrap(&error, "status.textfile");
        add(asking, &error)->status = EX_OK;
    }
    answered(asking);
}

/* The writer of the log may not have begun yet. */
static void ask_logs(struct asking *asking)
{
    const struct config *config = asking->installation->config;
    struct error error;

    for (size_t i = 0; i < config->log_count; i++) {
        const char *path = config->logs[i].path;

        if (path[0] != '/' || faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0)
            continue;
        error_set_key(&error, ERROR_PERMANENT, "logs", "%s: %s", path, strerror(errno));
        add(asking, &error)->status = EX_OK;
    }
    answered(asking);
}

static void on_required(void *data, const struct error *error)
{
    struct asking *asking = data;

    asking->step = NULL;
    if (error)
        add(asking, error);
    answered(asking);
}

/* This holds nothing: jobs wait for it, each at its step. */
static void ask_requires(struct asking *asking)
{
    const struct installation *installation = asking->installation;
    const struct config_list *urls = &installation->config->validation.requires;

    if (installation->http && urls->count > 0)
        asking->step = requires_ask(installation->http, urls, on_required, asking);
    else
        answered(asking);
}

/* ---- all of it ---------------------------------------------------------------------------------- */

/* A bad spool holds nothing: without a spool the daemon does not even start. */
static const struct question questions[] = {
    {"git", HOLDS_QUEUE, false, ask_for_git},
    {"forge", HOLDS_QUEUE, true, ask_forge},
    {"forge.git_url", HOLDS_QUEUE, true, ask_git},
    {"forge.outbox", HOLDS_QUEUE, true, ask_outbox},
    {"sources", HOLDS_SOURCE, false, ask_sources},
    {"git", HOLDS_QUEUE, false, try_git},
    {"sources", HOLDS_NOTHING, false, ask_objects},
    {"sources", HOLDS_NOTHING, false, ask_whole},
    {"validation.read_only", HOLDS_QUEUE, false, ask_read_only},
    {"validation.directory", HOLDS_QUEUE, false, ask_runs},
    {"validation.slurm.options", HOLDS_QUEUE, false, ask_slurm},
    {"validation.launcher", HOLDS_QUEUE, false, ask_launcher},
    {"validation.command", HOLDS_QUEUE, false, ask_command},
    {"validation.directory", HOLDS_NOTHING, false, ask_directory},
    {"validation.command", HOLDS_NOTHING, false, ask_module},
    {"validation.environment", HOLDS_NOTHING, false, ask_environment},
    {"spool", HOLDS_NOTHING, false, ask_spool},
    {"state", HOLDS_NOTHING, false, ask_state},
    {"status.textfile", HOLDS_NOTHING, false, ask_textfile},
    {"logs", HOLDS_NOTHING, false, ask_logs},
    {"validation.requires", HOLDS_NOTHING, false, ask_requires},
};

static const struct question *current(const struct asking *asking)
{
    return &questions[asking->question];
}

static void end(struct asking *asking)
{
    installation_callback callback = asking->callback;
    void *data = asking->data;
    struct installation_problems problems = asking->problems;

    asking->problems = (struct installation_problems){0};
    discard(&asking->operation);
    callback(data, &problems);
    installation_problems_clear(&problems);
}

static bool is_left_out(const struct asking *asking)
{
    return (current(asking)->holds == HOLDS_NOTHING && !asking->installation->everything) ||
           (current(asking)->at_forge && !asking->installation->forge);
}

static void next(void *data)
{
    struct asking *asking = data;
    size_t count = sizeof(questions) / sizeof(questions[0]);

    asking->step = NULL;
    while (asking->question < count && is_left_out(asking))
        asking->question++;
    if (asking->question == count)
        end(asking);
    else
        current(asking)->ask(asking);
}

struct operation *installation_ask(const struct installation *installation,
                                   installation_callback callback, void *data)
{
    struct asking *asking = memory_new(sizeof(*asking));

    asking->operation.discard = discard;
    asking->installation = installation;
    asking->callback = callback;
    asking->data = data;
    asking->problems.retry_after_ms = -1;
    asking->step = loop_after(installation->loop, 0, next, asking);
    return &asking->operation;
}

const struct installation_problem *
installation_problems_first(const struct installation_problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        if (problems->items[i].holds == HOLDS_QUEUE)
            return &problems->items[i];
    }
    return NULL;
}

void installation_problems_copy(struct installation_problems *copy,
                                const struct installation_problems *problems)
{
    *copy = *problems;
    copy->unchecked = memory_copy(problems->unchecked);
    copy->items = memory_new_array(problems->count + 1, sizeof(*copy->items));
    if (problems->count)
        memcpy(copy->items, problems->items, problems->count * sizeof(*copy->items));
}

void installation_problems_clear(struct installation_problems *problems)
{
    free(problems->items);
    free(problems->unchecked);
    *problems = (struct installation_problems){.retry_after_ms = -1};
}

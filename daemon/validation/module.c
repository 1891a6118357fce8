#include "daemon/validation/module.h"

#include "common/memory.h"
#include "common/process.h"
#include "common/program.h"
#include "daemon/validation/arguments.h"
#include "daemon/validation/environment.h"
#include "daemon/validation/wrapper.h"

#include <stdlib.h>
#include <string.h>

#define TRY_WITHIN_MS 10000
#define OUTPUT_LIMIT  4096
#define ELSEWHERE     "/tmp" /* HOME of the question, since there is no checkout */
#define NOT_FOUND     3      /* exit status */

/* The first entry of sys.path would be the current directory. */
static const char question[] =
    "import importlib.util, sys; del sys.path[0]; "
    "sys.exit(3 * (importlib.util.find_spec(sys.argv[1].split('.')[0]) is None))";

struct search {
    struct operation operation; /* first */
    const struct config *config;
    module_callback callback;
    void *data;
    struct operation *step;
};

static void discard(struct operation *operation)
{
    struct search *search = (struct search *)operation;

    operation_clear(&search->step);
    free(search);
}

static void on_answer(void *data, const struct process_result *result)
{
    struct search *search = data;
    module_callback callback = search->callback;
    void *to = search->data;
    struct error error;
    bool missing = result->end == PROCESS_EXITED && result->status == NOT_FOUND;

    search->step = NULL;
    if (missing)
        error_set_key(&error, ERROR_PERMANENT, "validation.command",
                      "no module %.200s is installed for this Python; is it part of "
                      "the project?",
                      wrapper_module(&search->config->validation.command));
    discard(&search->operation);
    callback(to, missing ? &error : NULL);
}

/* Returns the path of the Python that runs the module; NULL: it is not known. */
static char *find_python(const struct config *config, const struct environment *environment)
{
    CLEANUP(config_list_clear)
    struct config_list names = wrapper_programs(&config->validation.command);
    const char *name = names.items[names.count - 1];
    char *path = NULL;
    struct error ignored;

    if (*name != '/' && strchr(name, '/'))
        return NULL;
    return program_find(&path, name, (const char *const *)environment->variables, "/", &ignored) < 0
               ? NULL
               : path;
}

struct operation *module_try(uv_loop_t *loop, const struct config *config, struct sandbox *sandbox,
                             module_callback callback, void *data)
{
    CLEANUP(environment_free) struct environment environment = {0};
    CLEANUP(config_list_clear) struct config_list asked = {0};
    CLEANUP_FREE char *python = NULL;
    const char *module = wrapper_module(&config->validation.command);
    struct process_options options = {
        .directory = "/",
        .deadline_ms = TRY_WITHIN_MS,
        .output_limit = OUTPUT_LIMIT,
    };
    struct search *search;
    char **arguments;

    if (!module || config->validation.engine == ENGINE_SLURM || config->validation.launcher.count)
        return NULL;
    environment_make(&environment, config, ELSEWHERE, ELSEWHERE, "");
    python = find_python(config, &environment);
    if (!python)
        return NULL;
    arguments_append_copies(&asked, (const char *const[]){python, "-c", question, module, NULL});
    arguments = sandbox_trial_arguments(sandbox, python, &asked);
    options.argv = (const char *const *)arguments;
    options.environment = (const char *const *)environment.variables;
    search = memory_new(sizeof(*search));
    *search = (struct search){
        .operation.discard = discard, .config = config, .callback = callback, .data = data};
    search->step = process_start(loop, &options, on_answer, search);
    sandbox_free_arguments(arguments);
    return &search->operation;
}

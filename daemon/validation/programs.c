#include "daemon/validation/programs.h"

#include "common/memory.h"
#include "common/program.h"

#include <string.h>

/* Elsewhere than in a checkout: a directory that is empty, and names that stand for one. */
static int find_installed(const char *key, const char *name, const char *const *variables,
                          struct error *error)
{
    CLEANUP_FREE char *program = NULL;

    if (!name || (name[0] != '/' && strchr(name, '/')))
        return 0;
    return program_find(&program, name, variables, "/", error) < 0 ? error_wrap(error, "%s", key)
                                                                   : 0;
}

int programs_find_launcher(const struct config *config, struct error *error)
{
    CLEANUP(environment_free) struct environment environment = {0};
    const char *const *variables;

    if (config->validation.engine == ENGINE_SLURM)
        return 0; /* it is looked for on the node */
    environment_make(&environment, config, false, "/nonexistent", "/tmp", NULL);
    variables = (const char *const *)environment.variables;
    return find_installed("validation.launcher", config->validation.launcher.items[0], variables,
                          error);
}

/* A program that is not in the checkout is missing for every experiment. */
static int set_missing(struct error *error, const char *key, const char *name)
{
    error_wrap(error, "%s", key);
    error->installation = name[0] == '/' || !strchr(name, '/');
    return -1;
}

const char *programs_lacking(const struct config *config, const struct error *error)
{
    const struct {
        const char *key, *name;
    } programs[] = {
        {"validation.launcher: ", config->validation.launcher.items[0]},
        {"validation.command: ", config->validation.command.items[0]},
    };

    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        const char *name = programs[i].name;

        if (strncmp(error->message, programs[i].key, strlen(programs[i].key)) != 0 || !name ||
            name[0] == '/' || !strchr(name, '/'))
            continue;
        while (strncmp(name, "./", 2) == 0)
            name += 2;
        return name;
    }
    return NULL;
}

int programs_find(char **program, const struct config *config,
                  const struct environment *environment, const char *source, struct error *error)
{
    const char *const *variables = (const char *const *)environment->variables;
    const char *launcher = config->validation.launcher.items[0];
    const char *command = config->validation.command.items[0];
    CLEANUP_FREE char *found = NULL;

    if (launcher && program_find(&found, launcher, variables, source, error))
        return set_missing(error, "validation.launcher", launcher);
    if (program_find(program, command, variables, source, error))
        return set_missing(error, "validation.command", command);
    return 0;
}

#include "daemon/validation/programs.h"

#include "common/file.h"
#include "common/memory.h"
#include "common/program.h"
#include "daemon/validation/checkout.h"
#include "daemon/validation/wrapper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where the tests see the checkout in a sandbox. */
static const char inside[] = CHECKOUT_INSIDE_PARENT "/" CHECKOUT_INSIDE_NAME;
static const char source_inside[] = CHECKOUT_INSIDE_PARENT "/" CHECKOUT_INSIDE_NAME "/source/";

/* Whether a path is one of a file of the checkout, as the tests see it. */
static bool is_in_checkout(const char *path)
{
    return path[0] != '/' || file_is_in(path, inside);
}

bool programs_is_installed(const char *name)
{
    return !strchr(name, '/') || !is_in_checkout(name);
}

/* Finds a program as program_find() does. A path of the source as the tests see it is one relative to it. */
static int find_from(char **program, const char *name, const char *const *variables,
                     const char *source, struct error *error)
{
    CLEANUP_FREE char *relative = NULL;

    if (strncmp(name, source_inside, strlen(source_inside)) == 0)
        relative = memory_format("./%s", name + strlen(source_inside));
    return program_find(program, relative ? relative : name, variables, source, error);
}

/* A program that is not in the checkout is missing for every experiment. */
static int set_missing(struct error *error, const char *key, const char *name)
{
    error_wrap_key(error, key);
    error->installation = programs_is_installed(name);
    return -1;
}

/* Without a checkout: an empty directory, and names in place of one. */
static int find_installed(const struct config *config, const char *key, const char *name,
                          struct error *error)
{
    CLEANUP(environment_free) struct environment environment = {0};
    CLEANUP_FREE char *program = NULL;

    if (!name || !programs_is_installed(name))
        return 0;
    environment_make(&environment, config, "/nonexistent", "/tmp", "");
    return program_find(&program, name, (const char *const *)environment.variables, "/", error) < 0
               ? set_missing(error, key, name)
               : 0;
}

int programs_find_launcher(const struct config *config, struct error *error)
{
    if (config->validation.engine == ENGINE_SLURM)
        return 0; /* it is looked for on the node */
    return find_installed(config, "validation.launcher", config->validation.launcher.items[0],
                          error);
}

/* Returns the programs that the command starts; without those that a launcher may find elsewhere. */
static struct config_list started(const struct config *config)
{
    struct config_list names = wrapper_programs(&config->validation.command);

    while (config->validation.launcher.count > 0 && names.count > 1) {
        names.count--;
        free(TAKE(names.items[names.count]));
    }
    return names;
}

/* A script that an interpreter is given need not be executable. */
static int find_script(const struct config *config, struct error *error)
{
    const char *script = wrapper_script(&config->validation.command);

    if (!script || is_in_checkout(script) || config->validation.launcher.count > 0 ||
        access(script, F_OK) == 0)
        return 0;
    error_set(error, ERROR_PERMANENT, "%s: %s", script, strerror(errno));
    return set_missing(error, "validation.command", script);
}

int programs_find_command(const struct config *config, struct error *error)
{
    CLEANUP(config_list_clear) struct config_list names = {0};

    if (config->validation.engine == ENGINE_SLURM)
        return 0;
    names = started(config);
    for (size_t i = 0; i < names.count; i++) {
        if (find_installed(config, "validation.command", names.items[i], error) < 0)
            return -1;
    }
    return find_script(config, error);
}

int programs_find(char **program, const struct config *config,
                  const struct environment *environment, const char *source, struct error *error)
{
    const char *const *variables = (const char *const *)environment->variables;
    const char *launcher = config->validation.launcher.items[0];
    CLEANUP(config_list_clear) struct config_list names = {0};
    CLEANUP_FREE char *found = NULL;

    if (launcher && find_from(&found, launcher, variables, source, error))
        return set_missing(error, "validation.launcher", launcher);
    names = started(config);
    for (size_t i = names.count; i-- > 0;) {
        free(TAKE(found));
        if (find_from(&found, names.items[i], variables, source, error))
            return set_missing(error, "validation.command", names.items[i]);
    }
    *program = TAKE(found);
    return 0;
}

/*
 * A list of modules that grows at its end: the project first, then its submodules, then theirs. Of each one,
 * .gitmodules is read. The modules that it names, and that the tree really has there, are
 *
 *     fetched (once and for all) ▸ made ▸ taken from our own repository ▸ checked out ▸ its large files
 *
 * The path of a module comes from git's tree, so it leads nowhere else.
 */

#include "daemon/repository/submodules.h"

#include "common/file.h"
#include "common/loop.h"
#include "common/memory.h"
#include "common/text.h"
#include "daemon/repository/address.h"
#include "daemon/repository/internal.h"
#include "daemon/repository/large.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODULE_LIMIT 200
#define LIST_LIMIT   ((size_t)1024 * 1024)
#define PATIENCE     20

struct module {
    char *name;    /* in its parent's .gitmodules; NULL for the project; so are the next two */
    char *place;   /* in its parent; NULL: not said */
    char *url;     /* NULL: not said */
    bool none;     /* update = none: nobody checks it out */
    char *path;    /* in the project; "" for that itself */
    char *address; /* where it comes from */
    char commit[GIT_HASH_SIZE];  /* what is checked out; "": its parent's tree has no such place */
    char modules[GIT_HASH_SIZE]; /* the commit whose .gitmodules counts */
};

struct submodules {
    struct git_sequence sequence;
    char *directory;
    struct module *modules;
    size_t count;
    size_t at;    /* the one that is made, and whose .gitmodules is then read */
    size_t step;  /* of its making */
    size_t first; /* of those that it names */
    repository_done_callback callback;
    void *data;
};

static void submodules_discard(struct operation *operation)
{
    struct submodules *submodules = (struct submodules *)operation;

    operation_clear(&submodules->sequence.step);
    for (size_t i = 0; i < submodules->count; i++) {
        free(submodules->modules[i].name);
        free(submodules->modules[i].place);
        free(submodules->modules[i].url);
        free(submodules->modules[i].path);
        free(submodules->modules[i].address);
    }
    free(submodules->modules);
    free(submodules->directory);
    free(submodules);
}

static void end(struct submodules *submodules, const struct error *error)
{
    repository_done_callback callback = submodules->callback;
    void *data = submodules->data;

    submodules_discard(&submodules->sequence.operation);
    callback(data, error);
}

/* The base's fault, and not the experiment's. */
static void fail(struct submodules *submodules, const struct module *module, struct error *error)
{
    error_wrap(error, "submodule %s of the base", module->path);
    error->installation = error->holds = true;
    end(submodules, error);
}

static void start_git(struct submodules *submodules, const char *const *arguments,
                      enum git_reach reach, process_callback callback)
{
    const struct git_command command = {
        .arguments = arguments,
        .reach = reach,
        .output_limit = LIST_LIMIT,
        .patience = PATIENCE,
    };

    submodules->sequence.step = git_start(submodules->sequence.repository->git, &command, callback,
                                          submodules);
}

static void make_next(struct submodules *submodules);
static void read_modules(struct submodules *submodules);

static struct module *at_hand(const struct submodules *submodules)
{
    return &submodules->modules[submodules->at];
}

/* ---- made one by one ------------------------------------------------------------------------------ */

static char *ref_of(const struct module *module)
{
    return memory_format("refs/winnowd/submodules/%s", module->commit);
}

static void on_made(void *data, const struct process_result *result)
{
    struct submodules *submodules = data;
    struct repository *repository = submodules->sequence.repository;
    CLEANUP_FREE char *ref = ref_of(at_hand(submodules));
    bool fetched = submodules->step == 0;
    struct error error;

    submodules->sequence.step = NULL;
    if (!process_succeeded(result)) {
        git_failure(&error, result, fetched ? GIT_FORGE : GIT_LOCAL,
                    fetched ? "fetching it from the forge" : "checking it out");
        fail(submodules, at_hand(submodules), &error);
    } else if (fetched &&
               repository_set_ref(repository, ref, at_hand(submodules)->commit, &error) < 0) {
        end(submodules, &error);
    } else {
        submodules->step++;
        make_next(submodules);
    }
}

static void fetch(struct submodules *submodules)
{
    struct repository *repository = submodules->sequence.repository;
    const char *const arguments[] = {
        repository->git_dir,         FETCH_WORDS, FETCH_END, at_hand(submodules)->address,
        at_hand(submodules)->commit, NULL,
    };

    start_git(submodules, arguments, GIT_FORGE, on_made);
}

static void on_filled(void *data, const struct error *error)
{
    struct submodules *submodules = data;

    submodules->sequence.step = NULL;
    if (error) {
        struct error failed = *error;

        error_wrap(&failed, "submodule %s of the base", at_hand(submodules)->path);
        end(submodules, &failed);
        return;
    }
    read_modules(submodules);
}

/* An object that is missing is the base's fault: nothing changed since. */
static void fill(struct submodules *submodules, const char *directory)
{
    const struct module *module = at_hand(submodules);
    const struct repository_checkout checkout = {
        .commit = module->commit,
        .base = module->commit,
        .directory = directory,
    };

    submodules->sequence.step = large_fill(submodules->sequence.repository, module->address,
                                           &checkout, on_filled, submodules);
}

static bool is_here(const struct submodules *submodules)
{
    CLEANUP_FREE char *ref = ref_of(at_hand(submodules));
    CLEANUP_FREE char *path = file_join(submodules->sequence.repository->directory, ref);

    return access(path, F_OK) == 0;
}

/* The next step of the present module. After the last step its own modules are read. */
static void make_next(struct submodules *submodules)
{
    const struct module *module = at_hand(submodules);
    CLEANUP_FREE char *directory = file_join(submodules->directory, module->path);
    const char *format = git_hash_is_sha256(module->commit) ? "--object-format=sha256"
                                                            : "--object-format=sha1";
    const char *const steps[][11] = {
        {"init", "--quiet", "--template=", format, directory},
        {"-C", directory, "fetch", "--quiet", "--depth=1", "--no-tags", "--no-write-fetch-head",
         "--end-of-options", submodules->sequence.repository->directory, module->commit},
        {"-C", directory, "checkout", "--quiet", "--detach", module->commit},
    };

    if (submodules->step == 0 && is_here(submodules))
        submodules->step++;
    if (submodules->step == 0)
        fetch(submodules);
    else if (submodules->step <= sizeof(steps) / sizeof(steps[0]))
        start_git(submodules, steps[submodules->step - 1], GIT_LOCAL, on_made);
    else
        fill(submodules, directory);
}

static void go_on(struct submodules *submodules)
{
    do {
        submodules->at++;
        if (submodules->at >= submodules->count) {
            end(submodules, NULL);
            return;
        }
    } while (!*at_hand(submodules)->commit);
    submodules->step = 0;
    make_next(submodules);
}

/* ---- asked for modules of their own --------------------------------------------------------------- */

static int find_addresses(struct submodules *submodules, struct module **failed,
                          struct error *error)
{
    struct repository *repository = submodules->sequence.repository;
    CLEANUP_FREE char *root = git_root(repository->forge->git_url);

    for (size_t i = submodules->first; i < submodules->count; i++) {
        struct module *module = *failed = &submodules->modules[i];

        if (!*module->commit)
            continue;
        memcpy(module->modules, module->commit, sizeof(module->modules));
        if (address_of(&module->address, module->url ? module->url : "",
                       at_hand(submodules)->address, root, repository->config->forge.url,
                       error) < 0)
            return -1;
    }
    return 0;
}

/* Only places where the tree has a submodule count: "160000 commit HASH\tPATH". */
static void on_tree(void *data, const struct process_result *result)
{
    struct submodules *submodules = data;
    const char *line = result->output;
    struct module *failed = NULL;
    struct error error;

    submodules->sequence.step = NULL;
    if (!process_succeeded(result)) {
        git_failure(&error, result, GIT_LOCAL, "looking for submodules");
        end(submodules, &error);
        return;
    }
    for (; line < result->output + result->output_length; line += strlen(line) + 1) {
        const char *path = strchr(line, '\t');

        for (size_t i = submodules->first; path && i < submodules->count; i++) {
            struct module *module = &submodules->modules[i];

            if (!strncmp(line, "160000 commit ", 14) && path - line - 14 < GIT_HASH_SIZE &&
                module->place && !module->none && !strcmp(module->place, path + 1))
                snprintf(module->commit, sizeof(module->commit), "%.*s", (int)(path - line - 14),
                         line + 14);
        }
    }
    if (find_addresses(submodules, &failed, &error) < 0)
        fail(submodules, failed, &error);
    else
        go_on(submodules);
}

/* git refuses to look for a place outside of the tree, or with a pattern. */
static bool may_be_in_tree(const char *place)
{
    return *place && *place != '/' && *place != ':' && !file_has_component(place, "..");
}

static void look_at_tree(struct submodules *submodules)
{
    static const char *const fixed[] = {NULL, "ls-tree", "-z", "--full-tree", NULL, "--"};
    size_t at = sizeof(fixed) / sizeof(fixed[0]);
    size_t named = submodules->count - submodules->first;
    CLEANUP_FREE const char **arguments = memory_new_array(at + named + 1, sizeof(*arguments));
    size_t below = strlen(at_hand(submodules)->path);

    memcpy(arguments, fixed, sizeof(fixed));
    arguments[0] = submodules->sequence.repository->git_dir;
    arguments[4] = at_hand(submodules)->commit;
    for (size_t i = submodules->first; i < submodules->count; i++) {
        struct module *module = &submodules->modules[i];

        module->path = memory_format("%s%s%s", at_hand(submodules)->path, below ? "/" : "",
                                     module->place ? module->place : module->name);
        if (module->place && may_be_in_tree(module->place))
            arguments[at++] = module->place;
    }
    start_git(submodules, arguments, GIT_LOCAL, on_tree);
}

/* One of the modules that are being read, by its name; NULL: there are too many. */
static struct module *module_named(struct submodules *submodules, const char *name, size_t length)
{
    struct module *module;

    for (size_t i = submodules->first; i < submodules->count; i++)
        if (strlen(submodules->modules[i].name) == length &&
            !strncmp(submodules->modules[i].name, name, length))
            return &submodules->modules[i];
    if (submodules->count > MODULE_LIMIT)
        return NULL;
    submodules->modules = memory_resize(submodules->modules,
                                        (submodules->count + 1) * sizeof(struct module));
    module = &submodules->modules[submodules->count++];
    *module = (struct module){.name = memory_format("%.*s", (int)length, name)};
    return module;
}

static void take_setting(struct submodules *submodules, const char *key, const char *value)
{
    const char *name = strchr(key, '.');
    const char *last = strrchr(key, '.');
    struct module *module;

    if (!name || name == last)
        return;
    module = module_named(submodules, name + 1, (size_t)(last - name - 1));
    if (module && !strcmp(last, ".path")) {
        free(module->place);
        module->place = memory_copy(value);
    } else if (module && !strcmp(last, ".url")) {
        free(module->url);
        module->url = memory_copy(value);
    } else if (module) {
        module->none = !strcmp(value, "none");
    }
}

/* Each is KEY, a line end, the value, and a NUL. Without any, or without the file, there are none. */
static void on_settings(void *data, const struct process_result *result)
{
    struct submodules *submodules = data;
    CLEANUP_FREE char *copy = NULL;
    struct error error;
    char *end_of_key;

    submodules->sequence.step = NULL;
    if (result->end != PROCESS_EXITED) {
        git_failure(&error, result, GIT_LOCAL, "reading .gitmodules");
        end(submodules, &error);
        return;
    }
    submodules->first = submodules->count;
    copy = memory_copy_bytes(result->output, result->output_length);
    for (char *entry = copy, *next;
         process_succeeded(result) && entry < copy + result->output_length; entry = next) {
        next = entry + strlen(entry) + 1;
        if ((end_of_key = strchr(entry, '\n'))) {
            *end_of_key = '\0';
            take_setting(submodules, entry, end_of_key + 1);
        }
    }
    if (submodules->first < submodules->count)
        look_at_tree(submodules);
    else
        go_on(submodules);
}

static void read_modules(struct submodules *submodules)
{
    CLEANUP_FREE char *directory = file_join(submodules->directory, at_hand(submodules)->path);
    CLEANUP_FREE char *path = file_join(directory, ".gitmodules");
    CLEANUP_FREE char *blob = memory_format("%s:.gitmodules", at_hand(submodules)->modules);
    const char *const arguments[] = {
        submodules->sequence.repository->git_dir, "config", "-z", "--blob", blob, "--get-regexp",
        "^submodule\\..*\\.(path|url|update)$",   NULL,
    };

    if (access(path, F_OK) == 0)
        start_git(submodules, arguments, GIT_LOCAL, on_settings);
    else
        go_on(submodules);
}

static void begin(void *data)
{
    struct submodules *submodules = data;

    submodules->sequence.step = NULL;
    read_modules(submodules);
}

struct operation *submodules_start(struct repository *repository,
                                   const struct repository_checkout *checkout,
                                   repository_done_callback callback, void *data)
{
    struct submodules *submodules = memory_new(sizeof(*submodules));
    struct module *project;

    git_sequence_begin(&submodules->sequence, repository, submodules_discard);
    submodules->directory = memory_copy(checkout->directory);
    submodules->callback = callback;
    submodules->data = data;
    submodules->modules = memory_new(sizeof(*submodules->modules));
    submodules->count = 1;
    project = submodules->modules;
    project->path = memory_copy("");
    project->address = memory_copy(repository->forge->git_url);
    snprintf(project->commit, sizeof(project->commit), "%s", checkout->commit);
    snprintf(project->modules, sizeof(project->modules), "%s", checkout->base);
    submodules->sequence.step = loop_after(repository->loop, 0, begin, submodules);
    return &submodules->sequence.operation;
}

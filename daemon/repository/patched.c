/*
 * git apply, on an index of its own.
 *
 * All of the patch is tried first. Only if it fails, and fails on excluded files alone, is it tried again
 * without these. What it did to excluded files otherwise is taken back by comparing trees, later.
 */

#include "daemon/repository/patched.h"

#include "common/memory.h"
#include "common/text.h"
#include "daemon/repository/change.h"
#include "daemon/repository/glob.h"
#include "daemon/repository/internal.h"

#include <stdlib.h>
#include <string.h>

#define OUTPUT_LIMIT ((size_t)64 * 1024)
#define TRIES        5

struct patching {
    struct errand errand;
    char *base;
    char *index;
    struct text patch;
    char **left_out; /* options "--exclude=<path>" */
    size_t left_out_count;
    unsigned tries;
    patched_callback callback;
    void *data;
};

static void patching_discard(struct operation *operation)
{
    struct patching *patching = (struct patching *)operation;

    operation_clear(&patching->errand.step);
    for (size_t i = 0; i < patching->left_out_count; i++)
        free(patching->left_out[i]);
    free(patching->left_out);
    text_free(&patching->patch);
    free(patching->base);
    free(patching->index);
    free(patching);
}

static void patching_end(struct patching *patching, const struct error *error)
{
    patched_callback callback = patching->callback;
    void *data = patching->data;

    patching_discard(&patching->errand.operation);
    callback(data, error);
}

/* Which file a line of git's is about, if it says that a file does not fit; caller frees. */
static char *unfit_file(const char *line)
{
    static const char *const reasons[] = {
        ": patch does not apply",
        ": does not exist in index",
        ": already exists in index",
        ": does not match index",
        ": wrong type",
        NULL,
    };
    size_t length = strcspn(line, "\n");

    if (strncmp(line, "error: ", 7) != 0)
        return NULL;
    for (size_t i = 0; reasons[i]; i++) {
        size_t reason = strlen(reasons[i]);

        if (length > 7 + reason && memcmp(line + length - reason, reasons[i], reason) == 0)
            return memory_copy_bytes(line + 7, length - 7 - reason);
    }
    return NULL;
}

/* A path as a pattern that matches nothing else. */
static void leave_out(struct patching *patching, const char *path)
{
    struct text option = {0};

    text_append(&option, "--exclude=");
    for (; *path; path++) {
        if (strchr("*?[\\", *path))
            text_append(&option, "\\");
        text_append_bytes(&option, path, 1);
    }
    patching->left_out = memory_resize(patching->left_out, (patching->left_out_count + 1) *
                                                               sizeof(*patching->left_out));
    patching->left_out[patching->left_out_count++] = text_take(&option);
}

/* Sorts the files that do not fit: excluded ones are left out, the others named. */
static bool sort_unfit(struct patching *patching, const char *errors, struct file_names *names)
{
    char *const *exclude = patching->errand.repository->config->change.exclude.items;
    size_t before = patching->left_out_count;

    for (const char *line = errors; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        CLEANUP_FREE char *path = unfit_file(line);

        if (path && glob_match_any(exclude, path))
            leave_out(patching, path);
        else if (path)
            file_names_add(names, path);
    }
    return names->count == 0 && patching->left_out_count > before;
}

static void patching_fail(struct patching *patching, const struct process_result *result,
                          struct file_names *names)
{
    struct error error;

    if (names->count > 0)
        error_set(&error, ERROR_PERMANENT, "the patch does not apply to the base: conflict in %s",
                  file_names_string(names));
    else if (strstr(result->errors, "No valid patches in input"))
        error_set(&error, ERROR_PERMANENT, "the patch is no diff");
    else if (git_exceeded(result))
        error_set(&error, ERROR_PERMANENT, "the patch %s to apply", git_exceeded(result));
    else
        git_failure(&error, result, GIT_LOCAL, "the patch does not apply to the base");
    patching_end(patching, &error);
}

static void apply(struct patching *patching);

static void applied(void *data, const struct process_result *result)
{
    struct patching *patching = data;
    CLEANUP_FILE_NAMES struct file_names names = {0};

    patching->errand.step = NULL;
    if (git_succeeded(result))
        patching_end(patching, NULL);
    else if (sort_unfit(patching, result->errors, &names) && ++patching->tries < TRIES)
        apply(patching);
    else
        patching_fail(patching, result, &names);
}

static void apply(struct patching *patching)
{
    struct repository *repository = patching->errand.repository;
    const char *const fixed[] = {
        repository->git_dir, "apply", "--cached", "--whitespace=nowarn", "--allow-empty",
    };
    size_t count = sizeof(fixed) / sizeof(fixed[0]);
    CLEANUP_FREE const char **arguments = memory_new_array(count + patching->left_out_count + 2,
                                                           sizeof(*arguments));

    /* Empty is allowed only where nothing but excluded files was in the patch. */
    count -= patching->left_out_count == 0;
    memcpy(arguments, fixed, count * sizeof(*arguments));
    for (size_t i = 0; i < patching->left_out_count; i++)
        arguments[count++] = patching->left_out[i];
    arguments[count] = "-";

    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_LOCAL,
        .index = patching->index,
        .input = text_string(&patching->patch),
        .input_length = patching->patch.length,
        .output_limit = OUTPUT_LIMIT,
        .memory = GIT_MEMORY_LIMIT,
    };

    patching->errand.step = git_start(repository->git, &command, applied, patching);
}

static void base_read(void *data, const struct process_result *result)
{
    struct patching *patching = data;
    struct error error;

    patching->errand.step = NULL;
    if (git_succeeded(result)) {
        apply(patching);
        return;
    }
    git_failure(&error, result, GIT_LOCAL, "reading the base");
    if (git_found_damage(result))
        repository_discard_damaged(&patching->errand, &error);
    patching_end(patching, &error);
}

struct operation *patched_start(struct repository *repository, const char *base, const char *index,
                                const char *patch, size_t length, patched_callback callback,
                                void *data)
{
    const char *const arguments[] = {repository->git_dir, "read-tree", base, NULL};
    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_LOCAL,
        .index = index,
        .output_limit = OUTPUT_LIMIT,
    };
    struct patching *patching = memory_new(sizeof(*patching));

    errand_begin(&patching->errand, repository, patching_discard);
    patching->base = memory_copy(base);
    patching->index = memory_copy(index);
    text_append_bytes(&patching->patch, patch, length);
    if (length > 0 && patch[length - 1] != '\n')
        text_append(&patching->patch, "\n");
    patching->callback = callback;
    patching->data = data;
    patching->errand.step = git_start(repository->git, &command, base_read, patching);
    return &patching->errand.operation;
}

/*
 *     list files of these names ─▶ does one have the blob? ─▶ did the file at the path ever have it? ─▶ the next one
 */

#include "daemon/repository/namesake.h"

#include "common/memory.h"
#include "daemon/repository/change.h"
#include "daemon/repository/internal.h"

#include <stdlib.h>
#include <string.h>

#define LIST_LIMIT   ((size_t)16 * 1024 * 1024)
#define ANSWER_LIMIT ((size_t)64 * 1024)

struct looking {
    struct git_sequence sequence;
    char *base;
    char *index;
    struct text files;
    char *listed; /* "<mode> <hash> <stage>\t<path>", a NUL after each */
    size_t listed_length;
    size_t next; /* the file of `files` that is looked at */
    namesake_callback callback;
    void *data;
};

static void looking_discard(struct operation *operation)
{
    struct looking *looking = (struct looking *)operation;

    operation_clear(&looking->sequence.step);
    text_free(&looking->files);
    free(looking->base);
    free(looking->index);
    free(looking->listed);
    free(looking);
}

static void looking_end(struct looking *looking, const struct error *error)
{
    namesake_callback callback = looking->callback;
    void *data = looking->data;

    looking_discard(&looking->sequence.operation);
    callback(data, error);
}

static bool has_file(const struct looking *looking)
{
    return looking->next < looking->files.length;
}

/* Returns the path and the blob of the file that is looked at, which must be there. */
static const char *file_at(const struct looking *looking, const char **blob)
{
    const char *path = text_string(&looking->files) + looking->next;

    *blob = path + strlen(path) + 1;
    return path;
}

static bool is_below(const char *path, const char *name)
{
    size_t length = strlen(path), tail = strlen(name);

    return length > tail && path[length - tail - 1] == '/' &&
           strcmp(path + length - tail, name) == 0;
}

/* Returns the path of a file below that has the blob and the name; NULL: there is none. */
static const char *find_below(const struct looking *looking, const char *name, const char *blob)
{
    const char *end = looking->listed + looking->listed_length;

    for (const char *row = looking->listed; row < end; row += strlen(row) + 1) {
        const char *hash = strchr(row, ' ');
        const char *path = strchr(row, '\t');

        if (hash && path && strncmp(hash + 1, blob, strlen(blob)) == 0 && is_below(path + 1, name))
            return path + 1;
    }
    return NULL;
}

static int set_two_places(const char *path, const char *below, struct error *error)
{
    CLEANUP_FILE_NAMES struct file_names name = {0};
    CLEANUP_FILE_NAMES struct file_names other = {0};

    file_names_add(&name, path);
    file_names_add(&other, below);
    return error_set(error, ERROR_PERMANENT,
                     "%s may be meant, or %s: that is the file with the blob that the index line "
                     "names; use git diff without --relative, at the top of the repository",
                     file_names_string(&name), file_names_string(&other));
}

static void look_at_next(struct looking *looking);

static void start_git(struct looking *looking, const char *const *arguments, size_t limit,
                      process_callback callback)
{
    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_LOCAL,
        .index = looking->index,
        .output_limit = limit,
    };

    looking->sequence.step = git_start(looking->sequence.repository->git, &command, callback,
                                       looking);
}

static void history_read(void *data, const struct process_result *result)
{
    struct looking *looking = data;
    const char *blob;
    const char *path = file_at(looking, &blob);
    struct error error;

    looking->sequence.step = NULL;
    if (process_succeeded(result) && *result->output) {
        looking->next += strlen(path) + strlen(blob) + 2;
        look_at_next(looking);
        return;
    }
    set_two_places(path, find_below(looking, path, blob), &error);
    looking_end(looking, &error);
}

static void read_history(struct looking *looking, const char *path, const char *blob)
{
    CLEANUP_FREE char *object = memory_format("--find-object=%s", blob);
    CLEANUP_FREE char *pattern = memory_format(":(top,literal)%s", path);
    const char *const arguments[] = {
        looking->sequence.repository->git_dir,
        "log",
        "-1",
        "--format=%H",
        object,
        looking->base,
        "--",
        pattern,
        NULL,
    };

    start_git(looking, arguments, ANSWER_LIMIT, history_read);
}

static void look_at_next(struct looking *looking)
{
    while (has_file(looking)) {
        const char *blob;
        const char *path = file_at(looking, &blob);

        if (find_below(looking, path, blob)) {
            read_history(looking, path, blob);
            return;
        }
        looking->next += strlen(path) + strlen(blob) + 2;
    }
    looking_end(looking, NULL);
}

/* A git that fails proves nothing against the paths. */
static void listed(void *data, const struct process_result *result)
{
    struct looking *looking = data;

    looking->sequence.step = NULL;
    if (!process_succeeded(result)) {
        looking_end(looking, NULL);
        return;
    }
    looking->listed = memory_copy_bytes(result->output, result->output_length);
    looking->listed_length = result->output_length;
    look_at_next(looking);
}

/* A pattern for files of that name in any directory. */
static char *pattern_of(const char *path)
{
    struct text pattern = {0};

    text_append(&pattern, ":(top,glob)*/**/");
    for (; *path; path++) {
        if (strchr("*?[\\", *path))
            text_append(&pattern, "\\");
        text_append_bytes(&pattern, path, 1);
    }
    return text_take(&pattern);
}

static void list(struct looking *looking)
{
    struct config_list patterns = {0};
    const char *const fixed[] = {looking->sequence.repository->git_dir, "ls-files", "--stage", "-z",
                                 "--"};
    size_t count = sizeof(fixed) / sizeof(fixed[0]);
    CLEANUP_FREE const char **arguments = NULL;

    looking->next = 0;
    while (has_file(looking)) {
        const char *blob;
        const char *path = file_at(looking, &blob);

        config_list_append(&patterns, pattern_of(path));
        looking->next += strlen(path) + strlen(blob) + 2;
    }
    looking->next = 0;
    arguments = memory_new_array(count + patterns.count + 1, sizeof(*arguments));
    memcpy(arguments, fixed, sizeof(fixed));
    for (size_t i = 0; i < patterns.count; i++)
        arguments[count + i] = patterns.items[i];
    start_git(looking, arguments, LIST_LIMIT, listed);
    config_list_clear(&patterns);
}

struct operation *namesake_look(struct repository *repository,
                                const struct namesake_options *options, namesake_callback callback,
                                void *data)
{
    struct looking *looking = memory_new(sizeof(*looking));

    git_sequence_begin(&looking->sequence, repository, looking_discard);
    looking->base = memory_copy(options->base);
    looking->index = memory_copy(options->index);
    text_append_bytes(&looking->files, text_string(options->files), options->files->length);
    looking->callback = callback;
    looking->data = data;
    list(looking);
    return &looking->sequence.operation;
}

/*
 * Shows people the difference of two commits.
 */

#include "common/memory.h"
#include "common/text.h"
#include "daemon/repository/internal.h"

#include <stdlib.h>
#include <string.h>

#define OUTPUT_LIMIT ((size_t)4 * 1024 * 1024)
#define LINES_SHOWN  200
#define BYTES_SHOWN  ((size_t)10 * 1024)

struct difference {
    struct git_sequence sequence;
    repository_difference_callback callback;
    void *data;
};

static void difference_discard(struct operation *operation)
{
    struct difference *difference = (struct difference *)operation;

    operation_clear(&difference->sequence.step);
    free(difference);
}

/* Appends the first lines. Files need not be UTF-8. */
static void append_beginning(struct text *shown, const char *output, size_t length)
{
    CLEANUP_TEXT struct text repaired = {0};
    const char *at;
    size_t lines = 0;

    text_append_repaired(&repaired, output, length);
    at = text_string(&repaired);
    for (const char *line = at; *line; lines++) {
        const char *next = line + strcspn(line, "\n");

        next += *next == '\n';
        if (lines == LINES_SHOWN || (size_t)(next - at) > BYTES_SHOWN)
            break;
        text_append_bytes(shown, line, (size_t)(next - line));
        line = next;
    }
    if (shown->length < repaired.length)
        text_append_format(shown, "(the first %zu lines)\n", lines);
}

static void compared(void *data, const struct process_result *result)
{
    struct difference *difference = data;
    repository_difference_callback callback = difference->callback;
    void *callback_data = difference->data;
    CLEANUP_TEXT struct text shown = {0};
    struct error error;
    int failed = 0;

    difference->sequence.step = NULL;
    if (process_succeeded(result))
        append_beginning(&shown, result->output, result->output_length);
    else
        failed = git_failure(&error, result, GIT_LOCAL, "comparing two experiments");
    difference_discard(&difference->sequence.operation);
    callback(callback_data, failed < 0 ? NULL : text_string(&shown), failed < 0 ? &error : NULL);
}

struct operation *repository_difference(struct repository *repository, const char *older,
                                        const char *newer, repository_difference_callback callback,
                                        void *data)
{
    const char *const words[] = {
        repository->git_dir,
        "diff-tree",
        "-p",
        "--no-color",
        "--no-ext-diff",
        "--no-textconv",
        "--no-renames",
        older,
        newer,
        "--",
        ".",
    };
    const struct config_list *exclude = &repository->config->change.exclude;
    size_t fixed = sizeof(words) / sizeof(words[0]);
    CLEANUP_FREE const char **arguments = memory_new_array(fixed + exclude->count + 1,
                                                           sizeof(*arguments));
    struct difference *difference = memory_new(sizeof(*difference));
    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_LOCAL,
        .output_limit = OUTPUT_LIMIT,
        .memory = GIT_MEMORY_LIMIT,
    };

    memcpy(arguments, words, sizeof(words));
    for (size_t i = 0; i < exclude->count; i++)
        arguments[fixed + i] = memory_format(":(top,exclude,glob)%s", exclude->items[i]);
    git_sequence_begin(&difference->sequence, repository, difference_discard);
    difference->callback = callback;
    difference->data = data;
    difference->sequence.step = git_start(repository->git, &command, compared, difference);
    for (size_t i = 0; i < exclude->count; i++)
        free((char *)arguments[fixed + i]);
    return &difference->sequence.operation;
}

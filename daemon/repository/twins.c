/*
 *     what is not in the history, with its trees ─▶ which of these trees are in the history?
 */

#include "daemon/repository/twins.h"

#include "common/loop.h"
#include "common/memory.h"
#include "common/text.h"
#include "daemon/repository/internal.h"

#include <stdlib.h>
#include <string.h>

#define LIST_LIMIT ((size_t)64 * 1024 * 1024)

struct pairing {
    struct git_sequence sequence;
    const char *history;
    char *asked;        /* what git reads; NULL: there is nothing to ask */
    const char **trees; /* in the history, sorted; of the same tree the earliest one comes last */
    size_t tree_count;
    struct twin *twins;
    size_t count;
    twins_callback callback;
    void *data;
};

static void pairing_discard(struct operation *operation)
{
    struct pairing *pairing = (struct pairing *)operation;

    operation_clear(&pairing->sequence.step);
    free(pairing->asked);
    free(pairing->trees);
    free(pairing->twins);
    free(pairing);
}

static void pairing_end(struct pairing *pairing, const struct error *error)
{
    struct twin *twins = TAKE(pairing->twins);
    size_t count = pairing->count;
    twins_callback callback = pairing->callback;
    void *data = pairing->data;

    pairing_discard(&pairing->sequence.operation);
    callback(data, error ? NULL : twins, error ? 0 : count, error);
    free(twins);
}

static const char *next_line(const char *line)
{
    line += strcspn(line, "\n");
    return line + (*line == '\n');
}

static int compare_names(const char *left, const char *right)
{
    size_t length = strcspn(left, " \n");
    size_t other = strcspn(right, " \n");

    return length != other ? (length < other ? -1 : 1) : memcmp(left, right, length);
}

static int compare_trees(const void *a, const void *b)
{
    const char *left = *(const char *const *)a;
    const char *right = *(const char *const *)b;
    int order = compare_names(left, right);

    return order != 0 ? order : (left < right ? -1 : 1);
}

/* The first line is the measured commit. */
static void sort_trees(struct pairing *pairing, bool itself)
{
    const char *first = itself ? pairing->history : next_line(pairing->history);
    size_t count = 0;

    for (const char *line = pairing->history; *line; line = next_line(line))
        count++;
    pairing->trees = memory_new_array(count + 1, sizeof(*pairing->trees));
    for (const char *line = first; *line; line = next_line(line)) {
        const char *tree = line + strcspn(line, " \n");

        if (*tree == ' ')
            pairing->trees[pairing->tree_count++] = tree + 1;
    }
    qsort(pairing->trees, pairing->tree_count, sizeof(*pairing->trees), compare_trees);
}

/* Returns the last of the sorted trees with that name; NULL: there is none. */
static const char *find_tree(const struct pairing *pairing, const char *name)
{
    size_t low = 0;
    size_t high = pairing->tree_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare_names(pairing->trees[middle], name) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && compare_names(pairing->trees[low - 1], name) == 0 ? pairing->trees[low - 1]
                                                                        : NULL;
}

/* Reads "<commit> <tree>". */
static void take_line(struct pairing *pairing, const char *line)
{
    char other[GIT_HASH_SIZE];
    const char *tree = find_tree(pairing, git_hash_take(line, other));
    struct twin *twin;

    if (!tree)
        return;
    while (tree > pairing->history && tree[-1] != '\n')
        tree--;
    pairing->twins = memory_resize(pairing->twins, (pairing->count + 1) * sizeof(*pairing->twins));
    twin = &pairing->twins[pairing->count++];
    git_hash_take(tree, twin->commit);
    memcpy(twin->other, other, sizeof(twin->other));
}

static void listed(void *data, const struct process_result *result)
{
    struct pairing *pairing = data;
    struct error error;

    pairing->sequence.step = NULL;
    if (!process_succeeded(result)) {
        git_failure(&error, result, GIT_LOCAL, "comparing what was measured with the base");
        if (git_found_damage(result))
            repository_discard_damaged(&pairing->sequence, &error);
        pairing_end(pairing, &error);
        return;
    }
    for (const char *line = result->output; *line; line = next_line(line))
        take_line(pairing, line);
    pairing_end(pairing, NULL);
}

static bool is_in_history(const struct pairing *pairing, const char *commit)
{
    for (const char *line = pairing->history; *line; line = next_line(line)) {
        if (compare_names(line, commit) == 0)
            return true;
    }
    return false;
}

/* Writes what git is to list: all of these, and nothing that the measured commit has in its history. */
static void write_asked(struct pairing *pairing, const struct twins_options *options)
{
    CLEANUP_TEXT struct text asked = {0};
    char measured[GIT_HASH_SIZE];

    if (options->base)
        text_append_format(&asked, "%s\n", options->base);
    for (size_t i = 0; i < options->other_count; i++) {
        if (!is_in_history(pairing, options->others[i]))
            text_append_format(&asked, "%s\n", options->others[i]);
    }
    git_hash_take(pairing->history, measured);
    if (asked.length == 0 || pairing->tree_count == 0)
        return;
    text_append_format(&asked, "^%s\n", measured);
    pairing->asked = memory_copy(text_string(&asked));
}

static void pairing_begin(void *data)
{
    struct pairing *pairing = data;
    struct repository *repository = pairing->sequence.repository;
    const char *const arguments[] = {
        repository->git_dir, "rev-list", "--no-commit-header", "--format=%H %T", "--stdin", NULL,
    };
    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_LOCAL,
        .input = pairing->asked,
        .input_length = pairing->asked ? strlen(pairing->asked) : 0,
        .output_limit = LIST_LIMIT,
    };

    pairing->sequence.step = NULL;
    if (pairing->asked)
        pairing->sequence.step = git_start(repository->git, &command, listed, pairing);
    else
        pairing_end(pairing, NULL);
}

struct operation *twins_start(struct repository *repository, const struct twins_options *options,
                              twins_callback callback, void *data)
{
    struct pairing *pairing = memory_new(sizeof(*pairing));

    git_sequence_begin(&pairing->sequence, repository, pairing_discard);
    pairing->history = options->history;
    pairing->callback = callback;
    pairing->data = data;
    sort_trees(pairing, options->itself);
    write_asked(pairing, options);
    pairing->sequence.step = loop_after(repository->loop, 0, pairing_begin, pairing);
    return &pairing->sequence.operation;
}

/*
 * For each kind of tag: which one is the nearest, and where does the history begin that it does not contain?
 * The merge base of these beginnings is the last commit that is needed.
 */

#include "daemon/repository/depth.h"

#include "common/loop.h"
#include "common/memory.h"
#include "daemon/repository/internal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT_LEAST     2 /* the commit, and the base below it */
#define LIST_LIMIT   ((size_t)8 * 1024 * 1024)
#define ANSWER_LIMIT 65536

#define NO_TAG 0U /* needs nothing of the history */
#define ALL    UINT_MAX

/* What people ask for: any tag, an annotated one, and one that setuptools-scm takes for a version. */
static const char *const questions[][3] = {
    {"--tags"}, {"--abbrev=0"}, {"--tags", "--match=*[0-9]*"}};
#define QUESTIONS (sizeof(questions) / sizeof(questions[0]))

struct depth {
    struct git_sequence sequence;
    char *commit;   /* that is measured */
    unsigned above; /* commits between it and the one that was asked about, that one included */
    size_t question;
    char *tags[QUESTIONS];         /* the answers */
    struct config_list beginnings; /* the tags, and what is below the commits that they lack */
    depth_callback callback;
    void *data;
};

static void depth_discard(struct operation *operation)
{
    struct depth *depth = (struct depth *)operation;

    operation_clear(&depth->sequence.step);
    config_list_clear(&depth->beginnings);
    for (size_t i = 0; i < QUESTIONS; i++)
        free(depth->tags[i]);
    free(depth->commit);
    free(depth);
}

static unsigned configured(const struct depth *depth)
{
    unsigned history = depth->sequence.repository->config->validation.history;

    return history && history < AT_LEAST ? AT_LEAST : history;
}

/* `found` is what the tags need of the history of the commit that was measured. */
static void end(struct depth *depth, unsigned found)
{
    depth_callback callback = depth->callback;
    void *data = depth->data;
    unsigned least = configured(depth);
    unsigned needed = found > 0 && found != ALL ? found + depth->above : 0;

    if (needed < least)
        needed = least;
    if (found == ALL)
        needed = 0;
    depth_discard(&depth->sequence.operation);
    callback(data, needed);
}

/* Ends with the depth that is right until more tags come. */
static void end_known(struct depth *depth, unsigned found)
{
    struct repository *repository = depth->sequence.repository;

    snprintf(repository->measured, sizeof(repository->measured), "%s", depth->commit);
    repository->measured_depth = found;
    end(depth, found);
}

static void add_beginning(struct depth *depth, const char *name)
{
    config_list_append(&depth->beginnings, memory_format("%.*s", (int)strcspn(name, "\n"), name));
}

static void start_git(struct depth *depth, const char *const *arguments, size_t limit,
                      process_callback callback)
{
    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_LOCAL,
        .output_limit = limit,
    };

    depth->sequence.step = git_start(depth->sequence.repository->git, &command, callback, depth);
}

static void on_counted(void *data, const struct process_result *result)
{
    struct depth *depth = data;

    depth->sequence.step = NULL;
    if (process_succeeded(result))
        end_known(depth, (unsigned)strtoul(result->output, NULL, 10) + 1);
    else
        end(depth, NO_TAG);
}

/* Beginnings without a merge base need the whole history. */
static void on_common(void *data, const struct process_result *result)
{
    struct depth *depth = data;
    CLEANUP_FREE char *range = NULL;

    depth->sequence.step = NULL;
    if (!process_succeeded(result)) {
        end(depth, ALL);
        return;
    }
    range = memory_format("%.*s..%s", (int)strcspn(result->output, "\n"), result->output,
                          depth->commit);

    const char *const arguments[] = {
        depth->sequence.repository->git_dir, "rev-list", "--count", range, "--", NULL,
    };

    start_git(depth, arguments, ANSWER_LIMIT, on_counted);
}

static void find_common(struct depth *depth)
{
    const struct config_list *list = &depth->beginnings;
    CLEANUP_FREE const char **arguments = memory_new_array(list->count + 4, sizeof(*arguments));

    arguments[0] = depth->sequence.repository->git_dir;
    arguments[1] = "merge-base";
    arguments[2] = "--octopus";
    memcpy(arguments + 3, list->items, list->count * sizeof(*arguments));
    start_git(depth, arguments, ANSWER_LIMIT, on_common);
}

static void list_next(struct depth *depth);

static void on_listed(void *data, const struct process_result *result)
{
    struct depth *depth = data;

    depth->sequence.step = NULL;
    if (!process_succeeded(result)) {
        end(depth, result->end == PROCESS_OVERFLOWED ? ALL : NO_TAG);
        return;
    }
    for (const char *line = result->output; *line; line += strcspn(line, "\n"), line += !!*line)
        if (*line == '-')
            add_beginning(depth, line + 1);
    depth->question++;
    list_next(depth);
}

/* Lists the commits that the tag does not contain and, after a '-', those right below. */
static void list_next(struct depth *depth)
{
    while (depth->question < QUESTIONS && !depth->tags[depth->question])
        depth->question++;
    if (depth->question >= QUESTIONS) {
        find_common(depth);
        return;
    }

    CLEANUP_FREE char *range = memory_format("%s..%s", depth->tags[depth->question], depth->commit);
    const char *const arguments[] = {
        depth->sequence.repository->git_dir, "rev-list", "--boundary", range, "--", NULL,
    };

    add_beginning(depth, depth->tags[depth->question]);
    start_git(depth, arguments, LIST_LIMIT, on_listed);
}

static void ask_next(struct depth *depth);

static bool is_known(const struct depth *depth, const char *tag)
{
    for (size_t i = 0; i < depth->question; i++)
        if (depth->tags[i] && !strcmp(depth->tags[i], tag))
            return true;
    return false;
}

static void on_described(void *data, const struct process_result *result)
{
    struct depth *depth = data;
    CLEANUP_FREE char *tag = NULL;

    depth->sequence.step = NULL;
    if (process_succeeded(result))
        tag = memory_format("refs/tags/%.*s", (int)strcspn(result->output, "\n"), result->output);
    if (tag && !is_known(depth, tag))
        depth->tags[depth->question] = TAKE(tag);
    depth->question++;
    ask_next(depth);
}

/* Without any tag there are none of the other kinds. */
static void ask_next(struct depth *depth)
{
    const char *const *question = depth->question < QUESTIONS ? questions[depth->question] : NULL;

    if (depth->question > 0 && !depth->tags[0]) {
        end_known(depth, NO_TAG);
        return;
    }
    if (!question) {
        depth->question = 0;
        list_next(depth);
        return;
    }

    const char *const arguments[] = {
        depth->sequence.repository->git_dir,      "describe",    "--abbrev=0", question[0],
        question[1] ? question[1] : "--abbrev=0", depth->commit, NULL,
    };

    start_git(depth, arguments, ANSWER_LIMIT, on_described);
}

static void begin(void *data)
{
    struct depth *depth = data;
    const struct repository *repository = depth->sequence.repository;

    depth->sequence.step = NULL;
    if (!configured(depth))
        end(depth, ALL);
    else if (!strcmp(repository->measured, depth->commit))
        end(depth, repository->measured_depth);
    else
        ask_next(depth);
}

struct operation *depth_start(struct repository *repository, const char *commit, const char *parent,
                              depth_callback callback, void *data)
{
    struct depth *depth = memory_new(sizeof(*depth));

    git_sequence_begin(&depth->sequence, repository, depth_discard);
    depth->commit = memory_copy(parent ? parent : commit);
    depth->above = parent ? 1 : 0;
    depth->callback = callback;
    depth->data = data;
    depth->sequence.step = loop_after(repository->loop, 0, begin, depth);
    return &depth->sequence.operation;
}

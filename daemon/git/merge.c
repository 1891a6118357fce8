/*
 * Uses git's own merge, `git merge-tree --write-tree`.
 *
 * Before 2.40 it takes no merge base, but finds one by itself. So for three trees two commits are made, with
 * a third one as their parent. No ref keeps them, and they leave no trace in the merged tree.
 *
 * Only one merge is elsewhere: `git apply --3way` (repository/patched.c says why).
 */

#include "daemon/git/merge.h"

#include "common/memory.h"
#include "common/text.h"
#include "daemon/git/git.h"

#include <stdlib.h>
#include <string.h>

#define MADE_UP_REF     "refs/winnowd/merge" /* never written */
#define COMMITS_LIMIT   ((size_t)64 * 1024)
#define CONFLICTS_LIMIT ((size_t)16 * 1024 * 1024)
#define EACH_LIMIT      ((size_t)64 * 1024 * 1024)

struct merging {
    struct operation operation;
    struct git *git;
    char *git_dir;
    struct operation *step;
    git_merge_callback callback;
    void *data;
};

static void merging_discard(struct operation *operation)
{
    struct merging *merging = (struct merging *)operation;

    operation_clear(&merging->step);
    free(merging->git_dir);
    free(merging);
}

static void merging_end(struct merging *merging, const struct git_merged *merged,
                        const struct process_result *result)
{
    git_merge_callback callback = merging->callback;
    void *data = merging->data;

    merging_discard(&merging->operation);
    callback(data, merged, result);
}

static bool take_hash(const char *at, char hash[GIT_HASH_SIZE])
{
    size_t length = strcspn(at, "\n");

    if (length >= GIT_HASH_SIZE)
        return false;
    memcpy(hash, at, length);
    hash[length] = '\0';
    return git_hash_valid(hash);
}

/* The output is "<tree>\0", then the files in conflict, each with a NUL. */
static void merged(void *data, const struct process_result *result)
{
    struct merging *merging = data;
    struct git_merged merged = {0};

    merging->step = NULL;
    if ((!process_exited(result, 0) && !process_exited(result, 1)) ||
        !take_hash(result->output, merged.tree)) {
        merging_end(merging, NULL, result);
        return;
    }
    merged.conflicts = result->output + strlen(result->output) + 1;
    merged.conflicts_length = (size_t)(result->output + result->output_length - merged.conflicts);
    merging_end(merging, &merged, result);
}

static void merge(struct merging *merging, const char *ours, const char *theirs)
{
    const char *const arguments[] = {
        merging->git_dir, "merge-tree",       "--write-tree", "-z",   "--name-only",
        "--no-messages",  "--end-of-options", ours,           theirs, NULL,
    };
    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_LOCAL,
        .output_limit = CONFLICTS_LIMIT,
        .memory = GIT_MEMORY_LIMIT,
    };

    merging->step = git_start(merging->git, &command, merged, merging);
}

static void commits_made(void *data, const struct process_result *result)
{
    struct merging *merging = data;
    char ours[GIT_HASH_SIZE];
    char theirs[GIT_HASH_SIZE];
    const char *second = result->output ? strchr(result->output, '\n') : NULL;

    merging->step = NULL;
    if (process_succeeded(result) && second && take_hash(result->output, ours) &&
        take_hash(second + 1, theirs))
        merge(merging, ours, theirs);
    else
        merging_end(merging, NULL, result);
}

static void append_commit(struct text *stream, int mark, const char *tree)
{
    text_append_format(stream,
                       "commit " MADE_UP_REF "\nmark :%d\ncommitter w <w> 0 +0000\ndata 0\n%s"
                       "M 040000 %s \"\"\n\n",
                       mark, mark > 1 ? "from :1\n" : "", tree);
}

static void make_commits(struct merging *merging, const char *base, const char *ours,
                         const char *theirs)
{
    CLEANUP_TEXT struct text stream = {0};
    const char *const arguments[] = {merging->git_dir, "fast-import", "--quiet", NULL};

    text_append(&stream, "feature done\n");
    append_commit(&stream, 1, base);
    append_commit(&stream, 2, ours);
    append_commit(&stream, 3, theirs);
    text_append(&stream, "reset " MADE_UP_REF "\n\nget-mark :2\nget-mark :3\ndone\n");

    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_LOCAL,
        .input = text_string(&stream),
        .input_length = stream.length,
        .output_limit = COMMITS_LIMIT,
    };

    merging->step = git_start(merging->git, &command, commits_made, merging);
}

static struct merging *merging_new(struct git *git, const char *git_dir,
                                   git_merge_callback callback, void *data)
{
    struct merging *merging = memory_new(sizeof(*merging));

    merging->operation.discard = merging_discard;
    merging->git = git;
    merging->git_dir = memory_copy(git_dir);
    merging->callback = callback;
    merging->data = data;
    return merging;
}

struct operation *git_merge_commits(struct git *git, const char *git_dir, const char *ours,
                                    const char *theirs, git_merge_callback callback, void *data)
{
    struct merging *merging = merging_new(git, git_dir, callback, data);

    merge(merging, ours, theirs);
    return &merging->operation;
}

struct operation *git_merge_trees(struct git *git, const char *git_dir, const char *base,
                                  const char *ours, const char *theirs, git_merge_callback callback,
                                  void *data)
{
    struct merging *merging = merging_new(git, git_dir, callback, data);

    make_commits(merging, base, ours, theirs);
    return &merging->operation;
}

/* ---- many, each by itself ----------------------------------------------------------------------- */

struct merging_each {
    struct operation operation;
    struct operation *step;
    size_t count;
    git_merge_each_callback callback;
    void *data;
};

static void each_discard(struct operation *operation)
{
    struct merging_each *merging = (struct merging_each *)operation;

    operation_clear(&merging->step);
    free(merging);
}

/* Reads for each merge: "<0: conflicts, 1: clean>\0<tree>\0", the files in conflict with a NUL each, and
 * a NUL. The first one is of our commit with itself, and so has its tree. Returns false if there are less
 * answers than questions. */
static bool read_each(const struct process_result *result, enum git_merge *merges, size_t count)
{
    const char *at = result->output, *end = at + result->output_length;
    const char *ours = at + 2;

    for (size_t i = 0; i <= count; i++) {
        if (at >= end || (*at != '0' && *at != '1') || at[1] != '\0')
            return false;
        if (i > 0)
            merges[i - 1] = *at == '0'                  ? GIT_CONFLICTS
                            : strcmp(at + 2, ours) == 0 ? GIT_CONTAINED
                                                        : GIT_MERGES;
        at += 2;
        at += strlen(at) + 1;
        while (at < end && *at)
            at += strlen(at) + 1;
        at++;
    }
    return true;
}

static void merged_each(void *data, const struct process_result *result)
{
    struct merging_each *merging = data;
    CLEANUP_FREE enum git_merge *merges = memory_new_array(merging->count + 1, sizeof(*merges));
    git_merge_each_callback callback = merging->callback;
    void *callback_data = merging->data;
    bool read = (process_exited(result, 0) || process_exited(result, 1)) &&
                read_each(result, merges, merging->count);

    merging->step = NULL;
    each_discard(&merging->operation);
    callback(callback_data, read ? merges : NULL, result);
}

struct operation *git_merge_each(struct git *git, const char *git_dir, const char *ours,
                                 const char (*theirs)[GIT_HASH_SIZE], size_t count,
                                 git_merge_each_callback callback, void *data)
{
    CLEANUP_TEXT struct text asked = {0};
    const char *const arguments[] = {
        git_dir,
        "merge-tree",
        "--write-tree",
        "--stdin",
        "--name-only",
        "--no-messages",
        "--allow-unrelated-histories",
        NULL,
    };
    struct merging_each *merging = memory_new(sizeof(*merging));

    text_append_format(&asked, "%s %s\n", ours, ours);
    for (size_t i = 0; i < count; i++)
        text_append_format(&asked, "%s %s\n", ours, theirs[i]);

    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_LOCAL,
        .input = text_string(&asked),
        .input_length = asked.length,
        .output_limit = EACH_LIMIT,
        .memory = GIT_MEMORY_LIMIT,
    };

    merging->operation.discard = each_discard;
    merging->count = count;
    merging->callback = callback;
    merging->data = data;
    merging->step = git_start(git, &command, merged_each, merging);
    return &merging->operation;
}

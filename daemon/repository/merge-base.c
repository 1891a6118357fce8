/*
 *     what was merged? ─▶ the base's history ─▶ which of it is here? ─▶ its twins ─▶ what is in common? ─▶ the latest
 *
 * All of the base's history is walked that the measured commit's history does not have. A composed commit has
 * the date of its result, which may be older than its ancestors, so a walk that stops at dates stops too early.
 * What was merged before that may have been taken back since, and tried again in the measured commit.
 *
 * git treats the commits that the base has as further commits to merge with. Asked what one commit has in
 * common with a merge of all of them, it also answers for the siblings of a merged commit.
 */

#include "daemon/repository/merge-base.h"

#include "common/memory.h"
#include "common/text.h"
#include "daemon/repository/internal.h"
#include "daemon/repository/twins.h"

#include <stdlib.h>
#include <string.h>

#define WALK_LIMIT    ((size_t)64 * 1024 * 1024)
#define ANSWER_LIMIT  ((size_t)1024 * 1024)
#define PRESENT_LIMIT 1000 /* the latest ones; they are arguments */
#define BASES_LIMIT   16   /* more than one only after crosswise merges */

struct finding {
    struct git_sequence sequence;
    char *base;
    const char *history;
    bool itself;                      /* as in struct twins_options */
    char commit[GIT_HASH_SIZE];       /* the measured one */
    struct repository_merged *merged; /* as find_merged found them */
    size_t merged_count;
    char (*present)[GIT_HASH_SIZE]; /* measured commits whose content the base has */
    size_t present_count;
    char bases[BASES_LIMIT][GIT_HASH_SIZE];
    size_t base_count;
    size_t counted; /* of these */
    char best[GIT_HASH_SIZE];
    unsigned long least; /* commits from the merge base to the measured one */
    merge_base_callback callback;
    void *data;
};

static void finding_discard(struct operation *operation)
{
    struct finding *finding = (struct finding *)operation;

    operation_clear(&finding->sequence.step);
    free(finding->base);
    free(finding->merged);
    free(finding->present);
    free(finding);
}

static void finding_end(struct finding *finding, const struct error *error)
{
    merge_base_callback callback = finding->callback;
    void *data = finding->data;
    char best[GIT_HASH_SIZE];

    memcpy(best, finding->best, sizeof(best));
    finding_discard(&finding->sequence.operation);
    callback(data, error ? NULL : best, error);
}

static void finding_fail(struct finding *finding, const struct process_result *result,
                         const char *what)
{
    struct error error;

    git_failure(&error, result, GIT_LOCAL, what);
    if (git_found_damage(result))
        repository_discard_damaged(&finding->sequence, &error);
    finding_end(finding, &error);
}

static void start(struct finding *finding, const char *const *arguments, const struct text *input,
                  size_t limit, process_callback callback)
{
    struct repository *repository = finding->sequence.repository;
    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_LOCAL,
        .input = input ? text_string(input) : NULL,
        .input_length = input ? input->length : 0,
        .output_limit = limit,
    };

    finding->sequence.step = git_start(repository->git, &command, callback, finding);
}

/* Takes the next word of a line. Returns false at its end. `hash` is "" for a word that is no hash. */
static bool next_word(const char **at, char hash[GIT_HASH_SIZE])
{
    *at += strspn(*at, " ");

    size_t length = strcspn(*at, " \n");

    hash[0] = '\0';
    if (length == 40 || length == 64) {
        memcpy(hash, *at, length);
        hash[length] = '\0';
        if (!git_hash_valid(hash))
            hash[0] = '\0';
    }
    *at += length;
    return length > 0;
}

/* ---- the latest of several ---------------------------------------------------------------------- */

static void count_next(struct finding *finding);

static void counted(void *data, const struct process_result *result)
{
    struct finding *finding = data;
    unsigned long count;

    finding->sequence.step = NULL;
    if (!process_succeeded(result)) {
        finding_fail(finding, result, "counting commits");
        return;
    }
    count = strtoul(result->output, NULL, 10);
    if (finding->counted == 0 || count < finding->least) {
        finding->least = count;
        memcpy(finding->best, finding->bases[finding->counted], sizeof(finding->best));
    }
    finding->counted++;
    count_next(finding);
}

static void count_next(struct finding *finding)
{
    struct repository *repository = finding->sequence.repository;

    if (finding->counted == finding->base_count) {
        finding_end(finding, NULL);
        return;
    }

    CLEANUP_FREE char *not_base = memory_format("^%s", finding->bases[finding->counted]);
    const char *const arguments[] = {
        repository->git_dir, "rev-list", "--count", finding->commit, not_base, "--", NULL,
    };

    start(finding, arguments, NULL, ANSWER_LIMIT, counted);
}

/* ---- what is in common -------------------------------------------------------------------------- */

/* Reads a line for each; none, and status 1, if there is nothing in common. */
static void bases_found(void *data, const struct process_result *result)
{
    struct finding *finding = data;

    finding->sequence.step = NULL;
    if (!process_exited(result, 0) && !(process_exited(result, 1) && result->output_length == 0)) {
        finding_fail(finding, result, "looking for what commit and base have in common");
        return;
    }
    for (const char *at = result->output; *at && finding->base_count < BASES_LIMIT;
         at += *at == '\n') {
        if (next_word(&at, finding->bases[finding->base_count]))
            finding->base_count++;
    }
    if (finding->base_count == 1) {
        memcpy(finding->best, finding->bases[0], sizeof(finding->best));
        finding_end(finding, NULL);
    } else {
        count_next(finding);
    }
}

static void find_bases(struct finding *finding)
{
    struct repository *repository = finding->sequence.repository;
    CLEANUP_FREE const char **arguments = memory_new_array(finding->present_count + 7,
                                                           sizeof(*arguments));
    size_t count = 0;

    arguments[count++] = repository->git_dir;
    arguments[count++] = "merge-base";
    arguments[count++] = "--all";
    arguments[count++] = finding->commit;
    arguments[count++] = finding->base;
    for (size_t i = 0; i < finding->present_count; i++)
        arguments[count++] = finding->present[i];
    start(finding, arguments, NULL, ANSWER_LIMIT, bases_found);
}

/* ---- what the base has -------------------------------------------------------------------------- */

static void add_present(struct finding *finding, const char *hash)
{
    /* A name of another length belongs to another repository. */
    if (finding->present_count < PRESENT_LIMIT && strlen(hash) == strlen(finding->base))
        memcpy(finding->present[finding->present_count++], hash, GIT_HASH_SIZE);
}

static void twins_found(void *data, const struct twin *twins, size_t count,
                        const struct error *error)
{
    struct finding *finding = data;

    finding->sequence.step = NULL;
    if (error) {
        finding_end(finding, error);
        return;
    }
    for (size_t i = 0; i < count; i++)
        add_present(finding, twins[i].commit);
    if (finding->present_count == 0)
        finding_end(finding, NULL);
    else
        find_bases(finding);
}

static void find_twins(struct finding *finding)
{
    const struct twins_options options = {
        .history = finding->history,
        .base = finding->base,
        .others = finding->present,
        .other_count = finding->present_count,
        .itself = finding->itself,
    };

    finding->sequence.step = twins_start(finding->sequence.repository, &options, twins_found,
                                         finding);
}

/* Reads "<hash> commit <size>" for what is here; other lines are ignored. */
static void looked(void *data, const struct process_result *result)
{
    struct finding *finding = data;

    finding->sequence.step = NULL;
    if (!process_succeeded(result)) {
        finding_fail(finding, result, "looking for what was merged");
        return;
    }
    finding->present_count = 0;
    for (const char *line = result->output; *line;
         line += strcspn(line, "\n"), line += *line == '\n') {
        const char *at = line;
        char hash[GIT_HASH_SIZE];

        if (next_word(&at, hash) && *hash && strncmp(at, " commit ", 8) == 0)
            memcpy(finding->present[finding->present_count++], hash, sizeof(hash));
    }
    find_twins(finding);
}

static void look_for_present(struct finding *finding)
{
    struct repository *repository = finding->sequence.repository;
    CLEANUP_TEXT struct text asked = {0};
    const char *const arguments[] = {repository->git_dir, "cat-file", "--batch-check", NULL};

    for (size_t i = 0; i < finding->present_count; i++)
        text_append_format(&asked, "%s\n", finding->present[i]);
    if (finding->present_count == 0)
        find_twins(finding);
    else
        start(finding, arguments, &asked, ANSWER_LIMIT, looked);
}

static int compare_lines(const void *a, const void *b)
{
    const char *left = *(const char *const *)a;
    const char *right = *(const char *const *)b;

    return strncmp(left, right, strcspn(left, " \n"));
}

/* Whether one of the sorted lines begins with the hash. */
static bool has_line(const char **lines, size_t count, const char *hash)
{
    return count > 0 && bsearch(&hash, lines, count, sizeof(*lines), compare_lines);
}

/* Reads lines "<commit> <measured commit>…", newest first. */
static void read_history(struct finding *finding, const char *output)
{
    CLEANUP_FREE const char **lines = NULL;
    size_t count = 0;
    char hash[GIT_HASH_SIZE];

    for (const char *at = output; *at; at++)
        count += *at == '\n';
    lines = memory_new_array(count + 1, sizeof(*lines));
    count = 0;
    for (const char *at = output; *at; at += *at == '\n') {
        lines[count++] = at;
        next_word(&at, hash);
        while (next_word(&at, hash)) {
            if (*hash)
                add_present(finding, hash);
        }
    }
    qsort(lines, count, sizeof(*lines), compare_lines);
    for (size_t i = 0; i < finding->merged_count; i++) {
        const struct repository_merged *merged = &finding->merged[i];

        if (!merged->commit[0] || has_line(lines, count, merged->commit))
            add_present(finding, merged->measured);
    }
}

static void walked(void *data, const struct process_result *result)
{
    struct finding *finding = data;

    finding->sequence.step = NULL;
    if (!process_succeeded(result)) {
        finding_fail(finding, result, "reading the base's history");
        return;
    }
    finding->present = memory_new_array(PRESENT_LIMIT, sizeof(*finding->present));
    read_history(finding, result->output);
    look_for_present(finding);
}

static void walk(struct finding *finding)
{
    struct repository *repository = finding->sequence.repository;
    CLEANUP_FREE char *not_measured = memory_format("^%s", finding->commit);
    const char *const arguments[] = {
        repository->git_dir,
        "rev-list",
        "--no-commit-header",
        "--format=%H %(trailers:key=Measured-On,valueonly,separator=%x20)",
        finding->base,
        not_measured,
        "--",
        NULL,
    };

    start(finding, arguments, NULL, WALK_LIMIT, walked);
}

static void merged_found(void *data, const struct repository_merged *merged, size_t count,
                         const struct error *error)
{
    struct finding *finding = data;

    finding->sequence.step = NULL;
    if (error) {
        finding_end(finding, error);
        return;
    }
    finding->merged = memory_new_array(count + 1, sizeof(*merged));
    if (count > 0)
        memcpy(finding->merged, merged, count * sizeof(*merged));
    finding->merged_count = count;
    walk(finding);
}

struct operation *merge_base_start(struct repository *repository, const char *base,
                                   const char *history, bool itself,
                                   repository_find_merged find_merged, void *find_data,
                                   merge_base_callback callback, void *data)
{
    struct finding *finding = memory_new(sizeof(*finding));

    git_sequence_begin(&finding->sequence, repository, finding_discard);
    finding->base = memory_copy(base);
    finding->history = history;
    finding->itself = itself;
    git_hash_take(history, finding->commit);
    finding->callback = callback;
    finding->data = data;
    if (find_merged)
        finding->sequence.step = find_merged(find_data, merged_found, finding);
    else
        walk(finding);
    return &finding->sequence.operation;
}

/*
 * Fetches the commits that queued results name, many in one go.
 *
 *     for each source: which of them does it have?  ─▶ for each source: fetch those ─▶ a ref for each
 *
 * One git in a source answers for all digits. It prefers a branch or tag of that name to a commit. So its
 * answer counts only if the full name begins with the digits; the others are looked up one by one.
 */

#include "common/loop.h"
#include "common/memory.h"
#include "common/text.h"
#include "daemon/repository/internal.h"
#include "daemon/repository/source-commit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAMES_LIMIT  ((size_t)64 * 1024)
#define STALLS_LIMIT 2
#define SAVED_REFS   "refs/winnowd/queued"

enum found { NOT_FOUND, FOUND, ODD /* to be looked up by itself */, DONE };

struct item {
    char *experiment_id;
    char *digits;
    char *name; /* of the source; NULL: any */
    enum found found;
    size_t source; /* that has it */
    char commit[GIT_HASH_SIZE];
};

struct saving {
    struct git_sequence sequence;
    struct item *items;
    size_t count;
    size_t source;       /* the current one */
    size_t single;       /* the item that is looked up or fetched by itself */
    bool singly;         /* the commits of the current source are fetched one by one */
    unsigned stalls;     /* so many of them, one after the other, got no answer */
    struct error unread; /* what could not be read now; the rest is saved */
    repository_done_callback callback;
    void *data;
};

static void saving_discard(struct operation *operation)
{
    struct saving *saving = (struct saving *)operation;

    operation_clear(&saving->sequence.step);
    for (size_t i = 0; i < saving->count; i++) {
        free(saving->items[i].experiment_id);
        free(saving->items[i].digits);
        free(saving->items[i].name);
    }
    free(saving->items);
    free(saving);
}

static void saving_end(struct saving *saving)
{
    repository_done_callback callback = saving->callback;
    void *data = saving->data;
    struct error error = saving->unread;

    saving_discard(&saving->sequence.operation);
    callback(data, error.kind == ERROR_NONE ? NULL : &error);
}

static const struct config_list *sources_of(const struct saving *saving)
{
    return &saving->sequence.repository->config->sources;
}

/* ---- the refs ----------------------------------------------------------------------------------- */

static char *ref_of(const char *experiment_id)
{
    return memory_format(SAVED_REFS "/%s", experiment_id);
}

bool repository_find_saved(const struct repository *repository, const char *experiment_id,
                           char commit[static GIT_HASH_SIZE])
{
    CLEANUP_FREE char *ref = ref_of(experiment_id);

    return repository_read_ref(repository->directory, ref, commit);
}

void repository_forget_saved(struct repository *repository, const char *experiment_id)
{
    CLEANUP_FREE char *path = memory_format("%s/" SAVED_REFS "/%s", repository->directory,
                                            experiment_id);

    if (unlink(path) == 0)
        repository->forgotten++;
}

/* ---- one by one --------------------------------------------------------------------------------- */

static void keep_commit(struct saving *saving, struct item *item)
{
    CLEANUP_FREE char *ref = ref_of(item->experiment_id);
    struct error ignored;

    item->found = DONE;
    /* Without the ref the commit is looked up again when it is needed. */
    (void)repository_set_ref(saving->sequence.repository, ref, item->commit, &ignored);
}

static void next_odd(struct saving *saving);

static void odd_found(void *data, const struct source_commit *found, const struct error *error)
{
    struct saving *saving = data;
    struct item *item = &saving->items[saving->single];

    saving->sequence.step = NULL;
    item->found = DONE;
    if (!error) {
        memcpy(item->commit, found->commit, sizeof(item->commit));
        keep_commit(saving, item);
    }
    next_odd(saving);
}

static void next_odd(struct saving *saving)
{
    saving->single = 0;
    while (saving->single < saving->count && saving->items[saving->single].found != ODD)
        saving->single++;
    if (saving->single == saving->count) {
        saving_end(saving);
        return;
    }

    const struct item *item = &saving->items[saving->single];

    saving->sequence.step = source_commit_start(saving->sequence.repository, item->digits,
                                                item->name, odd_found, saving);
}

/* ---- fetching ----------------------------------------------------------------------------------- */

static void fetch_next(struct saving *saving);

static bool is_to_be_fetched(const struct saving *saving, const struct item *item)
{
    return item->found == FOUND && item->source == saving->source;
}

/* Whether a source that was not asked for this item yet may have its commit as well. */
static bool may_be_elsewhere(const struct saving *saving, const struct item *item)
{
    for (size_t i = saving->source + 1; i < sources_of(saving)->count; i++) {
        if (source_commit_is_meant(sources_of(saving)->items[i], item->name))
            return true;
    }
    return false;
}

/* One commit could not be fetched. It is tried again later if that may help; else another source may have it. A
 * source that does not answer twice is given up for now, since each time takes long. */
static void note_failure(struct saving *saving, const struct process_result *result)
{
    struct item *item = &saving->items[saving->single];
    bool stalled = result->end == PROCESS_STALLED;
    struct error error;

    git_failure(&error, result, GIT_SOURCE, "fetching a measured commit from its source");
    if (error.kind == ERROR_TRANSIENT || stalled)
        saving->unread = error;
    item->found = !stalled && may_be_elsewhere(saving, item) ? ODD : DONE;
    saving->stalls = stalled ? saving->stalls + 1 : 0;
    for (size_t i = 0; saving->stalls >= STALLS_LIMIT && i < saving->count; i++) {
        if (is_to_be_fetched(saving, &saving->items[i]))
            saving->items[i].found = DONE;
    }
}

static void fetched(void *data, const struct process_result *result)
{
    struct saving *saving = data;

    saving->sequence.step = NULL;
    if (!git_fetched(result)) {
        if (saving->singly)
            note_failure(saving, result);
        saving->singly = true; /* one of them cannot be fetched: the others can */
        fetch_next(saving);
        return;
    }
    saving->stalls = 0;
    for (size_t i = 0; i < saving->count; i++) {
        struct item *item = &saving->items[i];

        if (is_to_be_fetched(saving, item) && (!saving->singly || i == saving->single))
            keep_commit(saving, item);
    }
    fetch_next(saving);
}

/* Fetches what was found in the current source, or goes on to the next one. */
static void fetch_next(struct saving *saving)
{
    struct repository *repository = saving->sequence.repository;
    CLEANUP_FREE void *room = memory_new_array(saving->count, GIT_HASH_SIZE);
    char(*hashes)[GIT_HASH_SIZE] = room;
    struct error error;
    size_t count = 0;

    while (saving->source < sources_of(saving)->count && count == 0) {
        for (size_t i = 0; i < saving->count; i++) {
            if (!is_to_be_fetched(saving, &saving->items[i]) || (saving->singly && count > 0))
                continue;
            saving->single = i;
            memcpy(hashes[count++], saving->items[i].commit, GIT_HASH_SIZE);
        }
        if (count > 0)
            break;
        saving->source++;
        saving->singly = false;
        saving->stalls = 0;
    }
    if (count == 0) {
        next_odd(saving);
    } else if (repository_prepare(repository, hashes[0], &error) < 0) {
        saving->unread = error;
        saving_end(saving);
    } else {
        saving->sequence.step = repository_fetch_source(repository, saving->source, hashes, count,
                                                        fetched, saving);
    }
}

/* ---- looking up --------------------------------------------------------------------------------- */

static void ask_next(struct saving *saving);

static bool is_asked(const struct saving *saving, const struct item *item)
{
    return (item->found == NOT_FOUND || item->found == FOUND) &&
           source_commit_is_meant(sources_of(saving)->items[saving->source], item->name);
}

/* Reads a line "<hash> commit <size>", "<digits> missing" or "<digits> ambiguous". */
static void take_answer(struct saving *saving, struct item *item, const char *line)
{
    char hash[GIT_HASH_SIZE];
    const char *rest = git_hash_take(line, hash);

    if (!git_hash_valid(hash) || strncmp(rest, "commit ", 7) != 0) {
        if (!strncmp(line + strcspn(line, " \n"), " ambiguous", 10))
            item->found = ODD;
    } else if (strncmp(hash, item->digits, strlen(item->digits)) != 0 ||
               (item->found == FOUND && strcmp(hash, item->commit) != 0)) {
        item->found = ODD;
    } else if (item->found == NOT_FOUND) {
        item->found = FOUND;
        item->source = saving->source;
        memcpy(item->commit, hash, sizeof(hash));
    }
}

static void answered(void *data, const struct process_result *result)
{
    struct saving *saving = data;
    const char *line = result->output;

    saving->sequence.step = NULL;
    if (!process_succeeded(result))
        git_failure(&saving->unread, result, GIT_SOURCE, "looking measured commits up");
    for (size_t i = 0; process_succeeded(result) && i < saving->count && *line; i++) {
        if (!is_asked(saving, &saving->items[i]))
            continue;
        take_answer(saving, &saving->items[i], line);
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    saving->source++;
    ask_next(saving);
}

/* Asks the next source that any of them may mean; after the last one, fetches. */
static void ask_next(struct saving *saving)
{
    struct repository *repository = saving->sequence.repository;
    CLEANUP_TEXT struct text asked = {0};

    for (; saving->source < sources_of(saving)->count; saving->source++) {
        for (size_t i = 0; i < saving->count; i++) {
            if (is_asked(saving, &saving->items[i]))
                text_append_format(&asked, "%s^{commit}\n", saving->items[i].digits);
        }
        if (asked.length > 0)
            break;
    }
    if (asked.length == 0) {
        saving->source = 0;
        fetch_next(saving);
        return;
    }

    static const char *const arguments[] = {"cat-file", "--batch-check", NULL};
    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_SOURCE,
        .source = sources_of(saving)->items[saving->source],
        .input = text_string(&asked),
        .input_length = asked.length,
        .output_limit = NAMES_LIMIT,
    };

    saving->sequence.step = git_start(repository->git, &command, answered, saving);
}

static void saving_begin(void *data)
{
    struct saving *saving = data;

    saving->sequence.step = NULL;
    ask_next(saving);
}

struct operation *repository_save(struct repository *repository,
                                  const struct repository_named *named, size_t count,
                                  repository_done_callback callback, void *data)
{
    struct saving *saving = memory_new(sizeof(*saving));

    git_sequence_begin(&saving->sequence, repository, saving_discard);
    saving->items = memory_new_array(count, sizeof(*saving->items));
    for (size_t i = 0; i < count; i++) {
        saving->items[i].experiment_id = memory_copy(named[i].experiment_id);
        saving->items[i].digits = memory_copy(named[i].commit);
        saving->items[i].name = memory_copy(named[i].repository);
    }
    saving->count = count;
    saving->callback = callback;
    saving->data = data;
    saving->sequence.step = loop_after(repository->loop, 0, saving_begin, saving);
    return &saving->sequence.operation;
}

/*
 * For each source: which of the blobs does it have, and what are their full names? Fetches these.
 */

#include "daemon/repository/origin.h"

#include "common/loop.h"
#include "common/memory.h"
#include "daemon/git/cat-file.h"
#include "daemon/repository/internal.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_LIMIT ((size_t)4 * 1024 * 1024)
#define FETCH_LIMIT  500 /* blobs of one source; they are arguments */

struct fetching {
    struct git_sequence sequence;
    struct text wanted;
    size_t source;
    origin_callback callback;
    void *data;
};

static void fetching_discard(struct operation *operation)
{
    struct fetching *fetching = (struct fetching *)operation;

    operation_clear(&fetching->sequence.step);
    text_free(&fetching->wanted);
    free(fetching);
}

static void ask_next(struct fetching *fetching);

static void fetched(void *data, const struct process_result *result)
{
    struct fetching *fetching = data;

    (void)result;
    fetching->sequence.step = NULL;
    fetching->source++;
    ask_next(fetching);
}

static void answered(void *data, const struct process_result *result)
{
    struct fetching *fetching = data;
    struct cat_file objects = cat_file_of(&fetching->wanted, result->output, result->output_length,
                                          false);
    CLEANUP_FREE char(*hashes)[GIT_HASH_SIZE] = memory_new_array(FETCH_LIMIT, sizeof(*hashes));
    struct cat_file_object object;
    size_t count = 0;

    fetching->sequence.step = NULL;
    while (process_succeeded(result) && count < FETCH_LIMIT && cat_file_next(&objects, &object)) {
        if (object.found && git_hash_valid(object.hash))
            memcpy(hashes[count++], object.hash, sizeof(object.hash));
    }
    if (count > 0) {
        fetching->sequence.step = repository_fetch_source(
            fetching->sequence.repository, fetching->source, hashes, count, fetched, fetching);
    } else {
        fetching->source++;
        ask_next(fetching);
    }
}

static void ask_next(struct fetching *fetching)
{
    struct repository *repository = fetching->sequence.repository;
    const struct config_list *sources = &repository->config->sources;

    if (fetching->source >= sources->count) {
        origin_callback callback = fetching->callback;
        void *data = fetching->data;

        fetching_discard(&fetching->sequence.operation);
        callback(data);
        return;
    }

    static const char *const arguments[] = {"cat-file", "--batch-check", "-z", NULL};
    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_SOURCE,
        .source = sources->items[fetching->source],
        .input = text_string(&fetching->wanted),
        .input_length = fetching->wanted.length,
        .output_limit = ANSWER_LIMIT,
    };

    fetching->sequence.step = git_start(repository->git, &command, answered, fetching);
}

static void fetching_begin(void *data)
{
    struct fetching *fetching = data;

    fetching->sequence.step = NULL;
    ask_next(fetching);
}

struct operation *origin_start(struct repository *repository, const struct text *wanted,
                               origin_callback callback, void *data)
{
    struct fetching *fetching = memory_new(sizeof(*fetching));

    git_sequence_begin(&fetching->sequence, repository, fetching_discard);
    text_append_bytes(&fetching->wanted, text_string(wanted), wanted->length);
    fetching->callback = callback;
    fetching->data = data;
    fetching->sequence.step = loop_after(repository->loop, 0, fetching_begin, fetching);
    return &fetching->sequence.operation;
}

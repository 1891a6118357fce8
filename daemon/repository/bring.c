/*
 * Fetches a commit of the base, or of a pull request, from the forge, unless it is here.
 */

#include "daemon/repository/internal.h"

#include "common/loop.h"
#include "common/memory.h"

#include <stdlib.h>

struct bring {
    struct git_sequence sequence;
    char *commit;
    bool head; /* it is of a pull request: it is not remembered as one of the base */
    repository_done_callback callback;
    void *data;
};

static void bring_discard(struct operation *operation)
{
    struct bring *bring = (struct bring *)operation;

    operation_clear(&bring->sequence.step);
    free(bring->commit);
    free(bring);
}

static void bring_end(struct bring *bring, const struct error *error)
{
    repository_done_callback callback = bring->callback;
    void *data = bring->data;

    bring_discard(&bring->sequence.operation);
    callback(data, error);
}

static void bring_fetched(void *data, const struct process_result *result)
{
    struct bring *bring = data;
    struct error error;
    int fetched;

    bring->sequence.step = NULL;
    if (bring->head)
        fetched = process_succeeded(result) ? 0
                                            : git_failure(&error, result, GIT_FORGE,
                                                          "fetching the commit of a pull request");
    else
        fetched = repository_fetched(bring->sequence.repository, bring->commit, result, &error);
    bring_end(bring, fetched < 0 ? &error : NULL);
}

static void bring_begin(void *data)
{
    struct bring *bring = data;
    struct repository *repository = bring->sequence.repository;
    struct error error;

    bring->sequence.step = NULL;
    if (repository_prepare(repository, bring->commit, &error) < 0)
        bring_end(bring, &error);
    else if (!bring->head && repository_has_base(repository, bring->commit))
        bring_end(bring, NULL);
    else
        bring->sequence.step = repository_fetch(repository, bring->commit, bring_fetched, bring);
}

static struct operation *start(struct repository *repository, const char *commit, bool head,
                               repository_done_callback callback, void *data)
{
    struct bring *bring = memory_new(sizeof(*bring));

    git_sequence_begin(&bring->sequence, repository, bring_discard);
    bring->commit = memory_copy(commit);
    bring->head = head;
    bring->callback = callback;
    bring->data = data;
    bring->sequence.step = loop_after(repository->loop, 0, bring_begin, bring);
    return &bring->sequence.operation;
}

struct operation *repository_bring(struct repository *repository, const char *commit,
                                   repository_done_callback callback, void *data)
{
    return start(repository, commit, false, callback, data);
}

struct operation *repository_bring_head(struct repository *repository, const char *commit,
                                        repository_done_callback callback, void *data)
{
    return start(repository, commit, true, callback, data);
}

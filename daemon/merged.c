#include "daemon/merged.h"

#include "common/loop.h"
#include "common/memory.h"
#include "daemon/description.h"
#include "daemon/store/pull.h"

#include <stdlib.h>
#include <string.h>

#define TOLD_LIMIT 1000

struct merged_search {
    struct operation operation;
    struct merged_question question;
    struct operation *step;
    unsigned page;
    int64_t until;   /* earlier changes are known */
    int64_t reached; /* and earlier changes than this, once the search is complete */
    struct repository_merged *told;
    size_t told_count;
    repository_merged_callback callback;
    void *data;
};

static void search_discard(struct operation *operation)
{
    struct merged_search *search = (struct merged_search *)operation;

    operation_clear(&search->step);
    free(search->told);
    free(search);
}

static void search_end(struct merged_search *search, const struct error *error)
{
    struct repository_merged *told = TAKE(search->told);
    size_t count = search->told_count;
    repository_merged_callback callback = search->callback;
    void *data = search->data;

    search_discard(&search->operation);
    callback(data, error ? NULL : told, error ? 0 : count, error);
    free(told);
}

static void tell(struct merged_search *search)
{
    CLEANUP_FREE struct store_merged *merged = NULL;
    size_t count;
    struct error error;

    if (store_list_merged(search->question.store, TOLD_LIMIT, &merged, &count, &error) < 0) {
        search_end(search, &error);
        return;
    }
    search->told = memory_new_array(count + 1, sizeof(*search->told));
    for (size_t i = 0; i < count; i++) {
        struct repository_merged *told = &search->told[search->told_count];

        if (!*merged[i].commit && merged[i].at_ms > search->question.base_read_ms)
            continue;
        memcpy(told->measured, merged[i].measured, sizeof(told->measured));
        memcpy(told->commit, merged[i].commit, sizeof(told->commit));
        search->told_count++;
    }
    search_end(search, NULL);
}

/* Returns the experiment that the branch is named after; NULL: it is not ours. The label stays when the
 * branch is gone, and names the owner of a fork. A branch of a fork is not ours. */
static const char *experiment_of(const struct merged_search *search, const struct forge_pull *pull)
{
    const char *prefix = search->question.config->forge.branch_prefix;
    const char *branch = pull->label ? pull->label : pull->head;

    return strncmp(branch, prefix, strlen(prefix)) == 0 ? branch + strlen(prefix) : NULL;
}

/* The body that we wrote names the measured commit. If a person has edited it, the store may know. */
static int take_pull(struct merged_search *search, const struct forge_pull *pull,
                     struct error *error)
{
    const char *experiment = experiment_of(search, pull);
    char measured[GIT_HASH_SIZE];

    if (pull->state != PULL_MERGED || !experiment ||
        strcmp(pull->base, search->question.config->forge.base) != 0)
        return 0;
    if (!description_find_measured(pull->body, measured) &&
        store_find_measured_of(search->question.store, experiment, pull->number, measured, error) <
            0)
        return -1;
    if (!*measured)
        return 0;
    return store_add_merged(search->question.store, measured, pull->merge_commit, pull->changed_ms,
                            error);
}

/* Takes a page. Returns whether the next one may have later changes; -1: the store failed. */
static int take_page(struct merged_search *search, const struct forge_reply *reply,
                     struct error *error)
{
    int64_t oldest = INT64_MAX;

    for (size_t i = 0; i < reply->pull_count; i++) {
        const struct forge_pull *pull = &reply->pulls[i];

        if (take_pull(search, pull, error) < 0)
            return -1;
        if (pull->changed_ms < oldest)
            oldest = pull->changed_ms;
        if (search->page == 1 && pull->changed_ms > search->reached)
            search->reached = pull->changed_ms;
    }
    return reply->more && oldest >= search->until;
}

static void list_next(struct merged_search *search);

static void on_listed(void *data, const struct forge_reply *reply, const struct error *error)
{
    struct merged_search *search = data;
    struct error failed;
    int more;

    search->step = NULL;
    if (error && (error->kind == ERROR_TRANSIENT || reply->unauthorized)) {
        failed = *error;
        failed.kind = ERROR_TRANSIENT;
        search_end(search, &failed);
        return;
    }
    if (error) { /* only this list is refused: go on with what is known */
        tell(search);
        return;
    }
    more = take_page(search, reply, &failed);
    if (more > 0)
        list_next(search);
    else if (more < 0 ||
             store_set_merged_until(search->question.store, search->reached, &failed) < 0)
        search_end(search, &failed);
    else
        tell(search);
}

static void list_next(struct merged_search *search)
{
    struct forge *forge = search->question.forge;

    search->step = forge->functions->list_changed(forge, ++search->page, on_listed, search);
}

static void search_begin(void *data)
{
    struct merged_search *search = data;
    struct error error;

    search->step = NULL;
    if (store_get_merged_until(search->question.store, &search->until, &error) < 0) {
        search_end(search, &error);
        return;
    }
    search->reached = search->until;
    list_next(search);
}

struct operation *merged_find(const struct merged_question *question,
                              repository_merged_callback callback, void *data)
{
    struct merged_search *search = memory_new(sizeof(*search));

    search->operation.discard = search_discard;
    search->question = *question;
    search->callback = callback;
    search->data = data;
    search->step = loop_after(question->loop, 0, search_begin, search);
    return &search->operation;
}

/*
 *     a name ─▶ an experiment? ─ no ─▶ the sources ────────────┐
 *       ▲           │ yes                                      ▼
 *       │           ├─ kept ──────────────────────────────▶ a commit ─▶ is it to be patched? ─ no ─▶ end
 *       │           ├─ a commit ─▶ the sources ───────────────▶│ ▲            │ yes
 *       └─ parent ◀─┴─ a patch: it is to be applied to that    │ └─ reproduce ┘
 */

#include "daemon/parent.h"

#include "common/loop.h"
#include "common/memory.h"
#include "daemon/archived.h"
#include "daemon/repository/reproduce.h"
#include "daemon/repository/source-commit.h"
#include "daemon/store/job.h"
#include "daemon/store/pull.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINKS_LIMIT 1000 /* experiments that were made on each other */

/* An experiment whose patch has to be applied to its own parent, once that is found. */
struct parent_link {
    char *experiment_id;
    int64_t id; /* of its row */
    int64_t received_ms;
};

struct seeking {
    struct operation operation;
    struct parent_question question;
    struct operation *step;
    char *name;   /* what is looked for: an experiment or a commit */
    char *source; /* the repository that is named with it; NULL: none */
    char *owner;  /* the experiment whose result names it */
    /* Of the pull request of the experiment that was looked at last; "": it has none. */
    char head[GIT_HASH_SIZE];
    bool head_is_linked; /* the last link is that experiment */
    char commit[GIT_HASH_SIZE];
    bool doubted;              /* that commit may not be what was measured */
    struct parent_link *links; /* the last one is applied first */
    size_t link_count;
    repository_parent_callback callback;
    void *data;
};

/* What a name turned out to mean. */
enum basis {
    BASIS_FAILED,
    BASIS_COMMIT,  /* a commit that is here */
    BASIS_SOURCE,  /* a commit in the sources, by `name` */
    BASIS_HEAD,    /* the commit of its pull request */
    BASIS_PATCH,   /* a patch on what `name` means now */
    BASIS_NOTHING, /* a baseline without a change */
};

static void drop_link(struct seeking *seeking)
{
    free(seeking->links[--seeking->link_count].experiment_id);
}

static void seeking_discard(struct operation *operation)
{
    struct seeking *seeking = (struct seeking *)operation;

    operation_clear(&seeking->step);
    while (seeking->link_count > 0)
        drop_link(seeking);
    free(seeking->links);
    free(seeking->name);
    free(seeking->source);
    free(seeking->owner);
    free(seeking);
}

static void seeking_end(struct seeking *seeking, const struct error *error)
{
    repository_parent_callback callback = seeking->callback;
    void *data = seeking->data;
    char commit[GIT_HASH_SIZE];
    bool doubted = seeking->doubted;

    memcpy(commit, seeking->commit, sizeof(commit));
    seeking_discard(&seeking->operation);
    callback(data, error ? NULL : commit, doubted, error);
}

static void set_owner(struct seeking *seeking, const char *experiment_id)
{
    free(seeking->owner);
    seeking->owner = memory_copy(experiment_id);
}

static void set_name(struct seeking *seeking, const char *name, const char *source)
{
    char *name_copy = memory_copy(name);
    char *source_copy = memory_copy(source);

    free(seeking->name);
    free(seeking->source);
    seeking->name = name_copy;
    seeking->source = source_copy;
}

/* ---- up again, patch by patch ------------------------------------------------------------------- */

static void climb(struct seeking *seeking);

static void reproduced(void *data, const char *commit, const struct patched *patched,
                       const struct error *error)
{
    struct seeking *seeking = data;
    struct error failed;

    seeking->step = NULL;
    if (error) {
        failed = *error;
        error_wrap(&failed, "parent %s", seeking->links[seeking->link_count - 1].experiment_id);
        seeking_end(seeking, &failed);
        return;
    }
    /* What was mended is shown in its own pull request. */
    seeking->doubted = seeking->doubted || *patched->doubt;
    memcpy(seeking->commit, commit, strlen(commit) + 1);
    drop_link(seeking);
    climb(seeking);
}

static int load(const struct seeking *seeking, const struct store_result *row,
                struct result **result, char **patch, size_t *length, struct error *error)
{
    return archived_load(seeking->question.store, seeking->question.spool, row, result, patch,
                         length, error);
}

static void climb(struct seeking *seeking)
{
    CLEANUP(result_freep) struct result *result = NULL;
    CLEANUP(store_result_freep) struct store_result *row = NULL;
    CLEANUP_FREE char *patch = NULL;
    const struct parent_link *link;
    size_t length = 0;
    struct error error;

    if (seeking->link_count == 0) {
        seeking_end(seeking, NULL);
        return;
    }
    link = &seeking->links[seeking->link_count - 1];
    if (store_load(seeking->question.store, link->id, &row, &error) < 0 ||
        load(seeking, row, &result, &patch, &length, &error) < 0) {
        seeking_end(seeking, &error);
        return;
    }

    const struct reproduce_options options = {
        .parent = seeking->commit,
        .exact = result->parent != NULL,
        .experiment_id = link->experiment_id,
        .patch = result->diff ? result->diff : patch,
        .length = result->diff ? strlen(result->diff) : length,
        .date = link->received_ms / 1000,
    };

    seeking->step = reproduce_start(seeking->question.repository, &options, reproduced, seeking);
}

/* ---- down, from name to name -------------------------------------------------------------------- */

static void head_brought(void *data, const struct error *error)
{
    struct seeking *seeking = data;
    struct error failed;

    seeking->step = NULL;
    if (error) {
        failed = *error;
        error_wrap(&failed, "parent %s: what it measured is not kept any more", seeking->owner);
        seeking_end(seeking, &failed);
        return;
    }
    memcpy(seeking->commit, seeking->head, sizeof(seeking->commit));
    climb(seeking);
}

/* The head contains the patch of its experiment already. */
static void bring_head(struct seeking *seeking)
{
    if (seeking->head_is_linked)
        drop_link(seeking);
    seeking->step = repository_bring_head(seeking->question.repository, seeking->head, head_brought,
                                          seeking);
}

static void found_in_source(void *data, const struct source_commit *found,
                            const struct error *error)
{
    struct seeking *seeking = data;
    struct error failed;

    seeking->step = NULL;
    if (error && error->kind == ERROR_PERMANENT && *seeking->head) {
        bring_head(seeking);
        return;
    }
    if (error) {
        failed = *error;
        error_wrap(&failed, "parent");
        seeking_end(seeking, &failed);
        return;
    }
    memcpy(seeking->commit, found->commit, sizeof(seeking->commit));
    climb(seeking);
}

static int set_unknown(struct error *error, const char *name)
{
    return error_set(error, ERROR_PERMANENT,
                     "parent %s: expected an experiment that is known, or a commit as 7 to 64 hex "
                     "digits; no result of that experiment_id was taken",
                     name);
}

static enum basis take_digits(struct seeking *seeking, struct error *error)
{
    CLEANUP_FREE char *digits = result_commit_digits(seeking->name);

    if (digits) {
        set_name(seeking, digits, seeking->source);
        return BASIS_SOURCE;
    }
    set_unknown(error, seeking->name);
    return BASIS_FAILED;
}

/* One that is being undone is what it will be then. */
static int check_decision(struct store *store, const struct store_result *row, struct error *error)
{
    CLEANUP_FREE char *undone = NULL;
    enum decision decision = row->decision;
    const char *reason = row->reason;

    if (decision == DECISION_QUEUED) {
        if (store_get_outcome(store, row->id, &decision, &undone, error) < 0)
            return -1;
        reason = undone;
    }
    if (decision == DECISION_BASELINE || decision == DECISION_PROMOTED ||
        decision == DECISION_QUEUED)
        return 0;
    return error_set(error, ERROR_PERMANENT,
                     "parent %s: expected an experiment that is a baseline, promoted or under way, "
                     "found one that is %s%s%s",
                     row->experiment_id, decision_name(decision), *reason ? ": " : "", reason);
}

int parent_check(struct store *store, const struct result *result, struct error *error)
{
    CLEANUP(store_result_freep) struct store_result *row = NULL;
    CLEANUP_FREE char *digits = result->parent ? result_commit_digits(result->parent) : NULL;

    if (!result->parent)
        return 0;
    if (store_find(store, result->parent, &row, error) < 0)
        return -1;
    if (row)
        return check_decision(store, row, error);
    return digits ? 0 : set_unknown(error, result->parent);
}

static int check_row(const struct seeking *seeking, const struct store_result *row,
                     struct error *error)
{
    bool seen = strcmp(row->experiment_id, seeking->question.result->experiment_id) == 0;

    for (size_t i = 0; i < seeking->link_count; i++)
        seen = seen || seeking->links[i].id == row->id;
    if (seen)
        return error_set(error, ERROR_PERMANENT,
                         "parent %s: its line of parents leads back to experiment %s",
                         seeking->question.result->parent, row->experiment_id);
    if (seeking->link_count == LINKS_LIMIT)
        return error_set(error, ERROR_PERMANENT,
                         "parent %s: expected at most %d parents in its line, found more",
                         seeking->question.result->parent, LINKS_LIMIT);
    return check_decision(seeking->question.store, row, error);
}

static void add_link(struct seeking *seeking, const struct store_result *row)
{
    seeking->links = memory_resize(seeking->links,
                                   (seeking->link_count + 1) * sizeof(*seeking->links));
    seeking->links[seeking->link_count++] = (struct parent_link){
        .experiment_id = memory_copy(row->experiment_id),
        .id = row->id,
        .received_ms = row->received_ms,
    };
}

/* If the content is gone, the sources may still have the commit, or the forge has what was made of it. */
static enum basis take_measured(struct seeking *seeking, const struct store_result *row,
                                struct error *error)
{
    if (error->kind != ERROR_PERMANENT)
        return BASIS_FAILED;
    if (*row->measured) {
        set_name(seeking, row->measured, NULL);
        return BASIS_SOURCE;
    }
    if (*seeking->head)
        return BASIS_HEAD;
    error_set(error, ERROR_PERMANENT,
              "parent %s: what it measured is not kept any more; name a commit",
              row->experiment_id);
    return BASIS_FAILED;
}

static int find_head(struct seeking *seeking, const struct store_result *row, struct error *error)
{
    struct store_pull pull;

    if (store_get_pull(seeking->question.store, row->id, &pull, error) < 0)
        return -1;
    memcpy(seeking->head, pull.head, sizeof(seeking->head));
    seeking->head_is_linked = false;
    return 0;
}

static enum basis take_content(struct seeking *seeking, const struct store_result *row,
                               struct error *error)
{
    CLEANUP(result_freep) struct result *result = NULL;
    CLEANUP_FREE char *patch = NULL;
    size_t length;

    if (!row->has_change)
        return BASIS_NOTHING;
    set_owner(seeking, row->experiment_id);
    if (find_head(seeking, row, error) < 0)
        return BASIS_FAILED;
    if (load(seeking, row, &result, &patch, &length, error) < 0)
        return take_measured(seeking, row, error);
    if (result->change == RESULT_CHANGE_COMMIT) {
        set_name(seeking, result->commit, result->repository);
        return BASIS_SOURCE;
    }
    add_link(seeking, row);
    seeking->head_is_linked = true;
    if (result->parent) {
        set_name(seeking, result->parent, result->repository);
        return BASIS_PATCH;
    }
    return BASIS_NOTHING;
}

static enum basis look_at(struct seeking *seeking, struct error *error)
{
    CLEANUP(store_result_freep) struct store_result *row = NULL;
    struct store *store = seeking->question.store;
    enum repository_kept kept;

    if (store && store_find(store, seeking->name, &row, error) < 0)
        return BASIS_FAILED;
    if (!row)
        return take_digits(seeking, error);
    if (check_row(seeking, row, error) < 0)
        return BASIS_FAILED;
    kept = repository_find_kept(seeking->question.repository, row->experiment_id, seeking->commit);
    seeking->doubted = kept == REPOSITORY_KEPT_DOUBTED;
    if (kept != REPOSITORY_KEPT_NOTHING)
        return BASIS_COMMIT;
    return take_content(seeking, row, error);
}

/* Whether the commit that `name` means was saved when the result that names it was queued. */
static bool is_saved(struct seeking *seeking)
{
    return repository_find_saved(seeking->question.repository, seeking->owner, seeking->commit) &&
           strncmp(seeking->commit, seeking->name, strlen(seeking->name)) == 0;
}

/* A patch that names no parent was made on the base, here as in its own job. Since then the base may contain
 * it. */
static void stand_on_base(struct seeking *seeking)
{
    if (seeking->link_count > 0 && *seeking->head) {
        bring_head(seeking);
        return;
    }
    if (seeking->link_count > 0)
        memcpy(seeking->commit, seeking->question.base, strlen(seeking->question.base) + 1);
    climb(seeking);
}

static void look(void *data)
{
    struct seeking *seeking = data;
    enum basis basis;
    struct error error;

    seeking->step = NULL;
    do
        basis = look_at(seeking, &error);
    while (basis == BASIS_PATCH);
    if (basis == BASIS_FAILED)
        seeking_end(seeking, &error);
    else if (basis == BASIS_SOURCE && !is_saved(seeking))
        seeking->step = source_commit_start(seeking->question.repository, seeking->name,
                                            seeking->source, found_in_source, seeking);
    else if (basis == BASIS_HEAD)
        bring_head(seeking);
    else if (basis == BASIS_NOTHING)
        stand_on_base(seeking);
    else
        climb(seeking);
}

struct operation *parent_find(const struct parent_question *question,
                              repository_parent_callback callback, void *data)
{
    struct seeking *seeking = memory_new(sizeof(*seeking));

    seeking->operation.discard = seeking_discard;
    seeking->question = *question;
    seeking->callback = callback;
    seeking->data = data;
    set_name(seeking, question->result->parent, question->result->repository);
    set_owner(seeking, question->result->experiment_id);
    seeking->step = loop_after(question->loop, 0, look, seeking);
    return &seeking->operation;
}

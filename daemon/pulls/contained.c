#include "daemon/pulls/contained.h"

#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "daemon/description.h"
#include "daemon/description/contained.h"
#include "daemon/events.h"
#include "daemon/store/pull.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_AGAIN_MS 500

struct contained {
    const struct services *services;
    void (*ended)(void *data, bool complete, int64_t retry_after_ms);
    void *data;
    struct operation *call;
    bool busy;
    bool left;                    /* for want of a right, some are left for the next round */
    struct store_closing closing; /* the one that is being worked on */
    char *branch;                 /* its name */
    bool looked;                  /* at the branches, since the start */
    struct repository_branch *branches;
    size_t branch_count;
};

bool contained_is_of(const struct services *services, const struct forge_pull *pull,
                     const char *experiment_id, const char *digest)
{
    CLEANUP_FREE char *branch = memory_format("%s%s", services->config->forge.branch_prefix,
                                              experiment_id);
    CLEANUP_FREE char *marker = description_marker(experiment_id, digest);

    /* The label names the owner of a fork. The name of its branch proves nothing. */
    return strcmp(pull->label ? pull->label : pull->head, branch) == 0 ||
           (pull->body && strstr(pull->body, marker));
}

static void clear(struct contained *contained)
{
    for (size_t i = 0; i < contained->branch_count; i++)
        free((char *)contained->branches[i].name);
    free(contained->branches);
    free(contained->branch);
    contained->branches = NULL;
    contained->branch_count = 0;
    contained->branch = NULL;
    contained->looked = false;
    contained->closing = (struct store_closing){0};
    contained->busy = false;
}

static void end(struct contained *contained, bool complete, int64_t retry_after_ms)
{
    clear(contained);
    contained->ended(contained->data, complete, retry_after_ms);
}

/* The next round goes on with this. */
static void fail_store(struct contained *contained, const struct error *error)
{
    log_event(&event_store_failed, LOG_TEXT("experiment", contained->closing.experiment_id),
              LOG_TEXT("reason", error->message));
    end(contained, false, -1);
}

static void work_next(struct contained *contained);

static void drop(struct contained *contained)
{
    struct error error;

    if (store_drop_closing(contained->services->store, contained->closing.result, &error) < 0)
        fail_store(contained, &error);
    else
        work_next(contained);
}

static void tell(const struct contained *contained, const struct log_event *event,
                 const char *reason)
{
    log_event(event, LOG_TEXT("experiment", contained->closing.experiment_id),
              LOG_INTEGER("pull", contained->closing.number), LOG_TEXT("branch", contained->branch),
              LOG_TEXT("reason", reason));
}

/* ---- last, the branch --------------------------------------------------------------------------- */

static void on_deleted(void *data, enum repository_deleted deleted, const char *points_at,
                       const struct error *error)
{
    struct contained *contained = data;
    CLEANUP_FREE char *moved = NULL;

    contained->call = NULL;
    if (error && deleted != REPOSITORY_REFUSED) {
        tell(contained, &event_pull_unknown, error->message);
        end(contained, false, -1);
        return;
    }
    if (deleted == REPOSITORY_REFUSED) {
        tell(contained, &event_branch_refused, error->message);
    } else if (deleted == REPOSITORY_MOVED) {
        moved = memory_format("it points at %s", points_at);
        tell(contained, &event_branch_kept, moved);
    } else if (deleted == REPOSITORY_DELETED) {
        tell(contained, &event_branch_deleted, NULL);
    }
    drop(contained);
}

static void delete_branch(struct contained *contained)
{
    const char *const expected[] = {contained->closing.head, NULL};

    if (!*contained->closing.head) {
        tell(contained, &event_branch_kept, "an earlier version made it: it may have been moved");
        drop(contained);
        return;
    }
    contained->call = repository_delete(contained->services->repository, contained->branch,
                                        expected, on_deleted, contained);
}

/* ---- the pull request --------------------------------------------------------------------------- */

static void finish(struct contained *contained)
{
    const struct store_closing *closing = &contained->closing;
    CLEANUP_FREE char *why = closing->container
                                 ? memory_format("pull request %" PRId64 " of %s contains it",
                                                 closing->container, closing->container_id)
                                 : memory_copy("the base has its change");
    struct error error;

    if (store_end_closing(contained->services->store, closing, &error) < 0) {
        fail_store(contained, &error);
        return;
    }
    tell(contained,
         closing->kind == STORE_CLOSING_REOPENED ? &event_pull_released : &event_pull_contained,
         why);
    if (closing->kind == STORE_CLOSING_MERGED)
        delete_branch(contained);
    else
        work_next(contained);
}

static bool begin_step(struct contained *contained, enum store_closing_step step)
{
    struct error error;

    if (contained->closing.step == step)
        return true;
    if (store_set_closing_step(contained->services->store, contained->closing.result, step,
                               &error) < 0) {
        fail_store(contained, &error);
        return false;
    }
    contained->closing.step = step;
    return true;
}

/* Whether a call's failure ends all closings. A failure about this one only is logged. */
static bool fail_call(struct contained *contained, const struct forge_reply *reply,
                      const struct error *error)
{
    bool passing = error->kind == ERROR_TRANSIENT || reply->unauthorized;

    contained->services->counters->forge_errors++;
    tell(contained, &event_pull_unknown, error->message);
    if (passing && !reply->this_only)
        end(contained, false, reply->retry_after_ms);
    return passing && !reply->this_only;
}

/* The failure is about this one only. If somebody may mend it, the next round tries again. */
static void pass_over(struct contained *contained, const struct forge_reply *reply)
{
    if (!reply->installation) {
        drop(contained);
        return;
    }
    contained->left = true;
    work_next(contained);
}

static void on_state_changed(void *data, const struct forge_reply *reply, const struct error *error)
{
    struct contained *contained = data;

    contained->call = NULL;
    if (!error)
        finish(contained);
    else if (!fail_call(contained, reply, error))
        pass_over(contained, reply);
}

static void change_state(struct contained *contained)
{
    struct forge *forge = contained->services->forge;
    bool reopens = contained->closing.kind == STORE_CLOSING_REOPENED;

    if (begin_step(contained, STORE_CLOSING_STATE))
        contained->call = (reopens ? forge->functions->reopen_pull : forge->functions->close_pull)(
            forge, contained->closing.number, on_state_changed, contained);
}

/* If nobody may comment, it is closed without a comment. */
static void on_commented(void *data, const struct forge_reply *reply, const struct error *error)
{
    struct contained *contained = data;

    contained->call = NULL;
    if (!error || !fail_call(contained, reply, error))
        change_state(contained);
}

static bool begin_comment(struct contained *contained)
{
    struct store_closing *closing = &contained->closing;
    struct error error;

    closing->commented_ms = clock_now_ms();
    if (store_begin_comment(contained->services->store, closing->result, closing->commented_ms,
                            &error) < 0) {
        fail_store(contained, &error);
        return false;
    }
    closing->step = STORE_CLOSING_COMMENT;
    return true;
}

/* If an answer was lost, the comment is looked for when it can no longer be on its way. */
static void send_comment(void *data)
{
    struct contained *contained = data;
    static const enum contained_reason reasons[] = {
        [STORE_CLOSING_MERGED] = CONTAINED_MERGED,
        [STORE_CLOSING_SUPERSEDED] = CONTAINED_SUPERSEDED,
        [STORE_CLOSING_REOPENED] = CONTAINED_RELEASED,
    };
    const struct store_closing *closing = &contained->closing;
    struct forge *forge = contained->services->forge;
    bool again = closing->step != STORE_CLOSING_LOOK;
    CLEANUP_FREE char *text = contained_comment(reasons[closing->kind], closing->container,
                                                closing->container_id, forge->web_url);

    contained->call = NULL;
    if (again && forge_may_still_appear(&contained->closing.commented_ms))
        contained->call = loop_after(contained->services->loop, LOOK_AGAIN_MS, send_comment,
                                     contained);
    else if (begin_comment(contained))
        contained->call = forge->functions->comment_pull(forge, closing->number, text, again,
                                                         on_commented, contained);
}

static void comment(struct contained *contained)
{
    if (contained->closing.step == STORE_CLOSING_STATE)
        change_state(contained);
    else
        send_comment(contained);
}

/* Where the branch is at the forge; NULL: it is gone, so nobody can lose anything. */
static const char *tip_of(const struct contained *contained)
{
    for (size_t i = 0; i < contained->branch_count; i++) {
        if (strcmp(contained->branches[i].name, contained->branch) == 0)
            return contained->branches[i].tip;
    }
    return NULL;
}

/* It is not known where an earlier version left the branch. It is ours if the base has all that is on it. */
static bool is_ours_as_it_is(const struct contained *contained)
{
    return !contained->closing.container && !*contained->closing.head;
}

static void take_open(struct contained *contained)
{
    const char *tip = tip_of(contained);

    if (contained->closing.kind == STORE_CLOSING_REOPENED) {
        finish(contained);
    } else if (tip && strcmp(tip, contained->closing.head) != 0 && !is_ours_as_it_is(contained)) {
        tell(contained, &event_pull_stays, "somebody else moved its branch");
        drop(contained);
    } else {
        comment(contained);
    }
}

/* Closed by us, if we asked for that; else by a person, which the round of looking has noted. */
static void take_closed(struct contained *contained)
{
    if (contained->closing.kind == STORE_CLOSING_REOPENED)
        comment(contained);
    else if (contained->closing.step == STORE_CLOSING_STATE)
        finish(contained);
    else
        drop(contained);
}

static void on_looked(void *data, const struct forge_reply *reply, const struct error *error)
{
    struct contained *contained = data;
    const struct store_closing *closing = &contained->closing;

    contained->call = NULL;
    if (error) {
        if (!fail_call(contained, reply, error))
            drop(contained);
    } else if (!contained_is_of(contained->services, &reply->pulls[0], closing->experiment_id,
                                closing->digest) ||
               reply->pulls[0].state == PULL_MERGED) {
        drop(contained);
    } else if (reply->pulls[0].state == PULL_OPEN) {
        take_open(contained);
    } else {
        take_closed(contained);
    }
}

static void look(struct contained *contained)
{
    struct forge *forge = contained->services->forge;

    contained->call = forge->functions->look_pull(forge, contained->closing.number, on_looked,
                                                  contained);
}

static void on_branches(void *data, const char *base, const struct repository_branch *branches,
                        size_t count, const struct error *error)
{
    struct contained *contained = data;

    (void)base;
    contained->call = NULL;
    if (error) {
        tell(contained, &event_pull_unknown, error->message);
        end(contained, false, -1);
        return;
    }
    contained->branches = memory_new_array(count + 1, sizeof(*branches));
    for (size_t i = 0; i < count; i++) {
        contained->branches[i] = branches[i];
        contained->branches[i].name = memory_copy(branches[i].name);
    }
    contained->branch_count = count;
    contained->looked = true;
    look(contained);
}

static void work(struct contained *contained)
{
    free(contained->branch);
    contained->branch = memory_format("%s%s", contained->services->config->forge.branch_prefix,
                                      contained->closing.experiment_id);
    if (contained->closing.step == STORE_CLOSING_BRANCH)
        delete_branch(contained);
    else if (contained->looked)
        look(contained);
    else
        contained->call = repository_look_at_branches(contained->services->repository, on_branches,
                                                      contained);
}

static void work_next(struct contained *contained)
{
    struct error error;

    if (store_next_closing(contained->services->store, contained->closing.result,
                           &contained->closing, &error) < 0)
        fail_store(contained, &error);
    else if (contained->closing.result)
        work(contained);
    else
        end(contained, true, -1);
}

bool contained_start(struct contained *contained)
{
    struct error error;

    if (contained->busy)
        return false;
    if (store_next_closing(contained->services->store, 0, &contained->closing, &error) < 0) {
        log_event(&event_store_failed, LOG_TEXT("reason", error.message));
        return false;
    }
    if (!contained->closing.result)
        return false;
    contained->busy = true;
    contained->left = false;
    work(contained);
    return true;
}

bool contained_busy(const struct contained *contained)
{
    return contained->busy;
}

bool contained_left(const struct contained *contained)
{
    return contained->left;
}

void contained_new(struct contained **contained, const struct services *services,
                   void (*ended)(void *data, bool complete, int64_t retry_after_ms), void *data)
{
    struct contained *made = memory_new(sizeof(*made));

    made->services = services;
    made->ended = ended;
    made->data = data;
    *contained = made;
}

void contained_free(struct contained *contained)
{
    if (!contained)
        return;
    operation_clear(&contained->call);
    clear(contained);
    free(contained);
}

#include "daemon/refresh.h"

#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "daemon/events.h"
#include "daemon/store/job.h"
#include "daemon/store/pull.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* An open pull request, and where its branch is at the forge. */
struct open_pull {
    struct store_pull known;
    char tip[GIT_HASH_SIZE];
};

struct refresh {
    uv_loop_t *loop;
    struct refresh_options options;
    const struct services *services;
    struct job_owner owner;
    struct job *jobs;
    struct operation *turn;
    struct operation *look;
    bool look_again; /* asked for during a look */

    /* What the last look found. */
    char base[GIT_HASH_SIZE];
    enum pulls_refresh wanted; /* as it was set then */
    struct open_pull *pulls;   /* newest first; to be compared with the base */
    size_t count;
    int64_t *due; /* results whose pull requests are to be refreshed, in that order */
    size_t due_count;
    size_t due_at;      /* of these, the next one */
    int64_t *contained; /* whose change the base has, if that is still true at the next look */
    size_t contained_count;
    unsigned contained_rounds; /* how many rounds of looking at pull requests had ended by then */
    bool looked;               /* there was an earlier look */
    bool moved;                /* the base has, since the first look */
};

/* ---- jobs --------------------------------------------------------------------------------------- */

unsigned refresh_slots(const struct refresh *refresh)
{
    unsigned count = 0;

    for (const struct job *job = refresh->jobs; job; job = job->next)
        count += !job_undoing(job) && job->waits != JOB_ASIDE && !job_lends(job);
    return count;
}

static bool has_slot(void *data, const struct job *job)
{
    const struct refresh *refresh = data;

    (void)job;
    return refresh->options.slots_left(refresh->options.data) > 0;
}

static const struct job *job_of(const struct refresh *refresh, int64_t result)
{
    const struct job *job = refresh->jobs;

    while (job && job->row->id != result)
        job = job->next;
    return job;
}

/* It begins again when the job for an earlier base is undone. */
static bool is_given_up(const struct job *job)
{
    return job && job_undoing(job) && job->record.outcome == DECISION_SUPERSEDED;
}

static void insert(void *data, struct job *job)
{
    struct refresh *refresh = data;

    job->next = refresh->jobs;
    refresh->jobs = job;
}

/* If it fails, the next look finds that it is due. */
static int begin(struct refresh *refresh, int64_t result, struct error *error)
{
    static const struct gate_verdict unknown = {.source = GATE_SOURCE_NONE, .reference = NAN};
    CLEANUP(store_result_freep) struct store_result *row = NULL;
    struct store_pull pull;
    struct job *job;

    if (store_get_pull(refresh->services->store, result, &pull, error) < 0 ||
        store_load(refresh->services->store, result, &row, error) < 0)
        return -1;
    if (pull.state != PULL_OPEN || pull.leaves || job_of(refresh, result))
        return 0;
    if (job_new(&job, refresh->services, &refresh->owner, row, &unknown, error) < 0)
        return -1;
    row = NULL;
    insert(refresh, job);
    return 0;
}

static void proceed_all(struct refresh *refresh)
{
    for (struct job *job = refresh->jobs; job; job = job->next) {
        if (job->waits == JOB_PARKED_FOR_SLOT && !has_slot(refresh, job))
            continue;
        if (job->waits != JOB_ASIDE || !job_needs_held_source(job))
            job_proceed(job);
    }
}

static void begin_due(void *data)
{
    struct refresh *refresh = data;
    struct error error;

    refresh->turn = NULL;
    proceed_all(refresh);
    while (refresh->due_at < refresh->due_count &&
           !is_given_up(job_of(refresh, refresh->due[refresh->due_at])) &&
           health_state(refresh->services->health) == HEALTH_WELL &&
           refresh->options.slots_left(refresh->options.data) > 0) {
        if (begin(refresh, refresh->due[refresh->due_at++], &error) < 0)
            log_event(&event_store_failed, LOG_TEXT("reason", error.message));
    }
    if (refresh_idle(refresh))
        refresh->options.changed(refresh->options.data);
}

void refresh_go_on(struct refresh *refresh)
{
    if (!refresh->turn && (refresh->jobs || refresh->due_at < refresh->due_count))
        refresh->turn = loop_after(refresh->loop, 0, begin_due, refresh);
}

static bool may_undo(void *data)
{
    const struct refresh *refresh = data;

    return jobs_undos_left(refresh->jobs) > 0;
}

/* Its slot is free for others. */
static void on_rests(void *data)
{
    struct refresh *refresh = data;

    proceed_all(refresh);
    refresh->options.changed(refresh->options.data);
}

static void close_contained(struct refresh *refresh)
{
    struct error error;

    for (size_t i = 0; i < refresh->contained_count; i++) {
        if (store_add_closing(refresh->services->store, refresh->contained[i], &error) < 0)
            log_event(&event_store_failed, LOG_TEXT("reason", error.message));
    }
    if (refresh->contained_count > 0)
        refresh->options.contained(refresh->options.data);
    refresh->contained_count = 0;
}

static unsigned rounds(const struct refresh *refresh)
{
    return refresh->options.rounds(refresh->options.data);
}

/* A refresh found that the base has the change of an open pull request. */
static void note_contained(struct refresh *refresh, int64_t result)
{
    refresh->contained = memory_resize(refresh->contained, (refresh->contained_count + 1) *
                                                               sizeof(*refresh->contained));
    refresh->contained[refresh->contained_count++] = result;
    refresh->contained_rounds = rounds(refresh);
    if (!refresh->moved)
        close_contained(refresh);
}

static void on_over(void *data, struct job *job)
{
    struct refresh *refresh = data;

    jobs_remove(&refresh->jobs, job);
    if (job->record.outcome == DECISION_DISCARDED)
        note_contained(refresh, job->record.result);
    job_free(job);
    proceed_all(refresh);
    refresh_go_on(refresh);
    refresh->options.progress(refresh->options.data);
}

static void on_progress(void *data)
{
    struct refresh *refresh = data;

    proceed_all(refresh);
    refresh->options.progress(refresh->options.data);
}

void refresh_forge_changed(struct refresh *refresh)
{
    for (struct job *job = refresh->jobs; job; job = job->next)
        job_conclude(job);
    if (health_forge_usable(refresh->services->health))
        proceed_all(refresh);
    refresh_go_on(refresh);
}

/* ---- what is due -------------------------------------------------------------------------------- */

static void clear_found(struct refresh *refresh)
{
    free(refresh->pulls);
    free(refresh->due);
    free(refresh->contained);
    refresh->pulls = NULL;
    refresh->due = refresh->contained = NULL;
    refresh->count = refresh->due_count = refresh->due_at = refresh->contained_count = 0;
}

static void end_look(struct refresh *refresh)
{
    refresh_go_on(refresh);
    refresh->options.changed(refresh->options.data);
    if (refresh->look_again)
        refresh_look(refresh);
}

static void fail_look(struct refresh *refresh, const struct error *error)
{
    log_event(&event_base_unknown, LOG_TEXT("reason", error->message));
    clear_found(refresh);
    refresh->base[0] = '\0';
    refresh->look_again = false;
    end_look(refresh);
}

/* A refresh for an earlier base, or of a settled pull request, is useless. One that has pushed goes to its
 * end. */
static void give_up_outdated(struct refresh *refresh)
{
    for (struct job *job = refresh->jobs; job; job = job->next) {
        struct store_pull pull;
        struct error ignored;
        bool known = store_get_pull(refresh->services->store, job->row->id, &pull, &ignored) == 0;

        if (job_undoing(job) || job->found.push_sent)
            continue;
        if (known && pull.state != PULL_OPEN)
            job_give_up(job, "its pull request is not open any more");
        else if (*job->found.branch.base && strcmp(job->found.branch.base, refresh->base) != 0)
            job_give_up(job, "the base has moved again");
    }
}

/* Then it only looks. */
static bool is_switched_off(const struct refresh *refresh)
{
    return refresh->services->config->pulls.refresh == PULLS_REFRESH_NEVER;
}

/* One that was tried on this base, or that the failing base holds, waits for another base. */
static bool is_wanted(const struct refresh *refresh, const struct open_pull *pull,
                      enum git_merge merge)
{
    bool tried = strcmp(pull->known.stale_on, refresh->base) == 0 ||
                 base_holds(refresh->services->base, pull->known.result);
    bool always = refresh->services->config->pulls.refresh == PULLS_REFRESH_ALWAYS &&
                  merge == GIT_MERGES && strcmp(pull->tip, pull->known.head) == 0;

    return !tried && !is_switched_off(refresh) && (merge == GIT_CONFLICTS || always);
}

/* Unless somebody else pushed to it. For one that an earlier version opened, it is not known where it was
 * left. */
static bool is_contained(const struct refresh *refresh, const struct open_pull *pull,
                         enum git_merge merge)
{
    bool contained = merge == GIT_CONTAINED || strcmp(pull->known.empty_on, refresh->base) == 0;

    return contained && (!*pull->known.head || strcmp(pull->tip, pull->known.head) == 0);
}

static void note_fresh(const struct refresh *refresh, const struct store_pull *pull)
{
    struct error error;

    if (store_set_fresh(refresh->services->store, pull->result, &error) < 0)
        log_event(&event_store_failed, LOG_TEXT("reason", error.message));
    else
        log_event(&event_pull_merges_again, LOG_TEXT("experiment", pull->experiment_id),
                  LOG_INTEGER("pull", pull->number));
}

/* A local forge does not say whether a pull request can be merged. For people: it is written again at the next
 * look. */
static void note_mergeable(const struct refresh *refresh, const struct store_pull *pull,
                           enum git_merge merge)
{
    struct error ignored;

    if (refresh->services->config->forge.kind == FORGE_LOCAL)
        (void)store_set_mergeable(refresh->services->store, pull->result,
                                  merge == GIT_CONFLICTS ? FORGE_NOT_MERGEABLE : FORGE_MERGEABLE,
                                  &ignored);
}

/* A whole round has begun and ended since, besides the one that may have been under way. */
static bool is_confirmed(const struct refresh *refresh)
{
    return rounds(refresh) - refresh->contained_rounds >= 2;
}

/* A person who merges by hand first pushes to the base, and marks the pull request as merged later. So a pull
 * request whose change the base has is closed only if it is still open after one more round of looking. */
static void take_merges(struct refresh *refresh, const enum git_merge *merges)
{
    refresh->due = memory_new_array(refresh->count + 1, sizeof(*refresh->due));
    refresh->contained = memory_new_array(refresh->count + 1, sizeof(*refresh->contained));
    for (size_t i = 0; i < refresh->count; i++) {
        const struct open_pull *pull = &refresh->pulls[i];

        note_mergeable(refresh, &pull->known, merges[i]);
        if (is_wanted(refresh, pull, merges[i]))
            refresh->due[refresh->due_count++] = pull->known.result;
        if (is_contained(refresh, pull, merges[i]) && !is_switched_off(refresh))
            refresh->contained[refresh->contained_count++] = pull->known.result;
        if (merges[i] != GIT_CONFLICTS && pull->known.stale && !is_switched_off(refresh))
            note_fresh(refresh, &pull->known);
    }
    refresh->contained_rounds = rounds(refresh);
}

static void on_merges(void *data, const enum git_merge *merges, const struct error *error)
{
    struct refresh *refresh = data;

    refresh->look = NULL;
    if (error) {
        fail_look(refresh, error);
        return;
    }
    take_merges(refresh, merges);
    if (!refresh->looked)
        close_contained(refresh); /* the base moved before this process began */
    refresh->looked = true;
    end_look(refresh);
}

static void check_merges(struct refresh *refresh)
{
    CLEANUP_FREE struct repository_branch *branches = memory_new_array(refresh->count + 1,
                                                                       sizeof(*branches));

    for (size_t i = 0; i < refresh->count; i++)
        memcpy(branches[i].tip, refresh->pulls[i].tip, sizeof(branches[i].tip));
    refresh->look = repository_check_merges(refresh->services->repository, refresh->base, branches,
                                            refresh->count, on_merges, refresh);
}

static const char *tip_of(const char *branch, const struct repository_branch *branches,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(branches[i].name, branch) == 0)
            return branches[i].tip;
    }
    return NULL;
}

static int compare_newest(const void *a, const void *b)
{
    const struct open_pull *left = a, *right = b;

    return left->known.number < right->known.number ? 1 : -1;
}

/* A branch that has the base in it merges with it. A pull request without a branch is being closed. */
static int find_open(struct refresh *refresh, const struct repository_branch *branches,
                     size_t branch_count, struct error *error)
{
    const char *prefix = refresh->services->config->forge.branch_prefix;
    CLEANUP_FREE struct store_pull *known = NULL;
    size_t count;

    if (store_list_pulls(refresh->services->store, STORE_PULLS_OPEN, &known, &count, error) < 0)
        return -1;
    refresh->pulls = memory_new_array(count + 1, sizeof(*refresh->pulls));
    for (size_t i = 0; i < count; i++) {
        CLEANUP_FREE char *branch = memory_format("%s%s", prefix, known[i].experiment_id);
        const char *tip = tip_of(branch, branches, branch_count);
        const struct job *job = job_of(refresh, known[i].result);
        bool fresh = tip && strcmp(tip, known[i].head) == 0 &&
                     strcmp(known[i].base, refresh->base) == 0;

        if (fresh)
            note_mergeable(refresh, &known[i], GIT_MERGES);
        if (!tip || known[i].leaves || fresh || (job && !is_given_up(job)))
            continue;
        refresh->pulls[refresh->count] = (struct open_pull){.known = known[i]};
        memcpy(refresh->pulls[refresh->count++].tip, tip, GIT_HASH_SIZE);
    }
    qsort(refresh->pulls, refresh->count, sizeof(*refresh->pulls), compare_newest);
    return 0;
}

static bool is_same(const struct open_pull *a, size_t a_count, const struct open_pull *b,
                    size_t b_count)
{
    for (size_t i = 0; a_count == b_count && i < a_count; i++) {
        if (a[i].known.result != b[i].known.result || strcmp(a[i].tip, b[i].tip) != 0 ||
            strcmp(a[i].known.stale_on, b[i].known.stale_on) != 0)
            return false;
    }
    return a_count == b_count;
}

/* Finds out again which of the open ones are due. */
static void look_anew(struct refresh *refresh)
{
    free(TAKE(refresh->due));
    free(TAKE(refresh->contained));
    refresh->due_count = refresh->due_at = refresh->contained_count = 0;
    if (refresh->count) {
        check_merges(refresh);
    } else {
        refresh->looked = true;
        end_look(refresh);
    }
}

static void on_branches(void *data, const char *base, const struct repository_branch *branches,
                        size_t count, const struct error *error)
{
    struct refresh *refresh = data;
    CLEANUP_FREE struct open_pull *before = refresh->pulls;
    size_t before_count = refresh->count;
    enum pulls_refresh wanted = refresh->services->config->pulls.refresh;
    struct error failed;
    bool moved;

    refresh->look = NULL;
    refresh->pulls = NULL;
    refresh->count = 0;
    if (error) {
        fail_look(refresh, error);
        return;
    }
    moved = strcmp(refresh->base, base) != 0 || refresh->wanted != wanted;
    refresh->moved = refresh->moved || (refresh->looked && moved);
    refresh->wanted = wanted;
    memcpy(refresh->base, base, strlen(base) + 1);
    if (!is_switched_off(refresh))
        give_up_outdated(refresh);
    if (find_open(refresh, branches, count, &failed) < 0) {
        fail_look(refresh, &failed);
    } else if (!moved && is_same(before, before_count, refresh->pulls, refresh->count)) {
        if (is_confirmed(refresh))
            close_contained(refresh);
        end_look(refresh); /* it is known what is due */
    } else {
        look_anew(refresh);
    }
}

void refresh_base_changed(struct refresh *refresh)
{
    if (base_held(refresh->services->base))
        return;
    refresh->base[0] = '\0'; /* the jobs that it held are due again */
    refresh_look(refresh);
}

void refresh_reloaded(struct refresh *refresh)
{
    jobs_try_now(refresh->jobs);
}

void refresh_look(struct refresh *refresh)
{
    bool local = refresh->services->config->forge.kind == FORGE_LOCAL;
    struct error error;
    unsigned open;

    refresh->look_again = refresh->look != NULL;
    if (refresh->look || (is_switched_off(refresh) && !local) ||
        health_state(refresh->services->health) != HEALTH_WELL)
        return;
    if (store_count_open_pulls(refresh->services->store, &open, &error) < 0)
        log_event(&event_store_failed, LOG_TEXT("reason", error.message));
    else if (open || refresh->jobs)
        refresh->look = repository_look_at_branches(refresh->services->repository, on_branches,
                                                    refresh);
}

bool refresh_idle(const struct refresh *refresh)
{
    return !refresh->look && !refresh->jobs && refresh->due_at == refresh->due_count;
}

const struct job *refresh_jobs(const struct refresh *refresh)
{
    return refresh->jobs;
}

/* ---- life --------------------------------------------------------------------------------------- */

static void refresh_freep(struct refresh **refresh)
{
    refresh_free(*refresh);
}

int refresh_new(struct refresh **refresh, uv_loop_t *loop, const struct refresh_options *options,
                struct error *error)
{
    CLEANUP(refresh_freep) struct refresh *made = memory_new(sizeof(*made));

    made->loop = loop;
    made->options = *options;
    made->services = options->services;
    made->owner = (struct job_owner){
        .kind = JOB_REFRESH,
        .steps = options->steps,
        .may_undo = may_undo,
        .has_slot = has_slot,
        .rests = on_rests,
        .over = on_over,
        .progress = on_progress,
        .data = made,
    };
    if (jobs_resume(made->services, &made->owner, insert, error) < 0)
        return -1;
    *refresh = TAKE(made);
    return 0;
}

void refresh_free(struct refresh *refresh)
{
    if (!refresh)
        return;
    operation_clear(&refresh->turn);
    operation_clear(&refresh->look);
    jobs_stop(&refresh->jobs);
    clear_found(refresh);
    free(refresh);
}

/* Promise: a job and all that its undo needs outlive a crash. */

/* Here are the jobs, what their steps found, and what the store tells to those who only look. */

#include "daemon/store/job.h"
#include "daemon/store/pull.h"
#include "daemon/store/status.h"
#include "store-fixture.h"

/* ---- jobs --------------------------------------------------------------------------------------- */

/* Something else in every column. */
static struct store_job full_job(int64_t result)
{
    static char reason[] = "the tests failed \xe2\x9c\x97", step[] = "validate";
    struct store_job job = {
        .result = result,
        .kind = JOB_REFRESH,
        .state = JOB_UNDOING,
        .step = "pull",
        .started = true,
        .attempt = 4000000000u,
        .faulty_since_ms = 1234567890123,
        .tried_ms = 1234567890122,
        .pull = INT64_MAX,
        .reference = 5e-324,
        .outcome = DECISION_SUPERSEDED,
        .reason = reason,
        .failed_step = step,
        .turned_down_by = INT64_MAX - 1,
        .pull_url = "http://forge.example/o/r/pulls/7",
    };

    return job;
}

struct jobs {
    struct store_job *items;
    size_t count;
};

static void load_jobs(struct fixture *fixture, struct jobs *jobs)
{
    DONE(store_list_jobs(fixture->store, &jobs->items, &jobs->count, &fixture->error));
}

static void clear_jobs(struct jobs *jobs)
{
    store_jobs_free(jobs->items, jobs->count);
}

/* "step{...} ", by name. */
static const char *findings_of(struct fixture *fixture, int64_t job)
{
    static char said[256];
    struct store_finding *findings;
    size_t count, length = 0;

    DONE(store_list_findings(fixture->store, job, &findings, &count, &fixture->error));
    *said = '\0';
    for (size_t i = 0; i < count; i++)
        length += (size_t)snprintf(said + length, sizeof(said) - length, "%s%s ", findings[i].step,
                                   findings[i].json);
    store_findings_free(findings, count);
    return said;
}

static void check_same(const struct store_job *a, const struct store_job *b)
{
    assert_int_equal(a->id, b->id);
    assert_int_equal(a->result, b->result);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->state, b->state);
    assert_string_equal(a->step, b->step);
    assert_int_equal(a->started, b->started);
    assert_int_equal(a->attempt, b->attempt);
    assert_int_equal(a->faulty_since_ms, b->faulty_since_ms);
    assert_int_equal(a->tried_ms, b->tried_ms);
    assert_int_equal(a->pull, b->pull);
    assert_true(a->reference == b->reference || (isnan(a->reference) && isnan(b->reference)));
    assert_int_equal(a->outcome, b->outcome);
    assert_string_equal(a->reason ? a->reason : "none", b->reason ? b->reason : "none");
    assert_string_equal(a->failed_step ? a->failed_step : "none",
                        b->failed_step ? b->failed_step : "none");
    assert_int_equal(a->turned_down_by, b->turned_down_by);
    assert_string_equal(a->pull_url, b->pull_url);
}

static void test_every_column_of_a_job(void **state)
{
    struct fixture *fixture = *state;
    struct store_job job = full_job(add(fixture, "exp-1", 1));
    struct jobs jobs;

    DONE(store_add_job(fixture->store, &job, &fixture->error));
    assert_true(job.id > 0);
    reopen(fixture);
    load_jobs(fixture, &jobs);
    assert_int_equal(jobs.count, 1);
    check_same(&jobs.items[0], &job);
    clear_jobs(&jobs);
}

static void test_a_job_is_saved(void **state)
{
    struct fixture *fixture = *state;
    struct store_job full = full_job(add(fixture, "exp-1", 1));
    struct store_job job = {
        .result = full.result, .kind = full.kind, .reference = NAN, .outcome = DECISION_FAILED};
    struct jobs jobs;

    DONE(store_add_job(fixture->store, &job, &fixture->error));
    load_jobs(fixture, &jobs);
    check_same(&jobs.items[0], &job);
    clear_jobs(&jobs);
    full.id = job.id;
    DONE(store_save_job(fixture->store, &full, NULL, &fixture->error));
    reopen(fixture);
    load_jobs(fixture, &jobs);
    assert_int_equal(jobs.count, 1);
    check_same(&jobs.items[0], &full);
    clear_jobs(&jobs);
}

static void test_jobs_in_order_of_arrival(void **state)
{
    static const struct {
        const char *id, *file_name;
        int64_t modified_ns;
    } rows[] = {{"a", "x", 9}, {"b", "b", 5}, {"c", "a", 5}, {"d", "x", 1}, {"e", "x", 0}};
    static const int order[] = {3, 2, 1, 0};
    struct fixture *fixture = *state;
    struct store_job_end failed = {
        .decision = {.decision = DECISION_FAILED, .reason = "", .reference = NAN}};
    int64_t ids[5];
    struct jobs jobs;

    for (size_t i = 0; i < 5; i++) {
        struct store_result row = row_of(rows[i].id, 1);
        struct store_job job = {.reference = NAN};

        row.file_name = (char *)rows[i].file_name;
        row.modified_ns = rows[i].modified_ns;
        job.result = add_row(fixture, &row);
        job.state = i % 2 ? JOB_UNDOING : JOB_RUNNING;
        DONE(store_add_job(fixture->store, &job, &fixture->error));
        ids[i] = job.id;
        if (i == 4)
            DONE(store_end_job(fixture->store, &job, &failed, &fixture->error));
    }
    load_jobs(fixture, &jobs);
    assert_int_equal(jobs.count, 4);
    for (size_t i = 0; i < jobs.count; i++)
        assert_int_equal(jobs.items[i].id, ids[order[i]]);
    clear_jobs(&jobs);
}

static void test_a_job_ends(void **state)
{
    struct fixture *fixture = *state;
    struct store_job job = full_job(add(fixture, "exp-1", 1));
    struct store_job_end promoted = {
        .decision = {.decision = DECISION_PROMOTED, .reason = "", .reference = 2},
        .measured = "ddddddd"};
    struct store_finding found = {.step = (char *)"describe", .json = (char *)"{}"};
    CLEANUP_FREE char *experiment_id = NULL;
    int64_t pull;
    unsigned open;
    bool closed;
    struct jobs jobs;

    DONE(store_add_job(fixture->store, &job, &fixture->error));
    DONE(store_save_job(fixture->store, &job, &found, &fixture->error));
    DONE(store_end_job(fixture->store, &job, &promoted, &fixture->error));
    reopen(fixture);
    load_jobs(fixture, &jobs);
    assert_int_equal(jobs.count, 0);
    assert_int_equal(decision_of(fixture, job.result), DECISION_PROMOTED);
    DONE(store_find_measured(fixture->store, "ddddddd", &experiment_id, &pull, &closed,
                             &fixture->error));
    assert_string_equal(experiment_id, "exp-1");
    assert_int_equal(pull, INT64_MAX);
    DONE(store_count_open_pulls(fixture->store, &open, &fixture->error));
    assert_int_equal(open, 1);
    assert_string_equal(findings_of(fixture, job.id), "");
    assert_true(has_content(fixture, job.result));
}

static struct store_pull open_pull_of(struct fixture *fixture)
{
    struct store_pull *pulls, found;
    size_t count;

    DONE(store_list_pulls(fixture->store, STORE_PULLS_OPEN, &pulls, &count, &fixture->error));
    assert_int_equal(count, 1);
    found = pulls[0];
    free(pulls);
    return found;
}

static void check_left(struct fixture *fixture, int64_t result, const char *head, const char *base,
                       const char *title)
{
    struct store_pull pull = open_pull_of(fixture);
    struct store_left left;
    char opened_on[GIT_HASH_SIZE];

    DONE(store_get_left(fixture->store, result, &left, opened_on, &fixture->error));
    assert_string_equal(left.head, head);
    assert_string_equal(left.base, base);
    assert_string_equal(left.title, title);
    assert_string_equal(left.body, "body");
    assert_string_equal(opened_on, "base");
    assert_string_equal(pull.head, head);
    assert_string_equal(pull.base, base);
}

static void test_a_refresh_says_how_it_left_the_pull_request(void **state)
{
    struct fixture *fixture = *state;
    int64_t result = add(fixture, "exp-1", 1);
    struct store_job promotion = {.result = result, .pull = 7, .reference = NAN};
    struct store_job refresh = {.result = result, .kind = JOB_REFRESH, .pull = 7, .reference = NAN};
    struct store_job_end promoted = {
        .decision = {.decision = DECISION_PROMOTED, .reason = "", .reference = 2},
        .measured = "",
        .left = {"head", "base", "title", "body"}};
    struct store_refresh_end ends[] = {
        {.stale = "it is empty", .stale_on = "later", .empty_on = "later"},
        {.stale = NULL},
        {.refreshed = true, .left = {"merge", "latest", "title 2", "body"}},
    };

    DONE(store_add_job(fixture->store, &promotion, &fixture->error));
    DONE(store_end_job(fixture->store, &promotion, &promoted, &fixture->error));
    check_left(fixture, result, "head", "base", "title");
    for (size_t i = 0; i < 3; i++) {
        struct store_pull pull;

        DONE(store_add_job(fixture->store, &refresh, &fixture->error));
        DONE(store_end_refresh(fixture->store, &refresh, &ends[i], &fixture->error));
        reopen(fixture);
        pull = open_pull_of(fixture);
        assert_int_equal(pull.stale, i < 2);
        assert_string_equal(pull.stale_on, "later");
        assert_string_equal(pull.empty_on, "later");
        assert_int_equal(decision_of(fixture, result), DECISION_PROMOTED);
        if (i == 2)
            check_left(fixture, result, "merge", "latest", "title 2");
        else
            check_left(fixture, result, "head", "base", "title");
    }
}

static void test_a_job_that_failed_leaves_no_pull(void **state)
{
    struct fixture *fixture = *state;
    struct store_job job = full_job(add(fixture, "exp-1", 1));
    struct store_job_end failed = {
        .decision = {.decision = DECISION_FAILED, .reason = "x", .reference = NAN}};
    unsigned open;

    DONE(store_add_job(fixture->store, &job, &fixture->error));
    DONE(store_end_job(fixture->store, &job, &failed, &fixture->error));
    DONE(store_count_open_pulls(fixture->store, &open, &fixture->error));
    assert_int_equal(open, 0);
    assert_int_equal(decision_of(fixture, job.result), DECISION_FAILED);
    assert_false(has_content(fixture, job.result));
}

/* All of it or nothing: a job ends in one transaction of its own. */
static void test_a_job_cannot_end_within_another_transaction(void **state)
{
    struct fixture *fixture = *state;
    struct store_job job = {.result = add(fixture, "exp-1", 1), .reference = NAN};
    struct store_job_end promoted = {.decision = {.decision = DECISION_PROMOTED, .reason = ""},
                                     .measured = ""};
    struct jobs jobs;

    DONE(store_add_job(fixture->store, &job, &fixture->error));
    DONE(store_begin(fixture->store, &fixture->error));
    assert_int_equal(store_end_job(fixture->store, &job, &promoted, &fixture->error), -1);
    store_rollback(fixture->store);
    load_jobs(fixture, &jobs);
    assert_int_equal(jobs.count, 1);
    clear_jobs(&jobs);
    assert_int_equal(decision_of(fixture, job.result), DECISION_QUEUED);
}

/* Of each step the last one, with the job as it was then; each job has its own. */
static void test_findings(void **state)
{
    struct fixture *fixture = *state;
    struct store_job job = full_job(add(fixture, "exp-1", 1));
    struct store_job other = full_job(add(fixture, "exp-2", 1));
    struct store_finding found[] = {
        {(char *)"branch", (char *)"{\"base\":\"a\"}"},
        {(char *)"compose", (char *)"{\"path\":\"\xff/\xe2\x9c\x93\"}"},
        {(char *)"branch", (char *)"{\"base\":\"b\"}"},
    };
    struct jobs jobs;

    DONE(store_add_job(fixture->store, &job, &fixture->error));
    DONE(store_add_job(fixture->store, &other, &fixture->error));
    for (size_t i = 0; i < sizeof(found) / sizeof(found[0]); i++) {
        job.attempt = (unsigned)i;
        DONE(store_save_job(fixture->store, &job, &found[i], &fixture->error));
    }
    reopen(fixture);
    assert_string_equal(findings_of(fixture, job.id),
                        "branch{\"base\":\"b\"} compose{\"path\":\"\xff/\xe2\x9c\x93\"} ");
    assert_string_equal(findings_of(fixture, other.id), "");
    load_jobs(fixture, &jobs);
    check_same(&jobs.items[0], &job);
    clear_jobs(&jobs);
}

/* A person closed or merged it while the job ran: that is written with the end, or the end is not. */
static void test_a_job_ends_that_a_person_settled(void **state)
{
    static const enum pull_state states[] = {PULL_OPEN, PULL_CLOSED, PULL_MERGED};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < 3; i++) {
        const char id[] = {(char)('a' + i), '\0'};
        struct store_job job = {.result = add(fixture, id, 1), .pull = 5, .reference = NAN};
        struct store_job_end end = {
            .decision = {.decision = DECISION_PROMOTED, .reason = "", .reference = NAN},
            .measured = "",
            .pull_state = states[i],
        };
        struct store_settling settling;

        DONE(store_add_job(fixture->store, &job, &fixture->error));
        DONE(store_end_job(fixture->store, &job, &end, &fixture->error));
        assert_int_equal(decision_of(fixture, job.result), DECISION_PROMOTED);
        DONE(store_next_settling(fixture->store, &settling, &fixture->error));
        assert_int_equal(settling.result, states[i] == PULL_OPEN ? 0 : job.result);
        if (!settling.result)
            continue;
        assert_int_equal(settling.state, states[i]);
        while (!settling.done)
            DONE(store_settle_some(fixture->store, &settling, 2, &fixture->error));
    }
}

/* Ends a job that was turned down because of another result's value. */
static void turn_down(struct fixture *fixture, int64_t result, int64_t because)
{
    struct store_job job = {.result = result, .reference = NAN};
    struct store_job_end verdict = {
        .decision = {.decision = DECISION_SUPERSEDED,
                     .reason = "because",
                     .reference = NAN,
                     .reference_result = because},
    };

    DONE(store_add_job(fixture->store, &job, &fixture->error));
    DONE(store_end_job(fixture->store, &job, &verdict, &fixture->error));
}

static void test_turned_down_by_what_is_gone(void **state)
{
    struct fixture *fixture = *state;
    int64_t open = add(fixture, "open", 3), closed = add(fixture, "closed", 3);
    int64_t closing = add(fixture, "closing", 3), merged = add(fixture, "merged", 3);
    const struct {
        int64_t because;
        enum decision decision;
        bool kept;
    } cases[] = {
        {open, DECISION_SUPERSEDED, true}, {closed, DECISION_QUEUED, true},
        {closing, DECISION_QUEUED, true},  {merged, DECISION_SUPERSEDED, false},
        {0, DECISION_SUPERSEDED, false},
    };

    promote(fixture, open, 1);
    promote(fixture, closed, 2);
    promote(fixture, closing, 3);
    promote(fixture, merged, 4);
    settle(fixture, closed, PULL_CLOSED);
    settle(fixture, merged, PULL_MERGED);
    DONE(store_settle_pull(fixture->store, closing, PULL_CLOSED, &fixture->error));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char name[16];
        int64_t id;

        snprintf(name, sizeof(name), "exp-%zu", i);
        id = add(fixture, name, 4);
        turn_down(fixture, id, cases[i].because);
        assert_int_equal(decision_of(fixture, id), cases[i].decision);
        assert_int_equal(has_content(fixture, id), cases[i].kept);
    }
}

static void test_when_a_step_began(void **state)
{
    struct fixture *fixture = *state;
    int64_t at_ms = -1, later_ms;

    DONE(store_step_began(fixture->store, 1, &at_ms, &fixture->error));
    assert_int_equal(at_ms, 0);
    DONE(store_add_step(fixture->store, 1, "branch", "end", 1, NULL, &fixture->error));
    DONE(store_add_step(fixture->store, 2, "branch", "start", 1, NULL, &fixture->error));
    DONE(store_step_began(fixture->store, 1, &at_ms, &fixture->error));
    assert_int_equal(at_ms, 0);
    DONE(store_add_step(fixture->store, 1, "branch", "start", 1, NULL, &fixture->error));
    DONE(store_step_began(fixture->store, 1, &at_ms, &fixture->error));
    assert_true(at_ms > 0);
    DONE(store_add_step(fixture->store, 1, "branch", "undo", 4000000000u, "x", &fixture->error));
    DONE(store_step_began(fixture->store, 1, &later_ms, &fixture->error));
    assert_true(later_ms >= at_ms);
}

/* ---- what is told ------------------------------------------------------------------------------- */

static void test_counts(void **state)
{
    struct fixture *fixture = *state;
    unsigned counts[DECISION_COUNT], waiting;
    uint64_t history[DECISION_COUNT] = {0};
    struct store_job job = {.reference = NAN};
    int64_t last = 0, id;

    add(fixture, "a", 1);
    add(fixture, "b", 1);
    job.result = add(fixture, "c", 1);
    DONE(store_add_job(fixture->store, &job, &fixture->error));
    decide(fixture, add(fixture, "d", 1), DECISION_BASELINE, 0);
    id = add(fixture, "e", 1);
    decide(fixture, id, DECISION_FAILED, 0);
    decide(fixture, id, DECISION_DISCARDED, 0);
    decide(fixture, add(fixture, "f", 1), DECISION_REJECTED, 0);
    add_refused(fixture, "x.json", "", DECISION_REJECTED, "no");
    add_refused(fixture, "d.json", "d", DECISION_DUPLICATE, "again");
    DONE(store_count(fixture->store, counts, &fixture->error));
    assert_int_equal(counts[DECISION_QUEUED], 3);
    assert_int_equal(counts[DECISION_BASELINE], 1);
    assert_int_equal(counts[DECISION_FAILED], 0);
    assert_int_equal(counts[DECISION_DISCARDED], 1);
    assert_int_equal(counts[DECISION_REJECTED], 2);
    assert_int_equal(counts[DECISION_DUPLICATE], 1);
    assert_int_equal(counts[DECISION_PROMOTED], 0);
    DONE(store_count_waiting(fixture->store, &waiting, &fixture->error));
    assert_int_equal(waiting, 2);
    DONE(store_count_decisions(fixture->store, &last, history, &fixture->error));
    assert_int_equal(last, 6);
    assert_int_equal(history[DECISION_FAILED], 1);
    assert_int_equal(history[DECISION_REJECTED], 2);
    decide(fixture, add(fixture, "g", 1), DECISION_CRASHED, 0);
    DONE(store_count_decisions(fixture->store, &last, history, &fixture->error));
    assert_int_equal(last, 7);
    assert_int_equal(history[DECISION_CRASHED], 1);
    assert_int_equal(history[DECISION_DUPLICATE], 1);
    assert_int_equal(history[DECISION_REJECTED], 2);
}

struct told {
    char said[512];
};

static void tell_one(struct told *told, const struct store_decided *decided)
{
    size_t length = strlen(told->said);

    assert_true(decided->at_ms > 0);
    snprintf(told->said + length, sizeof(told->said) - length, "%s|%s|%s|%g|%g|%s|%s|%d\n",
             decided->experiment_id ? decided->experiment_id : "-", decided->file_name,
             decided->metric, decided->after, decided->before, decision_name(decided->decision),
             decided->reason, (int)decided->pull);
}

static void tell(struct fixture *fixture, unsigned limit, unsigned always, struct told *told)
{
    struct store_decided *decisions;
    size_t count;

    DONE(store_last_decisions(fixture->store, limit, always, &decisions, &count, &fixture->error));
    for (size_t i = 0; i < count; i++)
        tell_one(told, &decisions[i]);
    store_decisions_free(decisions, count);
}

static void test_the_last_decisions(void **state)
{
    struct fixture *fixture = *state;
    struct store_job job = {.result = add(fixture, "a", 1), .pull = 5, .reference = 2};
    struct store_job_end promoted = {
        .decision = {.decision = DECISION_PROMOTED, .reason = "", .reference = 2}, .measured = ""};
    struct told told = {""}, two = {""};
    int64_t id = add(fixture, "b", NAN);

    DONE(store_add_job(fixture->store, &job, &fixture->error));
    DONE(store_end_job(fixture->store, &job, &promoted, &fixture->error));
    decide(fixture, id, DECISION_CRASHED, 0);
    add_refused(fixture, "x.json", "", DECISION_REJECTED, "line 1");
    tell(fixture, 10, 10, &told);
    assert_string_equal(told.said, "-|x.json||nan|nan|rejected|line 1|0\n"
                                   "b|exp.json|val_bpb|nan|nan|crashed|because|0\n"
                                   "a|exp.json|val_bpb|1|2|promoted||5\n");
    tell(fixture, 2, 0, &two);
    assert_memory_equal(two.said, told.said, strlen(two.said));
    assert_null(strstr(two.said, "promoted"));
    /* A promotion is told however long ago it was. */
    *two.said = '\0';
    tell(fixture, 2, 1, &two);
    assert_string_equal(two.said, told.said);
}

static void show_pulls(struct fixture *fixture, struct told *told)
{
    struct store_open_pull *pulls;
    size_t count;

    DONE(store_list_open_pulls(fixture->store, &pulls, &count, &fixture->error));
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(told->said);

        assert_true(pulls[i].opened_ms > 0);
        snprintf(told->said + length, sizeof(told->said) - length, "%s|%s|%g|%g|%d|%s|%d\n",
                 pulls[i].experiment_id, pulls[i].metric, pulls[i].value, pulls[i].before,
                 (int)pulls[i].number, pulls[i].url, (int)pulls[i].mergeable);
    }
    store_open_pulls_free(pulls, count);
}

/* Open pull requests are listed with the forge's word, and no longer than they are open. */
static void test_what_a_person_looks_at(void **state)
{
    struct fixture *fixture = *state;
    struct store_job job = {.result = add(fixture, "a", 1),
                            .pull = 5,
                            .reference = 2,
                            .pull_url = "http://forge.example/5"};
    struct store_job_end promoted = {
        .decision = {.decision = DECISION_PROMOTED, .reason = "", .reference = 2}, .measured = ""};
    struct told told = {""};

    DONE(store_add_job(fixture->store, &job, &fixture->error));
    DONE(store_end_job(fixture->store, &job, &promoted, &fixture->error));
    show_pulls(fixture, &told);
    DONE(store_set_mergeable(fixture->store, job.result, FORGE_NOT_MERGEABLE, &fixture->error));
    show_pulls(fixture, &told);
    DONE(store_set_mergeable(fixture->store, job.result, FORGE_MERGEABLE_UNKNOWN, &fixture->error));
    show_pulls(fixture, &told);
    DONE(store_settle_pull(fixture->store, job.result, PULL_MERGED, &fixture->error));
    show_pulls(fixture, &told);
    assert_string_equal(told.said, "a|val_bpb|1|2|5|http://forge.example/5|0\n"
                                   "a|val_bpb|1|2|5|http://forge.example/5|2\n"
                                   "a|val_bpb|1|2|5|http://forge.example/5|0\n");
}

static void show_merged(struct fixture *fixture, unsigned limit, struct told *told)
{
    CLEANUP_FREE struct store_merged *merged = NULL;
    size_t count;

    DONE(store_list_merged(fixture->store, limit, &merged, &count, &fixture->error));
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(told->said);

        snprintf(told->said + length, sizeof(told->said) - length, "%s %s %lld;",
                 merged[i].measured, merged[i].commit, (long long)merged[i].at_ms);
    }
}

/* The first answer stays, as it may be looked at again later. */
static void test_what_was_merged(void **state)
{
    struct fixture *fixture = *state;
    struct store_job job = {.result = add(fixture, "a", 1), .pull = 5};
    struct store_job_end promoted = {.decision = {.decision = DECISION_PROMOTED, .reason = ""},
                                     .measured = "abc"};
    char measured[GIT_HASH_SIZE];
    struct told told = {""};
    int64_t until;

    DONE(store_get_merged_until(fixture->store, &until, &fixture->error));
    assert_int_equal(until, 0);
    DONE(store_set_merged_until(fixture->store, 7, &fixture->error));
    DONE(store_add_merged(fixture->store, "m1", "", 5, &fixture->error));
    DONE(store_add_merged(fixture->store, "m1", "", 9, &fixture->error));
    DONE(store_add_merged(fixture->store, "m2", "c2", 6, &fixture->error));
    reopen(fixture);
    DONE(store_get_merged_until(fixture->store, &until, &fixture->error));
    assert_int_equal(until, 7);
    show_merged(fixture, 10, &told);
    show_merged(fixture, 1, &told);
    assert_string_equal(told.said, "m2 c2 6;m1  5;m2 c2 6;");
    DONE(store_add_job(fixture->store, &job, &fixture->error));
    DONE(store_find_measured_of(fixture->store, "a", 5, measured, &fixture->error));
    assert_string_equal(measured, "");
    DONE(store_end_job(fixture->store, &job, &promoted, &fixture->error));
    DONE(store_find_measured_of(fixture->store, "a", 5, measured, &fixture->error));
    assert_string_equal(measured, "abc");
    DONE(store_find_measured_of(fixture->store, "a", 6, measured, &fixture->error));
    assert_string_equal(measured, "");
}

static void test_what_waits(void **state)
{
    struct fixture *fixture = *state;
    struct store_job job = {.result = add(fixture, "a", 1)};
    struct store_waiting *waiting;
    size_t count;
    char *reason;
    bool rests;

    for (char id[] = "b"; *id < 'f'; ++*id)
        add(fixture, id, 2);
    DONE(store_add_job(fixture->store, &job, &fixture->error));
    DONE(store_list_waiting(fixture->store, 3, &waiting, &count, &fixture->error));
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(*waiting[i].experiment_id, "bcd"[i]);
        assert_string_equal(waiting[i].metric, "val_bpb");
        assert_true(waiting[i].value == 2);
    }
    store_waiting_free(waiting, count);

    DONE(store_step_waits(fixture->store, job.id, &reason, &rests, &fixture->error));
    assert_null(reason);
    assert_true(rests);
    DONE(store_add_step(fixture->store, job.id, "push", "later", 1, "one", &fixture->error));
    DONE(store_add_step(fixture->store, job.id, "push", "later", 2, "two", &fixture->error));
    DONE(store_add_step(fixture->store, job.id, "push", "start", 3, NULL, &fixture->error));
    DONE(store_step_waits(fixture->store, job.id, &reason, &rests, &fixture->error));
    assert_string_equal(reason, "two");
    assert_false(rests);
    free(reason);
    DONE(store_add_step(fixture->store, job.id, "push", "end", 3, NULL, &fixture->error));
    DONE(store_step_waits(fixture->store, job.id, &reason, &rests, &fixture->error));
    assert_null(reason);
    assert_true(rests);
}

static void test_every_frontier(void **state)
{
    struct fixture *fixture = *state;
    struct store_result row = row_of("b", 1);
    struct store_lane *lanes;
    size_t count;

    decide(fixture, add(fixture, "a", 1), DECISION_BASELINE, 0);
    row.scope = (char *)"night 2";
    row.metric = (char *)"accuracy";
    decide(fixture, add_row(fixture, &row), DECISION_BASELINE, 0);
    row.experiment_id = (char *)"c";
    row.scope = (char *)"unknown";
    add_row(fixture, &row);
    DONE(store_list_frontiers(fixture->store, &lanes, &count, &fixture->error));
    assert_int_equal(count, 2);
    assert_string_equal(lanes[0].metric, "accuracy");
    assert_string_equal(lanes[0].scope, "night 2");
    assert_string_equal(lanes[1].metric, "val_bpb");
    assert_string_equal(lanes[1].scope, "");
    store_lanes_free(lanes, count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_every_column_of_a_job),
        STORE_TEST(test_a_job_is_saved),
        STORE_TEST(test_jobs_in_order_of_arrival),
        STORE_TEST(test_a_job_ends),
        STORE_TEST(test_a_refresh_says_how_it_left_the_pull_request),
        STORE_TEST(test_a_job_that_failed_leaves_no_pull),
        STORE_TEST(test_a_job_cannot_end_within_another_transaction),
        STORE_TEST(test_findings),
        STORE_TEST(test_a_job_ends_that_a_person_settled),
        STORE_TEST(test_turned_down_by_what_is_gone),
        STORE_TEST(test_when_a_step_began),
        STORE_TEST(test_counts),
        STORE_TEST(test_the_last_decisions),
        STORE_TEST(test_what_a_person_looks_at),
        STORE_TEST(test_what_was_merged),
        STORE_TEST(test_what_waits),
        STORE_TEST(test_every_frontier),
    };

    return cmocka_run_group_tests_name("store-job", tests, NULL, NULL);
}

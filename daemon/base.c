#include "daemon/store/base.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "common/secret.h"
#include "daemon/base/internal.h"
#include "daemon/events.h"
#include "daemon/validation/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct asker {
    struct operation operation; /* first */
    struct base *base;
    struct asker *next;
    char commit[GIT_HASH_SIZE];
    uint64_t fresh_ms;
    bool due; /* to be answered now */
    base_callback callback;
    void *data;
};

/* ---- who asks ----------------------------------------------------------------------------------- */

static void take_turn(void *data);

static void wake(struct base *base)
{
    if (!base->turn)
        base->turn = loop_after(base->options.loop, 0, take_turn, base);
}

static void leave(struct asker *asker)
{
    struct asker **place = &asker->base->askers;

    while (*place != asker)
        place = &(*place)->next;
    *place = asker->next;
}

static void asker_discard(struct operation *operation)
{
    struct asker *asker = (struct asker *)operation;

    leave(asker);
    free(asker);
}

static void answer(struct asker *asker, const struct base_verdict *verdict, const char *waits,
                   const struct error *error)
{
    base_callback callback = asker->callback;
    void *data = asker->data;

    asker_discard(&asker->operation);
    callback(data, verdict, waits, error);
}

static struct asker *first_due(const struct base *base)
{
    struct asker *asker = base->askers;

    while (asker && !asker->due)
        asker = asker->next;
    return asker;
}

/* All who asked about this commit. An answer may end the questions of others, and make them ask again. */
static void answer_all(struct base *base)
{
    struct base_verdict *verdict = memory_new(sizeof(*verdict));
    CLEANUP_FREE char *waits = TAKE(base->waits);
    struct error error = base->error;
    bool faulty = base->faulty;
    struct asker *asker;

    *verdict = base->verdict;
    base->faulty = false;
    for (asker = base->askers; asker; asker = asker->next)
        asker->due = strcmp(asker->commit, verdict->commit) == 0;
    while ((asker = first_due(base)))
        answer(asker, waits || faulty ? NULL : verdict, waits, faulty ? &error : NULL);
    free(verdict);
}

struct operation *base_find(struct base *base, const char *commit, uint64_t fresh_ms,
                            base_callback callback, void *data)
{
    struct asker *asker = memory_new(sizeof(*asker));
    struct asker **place = &base->askers;

    asker->operation.discard = asker_discard;
    asker->base = base;
    asker->fresh_ms = fresh_ms;
    asker->callback = callback;
    asker->data = data;
    snprintf(asker->commit, sizeof(asker->commit), "%s", commit);
    while (*place)
        place = &(*place)->next;
    *place = asker;
    wake(base);
    return &asker->operation;
}

static void begin_trial(struct base *base)
{
    base->trial = base_find(base, base->held_commit, BASE_MINUTE_MS, base_tried, base);
}

/* ---- the run ------------------------------------------------------------------------------------ */

static bool is_in_force(const struct base *base)
{
    return settings_in_force(base->options.config, base->settings);
}

/* A run under settings that are no longer in force does not count. The tests are run again. */
static void conclude(struct base *base)
{
    repository_forget(base->options.repository, base->options.config->forge.base);
    if (is_in_force(base))
        answer_all(base);
    wake(base);
}

static void on_removed(void *data, const struct error *error)
{
    struct base *base = data;

    base->call = NULL;
    if (error)
        log_event(&event_checkout_left, LOG_TEXT("commit", base->verdict.commit),
                  LOG_TEXT("reason", error->message));
    conclude(base);
}

/* Until now the checkout is there, with the HOME of the run. */
static void clean_up(struct base *base)
{
    base->call = validation_remove(base->options.validation, BASE_NAME, on_removed, base);
}

static void store_verdict(struct base *base)
{
    const struct base_verdict *verdict = &base->verdict;
    CLEANUP_FREE char *report = test_report_write(&verdict->report);
    struct store_base stored = {
        .passed = verdict->state != BASE_FAILED,
        .flaky = verdict->state == BASE_FLAKY,
        .at_ms = verdict->at_ms,
        .duration_ms = base->duration_ms,
        .reason = (char *)verdict->reason,
        .log = base->log,
        .report = report,
    };
    struct error error;

    secret_scrub(report);
    snprintf(stored.commit, sizeof(stored.commit), "%s", verdict->commit);
    snprintf(stored.settings, sizeof(stored.settings), "%s", base->settings);
    /* Not written: it is run again when it is asked for again. */
    if (store_set_base(base->options.store, &stored, &error) < 0)
        log_event(&event_store_failed, LOG_TEXT("commit", verdict->commit),
                  LOG_TEXT("reason", error.message));
}

/* The verdict is stored after the cache. If the daemon ends before that, the tests run again. */
static void on_cache_kept(void *data)
{
    struct base *base = data;

    base->call = NULL;
    store_verdict(base);
    clean_up(base);
}

static void end_run(struct base *base, enum base_state state)
{
    static const struct log_event *const events[] = {
        [BASE_PASSED] = &event_base_passed,
        [BASE_FLAKY] = &event_base_flaky,
        [BASE_FAILED] = &event_base_failed,
    };
    struct base_verdict *verdict = &base->verdict;

    verdict->state = state;
    verdict->at_ms = clock_now_ms();
    if (state != BASE_FAILED)
        verdict->unbegun = NULL;
    base->failed.state = BASE_UNKNOWN;
    if (state == BASE_FAILED) {
        base->failed = *verdict;
        base->failed_at = uv_now(base->options.loop);
        memcpy(base->failed_settings, base->settings, sizeof(base->settings));
    }
    if (!(base->trial && verdict->unbegun)) /* the hold has said it, and it is tried each minute */
        log_event(events[state], LOG_TEXT("commit", verdict->commit),
                  LOG_INTEGER("duration_ms", base->duration_ms),
                  LOG_TEXT("reason", *verdict->reason ? verdict->reason : NULL));
    if (state != BASE_FAILED && base->held && strcmp(base->held_commit, verdict->commit) != 0)
        base_try_again(base, "the base has moved");
    if (state != BASE_FAILED)
        base->call = validation_keep_cache(base->options.validation, BASE_NAME, verdict->commit,
                                           on_cache_kept, base);
    if (!base->call)
        on_cache_kept(base);
}

static void run(struct base *base);

static void note_outcome(struct base *base, const struct validation_outcome *outcome)
{
    struct error why;

    free(base->log);
    base->log = memory_copy(outcome->log);
    base->duration_ms = (int64_t)outcome->duration_ms;
    base->verdict.report = (struct test_report){0};
    if (outcome->report)
        base->verdict.report = *outcome->report;
    if (outcome->verdict == VALIDATION_PASSED)
        return;
    base->verdict.unbegun = outcome->unbegun;
    validation_explain(&why, outcome);
    snprintf(base->verdict.reason, sizeof(base->verdict.reason), "%s", why.message);
}

/* What holds the queue leaves the run as it is. It goes on once that is mended. */
static void give_up(struct base *base, const struct error *error)
{
    base->error = *error;
    base->faulty = true;
    if (error->holds)
        conclude(base);
    else
        clean_up(base);
}

/* A person who reloads the configuration has mended something. So an earlier failure is no evidence, neither
 * that the base fails nor, with a pass after it, that it is flaky. */
static void run_anew(struct base *base)
{
    base->reloaded = false;
    base->verdict.reason[0] = '\0';
    base->verdict.unbegun = NULL;
    run(base);
}

static void on_ran(void *data, const struct validation_outcome *outcome, const struct error *error)
{
    struct base *base = data;
    bool passed = !error && outcome->verdict == VALIDATION_PASSED;

    base->call = NULL;
    if (!is_in_force(base)) {
        clean_up(base); /* it is run under those that are */
    } else if (base->reloaded && !passed) {
        run_anew(base);
    } else if (error && (error->kind != ERROR_PERMANENT || error->installation)) {
        give_up(base, error);
    } else if (error) {
        /* The base lacks the command, or its tests fill the disk: another run would end in the same way. */
        base->verdict.report = (struct test_report){0};
        snprintf(base->verdict.reason, sizeof(base->verdict.reason), "%s", error->message);
        secret_scrub(base->verdict.reason);
        end_run(base, BASE_FAILED);
    } else if (outcome->verdict == VALIDATION_WAITS) {
        base->waits = memory_copy(outcome->sentence);
        clean_up(base);
    } else {
        note_outcome(base, outcome);
        if (passed)
            end_run(base, base->again && !base->reloaded ? BASE_FLAKY : BASE_PASSED);
        else if (base->again)
            end_run(base, BASE_FAILED);
        else
            run(base);
    }
}

/* The second time because the first one failed. */
static void run(struct base *base)
{
    const struct validation_task task = {
        .experiment_id = BASE_NAME,
        .branch = base->options.config->forge.base,
        .commit = base->verdict.commit,
        .base = base->verdict.commit,
        .on_base = true,
    };

    base->again = *base->verdict.reason != '\0';
    base->call = validation_run(base->options.validation, &task, on_ran, base);
}

static void on_brought(void *data, const struct error *error)
{
    struct base *base = data;

    base->call = NULL;
    if (error)
        give_up(base, error);
    else
        run(base);
}

static void begin_run(struct base *base, const char *commit)
{
    base->verdict = (struct base_verdict){0};
    base->reloaded = false;
    snprintf(base->verdict.commit, sizeof(base->verdict.commit), "%s", commit);
    settings_digest(base->options.config, base->settings);
    base->call = repository_bring(base->options.repository, commit, on_brought, base);
}

/* A pass that seems to come from the future is as good as an old one. */
static bool is_fresh(const struct base_verdict *verdict, uint64_t fresh_ms)
{
    int64_t age = clock_now_ms() - verdict->at_ms;

    return verdict->state != BASE_UNKNOWN && verdict->state != BASE_FAILED &&
           (fresh_ms == 0 || (age >= 0 && (uint64_t)age < fresh_ms));
}

/* Answers the first question with what is known, or begins a run for it. */
static void take_turn(void *data)
{
    struct base *base = data;
    struct asker *asker = base->askers;
    struct base_verdict verdict;
    char settings[DIGEST_HEX_SIZE];
    struct error error;

    base->turn = NULL;
    if (base->call || !asker)
        return;
    settings_digest(base->options.config, settings);
    if (base_believes_failure(base, asker->commit, settings)) {
        verdict = base->failed;
        answer(asker, &verdict, NULL, NULL);
    } else if (base_recall_under(base, asker->commit, settings, &verdict, &error) < 0) {
        answer(asker, NULL, NULL, &error);
    } else if (is_fresh(&verdict, asker->fresh_ms)) {
        answer(asker, &verdict, NULL, NULL);
    } else {
        begin_run(base, asker->commit);
        return;
    }
    wake(base);
}

/* ---- life --------------------------------------------------------------------------------------- */

void base_new(struct base **base, const struct base_options *options)
{
    struct base *made = memory_new(sizeof(*made));

    made->options = *options;
    made->begin_trial = begin_trial;
    /* An earlier daemon may have left something of a run. */
    repository_forget(options->repository, options->config->forge.base);
    *base = made;
}

void base_free(struct base *base)
{
    if (!base)
        return;
    base_end_hold(base);
    operation_clear(&base->notice);
    operation_clear(&base->turn);
    operation_clear(&base->call);
    while (base->askers)
        operation_discard(&base->askers->operation);
    free(base->log);
    free(base->waits);
    free(base);
}

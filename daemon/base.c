#include "daemon/base.h"

#include "common/digest.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "common/secret.h"
#include "common/text.h"
#include "daemon/events.h"
#include "daemon/store/base.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of checkout and log. No experiment is called so: an id begins with a letter or a digit. */

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

struct base {
    struct base_options options;
    struct asker *askers;   /* in the order in which they asked */
    struct operation *turn; /* looks at who asks */
    struct operation *step; /* of the run under way; NULL: there is none */

    /* The run under way, or the last one. */
    struct base_verdict verdict;
    char settings[DIGEST_HEX_SIZE]; /* under which it began */
    bool again;                     /* it is the second one */
    int64_t duration_ms;
    char *log;
    char *waits;        /* for what it did not begin; NULL: it did */
    struct error error; /* why there is no verdict */
    bool faulty;        /* there is such an error */

    /* A failure that is believed. */
    struct base_verdict failed; /* BASE_UNKNOWN: there is none */
    char failed_settings[DIGEST_HEX_SIZE];
    uint64_t failed_at; /* uv_now() */

    char *held; /* why the queue is held; NULL: it is not */
    char held_commit[GIT_HASH_SIZE];
    int64_t *held_results; /* that failed on it */
    size_t held_count;
    struct operation *hour;   /* after which they begin again */
    struct operation *look;   /* at where the base is now, or the pause before it */
    struct operation *notice; /* to whom the hold concerns */
};

/* ---- what is known ------------------------------------------------------------------------------ */

static void add_text(struct digest *digest, const char *text)
{
    digest_update(digest, text ? text : "", text ? strlen(text) + 1 : 1);
}

static void add_list(struct digest *digest, const struct config_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        add_text(digest, list->items[i]);
    add_text(digest, NULL);
}

/* All that decides how the tests run, as a digest: variables may hold what nobody is to read. */
static void find_settings(const struct config *config, char settings[static DIGEST_HEX_SIZE])
{
    struct digest digest;
    char numbers[160];

    digest_begin(&digest);
    add_list(&digest, &config->validation.command);
    add_list(&digest, &config->validation.launcher);
    add_list(&digest, &config->validation.environment);
    add_list(&digest, &config->validation.read_only);
    for (size_t i = 0; i < config->validation.pass_environment.count; i++) {
        add_text(&digest, config->validation.pass_environment.items[i]);
        add_text(&digest, getenv(config->validation.pass_environment.items[i]));
    }
    add_text(&digest, config->validation.expect);
    add_text(&digest, config->validation.cache ? "cache" : NULL);
    snprintf(numbers, sizeof(numbers), "%d %d %" PRIu64 " %" PRIu64 " %u %" PRIu64 " %" PRIu64,
             (int)config->validation.sandbox, (int)config->validation.network,
             config->validation.timeout_ms, config->validation.limits.memory,
             config->validation.limits.processes, config->validation.limits.file_size,
             config->validation.limits.cpu_time_ms);
    add_text(&digest, numbers);
    digest_end(&digest, settings);
}

static void take_stored(struct base_verdict *verdict, const struct store_base *stored)
{
    *verdict = (struct base_verdict){.at_ms = stored->at_ms};
    if (!stored->at_ms)
        return;
    verdict->state = !stored->passed ? BASE_FAILED : stored->flaky ? BASE_FLAKY : BASE_PASSED;
    snprintf(verdict->commit, sizeof(verdict->commit), "%s", stored->commit);
    snprintf(verdict->reason, sizeof(verdict->reason), "%s", stored->reason);
    test_report_read(&verdict->report, stored->report);
}

static int recall(const struct base *base, const char *commit, const char *settings,
                  struct base_verdict *verdict, struct error *error)
{
    CLEANUP(store_base_clear) struct store_base stored = {0};

    if (store_find_base(base->options.store, commit, settings, &stored, error) < 0)
        return -1;
    take_stored(verdict, &stored);
    return 0;
}

int base_recall(const struct base *base, const char *commit, struct base_verdict *verdict,
                struct error *error)
{
    char settings[DIGEST_HEX_SIZE];

    find_settings(base->options.config, settings);
    return recall(base, commit, settings, verdict, error);
}

static bool is_believed(const struct base *base, const char *commit, const char *settings)
{
    return base->failed.state == BASE_FAILED && strcmp(base->failed.commit, commit) == 0 &&
           strcmp(base->failed_settings, settings) == 0 &&
           uv_now(base->options.loop) - base->failed_at < BASE_HOUR_MS;
}

/* A pass that seems to come from the future is as good as an old one. */
static bool is_fresh(const struct base_verdict *verdict, uint64_t fresh_ms)
{
    int64_t age = clock_now_ms() - verdict->at_ms;

    return verdict->state != BASE_UNKNOWN && verdict->state != BASE_FAILED &&
           (fresh_ms == 0 || (age >= 0 && (uint64_t)age < fresh_ms));
}

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

/* Whoever asked about this commit. An answer may end what others asked, and make them ask anew. */
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

/* ---- the run ------------------------------------------------------------------------------------ */

/* A run under settings that are not in force any more says nothing. The tests are run again. */
static void on_removed(void *data, const struct error *error)
{
    struct base *base = data;
    char settings[DIGEST_HEX_SIZE];

    base->step = NULL;
    repository_forget(base->options.repository, base->options.config->forge.base);
    if (error)
        log_event(&event_checkout_left, LOG_TEXT("commit", base->verdict.commit),
                  LOG_TEXT("reason", error->message));
    find_settings(base->options.config, settings);
    if (strcmp(settings, base->settings) == 0)
        answer_all(base);
    wake(base);
}

/* Until here the checkout is there, with the HOME of the run. */
static void clean_up(struct base *base)
{
    base->step = validation_remove(base->options.validation, BASE_NAME, on_removed, base);
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

static void try_again(struct base *base, const char *why);

/* A pass whose cache was not kept because the daemon ended is found anew. */
static void on_cache_kept(void *data)
{
    struct base *base = data;

    base->step = NULL;
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
    base->failed.state = BASE_UNKNOWN;
    if (state == BASE_FAILED) {
        base->failed = *verdict;
        base->failed_at = uv_now(base->options.loop);
        memcpy(base->failed_settings, base->settings, sizeof(base->settings));
    }
    log_event(events[state], LOG_TEXT("commit", verdict->commit),
              LOG_INTEGER("duration_ms", base->duration_ms),
              LOG_TEXT("reason", *verdict->reason ? verdict->reason : NULL));
    if (state != BASE_FAILED && base->held && strcmp(base->held_commit, verdict->commit) != 0)
        try_again(base, "the base has moved");
    if (state != BASE_FAILED)
        base->step = validation_keep_cache(base->options.validation, BASE_NAME, verdict->commit,
                                           on_cache_kept, base);
    if (!base->step)
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
    validation_explain(&why, outcome);
    snprintf(base->verdict.reason, sizeof(base->verdict.reason), "%s", why.message);
}

static void give_up(struct base *base, const struct error *error)
{
    base->error = *error;
    base->faulty = true;
    clean_up(base);
}

static void on_ran(void *data, const struct validation_outcome *outcome, const struct error *error)
{
    struct base *base = data;

    base->step = NULL;
    if (error && (error->kind != ERROR_PERMANENT || error->installation)) {
        give_up(base, error);
    } else if (error) {
        /* The base lacks the command, or its tests fill the disk: it would be the same again. */
        base->verdict.report = (struct test_report){0};
        snprintf(base->verdict.reason, sizeof(base->verdict.reason), "%s", error->message);
        secret_scrub(base->verdict.reason);
        end_run(base, BASE_FAILED);
    } else if (outcome->verdict == VALIDATION_WAITS) {
        base->waits = memory_copy(outcome->sentence);
        clean_up(base);
    } else {
        note_outcome(base, outcome);
        if (outcome->verdict == VALIDATION_PASSED)
            end_run(base, base->again ? BASE_FLAKY : BASE_PASSED);
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
    base->step = validation_run(base->options.validation, &task, on_ran, base);
}

static void on_brought(void *data, const struct error *error)
{
    struct base *base = data;

    base->step = NULL;
    if (error)
        give_up(base, error);
    else
        run(base);
}

static void begin_run(struct base *base, const char *commit)
{
    base->verdict = (struct base_verdict){0};
    snprintf(base->verdict.commit, sizeof(base->verdict.commit), "%s", commit);
    find_settings(base->options.config, base->settings);
    base->step = repository_bring(base->options.repository, commit, on_brought, base);
}

/* Answers the first who asks with what is known, or begins a run for it. */
static void take_turn(void *data)
{
    struct base *base = data;
    struct asker *asker = base->askers;
    struct base_verdict verdict;
    char settings[DIGEST_HEX_SIZE];
    struct error error;

    base->turn = NULL;
    if (base->step || !asker)
        return;
    find_settings(base->options.config, settings);
    if (is_believed(base, asker->commit, settings)) {
        verdict = base->failed;
        answer(asker, &verdict, NULL, NULL);
    } else if (recall(base, asker->commit, settings, &verdict, &error) < 0) {
        answer(asker, NULL, NULL, &error);
    } else if (is_fresh(&verdict, asker->fresh_ms)) {
        answer(asker, &verdict, NULL, NULL);
    } else {
        begin_run(base, asker->commit);
        return;
    }
    wake(base);
}

/* ---- the hold ----------------------------------------------------------------------------------- */

static void on_notice(void *data)
{
    struct base *base = data;

    base->notice = NULL;
    base->options.changed(base->options.data);
}

static void give_notice(struct base *base)
{
    if (!base->notice)
        base->notice = loop_after(base->options.loop, 0, on_notice, base);
}

static void end_hold(struct base *base)
{
    operation_clear(&base->hour);
    operation_clear(&base->look);
    free(TAKE(base->held));
    free(TAKE(base->held_results));
    base->held_count = 0;
}

static void try_again(struct base *base, const char *why)
{
    end_hold(base);
    base->failed.state = BASE_UNKNOWN;
    log_event(&event_base_again, LOG_TEXT("reason", why));
    give_notice(base);
}

static void on_hour(void *data)
{
    struct base *base = data;

    base->hour = NULL;
    try_again(base, "an hour has passed");
}

static void look(void *data);

static void look_later(struct base *base)
{
    uint64_t poll_ms = base->options.config->forge.poll_ms;

    if (poll_ms)
        base->look = loop_after(base->options.loop, poll_ms, look, base);
}

static void on_looked(void *data, const struct repository_refs *refs, const struct error *error)
{
    struct base *base = data;

    base->look = NULL;
    if (error || !*refs->base || strcmp(refs->base, base->held_commit) == 0)
        look_later(base);
    else
        try_again(base, "the base has moved");
}

static void look(void *data)
{
    struct base *base = data;

    base->look = repository_look(base->options.repository, NULL, on_looked, base);
}

static void begin_hold(struct base *base, const char *experiment_id,
                       const struct base_verdict *verdict)
{
    base->held = memory_format("validation.base: the base %s fails at commit %s, and so does "
                               "experiment %s: %s",
                               base->options.config->forge.base, verdict->commit, experiment_id,
                               verdict->reason);
    secret_scrub(base->held);
    memcpy(base->held_commit, verdict->commit, sizeof(base->held_commit));
    base->hour = loop_after(base->options.loop, BASE_HOUR_MS, on_hour, base);
    look_later(base);
    give_notice(base);
    /* The hour that follows has begun. */
    log_event(&event_held, LOG_TEXT("key", "validation.base"), LOG_TEXT("reason", base->held));
}

static void hold_result(struct base *base, int64_t result)
{
    if (base_holds(base, result))
        return;
    base->held_results = memory_resize(base->held_results,
                                       (base->held_count + 1) * sizeof(*base->held_results));
    base->held_results[base->held_count++] = result;
}

void base_hold(struct base *base, int64_t result, const char *experiment_id,
               const struct base_verdict *verdict)
{
    if (base->held && strcmp(base->held_commit, verdict->commit) != 0)
        end_hold(base); /* it has moved to another one that fails */
    if (!base->held)
        begin_hold(base, experiment_id, verdict);
    hold_result(base, result);
}

const char *base_held(const struct base *base)
{
    return base->held;
}

char *base_held_results(const struct base *base)
{
    struct text list = {0};

    if (base->held_count == 0)
        return NULL;
    for (size_t i = 0; i < base->held_count; i++)
        text_append_format(&list, "%c%" PRId64, i == 0 ? '[' : ',', base->held_results[i]);
    text_append(&list, "]");
    return text_take(&list);
}

bool base_holds(const struct base *base, int64_t result)
{
    for (size_t i = 0; i < base->held_count; i++) {
        if (base->held_results[i] == result)
            return true;
    }
    return false;
}

void base_reloaded(struct base *base)
{
    if (base->held)
        try_again(base, "the configuration was read again");
    base->failed.state = BASE_UNKNOWN;
}

/* ---- life --------------------------------------------------------------------------------------- */

void base_new(struct base **base, const struct base_options *options)
{
    struct base *made = memory_new(sizeof(*made));

    made->options = *options;
    /* An earlier daemon may have left something of a run. */
    repository_forget(options->repository, options->config->forge.base);
    *base = made;
}

void base_free(struct base *base)
{
    if (!base)
        return;
    end_hold(base);
    operation_clear(&base->notice);
    operation_clear(&base->turn);
    operation_clear(&base->step);
    while (base->askers)
        operation_discard(&base->askers->operation);
    free(base->log);
    free(base->waits);
    free(base);
}

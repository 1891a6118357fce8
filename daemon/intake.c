#include "daemon/intake.h"

#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "common/text.h"
#include "daemon/events.h"
#include "daemon/intake/internal.h"
#include "daemon/lane.h"
#include "daemon/log-taking/tell.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCAN_EVERY_MS      30000
#define SETTLE_MS          1000
#define PATCH_PATIENCE_MS  60000
#define FAULT_PAUSE_MIN_MS 1000
#define FAULT_PAUSE_MAX_MS 60000
#define SLICE_NS           10000000 /* for decisions in one turn of the loop */
#define SLICE_LEAST        64  /* that are made however long it takes: they were read already */
#define TOLD_SHOWN         100 /* characters; a key may be as long as a file, and these are kept */

static int read_patch(void *data, const char *name, size_t limit, char **bytes, size_t *length,
                      struct error *error)
{
    return spool_read_patch(data, name, limit, bytes, length, error);
}

/* ---- deciding --------------------------------------------------------------------------------- */

static int retry_entry(struct store *store, struct entry *entry, const struct store_result *row,
                       const struct store_content *content, const struct store_decision *decision,
                       struct error *error)
{
    entry->result = entry->assessment.retried;
    entry->marked = true;
    if (store_retry(store, entry->result, row, content, error) < 0)
        return -1;
    return decision->decision == DECISION_QUEUED
               ? 0
               : store_decide(store, entry->result, decision, error);
}

static int store_entry(struct intake *intake, struct entry *entry, struct error *error)
{
    const struct assessment *assessment = &entry->assessment;
    struct store *store = intake->options.store;
    struct store_result row = assessment_row(assessment, entry->file);
    bool queued = assessment->decision == DECISION_QUEUED;
    CLEANUP_FREE char *parsed = assessment_keeps_content(assessment, row.has_change)
                                    ? result_canonical(assessment->result)
                                    : NULL;
    struct store_decision decision = {
        .decision = assessment->decision,
        .reason = assessment->reason,
        .reference = assessment->verdict.reference,
        .reference_result = lane_reference(&assessment->frontier, &assessment->verdict),
    };
    struct store_content content = {
        .parsed = parsed,
        .patch = assessment->patch,
        .patch_length = assessment->patch_length,
        .patch_name = assessment->patch_name,
    };

    if (assessment->result && assessment->result->patch &&
        store_end_await(store, entry->file->name, error) < 0)
        return -1;
    row.archived = entry->target;
    if (assessment->retried)
        return retry_entry(store, entry, &row, &content, &decision, error);
    return store_add(store, &row, &content, queued ? NULL : &decision, &entry->result, error);
}

static void entry_clear(struct entry *entry)
{
    assessment_clear(&entry->assessment);
    free(entry->target);
    free(entry->moved_to);
}

/* Returns for how many more milliseconds an entry may be put off; 0: it is decided now. */
static uint64_t left_for(const struct intake *intake, const struct entry *entry)
{
    const uint64_t patience_ms[SPOOL_DELAY_COUNT] = {
        [SPOOL_DELAY_PATCH] = PATCH_PATIENCE_MS,
        [SPOOL_DELAY_FAULT] = intake->options.config->queue.retry_for_ms,
    };
    enum spool_delay delay = entry->assessment.delay;
    uint64_t delayed_ms = entry->file->delayed_ms[delay];

    return delayed_ms < patience_ms[delay] ? patience_ms[delay] - delayed_ms : 0;
}

/* A file that is seen for the first time since the start may have waited for its patch before that. */
static int recall_wait(struct intake *intake, struct entry *entry, struct error *error)
{
    struct spool_file *file = entry->file;
    uint64_t *delayed_ms = &file->delayed_ms[SPOOL_DELAY_PATCH];
    int64_t now_ms = clock_now_ms(), since_ms;

    if (entry->assessment.delay != SPOOL_DELAY_PATCH || *delayed_ms > 0)
        return 0;
    if (store_await(intake->options.store, file->name, file->inode, file->modified_ns, now_ms,
                    &since_ms, error) < 0)
        return -1;
    *delayed_ms = (uint64_t)(now_ms - since_ms);
    return 0;
}

static void say_tried(struct assessment *assessment)
{
    char *reason = memory_format("%s; tried in vain for queue.retry_for", assessment->reason);

    free(assessment->reason);
    assessment->reason = reason;
}

static int decide_entry(struct intake *intake, struct entry *entry, const char *day,
                        struct error *error)
{
    struct error ignored;

    if (intake->moves_left > 0 &&
        store_has_move(intake->options.store, entry->file->name, entry->file->inode,
                       &entry->moved_before, error) < 0)
        return -1;
    if (entry->moved_before)
        return 0;
    if (assessment_make(&entry->assessment, intake->options.config, intake->options.store,
                        entry->file, read_patch, intake->spool, error) < 0)
        return -1;
    if (recall_wait(intake, entry, error) < 0)
        return -1;
    entry->delayed = left_for(intake, entry) > 0;
    if (entry->delayed)
        return 0;
    if (entry->assessment.delay == SPOOL_DELAY_FAULT)
        say_tried(&entry->assessment);
    /* If this fails, the place is chosen when the file is moved. */
    (void)spool_choose(intake->spool, intake_place_of(entry), day, entry->file->name,
                       &entry->target, &ignored);
    return store_entry(intake, entry, error);
}

/* Notes that everything decided before was moved or is marked. With the next slice this costs nothing. */
static int begin_slice(struct intake *intake, struct error *error)
{
    if (store_begin(intake->options.store, error) < 0)
        return -1;
    if (intake->lost_count || store_note_moved(intake->options.store, false, error) == 0)
        return 0;
    store_rollback(intake->options.store);
    return -1;
}

/* Decides as many entries as there is time for, but at least a few: on a busy machine a slice would otherwise
 * have one entry, at the cost of a slice. Returns how many. */
static int decide_slice(struct intake *intake, struct entry *entries, size_t count, const char *day,
                        struct error *error)
{
    uint64_t until_ns = uv_hrtime() + SLICE_NS;
    size_t decided = 0;

    if (begin_slice(intake, error) < 0)
        return -1;
    do {
        if (decide_entry(intake, &entries[decided++], day, error) < 0) {
            store_rollback(intake->options.store);
            return -1;
        }
    } while (decided < count && (decided < SLICE_LEAST || uv_hrtime() < until_ns));
    intake->moved_unnoted = true;
    return store_commit(intake->options.store, error) < 0 ? -1 : (int)decided;
}

/* ---- telling ---------------------------------------------------------------------------------- */

static void tell_unknown_keys(struct intake *intake, const struct entry *entry)
{
    CLEANUP_TEXT struct text keys = {0};

    if (!entry->assessment.result || !entry->assessment.result->unknown)
        return;
    json_object_object_foreach(entry->assessment.result->unknown, key, value)
    {
        CLEANUP_TEXT struct text shown = {0};

        (void)value;
        text_append_line(&shown, key, TOLD_SHOWN);
        if (told_once(&intake->keys, text_string(&shown)))
            text_append_format(&keys, "%s%s", keys.length ? ", " : "", text_string(&shown));
    }
    if (keys.length)
        log_event(&event_unknown_keys, LOG_TEXT("experiment", entry->assessment.experiment_id),
                  LOG_TEXT("file", entry->file->name), LOG_TEXT("keys", text_string(&keys)));
}

/* A fault may concern very many files, so it is logged once a second. */
static void tell_delay(struct intake *intake, const struct entry *entry)
{
    uint64_t now = uv_now(intake->loop);

    if (entry->file->delayed_ms[entry->assessment.delay] > 0)
        return;
    if (entry->assessment.delay == SPOOL_DELAY_PATCH) {
        log_event(&event_patch_awaited, LOG_TEXT("experiment", entry->assessment.experiment_id),
                  LOG_TEXT("file", entry->file->name),
                  LOG_TEXT("patch", entry->assessment.result->patch));
    } else if (now - intake->told_fault_ms >= 1000) {
        intake->told_fault_ms = now;
        log_event(&event_file_faulty, LOG_TEXT("file", entry->file->name),
                  LOG_TEXT("reason", entry->assessment.reason));
    }
}

/* Asks the spool to hand on an entry again. A faulty one comes after a quarter of the time that it has
 * taken so far, so that a lost disk is not asked every second for a day. */
static void put_off(struct intake *intake, struct entry *entry)
{
    struct spool_file *file = entry->file;
    uint64_t left_ms = left_for(intake, entry);
    uint64_t pause_ms = file->delayed_ms[SPOOL_DELAY_FAULT] / 4;

    tell_delay(intake, entry);
    file->delay = entry->assessment.delay;
    file->again_ms = left_ms;
    if (file->delay == SPOOL_DELAY_PATCH) {
        file->patch = memory_copy(entry->assessment.result->patch);
        intake->patient_until = uv_now(intake->loop) + left_ms;
        return;
    }
    pause_ms = pause_ms < FAULT_PAUSE_MIN_MS   ? FAULT_PAUSE_MIN_MS
               : pause_ms > FAULT_PAUSE_MAX_MS ? FAULT_PAUSE_MAX_MS
                                               : pause_ms;
    if (pause_ms < left_ms)
        file->again_ms = pause_ms;
}

static void tell(struct intake *intake, const struct entry *entry)
{
    const struct assessment *assessment = &entry->assessment;
    const struct result *result = assessment->result;
    bool queued = assessment->decision == DECISION_QUEUED;

    if (entry->moved_before)
        return;
    tell_unknown_keys(intake, entry);
    if (result)
        log_tell_status(&intake->words, &result->claim, assessment->experiment_id,
                        entry->file->name);
    log_event(queued ? &event_result_queued : &event_result_decided,
              LOG_TEXT("experiment", assessment->experiment_id),
              LOG_TEXT("metric", result ? result->metric : NULL),
              LOG_NUMBER("before", assessment->verdict.reference),
              LOG_NUMBER("after", result ? result->claim.after.mean : NAN),
              LOG_TEXT("decision", decision_name(assessment->decision)),
              LOG_TEXT("reason", assessment->reason), LOG_TEXT("file", entry->file->name));
}

/* ---- the spool's callbacks -------------------------------------------------------------------- */

static size_t take_files(struct intake *intake, struct spool_file *files, size_t count)
{
    CLEANUP_FREE struct entry *entries = memory_new_array(count, sizeof(*entries));
    struct error error;
    char day[16];
    int decided, delayed = 0;

    intake_format_day(clock_now_ms(), day);
    for (size_t i = 0; i < count; i++)
        entries[i].file = &files[i];
    decided = decide_slice(intake, entries, count, day, &error);
    if (decided < 0) {
        log_event(&event_intake_failed, LOG_TEXT("reason", error.message));
        intake_try_again_later(intake);
    } else {
        /* A reader of the log may look for the file, so it is moved before the decision is logged. */
        intake_move_slice(intake, entries, (size_t)decided, day);
        log_begin_batch();
        for (int i = 0; i < decided; i++) {
            delayed += entries[i].delayed;
            if (entries[i].delayed)
                put_off(intake, &entries[i]);
            else
                tell(intake, &entries[i]);
        }
        log_end_batch();
    }
    for (size_t i = 0; i < count; i++)
        entry_clear(&entries[i]);
    if (decided < 0)
        return 0;
    if (delayed < decided)
        intake->options.taken(intake->options.data);
    return (size_t)decided;
}

static size_t on_take(void *data, struct spool_file *files, size_t count)
{
    struct intake *intake = data;
    size_t taken;

    intake->scanned = false;
    count = intake_up_to_log(intake, files, count);
    taken = count ? take_files(intake, files, count) : 0;
    if (taken > 0)
        intake_refusal_clear(&intake->refused);
    return taken;
}

static void on_idle(void *data, bool waits)
{
    struct intake *intake = data;
    struct error ignored;

    intake->scanned = !waits;
    if (intake->moved_unnoted && !intake->lost_count &&
        store_note_moved(intake->options.store, true, &ignored) == 0)
        intake->moved_unnoted = false;
    if (intake_idle(intake))
        intake->options.idle(intake->options.data);
}

/* ---- life ------------------------------------------------------------------------------------- */

static void intake_freep(struct intake **intake)
{
    intake_free(*intake);
}

int intake_new(struct intake **intake, uv_loop_t *loop, const struct intake_options *options,
               struct error *error)
{
    CLEANUP(intake_freep) struct intake *made = memory_new(sizeof(*made));
    struct spool_options spool_options = {
        .path = options->config->spool,
        .scan_every_ms = SCAN_EVERY_MS,
        .steady_ms = SETTLE_MS,
        .stray_ms = options->once ? 0 : PATCH_PATIENCE_MS,
        .take = on_take,
        .idle = on_idle,
        .data = made,
    };

    made->loop = loop;
    made->options = *options;
    if (spool_new(&made->spool, loop, &spool_options, error) < 0 ||
        intake_finish_moves(made, error) < 0)
        return -1;
    *intake = TAKE(made);
    return 0;
}

void intake_free(struct intake *intake)
{
    if (!intake)
        return;
    operation_clear(&intake->again);
    operation_clear(&intake->slice);
    log_taking_free(intake->log);
    intake_refusal_clear(&intake->refused);
    spool_free(intake->spool);
    told_clear(&intake->keys);
    told_clear(&intake->words);
    free(intake);
}

bool intake_idle(const struct intake *intake)
{
    return intake->scanned && intake->moves_left == 0 && !intake->again && !intake->log;
}

bool intake_patient(const struct intake *intake)
{
    return uv_now(intake->loop) < intake->patient_until;
}

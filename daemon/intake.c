#include "daemon/intake.h"

#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "common/text.h"
#include "common/told.h"
#include "daemon/assessment.h"
#include "daemon/events.h"
#include "daemon/lane.h"
#include "daemon/log-taking.h"
#include "daemon/log-taking/tell.h"
#include "daemon/spool.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SCAN_EVERY_MS      30000
#define SETTLE_MS          1000
#define TRY_AGAIN_MS       2000
#define PATCH_PATIENCE_MS  60000
#define FAULT_PAUSE_MIN_MS 1000
#define FAULT_PAUSE_MAX_MS 60000
#define SLICE_LIMIT        256
#define SLICE_NS           10000000 /* for decisions or moves in one turn of the loop */
#define LOG_SLICE_NS       10000000
#define TOLD_SHOWN         100 /* characters; a key may be as long as a file, and these are kept */

/* A log that cannot be read. It is kept until the spool hands it on again to be rejected. */
struct refusal {
    char *file_name;
    uint64_t inode;
    char *reason;
};

struct intake {
    uv_loop_t *loop;
    struct intake_options options;
    struct spool *spool;
    struct operation *again; /* the pause after a failure */
    uint64_t told_fault_ms;  /* uv_now() when a fault was last logged */
    uint64_t patient_until;  /* uv_now() until which a result may wait for its patch */
    bool scanned;            /* a scan handed everything on, and nothing was dropped since */
    unsigned moves_left;     /* that could not be done */
    bool moved_unnoted;      /* something was decided since it was noted that all is moved */
    bool lost_count;         /* a move failed, and its row could not be marked */
    struct log_taking *log;  /* the one that is being read; the spool waits meanwhile */
    struct operation *slice; /* the next slice of it */
    bool log_queued;         /* a row of it was queued in this slice */
    struct refusal refused;
    struct told keys;  /* unknown ones */
    struct told words; /* unknown ones of statuses */
};

/* What was decided on a file of a slice, until it is committed, logged and moved. */
struct entry {
    struct spool_file *file;
    struct assessment assessment;
    int64_t result;
    char *target;      /* where its file will be; NULL: chosen when it is moved */
    char *moved_to;    /* where it is now */
    bool moved_before; /* it was met again, and still has to be moved */
    bool delayed;      /* nothing is decided yet */
    bool marked;       /* its row says that it still has to be moved */
    bool left;         /* it could not be moved */
};

static int read_patch(void *data, const char *name, size_t limit, char **bytes, size_t *length,
                      struct error *error)
{
    return spool_read_patch(data, name, limit, bytes, length, error);
}

/* ---- deciding --------------------------------------------------------------------------------- */

static enum spool_place place_of(const struct entry *entry)
{
    return entry->assessment.decision == DECISION_REJECTED ? SPOOL_REJECT : SPOOL_ARCHIVE;
}

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
    CLEANUP_FREE char *parsed = queued ||
                                        lane_reference(&assessment->frontier, &assessment->verdict)
                                    ? result_canonical(assessment->result)
                                    : NULL;
    struct store_decision decision = {
        .decision = assessment->decision,
        .reason = assessment->reason,
        .reference = assessment->verdict.reference,
        .reference_result = lane_reference(&assessment->frontier, &assessment->verdict),
    };
    struct store_content content = {
        .bytes = entry->file->bytes,
        .length = entry->file->length,
        .patch = assessment->patch,
        .patch_length = assessment->patch_length,
        .patch_name = assessment->patch_name,
        .parsed = parsed,
    };

    row.archived = entry->target;
    if (assessment->retried)
        return retry_entry(store, entry, &row, &content, &decision, error);
    return store_add(store, &row, &content, queued ? NULL : &decision, &entry->result, error);
}

static void format_day(int64_t at_ms, char day[static 16])
{
    time_t at = (time_t)(at_ms / 1000);
    struct tm utc;

    gmtime_r(&at, &utc);
    strftime(day, 16, "%Y-%m-%d", &utc);
}

/* Returns the day of its target, so that it is found there. */
static void day_of(const struct store_move *left, char day[static 16])
{
    if (!left->archived || sscanf(left->archived, ".archive/%10[0-9-]/", day) != 1)
        format_day(left->received_ms, day);
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
    entry->delayed = left_for(intake, entry) > 0;
    if (entry->delayed)
        return 0;
    if (entry->assessment.delay == SPOOL_DELAY_FAULT)
        say_tried(&entry->assessment);
    /* If this fails, the place is chosen when the file is moved. */
    (void)spool_choose(intake->spool, place_of(entry), day, entry->file->name, &entry->target,
                       &ignored);
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

/* Decides at least one entry, and as many as there is time for. Returns how many. */
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
    } while (decided < count && uv_hrtime() < until_ns);
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

/* A fault may be that of very many files, so it is logged once a second. */
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

/* ---- moving ----------------------------------------------------------------------------------- */

static void try_again_later(struct intake *intake);

static void move_failed(struct intake *intake, const char *name, const struct error *error)
{
    intake->moves_left++;
    log_event(&event_move_failed, LOG_TEXT("file", name), LOG_TEXT("reason", error->message));
    try_again_later(intake);
}

static bool is_to_be_moved(const struct entry *entry)
{
    return !entry->moved_before && !entry->delayed;
}

static void move_entry(struct intake *intake, struct entry *entry, const char *day)
{
    const struct spool_move move = {
        .name = entry->file->name,
        .inode = entry->file->inode,
        .place = place_of(entry),
        .day = day,
        .target = entry->target,
        .reason = entry->assessment.reason,
        .patch = entry->assessment.patch_name,
    };
    struct error error;

    entry->left = spool_move(intake->spool, &move, &entry->moved_to, &error) < 0;
    if (entry->left)
        move_failed(intake, entry->file->name, &error);
}

/* Whether the row does not say yet where the file is. Nearly always it does. */
static bool is_to_be_noted(const struct entry *entry)
{
    if (!is_to_be_moved(entry))
        return false;
    return entry->left || entry->marked || !entry->target || !entry->moved_to ||
           strcmp(entry->target, entry->moved_to) != 0;
}

static int note_entries(struct store *store, const struct entry *entries, size_t count,
                        struct error *error)
{
    if (store_begin(store, error) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct entry *entry = &entries[i];

        if (!is_to_be_noted(entry))
            continue;
        if (entry->left ? store_leave_move(store, entry->result, error) < 0
                        : store_end_move(store, entry->result, entry->moved_to, error) < 0) {
            store_rollback(store);
            return -1;
        }
    }
    return store_commit(store, error);
}

static void move_slice(struct intake *intake, struct entry *entries, size_t count, const char *day)
{
    struct error error;
    bool noted = false;

    for (size_t i = 0; i < count; i++) {
        if (is_to_be_moved(&entries[i]))
            move_entry(intake, &entries[i], day);
        noted |= is_to_be_noted(&entries[i]);
    }
    if (!noted || note_entries(intake->options.store, entries, count, &error) == 0)
        return;
    /* The whole slice is gone through once more. */
    intake->lost_count = true;
    move_failed(intake, "", &error);
}

static bool is_in_archive(const struct store_move *left)
{
    return left->archived && strncmp(left->archived, ".archive/", 9) == 0;
}

/* Moves a file that is still in the spool, or one that was archived before its result was rejected. */
static int move_left(struct intake *intake, const struct store_move *left, char **moved_to,
                     struct error *error)
{
    enum spool_place place = left->rejected ? SPOOL_REJECT : SPOOL_ARCHIVE;
    char day[16];
    struct spool_move move = {
        .name = left->name,
        .inode = left->inode,
        .modified_ns = left->modified_ns,
        .place = place,
        .day = day,
        .target = left->rejected && is_in_archive(left) ? NULL : left->archived,
        .reason = left->reason,
        .patch = left->patch,
    };

    day_of(left, day);
    if (left->rejected && is_in_archive(left)) {
        if (spool_reject_archived(intake->spool, left->archived, left->reason, moved_to, error) < 0)
            return -1;
        if (*moved_to)
            return 0;
    }
    return spool_move(intake->spool, &move, moved_to, error);
}

static int finish_some_moves(struct intake *intake, size_t *count, struct error *error)
{
    struct store_move *left;
    struct error failure;
    bool batched;

    if (store_list_moves(intake->options.store, SLICE_LIMIT, &left, count, error) < 0) {
        store_moves_free(left, *count);
        return -1;
    }
    batched = *count && store_begin(intake->options.store, &failure) == 0;
    for (size_t i = 0; i < *count; i++) {
        CLEANUP_FREE char *moved_to = NULL;

        if (move_left(intake, &left[i], &moved_to, &failure) < 0 ||
            store_end_move(intake->options.store, left[i].id, moved_to, &failure) < 0)
            move_failed(intake, left[i].name, &failure);
    }
    store_moves_free(left, *count);
    /* A move that is not ended here is found done, and ended, the next time. */
    return batched ? store_commit(intake->options.store, error) : 0;
}

/* Does the moves that an earlier daemon wrote down and did not do. */
static int finish_moves(struct intake *intake, struct error *error)
{
    size_t count = SLICE_LIMIT;

    if (store_recall_moves(intake->options.store, error) < 0)
        return -1;
    while (count == SLICE_LIMIT && intake->moves_left == 0) {
        if (finish_some_moves(intake, &count, error) < 0)
            return -1;
    }
    return 0;
}

/* The decision is in the store and in the log, and the row is marked. What cannot be moved now is moved
 * later. */
void intake_reject_archived(struct intake *intake, const struct store_result *result,
                            const char *reason)
{
    CLEANUP_FREE char *moved_to = NULL;
    struct error error;

    if (!result->archived)
        return;
    if (spool_reject_archived(intake->spool, result->archived, reason, &moved_to, &error) < 0 ||
        (moved_to && store_end_move(intake->options.store, result->id, moved_to, &error) < 0))
        log_event(&event_move_failed, LOG_TEXT("file", result->archived),
                  LOG_TEXT("reason", error.message));
}

/* Moves a slice of what could not be moved before. While something is left, a file that is met again is
 * compared with it. */
static void on_try_again(void *data)
{
    struct intake *intake = data;
    struct error error;
    size_t count;

    intake->again = NULL;
    if (intake->lost_count && store_recall_moves(intake->options.store, &error) == 0)
        intake->lost_count = false;
    if (intake->lost_count || finish_some_moves(intake, &count, &error) < 0)
        try_again_later(intake);
    else if (!intake->again && count == SLICE_LIMIT)
        intake->again = loop_after(intake->loop, 0, on_try_again, intake);
    else if (!intake->again)
        intake->moves_left = 0;
    spool_resume(intake->spool);
}

static void try_again_later(struct intake *intake)
{
    if (!intake->again)
        intake->again = loop_after(intake->loop, TRY_AGAIN_MS, on_try_again, intake);
}

/* ---- logs of many experiments ----------------------------------------------------------------- */

static void tell_row(void *data, const struct result_log_row *row,
                     const struct assessment *assessment)
{
    struct intake *intake = data;

    intake->log_queued |= assessment->decision == DECISION_QUEUED;
    log_tell_row(&intake->words, log_taking_name(intake->log), row, assessment);
}

/* All its rows are durable. What was written to it meanwhile is found by the scan that follows. */
static void archive_log(struct intake *intake)
{
    char day[16];
    const struct spool_move move = {
        .name = log_taking_name(intake->log),
        .inode = log_taking_inode(intake->log),
        .modified_ns = log_taking_modified(intake->log),
        .place = SPOOL_ARCHIVE,
        .day = day,
    };
    struct error error;

    format_day(clock_now_ms(), day);
    if (spool_move(intake->spool, &move, NULL, &error) < 0)
        move_failed(intake, move.name, &error);
}

static void refusal_clear(struct refusal *refusal)
{
    free(refusal->file_name);
    free(refusal->reason);
    *refusal = (struct refusal){0};
}

static void refusal_set(struct refusal *refusal, const char *file_name, uint64_t inode,
                        const char *reason)
{
    refusal_clear(refusal);
    *refusal = (struct refusal){memory_copy(file_name), inode, memory_copy(reason)};
}

static void end_log(struct intake *intake)
{
    log_taking_free(intake->log);
    intake->log = NULL;
    spool_resume(intake->spool);
}

static void on_log_slice(void *data)
{
    struct intake *intake = data;
    struct error error;

    intake->slice = NULL;
    intake->log_queued = false;
    switch (log_taking_step(intake->log, LOG_SLICE_NS, &error)) {
    case LOG_STEP_MORE:
        intake->slice = loop_after(intake->loop, 0, on_log_slice, intake);
        break;
    case LOG_STEP_DONE:
        archive_log(intake);
        log_tell_counts(log_taking_name(intake->log), log_taking_counts(intake->log), NULL);
        end_log(intake);
        break;
    case LOG_STEP_REFUSED:
        refusal_set(&intake->refused, log_taking_name(intake->log), log_taking_inode(intake->log),
                    error.message);
        end_log(intake);
        break;
    case LOG_STEP_FAILED:
        log_event(&event_intake_failed, LOG_TEXT("reason", error.message));
        log_taking_free(intake->log);
        intake->log = NULL;
        try_again_later(intake);
        break;
    }
    if (intake->log_queued)
        intake->options.taken(intake->options.data);
}

static void begin_log(struct intake *intake, const struct spool_file *file)
{
    const struct log_taking_options options = {
        .config = intake->options.config,
        .store = intake->options.store,
        .file_name = file->name,
        .settings = config_log(intake->options.config, file->name),
        .descriptor = file->log,
        .inode = file->inode,
        .modified_ns = file->modified_ns,
        .decided = tell_row,
        .data = intake,
    };
    struct error error;

    if (log_taking_new(&intake->log, &options, &error) == 0) {
        intake->slice = loop_after(intake->loop, 0, on_log_slice, intake);
        return;
    }
    log_event(&event_intake_failed, LOG_TEXT("reason", error.message));
    try_again_later(intake);
}

/* How many files there are before the next log. A log that was refused is among them, with its problem; one
 * that comes first is begun, and 0 is given back. */
static size_t up_to_log(struct intake *intake, struct spool_file *files, size_t count)
{
    const struct refusal *refused = &intake->refused;

    for (size_t i = 0; i < count; i++) {
        if (files[i].log < 0)
            continue;
        if (refused->file_name && files[i].inode == refused->inode &&
            strcmp(files[i].name, refused->file_name) == 0) {
            files[i].problem = refused->reason;
            continue;
        }
        if (i == 0)
            begin_log(intake, &files[i]);
        return i;
    }
    return count;
}

/* ---- the spool's callbacks -------------------------------------------------------------------- */

static size_t take_files(struct intake *intake, struct spool_file *files, size_t count)
{
    CLEANUP_FREE struct entry *entries = memory_new_array(count, sizeof(*entries));
    struct error error;
    char day[16];
    int decided, delayed = 0;

    format_day(clock_now_ms(), day);
    for (size_t i = 0; i < count; i++)
        entries[i].file = &files[i];
    decided = decide_slice(intake, entries, count, day, &error);
    if (decided < 0) {
        log_event(&event_intake_failed, LOG_TEXT("reason", error.message));
        try_again_later(intake);
    } else {
        /* Whoever reads the log may look for the file, so it is moved before it is logged. */
        move_slice(intake, entries, (size_t)decided, day);
        for (int i = 0; i < decided; i++) {
            delayed += entries[i].delayed;
            if (entries[i].delayed)
                put_off(intake, &entries[i]);
            else
                tell(intake, &entries[i]);
        }
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
    count = up_to_log(intake, files, count);
    taken = count ? take_files(intake, files, count) : 0;
    if (taken > 0)
        refusal_clear(&intake->refused);
    return taken;
}

static void on_idle(void *data, bool held)
{
    struct intake *intake = data;
    struct error ignored;

    intake->scanned = !held;
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
        .settle_ms = SETTLE_MS,
        .stray_ms = options->once ? 0 : PATCH_PATIENCE_MS,
        .take = on_take,
        .idle = on_idle,
        .data = made,
    };

    made->loop = loop;
    made->options = *options;
    if (spool_new(&made->spool, loop, &spool_options, error) < 0 || finish_moves(made, error) < 0)
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
    refusal_clear(&intake->refused);
    spool_free(intake->spool);
    told_clear(&intake->keys);
    told_clear(&intake->words);
    free(intake);
}

void intake_reload(struct intake *intake)
{
    if (!intake->log)
        return;
    operation_clear(&intake->slice);
    end_log(intake);
}

bool intake_idle(const struct intake *intake)
{
    return intake->scanned && intake->moves_left == 0 && !intake->again && !intake->log;
}

bool intake_patient(const struct intake *intake)
{
    return uv_now(intake->loop) < intake->patient_until;
}

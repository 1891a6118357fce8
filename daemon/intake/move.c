/*
 * Moves files when their decision is in the store. The row of a file that cannot be moved now is marked, and
 * the file is moved later.
 */

#include "daemon/intake/internal.h"

#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "daemon/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TRY_AGAIN_MS 2000

void intake_format_day(int64_t at_ms, char day[static 16])
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
        intake_format_day(left->received_ms, day);
}

enum spool_place intake_place_of(const struct entry *entry)
{
    return entry->assessment.decision == DECISION_REJECTED ? SPOOL_REJECT : SPOOL_ARCHIVE;
}

void intake_move_failed(struct intake *intake, const char *name, const struct error *error)
{
    intake->moves_left++;
    log_event(&event_move_failed, LOG_TEXT("file", name), LOG_TEXT("reason", error->message));
    intake_try_again_later(intake);
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
        .place = intake_place_of(entry),
        .day = day,
        .target = entry->target,
        .reason = entry->assessment.reason,
        .patch = entry->assessment.patch_name,
    };
    struct error error;

    entry->left = spool_move(intake->spool, &move, &entry->moved_to, &error) < 0;
    if (entry->left)
        intake_move_failed(intake, entry->file->name, &error);
}

/* Whether the row does not say yet where the file is. It nearly always does. */
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
    int status = 0;

    if (store_begin(store, error) < 0)
        return -1;
    for (size_t i = 0; status == 0 && i < count; i++) {
        const struct entry *entry = &entries[i];

        if (is_to_be_noted(entry))
            status = entry->left ? store_leave_move(store, entry->result, error)
                                 : store_end_move(store, entry->result, entry->moved_to, error);
    }
    return store_end(store, status, error);
}

void intake_move_slice(struct intake *intake, struct entry *entries, size_t count, const char *day)
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
    /* Goes through the whole slice again. */
    intake->lost_count = true;
    intake_move_failed(intake, "", &error);
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

    if (store_list_moves(intake->options.store, INTAKE_SLICE_LIMIT, &left, count, error) < 0) {
        store_moves_free(left, *count);
        return -1;
    }
    batched = *count && store_begin(intake->options.store, &failure) == 0;
    for (size_t i = 0; i < *count; i++) {
        CLEANUP_FREE char *moved_to = NULL;

        if (move_left(intake, &left[i], &moved_to, &failure) < 0 ||
            store_end_move(intake->options.store, left[i].id, moved_to, &failure) < 0)
            intake_move_failed(intake, left[i].name, &failure);
    }
    store_moves_free(left, *count);
    /* A move that is not ended here is found done, and ended, the next time. */
    return batched ? store_commit(intake->options.store, error) : 0;
}

int intake_finish_moves(struct intake *intake, struct error *error)
{
    size_t count = INTAKE_SLICE_LIMIT;

    if (store_recall_moves(intake->options.store, error) < 0)
        return -1;
    while (count == INTAKE_SLICE_LIMIT && intake->moves_left == 0) {
        if (finish_some_moves(intake, &count, error) < 0)
            return -1;
    }
    return 0;
}

/* The decision is in the store and in the log, and the row is marked. A file that cannot be moved now is
 * moved later. */
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

/* Moves a slice of the files that could not be moved before. While some are left, each file in the spool is
 * compared with them. */
static void on_try_again(void *data)
{
    struct intake *intake = data;
    struct error error;
    size_t count;

    intake->again = NULL;
    if (intake->lost_count && store_recall_moves(intake->options.store, &error) == 0)
        intake->lost_count = false;
    if (intake->lost_count || finish_some_moves(intake, &count, &error) < 0)
        intake_try_again_later(intake);
    else if (!intake->again && count == INTAKE_SLICE_LIMIT)
        intake->again = loop_after(intake->loop, 0, on_try_again, intake);
    else if (!intake->again)
        intake->moves_left = 0;
    spool_resume(intake->spool);
}

void intake_try_again_later(struct intake *intake)
{
    if (!intake->again)
        intake->again = loop_after(intake->loop, TRY_AGAIN_MS, on_try_again, intake);
}

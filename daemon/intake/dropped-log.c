/*
 * A dropped log of many experiments is read in slices, while the spool waits. Then it is moved.
 */

#include "daemon/intake/internal.h"

#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "daemon/events.h"
#include "daemon/log-taking/tell.h"

#include <stdlib.h>
#include <string.h>

#define LOG_SLICE_NS 10000000 /* for rows in one turn of the loop */

static void tell_row(void *data, const struct result_log_row *row,
                     const struct assessment *assessment)
{
    struct intake *intake = data;

    intake->log_queued |= assessment->decision == DECISION_QUEUED;
    log_tell_row(&intake->words, log_taking_name(intake->log), row, assessment);
}

/* All its rows are durable. The next scan finds lines that were written to it since. */
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

    intake_format_day(clock_now_ms(), day);
    if (spool_move(intake->spool, &move, NULL, &error) < 0)
        intake_move_failed(intake, move.name, &error);
}

void intake_refusal_clear(struct refusal *refusal)
{
    free(refusal->file_name);
    free(refusal->reason);
    *refusal = (struct refusal){0};
}

static void refuse_log(struct intake *intake, const char *reason, bool faulty)
{
    intake_refusal_clear(&intake->refused);
    intake->refused = (struct refusal){
        .file_name = memory_copy(log_taking_name(intake->log)),
        .inode = log_taking_inode(intake->log),
        .reason = memory_copy(reason),
        .faulty = faulty,
    };
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
    enum log_progress progress;
    struct error error;

    intake->slice = NULL;
    intake->log_queued = false;
    progress = log_taking_go_on(intake->log, LOG_SLICE_NS, &error);
    switch (progress) {
    case LOG_PROGRESS_MORE:
        intake->slice = loop_after(intake->loop, 0, on_log_slice, intake);
        break;
    case LOG_PROGRESS_DONE:
        archive_log(intake);
        log_tell_counts(log_taking_name(intake->log), log_taking_counts(intake->log), NULL);
        end_log(intake);
        break;
    case LOG_PROGRESS_REFUSED:
    case LOG_PROGRESS_UNREAD:
        refuse_log(intake, error.message, progress == LOG_PROGRESS_UNREAD);
        end_log(intake);
        break;
    case LOG_PROGRESS_FAILED:
        log_event(&event_intake_failed, LOG_TEXT("reason", error.message));
        log_taking_free(intake->log);
        intake->log = NULL;
        intake_try_again_later(intake);
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
    intake_try_again_later(intake);
}

size_t intake_up_to_log(struct intake *intake, struct spool_file *files, size_t count)
{
    const struct refusal *refused = &intake->refused;

    for (size_t i = 0; i < count; i++) {
        if (files[i].log < 0)
            continue;
        if (refused->file_name && files[i].inode == refused->inode &&
            strcmp(files[i].name, refused->file_name) == 0) {
            files[i].problem = refused->reason;
            files[i].faulty = refused->faulty;
            continue;
        }
        if (i == 0)
            begin_log(intake, &files[i]);
        return i;
    }
    return count;
}

void intake_reload(struct intake *intake)
{
    if (!intake->log)
        return;
    operation_clear(&intake->slice);
    end_log(intake);
}

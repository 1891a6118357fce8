/*
 * The status as a table for people.
 */

#include "common/memory.h"
#include "daemon/status.h"
#include "daemon/store/job.h"
#include "daemon/store/pull.h"
#include "daemon/store/status.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define REASON_LIMIT 10000 /* code points: all there is */
#define REASON_ROWS  3     /* lines of a reason on a terminal */
#define INDENTATION  6     /* blanks in front of these */
#define PULLS_SHOWN  20
#define WORKS_SHOWN  5
#define NAME_WIDTH   24
#define LABEL_WIDTH  9 /* columns that no row leaves alone in a line: "forge    " */
#define SECOND_MS    1000

/* Appends one line of foreign text. Nothing in it moves the cursor or is hidden. */
static void append_shown(struct text *text, const char *string, size_t limit)
{
    CLEANUP_TEXT struct text visible = {0};

    text_append_visible(&visible, string, "\n\t");
    text_append_line(text, text_string(&visible), limit);
}

static void append_time(struct text *text, int64_t at_ms)
{
    time_t at = (time_t)(at_ms / 1000);
    struct tm utc;
    char when[32];

    gmtime_r(&at, &utc);
    strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%SZ", &utc);
    text_append(text, when);
}

static void pad_to(struct text *text, size_t start, size_t columns)
{
    size_t count = utf8_columns(text_string(text) + start);

    for (; count < columns; count++)
        text_append(text, " ");
}

/* Returns how many bytes of a row fit into the terminal's width. It ends at a gap of two blanks if there is
 * one after the label, else one column before the edge. */
static size_t fitting_fields(const char *row, unsigned width)
{
    size_t label = strlen(row) < LABEL_WIDTH ? strlen(row) : LABEL_WIDTH;
    size_t whole = utf8_fitting(row, width);

    for (size_t length = whole; length > label; length--) {
        if (row[length] == ' ' && row[length + 1] == ' ' && row[length - 1] != ' ')
            return length;
    }
    return utf8_fitting(row, width - 1);
}

/* Ends the line that began at `start`. Fields that do not fit go below it, one by one; a
 * field that is longer than the terminal is wide is cut. */
static void end_line(struct text *text, size_t start, unsigned width)
{
    CLEANUP_FREE char *row = memory_copy(text_string(text) + start);
    const char *rest = row;

    if (width <= INDENTATION + 1 || utf8_columns(row) <= width) {
        text_append(text, "\n");
        return;
    }
    text->length = start;
    text->data[start] = '\0';
    for (unsigned room = width; utf8_columns(rest) > room; room = width - INDENTATION) {
        size_t length = fitting_fields(rest, room);
        const char *gap = rest + length;
        bool cut = strncmp(gap, "  ", 2) != 0;

        if (cut)
            gap = strstr(gap, "  ");
        text_append_bytes(text, rest, length);
        text_append(text, cut ? "…\n" : "\n");
        if (!gap)
            return;
        rest = gap + strspn(gap, " ");
        text_append_format(text, "%*s", *rest ? INDENTATION : 0, "");
    }
    if (*rest)
        text_append_format(text, "%s\n", rest);
}

/* Returns how many bytes of the string fit into `columns`, up to a space if there is one. */
static size_t fitting(const char *string, unsigned columns)
{
    size_t whole = utf8_fitting(string, columns), length = whole;

    if (!string[whole] || string[whole] == ' ')
        return whole;
    while (length > 0 && string[length] != ' ')
        length--;
    return length > 0 ? length : whole;
}

/* Appends a reason below its row, in a few lines; the last one is cut. */
static void append_below(struct text *text, const char *reason, unsigned width)
{
    for (unsigned row = 1; *reason; row++) {
        size_t start = text->length;
        size_t length = row < REASON_ROWS && width > INDENTATION
                            ? fitting(reason, width - INDENTATION)
                            : strlen(reason);

        text_append_format(text, "%*s%.*s", INDENTATION, "", (int)length, reason);
        end_line(text, start, width);
        reason += length;
        reason += strspn(reason, " ");
    }
}

/* Ends a row with a reason, which is put below it if the terminal has no room. */
static void end_with_reason(struct text *text, size_t start, const char *reason, unsigned width)
{
    CLEANUP_TEXT struct text shown = {0};
    size_t used = utf8_columns(text_string(text) + start) + 2;

    append_shown(&shown, reason, REASON_LIMIT);
    if (shown.length > 0 && width > 0 && used + utf8_columns(shown.data) > width) {
        end_line(text, start, width);
        append_below(text, shown.data, width);
        return;
    }
    if (shown.length > 0)
        text_append_format(text, "  %s", shown.data);
    end_line(text, start, width);
}

/* On a terminal a long name is cut. */
static void append_name(struct text *text, const char *name, unsigned width)
{
    CLEANUP_TEXT struct text shown = {0};

    append_shown(&shown, name, REASON_LIMIT);
    if (!width || utf8_columns(text_string(&shown)) <= NAME_WIDTH) {
        text_append(text, text_string(&shown));
        return;
    }
    text_append_bytes(text, shown.data, utf8_fitting(shown.data, NAME_WIDTH - 1));
    text_append(text, "…");
}

static void append_value(struct text *text, const char *metric, double value, unsigned width)
{
    if (isnan(value))
        return;
    text_append(text, "  ");
    append_name(text, metric, width);
    text_append(text, " ");
    text_append_number(text, value);
}

/* ---- how it is as a whole ----------------------------------------------------------------------- */

static void append_running(struct text *text, const struct status *status, unsigned width)
{
    const struct status_file *status_file = &status->status_file;
    size_t start = text->length;

    text_append_format(text, "daemon   running%s", status_file->known ? " for " : "");
    if (status_file->known)
        status_append_age(text, status->now_ms - status_file->started_ms);
    text_append_format(text, ", process %d", status_file->process);
    if (status_file->known)
        text_append_format(text, ", version %s, loop lag %" PRIu64 " ms", status_file->version,
                           status_file->lag_ms);
    end_line(text, start, width);
}

static void append_hold(struct text *text, const char *before,
                        const struct status_file *status_file, unsigned width)
{
    size_t start = text->length;

    if (!*status_file->held)
        return;
    text_append(text, before);
    append_shown(text, status_file->held, (size_t)2 * REASON_LIMIT);
    end_line(text, start, width);
}

static void append_daemon(struct text *text, const struct status *status, unsigned width)
{
    const struct status_file *status_file = &status->status_file;
    size_t start;

    if (!status_file->running) {
        text_append(text, "daemon   not running\n");
        append_hold(text, "held     when it last ran: ", status_file, width);
        return;
    }
    append_running(text, status, width);
    if (!status_file->known)
        return;
    start = text->length;
    text_append_format(text, "forge    %s  ",
                       strcmp(status_file->forge, "unknown") ? status_file->forge : "being asked");
    append_shown(text, status_file->place, REASON_LIMIT);
    end_line(text, start, width);
    if (*status_file->trouble) {
        start = text->length;
        text_append(text, "         ");
        append_shown(text, status_file->trouble, (size_t)2 * REASON_LIMIT);
        end_line(text, start, width);
    }
    append_hold(text, "held     ", status_file, width);
}

static void append_base(struct text *text, const struct status *status, unsigned width)
{
    size_t start = text->length;

    if (!status->base.at_ms)
        return;
    text_append(text, "base     ");
    status_append_base(text, &status->base, status->now_ms);
    end_with_reason(text, start, status->base.reason, width);
}

/* Appends "1.2 MiB". */
static void append_size(struct text *text, uint64_t size, int width)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double bytes = (double)size;
    size_t unit = 0;

    for (; bytes >= 1024 && unit < sizeof(units) / sizeof(*units) - 1; unit++)
        bytes /= 1024;
    text_append_format(text, "%*.*f %s", width, unit > 0, bytes, units[unit]);
}

static void append_cache(struct text *text, const struct status *status)
{
    if (!status->cache.at_ms)
        return;
    text_append(text, "cache    ");
    append_size(text, status->cache.bytes, 0);
    text_append(text, ", kept since ");
    status_append_age(text, status->now_ms - status->cache.at_ms);
    text_append(text, "\n");
}

static void append_results(struct text *text, const struct status *status, unsigned width)
{
    size_t start = text->length;

    text_append_format(text, "results  %u queued", status->results[DECISION_QUEUED]);
    for (int i = DECISION_QUEUED + 1; i < DECISION_COUNT; i++) {
        CLEANUP_FREE char *count = memory_format("%u %s", status->results[i],
                                                 decision_name((enum decision)i));

        if (!status->results[i])
            continue;
        text_append(text, ",");
        if (width > 0 && utf8_columns(text_string(text) + start) + strlen(count) + 2 > width) {
            end_line(text, start, width);
            start = text->length;
            text_append(text, "        ");
        }
        text_append_format(text, " %s", count);
    }
    end_line(text, start, width);
}

static void append_counts(struct text *text, const struct status *status, unsigned width)
{
    size_t start = text->length;
    unsigned undoing = 0, resting = 0;

    for (size_t i = 0; i < status->job_count; i++) {
        undoing += status->jobs[i].undoing;
        resting += status->jobs[i].rests;
    }
    text_append_format(text, "queue    %u waiting, %zu running, ", status->waiting,
                       status->job_count - undoing - resting);
    if (resting)
        text_append_format(text, "%u delayed, ", resting);
    text_append_format(text, "%u to undo, %u pull request%s open", undoing, status->open_pulls,
                       status->open_pulls == 1 ? "" : "s");
    end_line(text, start, width);
    append_results(text, status, width);
}

/* ---- what a person looks at --------------------------------------------------------------------- */

static void append_pull(struct text *text, const struct status *status,
                        const struct store_open_pull *pull, unsigned width)
{
    static const char *const words[] = {
        [FORGE_MERGEABLE_UNKNOWN] = "",
        [FORGE_MERGEABLE] = "  mergeable",
        [FORGE_NOT_MERGEABLE] = "  does not merge",
    };
    const char *overtaken_by = status_overtaken_by(status, pull);
    size_t start = text->length;

    text_append_format(text, "  #%" PRId64, pull->number);
    pad_to(text, start, 7);
    text_append_format(text, "  %s", pull->experiment_id);
    append_value(text, pull->metric, pull->value, width);
    if (!isnan(pull->before)) {
        text_append(text, " after ");
        text_append_number(text, pull->before);
    }
    text_append(text, words[pull->mergeable]);
    if (overtaken_by)
        text_append_format(text, "  overtaken by %s", overtaken_by);
    text_append(text, "  ");
    status_append_age(text, status->now_ms - pull->opened_ms);
    if (pull->stale)
        text_append(text, "  stale:");
    end_with_reason(text, start, pull->stale ? pull->stale : "", width);
    if (*pull->url) {
        text_append(text, "         ");
        append_shown(text, pull->url, PULL_URL_SIZE); /* a part of an address is of no use */
        text_append(text, "\n");
    }
}

static void append_pulls(struct text *text, const struct status *status, unsigned width)
{
    if (status->pull_count)
        text_append(text, "\nopen pull requests\n");
    for (size_t i = 0; i < status->pull_count && i < PULLS_SHOWN; i++)
        append_pull(text, status, &status->pulls[i], width);
    if (status->pull_count > PULLS_SHOWN)
        text_append_format(text, "  %zu more\n", status->pull_count - PULLS_SHOWN);
}

static void append_member(struct text *text, const struct store_member *member, const char *more,
                          unsigned width)
{
    size_t start = text->length;

    text_append_format(text, "  #%" PRId64, member->pull);
    pad_to(text, start, 7);
    text_append_format(text, "  %s", member->experiment_id);
    if (!member->open)
        text_append(text, "  contained");
    else if (member->stale)
        text_append(text, "  stale");
    text_append(text, more);
    end_line(text, start, width);
}

/* The first contains all others, so merging that one is enough. */
static void append_work(struct text *text, const struct status *status,
                        const struct status_work *work, unsigned width)
{
    size_t start = text->length + 1;

    text_append_format(text, "\nline of work: #%" PRId64 " contains those below it",
                       status->members[work->members[0]].pull);
    end_line(text, start, width);
    for (size_t i = 0; i < work->count && i < PULLS_SHOWN; i++)
        append_member(text, &status->members[work->members[i]], "", width);
    if (work->count > PULLS_SHOWN)
        text_append_format(text, "  %zu more\n", work->count - PULLS_SHOWN);
    if (work->on != SIZE_MAX)
        append_member(text, &status->members[work->on], "  see above", width);
}

static void append_works(struct text *text, const struct status *status, unsigned width)
{
    for (size_t i = 0; i < status->work_count && i < WORKS_SHOWN; i++)
        append_work(text, status, &status->works[i], width);
    if (status->work_count > WORKS_SHOWN)
        text_append_format(text, "\n%zu more lines of work\n", status->work_count - WORKS_SHOWN);
}

static void append_waiting(struct text *text, const struct status *status, unsigned width)
{
    size_t start = text->length + 1;

    if (!status->wait_count)
        return;
    text_append(text, "\nwaiting");
    end_with_reason(text, start, *status->waits_for ? status->waits_for : "each for its turn",
                    width);
    for (size_t i = 0; i < status->wait_count; i++) {
        const struct store_waiting *waiting = &status->waits[i];

        start = text->length;
        text_append_format(text, "  %-*s", NAME_WIDTH, waiting->experiment_id);
        append_value(text, waiting->metric, waiting->value, width);
        text_append(text, "  ");
        status_append_age(text, status->now_ms - waiting->since_ms);
        end_line(text, start, width);
    }
    if (status->waiting > status->wait_count)
        text_append_format(text, "  %zu more\n", status->waiting - status->wait_count);
}

static void append_awaiting(struct text *text, const struct status *status, unsigned width)
{
    size_t start = text->length + 1;

    if (!status->awaiting_count)
        return;
    text_append(text, "\nwaiting for the patch that they name, each for a minute");
    end_line(text, start, width);
    for (size_t i = 0; i < status->awaiting_count; i++) {
        start = text->length;
        text_append(text, "  ");
        append_name(text, status->awaiting[i].file_name, width);
        pad_to(text, start, NAME_WIDTH + 2);
        text_append(text, "  ");
        status_append_age(text, status->now_ms - status->awaiting[i].since_ms);
        end_line(text, start, width);
    }
}

static void append_run(struct text *text, const struct slurm_record *run, int64_t now_ms)
{
    if (!run->attempt)
        return;
    if (run->state == SLURM_SUBMITTING) {
        text_append(text, "  not taken by Slurm yet: ");
        append_shown(text, run->waits, 100);
        return;
    }
    text_append(text, "  Slurm job");
    if (run->id)
        text_append_format(text, " %" PRId64, run->id);
    if (run->attempt > 1)
        text_append_format(text, " (attempt %" PRId64 ")", run->attempt);
    text_append(text, run->began_ms ? " on " : " in its queue for ");
    if (run->began_ms) {
        append_shown(text, run->node ? run->node : "a node", 100);
        text_append(text, " for ");
    }
    status_append_age(text, now_ms - (run->began_ms ? run->began_ms : run->submitted_ms));
    if (!run->began_ms && run->waits) {
        text_append(text, ": ");
        append_shown(text, run->waits, 100);
    }
    if (run->began_ms) {
        text_append(text, ", after ");
        status_append_age(text, slurm_record_queued_ms(run, now_ms));
        text_append(text, " in the queue");
    }
}

static void append_job(struct text *text, const struct status *status, const struct status_job *job,
                       unsigned width)
{
    size_t start = text->length;

    text_append_format(text, "  %-*s  %-9s", NAME_WIDTH, job->experiment_id, job->step);
    if (job->since_ms) {
        text_append(text, "  ");
        status_append_age(text, status->now_ms - job->since_ms);
    }
    if (job->attempt > 1)
        text_append_format(text, "  attempt %u", job->attempt);
    if (job->faulty_ms) {
        text_append(text, "  delayed");
        if (job->tried_ms >= SECOND_MS) {
            text_append(text, " for ");
            status_append_age(text, job->tried_ms);
        }
    }
    if (job->pull)
        text_append_format(text, "  #%" PRId64, job->pull);
    append_run(text, &job->run, status->now_ms);
    end_with_reason(text, start, job->reason, width);
}

/* Appends the jobs that go forward, or those that are undone, under a heading; nothing if there are
 * none. */
static void append_jobs(struct text *text, const struct status *status, bool undoing,
                        const char *heading, unsigned width)
{
    bool told = false;

    for (size_t i = 0; i < status->job_count; i++) {
        if (status->jobs[i].undoing != undoing)
            continue;
        if (!told)
            text_append_format(text, "\n%s\n", heading);
        told = true;
        append_job(text, status, &status->jobs[i], width);
    }
}

/* ---- what was -------------------------------------------------------------------------------------- */

/* Appends the newest points, as many as there is room for. */
static void append_points(struct text *text, size_t start, const struct status_frontier *frontier,
                          unsigned width)
{
    size_t used = utf8_columns(text_string(text) + start) + 2;
    size_t count = frontier->point_count;

    if (width > 0 && used + count > width)
        count = width > used ? width - used : 0;
    if (count < 2)
        return;
    text_append(text, "  ");
    status_append_sparkline(text, frontier->points + frontier->point_count - count, count);
}

static void append_frontier(struct text *text, const struct status_frontier *frontier,
                            unsigned width)
{
    size_t start = text->length;

    text_append(text, "  ");
    append_name(text, frontier->metric->name, width);
    if (*frontier->scope) {
        text_append(text, " / ");
        append_name(text, frontier->scope, width);
    }
    pad_to(text, start, 18);
    text_append_format(text, "  %s  ",
                       frontier->metric->direction == METRIC_MINIMIZE ? "minimize" : "maximize");
    if (frontier->known) {
        text_append_number(text, frontier->value);
        pad_to(text, start, 42);
        text_append(text, "  ");
        text_append(text, frontier->experiment_id ? frontier->experiment_id : "(configured)");
        append_points(text, start, frontier, width);
    } else {
        text_append(text, "none yet");
    }
    end_line(text, start, width);
}

static void append_decision(struct text *text, const struct store_decided *decision, unsigned width)
{
    size_t start = text->length;

    text_append(text, "  ");
    append_time(text, decision->at_ms);
    text_append_format(text, "  %-10s  ", decision_name(decision->decision));
    append_shown(text, decision->experiment_id ? decision->experiment_id : decision->file_name,
                 100);
    pad_to(text, start, 36 + 16);
    append_value(text, decision->metric, decision->after, width);
    if (decision->pull)
        text_append_format(text, "  #%" PRId64, decision->pull);
    end_with_reason(text, start, decision->reason, width);
}

/* Appends "3 files, 1.2 MiB" for each place, as they were last counted. */
static void append_kept(struct text *text, const struct keep_sizes *kept)
{
    if (!kept->at_ms)
        return;
    text_append(text, "\nkept, as of ");
    append_time(text, kept->at_ms);
    text_append(text, "\n");
    for (enum keep_place place = 0; place < KEEP_PLACES; place++) {
        text_append_format(text, "  %-16s  %8" PRIu64 " files  ", keep_name(place),
                           kept->places[place].files);
        append_size(text, kept->places[place].bytes, 7);
        text_append(text, "\n");
    }
}

void status_table(struct text *text, const struct status *status, unsigned width)
{
    append_daemon(text, status, width);
    if (!status->stored) {
        text_append(text, "results  none yet: there is no store\n");
        return;
    }
    append_base(text, status, width);
    append_cache(text, status);
    append_counts(text, status, width);
    append_pulls(text, status, width);
    append_works(text, status, width);
    append_waiting(text, status, width);
    append_awaiting(text, status, width);
    append_jobs(text, status, false, "jobs", width);
    append_jobs(text, status, true, "left to undo", width);
    text_append(text, "\nfrontier\n");
    for (size_t i = 0; i < status->frontier_count; i++)
        append_frontier(text, &status->frontiers[i], width);
    if (status->decision_count)
        text_append(text, "\nlast decisions\n");
    for (size_t i = 0; i < status->decision_count; i++)
        append_decision(text, &status->decisions[i], width);
    append_kept(text, &status->kept);
}

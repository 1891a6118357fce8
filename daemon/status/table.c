/*
 * The status as a table for people.
 */

#include "common/memory.h"
#include "daemon/status.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define REASON_LIMIT 160 /* code points, where there is no terminal */
#define REASON_LEAST 20
#define NAME_WIDTH   24

/* One line of foreign text: nothing in it moves a cursor or hides. */
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
    size_t count = utf8_count(text_string(text) + start);

    for (; count < columns; count++)
        text_append(text, " ");
}

/* The reason at the end of a row that began at `start`, as long as the terminal has room. */
static void append_reason(struct text *text, size_t start, const char *reason, unsigned width)
{
    size_t used = utf8_count(text_string(text) + start) + 2;
    size_t limit = REASON_LIMIT;

    if (!*reason)
        return;
    if (width > 0)
        limit = width > used + REASON_LEAST ? width - used : REASON_LEAST;
    text_append(text, "  ");
    append_shown(text, reason, limit);
}

static void append_daemon(struct text *text, const struct status *status)
{
    const struct bulletin *bulletin = &status->bulletin;

    if (!bulletin->running) {
        text_append(text, "daemon   not running\n");
        return;
    }
    text_append_format(text, "daemon   running, process %d", bulletin->process);
    if (!bulletin->known) {
        text_append(text, "\n");
        return;
    }
    text_append_format(text, ", version %s, since ", bulletin->version);
    append_time(text, bulletin->started_ms);
    text_append(text, " (");
    status_append_age(text, status->now_ms - bulletin->started_ms);
    text_append_format(text, "), loop held up %" PRIu64 " ms at most\nforge    %s  ",
                       bulletin->lag_ms,
                       strcmp(bulletin->forge, "unknown") ? bulletin->forge : "being asked");
    append_shown(text, bulletin->place, REASON_LIMIT);
    if (*bulletin->trouble) {
        text_append(text, "\n         ");
        append_shown(text, bulletin->trouble, (size_t)2 * REASON_LIMIT);
    }
    if (*bulletin->held) {
        text_append(text, "\nheld     ");
        append_shown(text, bulletin->held, (size_t)2 * REASON_LIMIT);
    }
    text_append(text, "\n");
}

static void append_counts(struct text *text, const struct status *status)
{
    unsigned undoing = 0;

    for (size_t i = 0; i < status->job_count; i++)
        undoing += status->jobs[i].undoing;
    text_append_format(text,
                       "queue    %u waiting, %zu running, %u to undo, %u pull request%s open\n",
                       status->waiting, status->job_count - undoing, undoing, status->open_pulls,
                       status->open_pulls == 1 ? "" : "s");
    text_append_format(text, "results  %u queued", status->results[DECISION_QUEUED]);
    for (int i = DECISION_QUEUED + 1; i < DECISION_COUNT; i++) {
        if (status->results[i])
            text_append_format(text, ", %u %s", status->results[i],
                               decision_name((enum decision)i));
    }
    text_append(text, "\n");
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
        text_append_format(text, "  try %u", job->attempt);
    if (job->faulty_ms) {
        text_append(text, "  held up for ");
        status_append_age(text, status->now_ms - job->faulty_ms);
    }
    if (job->pull)
        text_append_format(text, "  #%" PRId64, job->pull);
    append_reason(text, start, job->reason, width);
    text_append(text, "\n");
}

/* Those that go one way, under their heading; nothing where there are none. */
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

static void append_frontier(struct text *text, const struct status_frontier *frontier)
{
    size_t start = text->length;

    text_append(text, "  ");
    append_shown(text, frontier->metric->name, NAME_WIDTH);
    if (*frontier->scope) {
        text_append(text, " / ");
        append_shown(text, frontier->scope, NAME_WIDTH);
    }
    pad_to(text, start, 18);
    text_append_format(text, "  %s  ",
                       frontier->metric->direction == METRIC_MINIMIZE ? "minimize" : "maximize");
    if (!frontier->known) {
        text_append(text, "none yet\n");
        return;
    }
    text_append_number(text, frontier->value);
    pad_to(text, start, 42);
    text_append(text, "  ");
    text_append(text, frontier->experiment_id ? frontier->experiment_id : "(configured)");
    if (frontier->point_count > 1) {
        text_append(text, "  ");
        status_append_sparkline(text, frontier->points, frontier->point_count);
    }
    text_append(text, "\n");
}

static void append_decision(struct text *text, const struct status_decision *decision,
                            unsigned width)
{
    size_t start = text->length;

    text_append(text, "  ");
    append_time(text, decision->at_ms);
    text_append_format(text, "  %-10s  ", decision_name(decision->decision));
    append_shown(text, decision->experiment_id ? decision->experiment_id : decision->file_name,
                 100);
    pad_to(text, start, 36 + 16);
    if (!isnan(decision->after)) {
        text_append(text, "  ");
        append_shown(text, decision->metric, NAME_WIDTH);
        text_append(text, " ");
        text_append_number(text, decision->after);
    }
    if (decision->pull)
        text_append_format(text, "  #%" PRId64, decision->pull);
    append_reason(text, start, decision->reason, width);
    text_append(text, "\n");
}

/* "3 files, 1.2 MiB" of each place, as the last look found it. */
static void append_kept(struct text *text, const struct keep_sizes *kept)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};

    if (!kept->at_ms)
        return;
    text_append(text, "\nkept, as of ");
    append_time(text, kept->at_ms);
    text_append(text, "\n");
    for (enum keep_place place = 0; place < KEEP_PLACES; place++) {
        double bytes = (double)kept->places[place].bytes;
        size_t unit = 0;

        for (; bytes >= 1024 && unit < sizeof(units) / sizeof(*units) - 1; unit++)
            bytes /= 1024;
        text_append_format(text, "  %-16s  %8" PRIu64 " files  %7.*f %s\n", keep_name(place),
                           kept->places[place].files, unit > 0, bytes, units[unit]);
    }
}

void status_table(struct text *text, const struct status *status, unsigned width)
{
    append_daemon(text, status);
    if (!status->stored) {
        text_append(text, "results  none yet: there is no store\n");
        return;
    }
    append_counts(text, status);
    append_jobs(text, status, false, "jobs", width);
    append_jobs(text, status, true, "left to undo", width);
    text_append(text, "\nfrontier\n");
    for (size_t i = 0; i < status->frontier_count; i++)
        append_frontier(text, &status->frontiers[i]);
    if (status->decision_count)
        text_append(text, "\nlast decisions\n");
    for (size_t i = 0; i < status->decision_count; i++)
        append_decision(text, &status->decisions[i], width);
    append_kept(text, &status->kept);
}

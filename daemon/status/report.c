#include "daemon/status/report.h"

#include "common/file.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "common/secret.h"
#include "common/text.h"
#include "daemon/events.h"
#include "daemon/status.h"
#include "daemon/status/lag.h"
#include "daemon/status/notify.h"
#include "daemon/status/status-file.h"
#include "daemon/status/textfile.h"
#include "daemon/store/status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOON_MS    100   /* a job's next step begins right after the end of the last one */
#define APART_MS   1000  /* between two reports */
#define METRICS_MS 5000  /* between two files for node_exporter */
#define AGES_MS    5000  /* while jobs run, as their ages grow */
#define AGAIN_MS   60000 /* even without news: a reader may take silence for a crash */
#define READY_MS   30000 /* a service manager must not wait for a silent forge */

struct report {
    struct report_options options;
    int64_t started_ms;
    struct notify *notify;
    struct lag *lag;
    bool scanned, checked;
    struct operation *patience; /* until the first scan and the first check have ended */

    struct operation *next; /* the report that comes at `next_at` */
    uint64_t next_at;       /* uv_now(); so are the next two */
    uint64_t told_at;
    uint64_t metrics_at;
    char *hold;    /* what was written down as the hold; NULL: nothing yet */
    bool troubled; /* a report failed, and this was logged; none has succeeded since */

    char *metrics_path;       /* the file that was written; NULL: none */
    struct textfile textfile; /* with the decisions counted so far */
    int64_t last_decision;    /* the last one that was counted */
    struct operation *summary;
};

static uint64_t now_of(const struct report *report)
{
    return uv_now(report->options.loop);
}

/* ---- reports ------------------------------------------------------------------------------------ */

/* If the queue is held by something else than the forge, the forge is well. */
static const char *health_word(const struct health *health)
{
    static const char *const words[] = {
        [HEALTH_UNKNOWN] = "unknown",
        [HEALTH_WELL] = "well",
        [HEALTH_DOWN] = "down",
        [HEALTH_REFUSED] = "refused",
    };

    return health_forge_usable(health) ? words[HEALTH_WELL] : words[health_state(health)];
}

static void make_status_file(const struct report *report, struct status_file *status_file)
{
    const struct forge *forge = report->options.forge;
    const char *place = forge->web_url ? forge->web_url : report->options.config->forge.path;
    const struct health *health = report->options.health;
    bool usable = health_forge_usable(health);

    *status_file = (struct status_file){
        .running = true,
        .process = (int)getpid(),
        .known = true,
        .started_ms = report->started_ms,
        .told_ms = clock_now_ms(),
        .lag_ms = lag_largest_ms(report->lag),
        .version = WINNOWD_VERSION,
    };
    snprintf(status_file->forge, sizeof(status_file->forge), "%s", health_word(health));
    snprintf(status_file->place, sizeof(status_file->place), "%s", place ? place : "");
    snprintf(usable ? status_file->held : status_file->trouble, sizeof(status_file->held), "%s",
             health_reason(health));
    status_file->held_status = health_status(health);
    if (!*status_file->held && base_held(report->options.base)) {
        snprintf(status_file->held, sizeof(status_file->held), "%s",
                 base_held(report->options.base));
        status_file->held_status = base_held_status(report->options.base);
    }
    secret_scrub(status_file->place);
    secret_scrub(status_file->trouble);
    secret_scrub(status_file->held);
}

static int make_line(const struct report *report, struct text *line, struct error *error)
{
    const struct report_options *options = &report->options;

    if (status_line(line, options->store, options->queue, options->refresh, options->health,
                    options->base, options->config, error) < 0)
        return -1;
    secret_scrub(line->data);
    return 0;
}

/* Removes our file from a path that is not configured any more. node_exporter would go on reading it, and
 * would refuse both if there is a second one. */
static void take_metrics_away(struct report *report)
{
    const char *path = report->options.config->status.textfile;

    if (!report->metrics_path || (path && strcmp(path, report->metrics_path) == 0))
        return;
    if (unlink(report->metrics_path) < 0 && errno != ENOENT)
        log_event(&event_report_failed, LOG_TEXT("file", report->metrics_path),
                  LOG_TEXT("reason", strerror(errno)));
    free(TAKE(report->metrics_path));
}

static void count_jobs(struct textfile *textfile, const struct job *jobs)
{
    for (const struct job *job = jobs; job; job = job->next)
        *(job_undoing(job) ? &textfile->undoing : &textfile->running) += 1;
}

static int write_metrics(struct report *report, struct error *error)
{
    const struct report_options *options = &report->options;
    struct textfile *textfile = &report->textfile;
    const char *path = options->config->status.textfile;
    CLEANUP_TEXT struct text text = {0};

    report->metrics_at = now_of(report);
    if (textfile_read(textfile, options->store, options->config, &report->last_decision, error) < 0)
        return -1;
    textfile->running = textfile->undoing = 0;
    count_jobs(textfile, queue_jobs(options->queue));
    count_jobs(textfile, refresh_jobs(options->refresh));
    textfile->forge_well = health_forge_usable(options->health);
    textfile->lag_ms = lag_largest_ms(report->lag);
    textfile_render(&text, textfile);
    /* The collector runs as another user. */
    if (file_replace(AT_FDCWD, path, text.data, text.length, 0644, error) < 0)
        return -1;
    if (!report->metrics_path)
        report->metrics_path = memory_copy(path);
    return 0;
}

/* Without a daemon, --status says what it waited for. */
static int note_hold(struct report *report, const struct status_file *status_file,
                     struct error *error)
{
    CLEANUP_FREE char *hold = *status_file->trouble
                                  ? memory_format("the forge: %s", status_file->trouble)
                                  : memory_copy(status_file->held);

    if (report->hold && strcmp(hold, report->hold) == 0)
        return 0;
    if (store_set_hold(report->options.store, hold, error) < 0)
        return -1;
    free(report->hold);
    report->hold = TAKE(hold);
    return 0;
}

static int tell_all(struct report *report, bool metrics, struct error *error)
{
    CLEANUP_TEXT struct text line = {0};
    struct status_file status_file;
    int written;

    if (make_line(report, &line, error) < 0)
        return -1;
    notify_status(report->notify, text_string(&line));
    make_status_file(report, &status_file);
    written = status_file_write(report->options.config->state, &status_file, error);
    if (note_hold(report, &status_file, error) < 0)
        written = -1;
    if (metrics && write_metrics(report, error) < 0)
        written = -1;
    return written;
}

static void tell(struct report *report, bool metrics)
{
    struct error error;
    bool all = metrics || !report->options.config->status.textfile;
    bool failed = tell_all(report, metrics, &error) < 0;

    report->told_at = now_of(report);
    if (failed && !report->troubled)
        log_event(&event_report_failed, LOG_TEXT("reason", error.message));
    report->troubled = failed || (report->troubled && !all);
}

/* ---- when --------------------------------------------------------------------------------------- */

static void tell_at(struct report *report, uint64_t at);

static void on_next(void *data)
{
    struct report *report = data;
    bool textfile = report->options.config->status.textfile != NULL;
    uint64_t metrics_due = report->metrics_at ? report->metrics_at + METRICS_MS : 0;
    bool metrics = textfile && now_of(report) >= metrics_due;

    report->next = NULL;
    tell(report, metrics);
    if (textfile && !metrics)
        tell_at(report, metrics_due);
    else if (queue_jobs(report->options.queue) || refresh_jobs(report->options.refresh))
        tell_at(report, now_of(report) + AGES_MS);
    else if (textfile || report->troubled)
        tell_at(report, now_of(report) + AGAIN_MS);
}

static void tell_at(struct report *report, uint64_t at)
{
    uint64_t now = now_of(report);

    if (report->next && report->next_at <= at)
        return;
    operation_clear(&report->next);
    report->next_at = at;
    report->next = loop_after(report->options.loop, at > now ? at - now : 0, on_next, report);
}

void report_changed(struct report *report)
{
    uint64_t soon = now_of(report) + SOON_MS;
    uint64_t apart = report->told_at ? report->told_at + APART_MS : 0;

    tell_at(report, soon > apart ? soon : apart);
}

/* ---- readiness ---------------------------------------------------------------------------------- */

static void be_ready(void *data)
{
    struct report *report = data;

    report->patience = NULL;
    tell(report, false);
    notify_ready(report->notify);
}

static void ready_if_known(struct report *report)
{
    if (!report->patience || !report->scanned || !report->checked)
        return;
    operation_clear(&report->patience);
    be_ready(report);
}

void report_scanned(struct report *report)
{
    report->scanned = true;
    ready_if_known(report);
}

void report_forge_checked(struct report *report)
{
    report->checked = true;
    ready_if_known(report);
}

/* ---- the log ------------------------------------------------------------------------------------ */

void report_summary(struct report *report)
{
    CLEANUP_TEXT struct text line = {0};
    struct error error;

    if (make_line(report, &line, &error) < 0)
        log_event(&event_store_failed, LOG_TEXT("reason", error.message));
    else
        log_event(&event_status, LOG_TEXT("status", text_string(&line)),
                  LOG_INTEGER("loop_lag_ms", (int64_t)lag_largest_ms(report->lag)));
}

void report_everything(struct report *report)
{
    CLEANUP(status_freep) struct status *status = NULL;
    CLEANUP_TEXT struct text table = {0};
    struct status_file status_file;
    struct error error;
    char *rest, *line;

    report_summary(report);
    make_status_file(report, &status_file);
    if (status_read(&status, report->options.store, report->options.config, &status_file, &error) <
        0) {
        log_event(&event_store_failed, LOG_TEXT("reason", error.message));
        return;
    }
    status_table(&table, status, 0);
    rest = table.data;
    while ((line = strsep(&rest, "\n"))) {
        if (*line)
            log_event(&event_status, LOG_TEXT("status", line));
    }
}

static void arm_summary(struct report *report);

static void on_summary(void *data)
{
    struct report *report = data;

    report->summary = NULL;
    report_summary(report);
    arm_summary(report);
}

static void arm_summary(struct report *report)
{
    uint64_t every = report->options.config->log.status_every_ms;

    operation_clear(&report->summary);
    if (every > 0 && report->options.summaries)
        report->summary = loop_after(report->options.loop, every, on_summary, report);
}

/* ---- life --------------------------------------------------------------------------------------- */

void report_reloading(struct report *report)
{
    notify_reloading(report->notify);
}

void report_reloaded(struct report *report)
{
    arm_summary(report);
    take_metrics_away(report);
    report->metrics_at = 0;
    report_changed(report);
    notify_reloaded(report->notify);
}

void report_stopping(struct report *report)
{
    operation_clear(&report->next);
    operation_clear(&report->patience);
    notify_stopping(report->notify);
    tell(report, report->options.config->status.textfile != NULL);
}

void report_new(struct report **report, const struct report_options *options)
{
    struct report *made = memory_new(sizeof(*made));

    made->options = *options;
    made->started_ms = clock_now_ms();
    made->textfile.version = WINNOWD_VERSION;
    made->textfile.started_ms = made->started_ms;
    made->textfile.counters = options->counters;
    notify_new(&made->notify, options->loop);
    lag_new(&made->lag, options->loop);
    made->patience = loop_after(options->loop, READY_MS, be_ready, made);
    arm_summary(made);
    report_changed(made);
    *report = made;
}

void report_free(struct report *report)
{
    if (!report)
        return;
    operation_clear(&report->patience);
    operation_clear(&report->next);
    operation_clear(&report->summary);
    status_file_remove(report->options.config->state);
    notify_free(report->notify);
    lag_free(report->lag);
    textfile_clear(&report->textfile);
    free(report->metrics_path);
    free(report->hold);
    free(report);
}

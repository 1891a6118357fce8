/*
 * The status in one line, and the parts that it shares with the table.
 */

#include "common/memory.h"
#include "daemon/status.h"
#include "daemon/store/base.h"
#include "daemon/store/pull.h"
#include "daemon/store/status.h"

#include <inttypes.h>
#include <string.h>

#define JOB_LIMIT 4 /* so many are named; the rest is counted */

void status_append_age(struct text *text, int64_t age_ms)
{
    int64_t seconds = age_ms > 0 ? age_ms / 1000 : 0;
    int64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;

    if (days > 0)
        text_append_format(text, "%" PRId64 "d%02dh", days, (int)(hours % 24));
    else if (hours > 0)
        text_append_format(text, "%" PRId64 "h%02dm", hours, (int)(minutes % 60));
    else if (minutes > 0)
        text_append_format(text, "%" PRId64 "m%02ds", minutes, (int)(seconds % 60));
    else
        text_append_format(text, "%" PRId64 "s", seconds);
}

void status_append_sparkline(struct text *text, const struct store_point *points, size_t count)
{
    static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    double low = 0, high = 0;

    for (size_t i = 0; i < count; i++) {
        low = i == 0 || points[i].value < low ? points[i].value : low;
        high = i == 0 || points[i].value > high ? points[i].value : high;
    }
    for (size_t i = 0; i < count; i++) {
        /* Halved, since the difference of the largest doubles would overflow. */
        double span = high / 2 - low / 2;
        double place = span > 0 ? (points[i].value / 2 - low / 2) / span * 7.999 : 0;

        text_append(text, blocks[(int)place]);
    }
}

void status_append_base(struct text *text, const struct store_base *base, int64_t now_ms)
{
    text_append(text, !base->passed ? "fails its tests"
                      : base->flaky ? "is flaky"
                                    : "passes its tests");
    text_append_format(text, " at %s, as of ", base->commit);
    status_append_age(text, now_ms - base->at_ms);
    text_append(text, " ago");
}

/* Returns the program that runs the tests, without its directory: "tox". */
static const char *test_program(const struct config *config)
{
    const char *program = config->validation.command.items[0];
    const char *slash = strrchr(program, '/');

    return slash && slash[1] ? slash + 1 : program;
}

static void append_job(struct text *line, const struct job *job, const struct config *config)
{
    uint64_t age = uv_now(job->services->loop) - job->step_began;
    bool undoing = job_undoing(job);
    bool waits = job->waits != JOB_GOES_ON;

    if (waits)
        text_append_format(line, "%s waits (%s%s, ", job->row->experiment_id,
                           undoing ? "undo of " : "", job_step_name(job));
    else if (undoing)
        text_append_format(line, "undoing %s (%s, ", job->row->experiment_id, job_step_name(job));
    else
        text_append_format(line, "%s %s (", job_doing(job), job->row->experiment_id);
    if (!waits && !undoing && job_runs_tests(job)) {
        text_append_visible(line, test_program(config), NULL);
        text_append(line, ", ");
    }
    status_append_age(line, (int64_t)age);
    text_append(line, ")");
}

static void append_first(struct text *line, const struct job *jobs, const struct config *config,
                         unsigned *count)
{
    for (const struct job *job = jobs; job; job = job->next) {
        if ((*count)++ >= JOB_LIMIT)
            continue;
        text_append(line, *count > 1 ? ", " : "");
        append_job(line, job, config);
    }
}

static void append_jobs(struct text *line, const struct queue *queue, const struct refresh *refresh,
                        const struct config *config)
{
    unsigned count = 0;

    append_first(line, queue_jobs(queue), config, &count);
    append_first(line, refresh_jobs(refresh), config, &count);
    if (count > JOB_LIMIT)
        text_append_format(line, ", %u more jobs", count - JOB_LIMIT);
    text_append(line, count ? ", " : "idle, ");
}

int status_line(struct text *line, struct store *store, const struct queue *queue,
                const struct refresh *refresh, const struct health *health, const struct base *base,
                const struct config *config, struct error *error)
{
    CLEANUP_FREE char *last = NULL;
    unsigned open, waiting;
    int64_t pull;

    if (store_count_waiting(store, &waiting, error) < 0 ||
        store_count_open_pulls(store, &open, error) < 0 ||
        store_last_pull(store, &pull, &last, error) < 0)
        return -1;
    append_jobs(line, queue, refresh, config);
    text_append_format(line, "%u waiting, %u pull request%s open", waiting, open,
                       open == 1 ? "" : "s");
    if (last)
        text_append_format(line, ", last: #%" PRId64 " %s", pull, last);
    if (*health_reason(health)) {
        text_append(line, health_forge_usable(health) ? ", held: " : ", forge: ");
        text_append_line(line, health_reason(health), 200);
    } else if (base_held(base)) {
        text_append(line, ", held: ");
        text_append_line(line, base_held(base), 200);
    }
    return 0;
}

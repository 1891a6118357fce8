#include "daemon/command-line/check-log.h"

#include "common/file.h"
#include "common/memory.h"
#include "daemon/log-taking.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#define SLICE_NS 1000000000

static void on_decided(void *data, const struct result_log_row *row,
                       const struct assessment *assessment)
{
    struct text *rows = data;

    text_append_format(rows, "%s: %s", assessment->experiment_id,
                       decision_name(assessment->decision));
    if (*assessment->reason)
        text_append_format(rows, ": %s", assessment->reason);
    text_append(rows, "\n");
}

static void append_skipped(struct text *text, uint64_t count, const char *what)
{
    if (count)
        text_append_format(text, "%" PRIu64 " %s\n", count, what);
}

static void append_counts(struct text *text, const struct log_counts *counts)
{
    text_append_format(text, "%" PRIu64 " rows", counts->rows);
    for (int i = 0; i < DECISION_COUNT; i++)
        if (counts->decisions[i])
            text_append_format(text, ", %" PRIu64 " %s", counts->decisions[i],
                               decision_name((enum decision)i));
    text_append(text, "\n");
    append_skipped(text, counts->without_commit, "rows without a usable commit");
    append_skipped(text, counts->outside, "rows left out by logs[].only");
    append_skipped(text, counts->foreign, "runs of metrics that are not configured");
    if (counts->foreign_metrics)
        text_append_format(text, "those metrics: %s\n", counts->foreign_metrics);
    append_skipped(text, counts->prose, "lines that are no rows");
}

static bool read_log(struct text *text, struct log_taking *taking, const struct text *rows)
{
    enum log_progress step;
    struct error error;

    do
        step = log_taking_go_on(taking, SLICE_NS, &error);
    while (step == LOG_PROGRESS_MORE);
    if (step != LOG_PROGRESS_DONE) {
        text_append_format(text, "%s: rejected: ", log_taking_name(taking));
        text_append_visible(text, error.message, NULL);
        text_append(text, "\n");
        return false;
    }
    result_log_explain(log_taking_reader(taking), text);
    text_append(text, text_string(rows));
    append_counts(text, log_taking_counts(taking));
    return true;
}

bool check_log(struct text *text, const struct config *config, const char *path,
               const char *file_name)
{
    CLEANUP_DESCRIPTOR int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    CLEANUP_TEXT struct text rows = {0};
    const struct log_taking_options options = {
        .config = config,
        .file_name = file_name,
        .settings = config_log(config, file_name),
        .descriptor = descriptor,
        .decided = on_decided,
        .data = &rows,
    };
    struct log_taking *taking = NULL;
    struct stat status;
    struct error error;
    bool read;

    if (descriptor < 0 || fstat(descriptor, &status) < 0 || !S_ISREG(status.st_mode)) {
        text_append_format(text, "%s: rejected: %s\n", path,
                           descriptor < 0 ? strerror(errno) : "expected a regular file");
        return false;
    }
    if (log_taking_new(&taking, &options, &error) < 0) {
        text_append_format(text, "%s\n", error.message);
        return false;
    }
    read = read_log(text, taking, &rows);
    log_taking_free(taking);
    return read;
}

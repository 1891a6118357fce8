#include "daemon/command-line/check.h"

#include "common/caret.h"
#include "common/file.h"
#include "common/memory.h"
#include "daemon/assessment.h"
#include "daemon/command-line/check-log.h"
#include "daemon/command-line/holds.h"
#include "daemon/command-line/patch-files.h"
#include "daemon/command-line/trial.h"
#include "daemon/repository/glob.h"
#include "daemon/repository/source-commit.h"
#include "daemon/store/status.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#define FILE_LIMIT 20  /* files of a change that are named */
#define KEY_SHOWN  100 /* characters */

/* What the sentences say. */
struct check {
    struct text *text;
    char *failure; /* why the job would fail at compose, or be held; NULL: no reason is known */
    bool held;     /* ... be held: the installation is to blame */
    int held_status;
    const struct config *config;
    struct store *store; /* NULL: there is none yet */
    const struct spool_file *file;
    const char *path;
    struct assessment assessment;
};

/* Says why the job would fail. The first reason counts. */
__attribute__((format(printf, 2, 3))) static void fails(struct check *check, const char *format,
                                                        ...)
{
    char sentence[1100];
    va_list arguments;

    if (check->failure)
        return;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    check->failure = memory_copy(sentence);
}

static void append_number(struct check *check, const char *before, double number, const char *after)
{
    text_append(check->text, before);
    text_append_number(check->text, number);
    text_append(check->text, after);
}

/* Appends a computed number with six digits. A number of the file is shown as it is written there. */
static void append_rounded(struct check *check, const char *before, double number,
                           const char *after)
{
    text_append_format(check->text, "%s%.6g%s", before, number, after);
}

/* ---- the measurement ---------------------------------------------------------------------------- */

struct spread {
    double low, high;
};

static struct spread spread_of(const struct measurement *measurement)
{
    struct spread spread = {measurement->mean, measurement->mean};

    for (size_t i = 0; i < measurement->count; i++) {
        spread.low = fmin(spread.low, measurement->runs[i]);
        spread.high = fmax(spread.high, measurement->runs[i]);
    }
    return spread;
}

static void explain_measurement(struct check *check)
{
    const struct measurement *after = &check->assessment.result->claim.after;
    const struct config_metric *metric = check->assessment.metric;
    struct spread spread;

    text_append_format(check->text, "\nMeasured: %s ", metric->name);
    append_number(check, "", after->mean, "");
    if (after->count > 1) {
        spread = spread_of(after);
        text_append_format(check->text, ", the mean of %zu runs", after->count);
        append_number(check, " from ", spread.low, "");
        append_number(check, " to ", spread.high, "");
    }
    text_append_format(check->text, "; %s is better.\n",
                       metric->direction == METRIC_MINIMIZE ? "lower" : "higher");
}

/* ---- the reference ------------------------------------------------------------------------------ */

/* Appends whose value the frontier is: ", which exp-039 set". */
static int append_owner(struct check *check, struct error *error)
{
    CLEANUP(store_result_freep) struct store_result *row = NULL;
    int64_t id = check->assessment.frontier.result;

    if (id && store_load(check->store, id, &row, error) < 0)
        return -1;
    if (row)
        text_append_format(check->text, ", set by %s", row->experiment_id);
    else
        text_append_format(check->text, ", configured as metrics.%s.baseline",
                           check->assessment.metric->name);
    return 0;
}

static int explain_reference(struct check *check, struct error *error)
{
    const struct assessment *assessment = &check->assessment;
    const struct measurement *before = &assessment->result->claim.before;
    bool by_frontier = assessment->verdict.source == GATE_SOURCE_FRONTIER;

    append_number(check, "Reference: ", assessment->verdict.reference, "");
    text_append(check->text,
                by_frontier ? ", the frontier" : ", measured by the experimenter (metric_before)");
    if (by_frontier && append_owner(check, error) < 0)
        return -1;
    if (assessment->metric->reference != METRIC_REFERENCE_BEST) {
        text_append_format(check->text, "; metrics.%s.reference asks for this one only",
                           assessment->metric->name);
    } else if (by_frontier && before->count) {
        append_number(check, "; metric_before is ", before->mean, ", which is not better");
    } else if (!by_frontier && assessment->frontier.known) {
        append_number(check, "; the frontier is ", assessment->frontier.value, "");
        if (append_owner(check, error) < 0)
            return -1;
        text_append(check->text, ", and not better");
    } else if (!by_frontier) {
        text_append(check->text, "; there is no frontier yet");
    }
    text_append(check->text, ".\n");
    return 0;
}

static void explain_threshold(struct check *check)
{
    const struct config_metric *metric = check->assessment.metric;
    const struct gate_verdict *verdict = &check->assessment.verdict;

    append_rounded(check, "Threshold: it must be better by more than ", verdict->threshold, "");
    if (verdict->threshold > 0) {
        append_number(check, " (min_delta ", metric->min_delta, "");
        append_number(check, ", min_relative ", metric->min_relative, "");
        append_rounded(check,
                       " of the reference: ", metric->min_relative * fabs(verdict->reference), ")");
    }
    append_rounded(check, verdict->improvement < 0 ? "; it is worse by " : "; it is better by ",
                   fabs(verdict->improvement), "");
    if (verdict->reference != 0)
        text_append_format(check->text, " (%.3g %%)",
                           100 * fabs(verdict->improvement / verdict->reference));
    text_append(check->text, ".\n");
}

static void explain_noise(struct check *check)
{
    const struct measurement *after = &check->assessment.result->claim.after;
    double improvement = check->assessment.verdict.improvement;
    struct spread spread = spread_of(after);
    double error = after->deviation / sqrt((double)after->count);

    if (after->count == 1) {
        text_append(check->text, "Noise: it was measured once, so nothing is known of how much the "
                                 "metric varies from run to run.\n");
        return;
    }
    append_rounded(check, "Noise: the runs lie ", spread.high - spread.low, " apart");
    append_rounded(check, " (standard deviation ", after->deviation, ")");
    if (error > 0 && improvement > 0) {
        text_append_format(
            check->text, "; the improvement is %.2g times the standard error of their mean%s",
            improvement / error, improvement < 2 * error ? ": that may well be chance" : "");
    }
    text_append(check->text, ".\n");
}

static int explain_judgement(struct check *check, struct error *error)
{
    const struct assessment *assessment = &check->assessment;
    const struct claim *claim = &assessment->result->claim;
    bool counted = claim->after.count > 0 && claim_counts(claim);

    if (!counted)
        return 0;
    explain_measurement(check);
    if (assessment->verdict.source == GATE_SOURCE_NONE)
        return 0;
    if (explain_reference(check, error) < 0)
        return -1;
    explain_threshold(check);
    explain_noise(check);
    return 0;
}

/* ---- the change --------------------------------------------------------------------------------- */

static void append_file(struct check *check, const struct change_entry *file)
{
    text_append(check->text, "  ");
    text_append_visible(check->text, file->path, NULL);
    if (file->added < 0)
        text_append(check->text, file->new_mode ? " (binary)" : " (removed)");
    else
        text_append_format(check->text, " (+%" PRId64 " -%" PRId64 ")", file->added, file->removed);
    if (glob_match_any(check->config->change.protect.items, file->path))
        text_append(check->text, ": protected (change.protect)");
    else if (glob_match_any(check->config->change.exclude.items, file->path))
        text_append(check->text, ": left out, it stays as it is on the base (change.exclude)");
    text_append(check->text, "\n");
}

static void append_files(struct check *check, const struct patch_files *files)
{
    const struct change *change = &files->change;
    struct error error;

    text_append_format(check->text, "it touches %zu file%s%s\n", change->count,
                       change->count == 1 ? "" : "s", change->count ? ":" : "");
    for (size_t i = 0; i < change->count && i < FILE_LIMIT; i++)
        append_file(check, &change->entries[i]);
    if (change->count > FILE_LIMIT)
        text_append_format(check->text, "  and %zu more\n", change->count - FILE_LIMIT);
    if (patch_files_check(files, check->config, &error) < 0) {
        fails(check, "%s", error.message);
        text_append(check->text, "  so that the job would fail at compose: ");
        text_append_visible(check->text, error.message, NULL);
        text_append(check->text, "\n");
    }
}

static void explain_patch(struct check *check, const char *patch, size_t length)
{
    struct patch_files files = {0};
    struct error error;

    text_append(check->text, "Change: ");
    if (patch_files_read(&files, patch, length, &error) < 0) {
        fails(check, "%s", error.message);
        text_append(check->text, "it cannot be taken: ");
        text_append_visible(check->text, error.message, NULL);
        text_append(check->text, "\n");
    } else {
        append_files(check, &files);
    }
    patch_files_free(&files);
}

/* Looks for the commit in a source, and returns whether it is there. If the source cannot be read, says that
 * and sets `*unread`. */
static bool explain_commit_in(struct check *check, const char *source, struct error *unread)
{
    const char *base = check->config->forge.base;
    struct patch_files files = {0};
    enum patch_since since;
    struct error error;
    bool known;

    if (patch_files_of_commit(&files, &known, &since, source, check->assessment.result->commit,
                              base, &error) < 0) {
        text_append_format(check->text, "Change: it cannot be read in %s: ", source);
        text_append_visible(check->text, error.message, NULL);
        text_append(check->text, "\n");
        *unread = error;
        error_wrap(unread, "sources: %s", source);
    } else if (known && since == PATCH_SINCE_NEVER) {
        fails(check, "commit %s is part of %s already", check->assessment.result->commit, base);
        text_append_format(check->text,
                           "Change: commit %s is part of %s already, as it is known in %s, so that "
                           "the job would fail at compose.\n",
                           check->assessment.result->commit, base, source);
    } else if (known) {
        text_append_format(check->text, "Change: that of commit %s in %s since ",
                           check->assessment.result->commit, source);
        if (since == PATCH_SINCE_BASE)
            text_append_format(check->text, "%s, as it is known there: ", base);
        else
            text_append_format(check->text, "its parent, as %s is not known there: ", base);
        append_files(check, &files);
    }
    patch_files_free(&files);
    return known;
}

static void explain_commit(struct check *check)
{
    const struct config_list *sources = &check->config->sources;
    const struct result *result = check->assessment.result;
    struct error unread = {0};
    bool meant = false;

    for (size_t i = 0; i < sources->count; i++) {
        if (!source_commit_is_meant(sources->items[i], result->repository))
            continue;
        meant = true;
        if (explain_commit_in(check, sources->items[i], &unread))
            return;
    }
    if (sources->count == 0)
        error_set_key(&unread, ERROR_PERMANENT, "sources",
                      "expected a repository that commit %s is in, found none configured",
                      result->commit);
    check->held = unread.kind != ERROR_NONE;
    if (check->held)
        fails(check, "%s", unread.message);
    else
        fails(check, "commit %s is in none of `sources`", result->commit);
    text_append_format(check->text, "Change: commit %s %s, so that the job would %s.\n",
                       result->commit,
                       meant            ? "is in no source that can be read from here"
                       : sources->count ? "is looked for in a repository that is none of `sources`"
                                        : "is looked for in `sources`; none are configured",
                       check->held ? "be held" : "fail at compose");
}

/* Tries the change with the daemon's own compose, on the base that was fetched last. That decides. The
 * sentences before it say what can be seen without trying. */
static void explain_trial(struct check *check)
{
    const struct assessment *assessment = &check->assessment;
    CLEANUP_FREE char *base = NULL;
    struct error why = {0};
    enum trial_end end = trial_run(&base, check->config, check->store, assessment->result,
                                   assessment->patch, assessment->patch_length, &why);

    if (end != TRIAL_UNKNOWN) {
        free(check->failure);
        check->failure = end == TRIAL_FITS ? NULL : memory_copy(why.message);
        check->held = end == TRIAL_HELD;
    }
    if (end == TRIAL_FITS) {
        text_append_format(check->text, "Trial: it fits %s.\n", base);
        return;
    }
    text_append_format(check->text,
                       end == TRIAL_FAILS  ? "Trial: it cannot be made one commit on %s: "
                       : end == TRIAL_HELD ? "Trial: it would wait before it is tried on %s: "
                                           : "Trial: it was not tried on %s: ",
                       base ? base : check->config->forge.base);
    text_append_visible(check->text, why.message, NULL);
    text_append(check->text, "\n");
}

/* A job that would fail at compose fails before it is held. */
static void explain_hold(struct check *check)
{
    CLEANUP_FREE char *why = check->failure ? NULL : holds_find(check->config, &check->held_status);

    if (!why)
        return;
    text_append(check->text, "Hold: jobs wait until this is mended: ");
    text_append_visible(check->text, why, NULL);
    text_append(check->text, "\n");
    check->held = true;
    fails(check, "%s", why);
}

static void explain_unknown_keys(struct check *check)
{
    struct json_object *unknown = check->assessment.result->unknown;
    const char *between = "";

    if (!unknown)
        return;
    text_append(check->text, "Unknown keys, shown among the details: ");
    json_object_object_foreach(unknown, key, value)
    {
        CLEANUP_TEXT struct text line = {0};

        (void)value;
        text_append_line(&line, key, KEY_SHOWN);
        text_append(check->text, between);
        text_append_visible(check->text, text_string(&line), NULL);
        between = ", ";
    }
    text_append(check->text, ".\n");
}

static void explain_change(struct check *check)
{
    const struct assessment *assessment = &check->assessment;
    const struct result *result = assessment->result;

    switch (result->change) {
    case RESULT_CHANGE_NONE:
        text_append(check->text, "Change: there is none; add commit, patch or diff.\n");
        break;
    case RESULT_CHANGE_COMMIT:
        explain_commit(check);
        break;
    case RESULT_CHANGE_PATCH:
        explain_patch(check, assessment->patch, assessment->patch_length);
        break;
    case RESULT_CHANGE_DIFF:
        explain_patch(check, result->diff, strlen(result->diff));
        break;
    }
}

/* ---- the job ------------------------------------------------------------------------------------ */

static void append_list(struct check *check, const struct config_list *list, const char *between)
{
    for (size_t i = 0; i < list->count; i++) {
        text_append(check->text, i ? between : "");
        text_append_visible(check->text, list->items[i], NULL);
    }
}

static int explain_job(struct check *check, struct error *error)
{
    const struct config *config = check->config;
    unsigned waiting = 0;

    text_append_format(check->text,
                       "Job: it would create the branch %s%s from %s, make one commit of "
                       "the change on it, run",
                       config->forge.branch_prefix, check->assessment.experiment_id,
                       config->forge.base);
    text_append(check->text, config->validation.launcher.count ? " " : "");
    append_list(check, &config->validation.launcher, " ");
    text_append(check->text, " ");
    append_list(check, &config->validation.command, " ");
    text_append_format(check->text,
                       " for at most %" PRIu64 " s, push the commit and open a pull request",
                       config->validation.timeout_ms / 1000);
    if (config->forge.labels.count) {
        text_append(check->text, ", label it ");
        append_list(check, &config->forge.labels, ", ");
    }
    if (config->forge.reviewers.count) {
        text_append(check->text, ", ask for review by ");
        append_list(check, &config->forge.reviewers, ", ");
    }
    text_append(check->text, ". If a step fails, all of it is undone.\n");
    if (check->store && store_count_waiting(check->store, &waiting, error) < 0)
        return -1;
    if (waiting)
        text_append_format(check->text,
                           "Queue: %u result%s wait%s; it is judged again when its turn comes, by "
                           "the frontier at that time.\n",
                           waiting, waiting == 1 ? "" : "s", waiting == 1 ? "s" : "");
    return 0;
}

/* ---- all of it ---------------------------------------------------------------------------------- */

/* The word for what the result would become if nothing else were under way. */
static const char *word_of(const struct check *check)
{
    const struct assessment *assessment = &check->assessment;

    if (assessment->decision != DECISION_QUEUED)
        return decision_name(assessment->decision);
    if (assessment->verdict.outcome == GATE_BASELINE)
        return "queued, would be baseline";
    if (assessment->verdict.outcome != GATE_IMPROVED)
        return "queued, would be discarded";
    if (assessment->result->change == RESULT_CHANGE_NONE)
        return "queued, would be rejected";
    if (check->held)
        return "queued, would be held";
    return check->failure ? "queued, would fail at compose" : "queued, would be promoted";
}

/* The result is to blame for "rejected" and "failed", the installation for "held". */
static int status_of(const struct check *check)
{
    const struct assessment *assessment = &check->assessment;

    if (assessment->decision == DECISION_REJECTED)
        return EX_DATAERR;
    if (assessment->decision != DECISION_QUEUED || assessment->verdict.outcome != GATE_IMPROVED)
        return EX_OK;
    if (check->held)
        return check->held_status ? check->held_status : EX_CONFIG;
    return check->failure || assessment->result->change == RESULT_CHANGE_NONE ? EX_DATAERR : EX_OK;
}

static const char *reason_of(const struct check *check)
{
    const struct assessment *assessment = &check->assessment;

    if (assessment->decision == DECISION_QUEUED && assessment->verdict.outcome == GATE_IMPROVED &&
        assessment->result->change == RESULT_CHANGE_NONE)
        return "it would be promoted, but has no change: commit, patch or diff is missing";
    return check->failure ? check->failure : assessment->reason;
}

static void append_decision(struct check *check)
{
    const struct assessment *assessment = &check->assessment;
    const char *reason = reason_of(check);
    CLEANUP_TEXT struct text line = {0};

    text_append(check->text,
                assessment->experiment_id ? assessment->experiment_id : "(no experiment_id)");
    text_append_format(check->text, ": %s", word_of(check));
    if (*reason) {
        text_append_repaired(&line, reason, strlen(reason));
        text_append(check->text, ": ");
        text_append_visible(check->text, text_string(&line), NULL);
    }
    text_append(check->text, "\n");
}

static void append_place(struct check *check)
{
    const struct spool_file *file = check->file;
    unsigned line = check->assessment.line, column = check->assessment.column;

    if (!line)
        return;
    text_append_visible(check->text, check->path, NULL);
    text_append_format(check->text, ":%u:%u\n", line, column);
    /* Columns are bytes in JSON and characters in YAML. */
    caret_append(check->text, file->bytes, file->length, line, column,
                 result_format(file->name) != RESULT_FORMAT_YAML);
}

/* Appends everything after the first line. */
static int explain(struct check *check, struct error *error)
{
    const struct assessment *assessment = &check->assessment;

    if (assessment->decision == DECISION_REJECTED)
        append_place(check);
    if (!assessment->result || !assessment->metric || assessment->decision == DECISION_DUPLICATE)
        return 0;
    if (explain_judgement(check, error) < 0)
        return -1;
    explain_unknown_keys(check);
    if (assessment->decision != DECISION_QUEUED)
        return 0;
    if (assessment->verdict.outcome == GATE_BASELINE) {
        text_append(check->text, "Job: none; later results are compared with this one.\n");
        return 0;
    }
    explain_change(check);
    if (assessment->result->change == RESULT_CHANGE_NONE)
        return 0;
    explain_trial(check);
    explain_hold(check);
    return explain_job(check, error);
}

/* Appends the first line: the decision and its reason. */
static int tell(struct check *check, struct error *error)
{
    CLEANUP_TEXT struct text behind = {0};
    struct check rest = *check;
    int status;

    rest.text = &behind;
    status = explain(&rest, error);
    check->failure = rest.failure;
    check->held = rest.held;
    check->held_status = rest.held_status;
    if (status == 0) {
        append_decision(check);
        text_append(check->text, text_string(&behind));
    }
    return status;
}

static int read_beside(void *data, const char *name, size_t limit, char **bytes, size_t *length,
                       struct error *error)
{
    CLEANUP_FREE char *path = file_join(data, name);
    struct stat status;

    if (lstat(path, &status) < 0 && errno == ENOENT)
        return 1;
    return file_read(bytes, length, AT_FDCWD, path, limit, error);
}

int check_result(struct text *text, int *status, const struct config *config, struct store *store,
                 const char *path, struct error *error)
{
    CLEANUP_FREE char *for_name = memory_copy(path);
    CLEANUP_FREE char *for_directory = memory_copy(path);
    struct spool_file file = {.name = basename(for_name)};
    struct check check = {
        .text = text,
        .config = config,
        .store = store,
        .file = &file,
        .path = path,
    };
    struct error unreadable = {0};
    int made;

    if (result_format(file.name) == RESULT_FORMAT_LOG) {
        *status = check_log(text, config, path, file.name) ? EX_OK : EX_DATAERR;
        return 0;
    }
    if (file_read(&file.bytes, &file.length, AT_FDCWD, path, RESULT_SIZE_LIMIT, &unreadable) < 0)
        file.problem = unreadable.message;
    made = assessment_make(&check.assessment, config, store, &file, read_beside,
                           dirname(for_directory), error);
    if (made == 0) {
        made = tell(&check, error);
        *status = status_of(&check);
    }
    free(check.failure);
    assessment_clear(&check.assessment);
    free(file.bytes);
    return made;
}

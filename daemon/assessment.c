#include "daemon/assessment.h"

#include "common/memory.h"
#include "common/text.h"
#include "daemon/lane.h"
#include "daemon/result/place.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define METRIC_QUOTED 100 /* characters */
#define PATCH_QUOTED  100
#define REASON_QUOTED 200

/* Sets the decision and its reason. A reason is one line of visible characters: it is read on terminals,
 * and as the first line of a file. It may quote anything, such as the name of a patch. */
void assessment_set(struct assessment *assessment, enum decision decision, const char *reason)
{
    CLEANUP_TEXT struct text repaired = {0};
    struct text visible = {0};

    text_append_repaired(&repaired, reason, strlen(reason));
    text_append_visible(&visible, text_string(&repaired), NULL);
    assessment->decision = decision;
    free(assessment->reason);
    assessment->reason = text_take(&visible);
}

/* Rejects the file because of the value of a key. */
static void reject_key(struct assessment *assessment, const struct spool_file *file,
                       const char *key, const char *reason)
{
    struct place place = place_of_key(file->name, file->bytes, file->length, key);

    assessment_set(assessment, DECISION_REJECTED, reason);
    assessment->line = place.line;
    assessment->column = place.column;
}

static void digest_file(struct assessment *assessment, const struct spool_file *file)
{
    struct digest digest;

    digest_begin(&digest);
    if (file->bytes)
        digest_update(&digest, file->bytes, file->length);
    if (assessment->patch)
        digest_update(&digest, assessment->patch, assessment->patch_length);
    digest_end(&digest, assessment->digest);
}

static void name_metrics(struct text *text, const struct config *config)
{
    for (size_t i = 0; i < config->metric_count && i < 8; i++)
        text_append_format(text, "%s%s", i ? ", " : "", config->metrics[i].name);
    if (config->metric_count > 8)
        text_append(text, ", …");
}

static void reject_unknown_metric(struct assessment *assessment, const struct config *config,
                                  const struct spool_file *file)
{
    CLEANUP_TEXT struct text reason = {0};

    text_append(&reason, "metric: expected one of those configured (");
    name_metrics(&reason, config);
    text_append(&reason, "), found ");
    text_append_line(&reason, assessment->result->metric, METRIC_QUOTED);
    reject_key(assessment, file, "metric", text_string(&reason));
}

char *assessment_unfit(const struct config *config, const char *experiment_id)
{
    size_t limit = config_branch_limit(config->forge.kind);
    size_t prefix = strlen(config->forge.branch_prefix);
    size_t length = strlen(experiment_id);

    if (prefix + length <= limit)
        return NULL;
    return memory_format(
        "experiment_id: expected at most %zu characters, found %zu: a branch at this forge has at "
        "most %zu bytes with forge.branch_prefix in front",
        prefix < limit ? limit - prefix : 0, length, limit);
}

/* Whether the forge can have a branch of that name. If not, the assessment is decided. */
static bool fits_forge(struct assessment *assessment, const struct config *config,
                       const struct spool_file *file)
{
    CLEANUP_FREE char *reason = assessment_unfit(config, assessment->experiment_id);

    if (reason)
        reject_key(assessment, file, "experiment_id", reason);
    return reason == NULL;
}

/* Whether the file can be read as a result. If not, the assessment is decided. */
static bool read_result(struct assessment *assessment, const struct config *config,
                        const struct spool_file *file)
{
    struct error error = {0};

    if (file->problem) {
        assessment_set(assessment, DECISION_REJECTED, file->problem);
        assessment->delay = file->faulty ? SPOOL_DELAY_FAULT : SPOOL_DELAY_NONE;
        return false;
    }
    if (!result_name_seen(file->name) || result_format(file->name) == RESULT_FORMAT_NONE) {
        assessment_set(
            assessment, DECISION_REJECTED,
            "the name: expected one that ends in .json, .yaml, .yml, .tsv or .jsonl, in small "
            "letters, and does not begin with a dot: files of this name are never looked at");
        return false;
    }
    if (result_parse(&assessment->result, &assessment->experiment_id, file->name, file->bytes,
                     file->length, &error) < 0) {
        assessment_set(assessment, DECISION_REJECTED, error.message);
        assessment->line = (unsigned)error.line;
        assessment->column = error.column;
        return false;
    }
    if (!fits_forge(assessment, config, file))
        return false;
    assessment->metric = config_metric(config, assessment->result->metric);
    /* A row of a log that is tried again may have a metric without an entry. */
    if (!assessment->metric && !config_any_metric(config)) {
        reject_unknown_metric(assessment, config, file);
        return false;
    }
    return true;
}

static void reject_missing_patch(struct assessment *assessment, const struct spool_file *file,
                                 const char *taker)
{
    CLEANUP_TEXT struct text reason = {0};

    text_append(&reason, "patch: found no file ");
    text_append_line(&reason, assessment->result->patch, PATCH_QUOTED);
    text_append(&reason, " beside it");
    if (taker && assessment->experiment_id && strcmp(taker, assessment->experiment_id) == 0)
        text_append(&reason, ": an earlier drop took it; drop it again, first");
    else if (taker)
        text_append_format(&reason, ", as %s took the one of that name: give it a file of its own",
                           taker);
    else
        text_append(&reason, " within a minute: drop it first, or drop both again");
    reject_key(assessment, file, "patch", text_string(&reason));
    assessment->delay = SPOOL_DELAY_PATCH;
}

/* Finds the patch file that is moved with the result file, and who took one of that name before. A file
 * that an earlier result is about to take does not count. */
static int find_patch(struct assessment *assessment, struct store *store,
                      const struct spool_file *file, char **taker, struct error *error)
{
    CLEANUP_FREE char *name = NULL;
    bool pending = false;

    if (assessment->result)
        name = memory_copy(assessment->result->patch);
    else if (file->bytes)
        name = result_patch_name(file->name, file->bytes, file->length);
    if (name && store && store_find_patch(store, name, taker, &pending, error) < 0)
        return -1;
    if (!pending)
        assessment->patch_name = TAKE(name);
    return 0;
}

/* Reads the patch that the result names, if there is one. Returns false if the assessment is decided by
 * that. */
static bool take_patch(struct assessment *assessment, const struct spool_file *file,
                       assessment_read_patch read_patch, void *data, const char *taker)
{
    struct error error = {0};
    int status = 1;

    if (!assessment->result->patch)
        return true;
    if (assessment->patch_name)
        status = read_patch(data, assessment->patch_name, RESULT_SIZE_LIMIT, &assessment->patch,
                            &assessment->patch_length, &error);
    if (status > 0) {
        free(TAKE(assessment->patch_name));
        reject_missing_patch(assessment, file, taker);
    } else if (status < 0) {
        assessment_set(assessment, DECISION_REJECTED, error.message);
        assessment->delay = error.kind == ERROR_TRANSIENT ? SPOOL_DELAY_FAULT : SPOOL_DELAY_NONE;
    }
    return status == 0;
}

/* A file that is rejected for another reason takes its patch along, if there is one. */
static void look_for_patch(struct assessment *assessment, assessment_read_patch read_patch,
                           void *data)
{
    CLEANUP_FREE char *bytes = NULL;
    size_t length;
    struct error unread; /* so there is one */

    if (assessment->patch_name &&
        read_patch(data, assessment->patch_name, 1, &bytes, &length, &unread) > 0)
        free(TAKE(assessment->patch_name));
}

/* Whether a file is what --retry makes of a failed row of a log, which has no file of its own. */
static bool is_row_again(struct store *store, const struct store_result *known,
                         const struct spool_file *file)
{
    CLEANUP_FREE char *parsed = NULL;
    CLEANUP_FREE char *patch = NULL;
    size_t ignored_length;
    struct error ignored;

    return known->log != 0 && known->decision == DECISION_FAILED &&
           store_load_content(store, known->id, &parsed, &patch, &ignored_length, &ignored) == 0 &&
           strlen(parsed) == file->length && memcmp(parsed, file->bytes, file->length) == 0;
}

/* Compares a result with the one that has its experiment_id. The same content again is a duplicate or,
 * if that one failed, another attempt. Returns whether there is something left to judge. */
static bool compare_known(struct assessment *assessment, struct store *store,
                          const struct store_result *known, const struct spool_file *file)
{
    bool same = strcmp(known->digest, assessment->digest) == 0 || is_row_again(store, known, file);
    CLEANUP_TEXT struct text before = {0};
    CLEANUP_TEXT struct text reason = {0};

    if (same && known->decision == DECISION_FAILED) {
        assessment->retried = known->id;
        return true;
    }
    text_append_format(&reason,
                       same ? "%s with the same content is %s already%s"
                            : "%s is taken by another result, which is %s%s",
                       known->experiment_id, decision_name(known->decision),
                       *known->reason ? ": " : "");
    text_append_repaired(&before, known->reason, strlen(known->reason));
    text_append_line(&reason, text_string(&before), REASON_QUOTED);
    assessment_set(assessment, same ? DECISION_DUPLICATE : DECISION_REJECTED, text_string(&reason));
    return false;
}

/* Decides only what no earlier job can change: a frontier only gets better by jobs. */
void assessment_decide(struct assessment *assessment)
{
    switch (assessment->verdict.outcome) {
    case GATE_IMPROVED:
    case GATE_BASELINE:
        assessment_set(assessment, DECISION_QUEUED, assessment->verdict.reason);
        break;
    case GATE_NOT_IMPROVED:
        assessment_set(assessment,
                       gate_final(assessment->metric, &assessment->verdict) ? DECISION_DISCARDED
                                                                            : DECISION_QUEUED,
                       assessment->verdict.reason);
        break;
    case GATE_DISCARDED:
        assessment_set(assessment, DECISION_DISCARDED, assessment->verdict.reason);
        break;
    case GATE_CRASHED:
        assessment_set(assessment, DECISION_CRASHED, assessment->verdict.reason);
        break;
    case GATE_REJECTED:
        assessment_set(assessment, DECISION_REJECTED, assessment->verdict.reason);
        break;
    }
}

int assessment_make(struct assessment *assessment, const struct config *config, struct store *store,
                    const struct spool_file *file, assessment_read_patch read_patch, void *data,
                    struct error *error)
{
    CLEANUP(store_result_freep) struct store_result *known = NULL;
    CLEANUP_FREE char *taker = NULL;
    bool readable;

    *assessment = (struct assessment){
        .verdict = {.reference = NAN, .improvement = NAN, .threshold = NAN}};
    readable = read_result(assessment, config, file);
    if (find_patch(assessment, store, file, &taker, error) < 0)
        return -1;
    if (!readable)
        look_for_patch(assessment, read_patch, data);
    readable = readable && take_patch(assessment, file, read_patch, data, taker);
    digest_file(assessment, file);
    if (!readable)
        return 0;
    if (store && store_find(store, assessment->experiment_id, &known, error) < 0)
        return -1;
    if (known && !compare_known(assessment, store, known, file))
        return 0;
    if (known)
        assessment->metric = lane_metric(config, known->metric, known->scope);
    if (!assessment->metric) {
        reject_unknown_metric(assessment, config, file);
        return 0;
    }
    if (lane_judge(store, assessment->metric, known ? known->scope : "", &assessment->result->claim,
                   &assessment->frontier, &assessment->verdict, error) < 0)
        return -1;
    assessment_decide(assessment);
    return 0;
}

void assessment_clear(struct assessment *assessment)
{
    free(assessment->reason);
    free(assessment->experiment_id);
    result_free(assessment->result);
    free(assessment->patch);
    free(assessment->patch_name);
    *assessment = (struct assessment){0};
}

bool assessment_keeps_content(const struct assessment *assessment, bool has_change)
{
    return assessment->decision == DECISION_QUEUED ||
           (assessment->decision == DECISION_BASELINE && has_change) ||
           (assessment->frontier.revocable &&
            lane_reference(&assessment->frontier, &assessment->verdict) != 0);
}

static char empty[] = "";

struct store_result assessment_row(const struct assessment *assessment,
                                   const struct spool_file *file)
{
    const struct result *result = assessment->result;
    struct store_result row = {
        .experiment_id = assessment->experiment_id ? assessment->experiment_id : empty,
        .scope = empty,
        .metric = empty,
        .claim = claim_none(),
        .file_name = file->name,
        .inode = file->inode,
        .modified_ns = file->modified_ns,
    };

    memcpy(row.digest, assessment->digest, sizeof(row.digest));
    row.claim.status_word = empty;
    if (assessment->decision != DECISION_REJECTED && assessment->decision != DECISION_DUPLICATE) {
        row.metric = result->metric;
        row.claim = result->claim;
        row.has_change = result->change != RESULT_CHANGE_NONE;
    }
    return row;
}

#include "daemon/ruling.h"

#include "common/memory.h"
#include "common/text.h"
#include "daemon/forge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define METRIC_QUOTED 100 /* characters */
#define PATCH_QUOTED  100
#define REASON_QUOTED 200

/* A reason is one line of what can be seen: it is read on terminals, and as the first line of a file.
 * What is quoted in it may be anything, the name of a patch for one. */
static void rule(struct ruling *ruling, enum decision decision, const char *reason)
{
    CLEANUP_TEXT struct text repaired = {0};
    struct text visible = {0};

    text_append_repaired(&repaired, reason, strlen(reason));
    text_append_visible(&visible, text_string(&repaired), NULL);
    ruling->decision = decision;
    free(ruling->reason);
    ruling->reason = text_take(&visible);
}

static void digest_file(struct ruling *ruling, const struct spool_file *file)
{
    struct digest digest;

    digest_begin(&digest);
    if (file->bytes)
        digest_update(&digest, file->bytes, file->length);
    if (ruling->patch)
        digest_update(&digest, ruling->patch, ruling->patch_length);
    digest_end(&digest, ruling->digest);
}

static void name_metrics(struct text *text, const struct config *config)
{
    for (size_t i = 0; i < config->metric_count && i < 8; i++)
        text_append_format(text, "%s%s", i ? ", " : "", config->metrics[i].name);
    if (config->metric_count > 8)
        text_append(text, ", …");
}

static void rule_unknown_metric(struct ruling *ruling, const struct config *config)
{
    CLEANUP_TEXT struct text reason = {0};

    text_append(&reason, "metric: found ");
    text_append_line(&reason, ruling->result->metric, METRIC_QUOTED);
    text_append(&reason, ", one of those configured would do: ");
    name_metrics(&reason, config);
    rule(ruling, DECISION_REJECTED, text_string(&reason));
}

/* Whether the forge can have a branch of that name; if not, it is ruled on. */
static bool fits_forge(struct ruling *ruling, const struct config *config)
{
    size_t limit = forge_branch_limit(config->forge.kind);
    size_t prefix = strlen(config->forge.branch_prefix);
    size_t length = strlen(ruling->experiment_id);
    CLEANUP_TEXT struct text reason = {0};

    if (prefix + length <= limit)
        return true;
    text_append_format(
        &reason,
        "experiment_id: found one of %zu characters, at most %zu would do, as a branch at "
        "this forge has at most %zu bytes with forge.branch_prefix in front",
        length, prefix < limit ? limit - prefix : 0, limit);
    rule(ruling, DECISION_REJECTED, text_string(&reason));
    return false;
}

/* Whether the file can be read as a result at all; if not, it is ruled on. */
static bool read_result(struct ruling *ruling, const struct config *config,
                        const struct spool_file *file)
{
    struct error error = {0};

    if (file->problem) {
        rule(ruling, DECISION_REJECTED, file->problem);
        ruling->delay = file->faulty ? SPOOL_DELAY_FAULT : SPOOL_DELAY_NONE;
        return false;
    }
    if (!result_name_seen(file->name) || result_format(file->name) == RESULT_FORMAT_NONE) {
        rule(ruling, DECISION_REJECTED,
             "the name: files of this name are never looked at; one that ends in .json, .yaml or "
             ".yml, in small letters, and does not begin with a dot would do");
        return false;
    }
    if (result_format(file->name) == RESULT_FORMAT_LOG) {
        rule(ruling, DECISION_REJECTED,
             "logs of many experiments are not taken yet: a .json or .yaml file for each "
             "experiment would do");
        return false;
    }
    if (result_parse(&ruling->result, &ruling->experiment_id, file->name, file->bytes, file->length,
                     &error) < 0) {
        rule(ruling, DECISION_REJECTED, error.message);
        return false;
    }
    if (!fits_forge(ruling, config))
        return false;
    ruling->metric = config_metric(config, ruling->result->metric);
    if (!ruling->metric) {
        rule_unknown_metric(ruling, config);
        return false;
    }
    return true;
}

static void rule_missing_patch(struct ruling *ruling, const char *taker)
{
    CLEANUP_TEXT struct text reason = {0};

    text_append(&reason, "patch: found no file ");
    text_append_line(&reason, ruling->result->patch, PATCH_QUOTED);
    text_append(&reason, " beside it");
    if (taker)
        text_append_format(&reason, ", as %s took the one of that name: a file of its own would do",
                           taker);
    else
        text_append(&reason, " within a minute: drop it first, or once more with this one");
    rule(ruling, DECISION_REJECTED, text_string(&reason));
    ruling->delay = SPOOL_DELAY_PATCH;
}

/* Which patch file goes where the result's file goes, and who took one of that name before. One that an
 * earlier result is about to take along is as good as gone. */
static int find_patch(struct ruling *ruling, struct store *store, const struct spool_file *file,
                      char **taker, struct error *error)
{
    CLEANUP_FREE char *name = NULL;
    bool held = false;

    if (ruling->result)
        name = memory_copy(ruling->result->patch);
    else if (file->bytes)
        name = result_patch_name(file->name, file->bytes, file->length);
    if (name && store && store_find_patch(store, name, taker, &held, error) < 0)
        return -1;
    if (!held)
        ruling->patch_name = TAKE(name);
    return 0;
}

/* Reads the patch that the result names, if there is one; false where that is ruled on. */
static bool take_patch(struct ruling *ruling, ruling_read_patch read_patch, void *data,
                       const char *taker)
{
    struct error error = {0};
    int status = 1;

    if (!ruling->result->patch)
        return true;
    if (ruling->patch_name)
        status = read_patch(data, ruling->patch_name, RESULT_SIZE_LIMIT, &ruling->patch,
                            &ruling->patch_length, &error);
    if (status > 0) {
        rule_missing_patch(ruling, taker);
    } else if (status < 0) {
        rule(ruling, DECISION_REJECTED, error.message);
        ruling->delay = error.kind == ERROR_TRANSIENT ? SPOOL_DELAY_FAULT : SPOOL_DELAY_NONE;
    }
    return status == 0;
}

/* An identifier that is taken: the same content again is a duplicate, unless it failed; then it is
 * another try. Returns whether there is something left to judge. */
static bool compare_known(struct ruling *ruling, const struct store_result *known)
{
    bool same = strcmp(known->digest, ruling->digest) == 0;
    CLEANUP_TEXT struct text before = {0};
    CLEANUP_TEXT struct text reason = {0};

    if (same && known->decision == DECISION_FAILED) {
        ruling->retried = known->id;
        return true;
    }
    text_append_format(&reason,
                       same ? "%s with the same content is %s already%s"
                            : "%s is taken by another result, which is %s%s",
                       known->experiment_id, decision_name(known->decision),
                       *known->reason ? ": " : "");
    text_append_repaired(&before, known->reason, strlen(known->reason));
    text_append_line(&reason, text_string(&before), REASON_QUOTED);
    rule(ruling, same ? DECISION_DUPLICATE : DECISION_REJECTED, text_string(&reason));
    return false;
}

/* Only what no outcome of earlier jobs can change is decided here; a frontier can only get better by
 * them. */
static void judge(struct ruling *ruling)
{
    struct gate_frontier frontier = {ruling->frontier.known, ruling->frontier.value};

    ruling->answer = gate_judge(ruling->metric, ruling->result, frontier);
    switch (ruling->answer.verdict) {
    case GATE_IMPROVED:
    case GATE_BASELINE:
        rule(ruling, DECISION_QUEUED, ruling->answer.reason);
        break;
    case GATE_NOT_IMPROVED:
        rule(ruling,
             gate_final(ruling->metric, &ruling->answer) ? DECISION_DISCARDED : DECISION_QUEUED,
             ruling->answer.reason);
        break;
    case GATE_DISCARDED:
        rule(ruling, DECISION_DISCARDED, ruling->answer.reason);
        break;
    case GATE_CRASHED:
        rule(ruling, DECISION_CRASHED, ruling->answer.reason);
        break;
    case GATE_REJECTED:
        rule(ruling, DECISION_REJECTED, ruling->answer.reason);
        break;
    }
}

int ruling_make(struct ruling *ruling, const struct config *config, struct store *store,
                const struct spool_file *file, ruling_read_patch read_patch, void *data,
                struct error *error)
{
    CLEANUP(store_result_freep) struct store_result *known = NULL;
    CLEANUP_FREE char *taker = NULL;
    bool readable;

    *ruling = (struct ruling){.answer = {.reference = NAN, .improvement = NAN, .threshold = NAN}};
    readable = read_result(ruling, config, file);
    if (find_patch(ruling, store, file, &taker, error) < 0)
        return -1;
    readable = readable && take_patch(ruling, read_patch, data, taker);
    digest_file(ruling, file);
    if (!readable)
        return 0;
    if (store && store_find(store, ruling->experiment_id, &known, error) < 0)
        return -1;
    if (known && !compare_known(ruling, known))
        return 0;
    ruling->frontier.known = ruling->metric->has_baseline;
    ruling->frontier.value = ruling->metric->baseline;
    if (store && store_frontier(store, ruling->metric, "", &ruling->frontier, error) < 0)
        return -1;
    judge(ruling);
    return 0;
}

void ruling_clear(struct ruling *ruling)
{
    free(ruling->reason);
    free(ruling->experiment_id);
    result_free(ruling->result);
    free(ruling->patch);
    free(ruling->patch_name);
    *ruling = (struct ruling){0};
}

static char no_scope[] = "";
static char baseline[] = "baseline"; /* whatever else was written: it is looked for */

struct store_result ruling_row(const struct ruling *ruling, const struct spool_file *file)
{
    const struct result *result = ruling->result;
    struct store_result row = {
        .experiment_id = ruling->experiment_id,
        .scope = no_scope,
        .metric = result->metric,
        .status = result->status == RESULT_BASELINE ? baseline : result->status_word,
        .after = result->after.count ? result->after.mean : NAN,
        .before = result->before.count ? result->before.mean : NAN,
        .has_change = result->change != RESULT_CHANGE_NONE,
        .file_name = file->name,
        .modified_ns = file->modified_ns,
    };

    memcpy(row.digest, ruling->digest, sizeof(row.digest));
    return row;
}

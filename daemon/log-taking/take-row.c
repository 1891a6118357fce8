/*
 * Decides one row of a log, and stores it.
 */

#include "common/memory.h"
#include "daemon/lane.h"
#include "daemon/log-taking/internal.h"

#include <stdlib.h>
#include <string.h>

/* A word that only the settings know would mean something else after intake, so it stays among the
 * details. */
static void settle_word(struct result_log_row *row)
{
    static const char *const words[] = {[CLAIM_OK] = "ok",
                                        [CLAIM_BASELINE] = "baseline",
                                        [CLAIM_CRASHED] = "crashed",
                                        [CLAIM_DISCARDED] = "discarded"};
    struct claim *claim = &row->claim;
    bool known;

    if (!claim->status_known ||
        (claim_status_parse(claim->status_word, &known) == claim->status && known))
        return;
    if (*claim->status_word && !json_object_object_get_ex(row->details, "status", NULL))
        json_object_object_add(row->details, "status", json_object_new_string(claim->status_word));
    free(claim->status_word);
    claim->status_word = memory_copy(words[claim->status]);
}

static struct store_result store_row_of(const struct log_taking *taking, const struct taken *taken,
                                        const struct row *row)
{
    static char empty[] = "";
    const struct result_log_row *read = taken->assessment.metric ? &taken->row : NULL;
    bool rejected = taken->assessment.decision == DECISION_REJECTED;
    struct store_result made = {
        .experiment_id = (char *)row->experiment_id,
        .scope = (char *)row->scope,
        .metric = empty,
        .claim = claim_none(),
        .file_name = taking->file_name,
        .inode = taking->options.inode,
        .modified_ns = taking->log.modified_ns,
        .log = taking->log.id,
        .line = (int64_t)taken->row.line,
        .unfinished = taken->row.unfinished,
    };

    memcpy(made.digest, row->digest, sizeof(made.digest));
    made.claim.status_word = empty;
    if (read && claim_counts(&read->claim))
        made.named = read->commit;
    if (read && !rejected) {
        made.metric = (char *)read->metric;
        made.claim = read->claim;
        made.has_change = read->commit != NULL;
    }
    return made;
}

static int store_taken(struct log_taking *taking, const struct taken *taken, const struct row *row,
                       const struct line *line, const struct store_result *known,
                       struct error *error)
{
    const struct assessment *assessment = &taken->assessment;
    struct store *store = taking->options.store;
    struct store_result stored = store_row_of(taking, taken, row);
    bool queued = assessment->decision == DECISION_QUEUED;
    int64_t reference = assessment->metric
                            ? lane_reference(&assessment->frontier, &assessment->verdict)
                            : 0;
    CLEANUP_FREE char *parsed = assessment_keeps_content(assessment, stored.has_change)
                                    ? row_canonical(row)
                                    : NULL;
    const struct store_decision decision = {
        .decision = assessment->decision,
        .reason = assessment->reason,
        .reference = assessment->verdict.reference,
        .reference_result = reference,
    };
    const struct store_content content = {.parsed = parsed};
    int64_t id;

    if (known)
        return store_replace(store, known->id, &stored, &content, queued ? NULL : &decision, error);
    return store_add(store, &stored, &content, queued ? NULL : &decision, &id, error);
}

/* Whether something else has the id already: a result file, or a row of another log. */
static int is_taken(struct store *store, const struct row *row, int64_t log, char **reason,
                    struct error *error)
{
    CLEANUP(store_result_freep) struct store_result *other = NULL;

    if (store_find(store, row->experiment_id, &other, error) < 0)
        return -1;
    if (!other || (other->log == log && other->line == (int64_t)row->read->line))
        return 0;
    *reason = memory_format("%s is taken by another result, which is %s", row->experiment_id,
                            decision_name(other->decision));
    return 0;
}

static int judge_row(struct log_taking *taking, struct taken *taken, const struct row *row,
                     const char *bad, struct error *error)
{
    CLEANUP_FREE char *reason = NULL;

    if (!bad && taking->options.store &&
        is_taken(taking->options.store, row, taking->log.id, &reason, error) < 0)
        return -1;
    if (bad || reason) {
        row_reject(row, bad ? bad : reason, &taken->assessment);
        return 0;
    }
    settle_word(&taken->row);
    return row_judge(&taking->judge, row, &taken->assessment, error);
}

/* ---- without a store ---------------------------------------------------------------------------- */

/* A row that would be queued gets the decision that it would have when its turn comes. */
static void expect(struct log_taking *taking, struct taken *taken)
{
    struct assessment *assessment = &taken->assessment;
    const struct result_log_row *row = &taken->row;
    CLEANUP_FREE char *measured = NULL;
    uint64_t line;

    if (assessment->decision == DECISION_QUEUED && assessment->verdict.outcome == GATE_IMPROVED) {
        line = row->commit ? named_commits_find(&taking->named, row->commit) : 0;
        measured = memory_format("its commit was measured already at line %llu",
                                 (unsigned long long)line);
        if (!row->commit)
            assessment_set(assessment, DECISION_REJECTED,
                           "it would be promoted, but has no usable commit");
        else if (line)
            assessment_set(assessment, DECISION_DISCARDED, measured);
        else
            assessment->decision = DECISION_PROMOTED;
    } else if (assessment->decision == DECISION_QUEUED) {
        assessment->decision = DECISION_DISCARDED;
    }
    if ((assessment->decision == DECISION_PROMOTED || assessment->decision == DECISION_BASELINE) &&
        row->claim.after.count > 0)
        lane_hope(&taking->judge.lane.frontier, assessment->metric, row->claim.after.mean);
    if (row->commit && claim_counts(&row->claim))
        named_commits_add(&taking->named, row->commit, row->line);
}

/* Decides a row: a new one, or a known one that is judged again. */
static int decide_row(struct log_taking *taking, struct taken *taken, const struct line *line,
                      const char *digest, const char *bad, const struct store_result *known,
                      struct error *error)
{
    const struct config_log *settings = taking->options.settings;
    CLEANUP_FREE char *id = result_log_id(settings ? settings->experiment_prefix : NULL,
                                          taking->file_name, taking->log.copy, line->number);
    CLEANUP_FREE char *scope = result_log_scope(taking->reader, taking->name, taking->log.copy,
                                                &taken->row);
    const struct row row = {
        .read = &taken->row,
        .file_name = taking->file_name,
        .repository = settings ? settings->repository : NULL,
        .scope = scope,
        .experiment_id = id,
        .digest = digest,
    };

    taking->slice_count++; /* from now on it is cleared with the slice */
    if (judge_row(taking, taken, &row, bad, error) < 0)
        return -1;
    if (taking->options.store && store_taken(taking, taken, &row, line, known, error) < 0)
        return -1;
    if (!taking->options.store)
        expect(taking, taken);
    else if (taken->assessment.decision == DECISION_BASELINE)
        lane_memory_clear(&taking->judge.lane); /* it counts from now on */
    taking->counts.rows++;
    taking->counts.again += known != NULL;
    taking->counts.decisions[taken->assessment.decision]++;
    taking->counts.without_commit += taken->row.commit == NULL;
    if (taking->log.last_line < line->number)
        taking->log.last_line = line->number;
    return 0;
}

/* Returns 1 if the row is known and its decision stays. */
static int compare_known(struct log_taking *taking, const struct line *line, const char *digest,
                         struct store_result **known, struct error *error)
{
    if (line->number > taking->log.last_line)
        return 0;
    if (store_find_row(taking->options.store, taking->log.id, line->number, known, error) < 0)
        return -1;
    if (!*known)
        return 0;
    if (strcmp((*known)->digest, digest) == 0) {
        taking->counts.known++;
        return 1;
    }
    if ((*known)->unfinished && (*known)->decision != DECISION_QUEUED)
        return 0;
    if (taking->counts.changed++ == 0)
        taking->counts.changed_line = line->number;
    return 1;
}

int log_take_row(struct log_taking *taking, const struct line *line, const char *digest,
                 struct result_log_row *row, const char *bad, struct error *error)
{
    CLEANUP(store_result_freep) struct store_result *known = NULL;
    struct taken *taken = &taking->slice[taking->slice_count];
    int compared = compare_known(taking, line, digest, &known, error);

    if (compared != 0) {
        result_log_row_clear(row);
        return compared < 0 ? -1 : 0;
    }
    *taken = (struct taken){.row = *row};
    if (bad)
        taken->row = (struct result_log_row){
            .line = line->number, .claim = claim_none(), .unfinished = true};
    return decide_row(taking, taken, line, digest, bad, known, error);
}

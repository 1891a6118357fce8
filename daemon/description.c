#include "daemon/description.h"

#include "common/encode.h"
#include "common/memory.h"
#include "common/text.h"
#include "daemon/description/chart.h"
#include "daemon/description/escape.h"
#include "daemon/description/facts.h"
#include "daemon/description/tests.h"
#include "daemon/git/hash.h"
#include "daemon/validation/engine.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every part has a limit of its own, except the output of the validation, which gets the rest. */
#define BODY_LIMIT       60000
#define HYPOTHESIS_LIMIT 10000
#define FILES_LIMIT      8000
#define DETAILS_LIMIT    6000
#define OUTPUT_LIMIT     30000
#define CELL_LIMIT       300
#define VALUE_LIMIT      1200
#define RUNS_SHOWN       20
#define FILES_SHOWN      100
#define CONTAINED_SHOWN  20
#define HYPOTHESIS_OPEN  600   /* bytes; a longer one is folded */
#define LEAD_LIMIT       200   /* characters in front of the fold */
#define HYPOTHESIS_LINES 8     /* one with more lines is folded as well */
#define ROWS_OPEN        8     /* longer tables and outputs are folded */
#define OWN_DIFF_LIMIT   24000 /* bytes; a block may show only half of it */
#define NOTES_LIMIT      1000
#define LINKED_LIMIT     4000 /* bytes of the table of files; after these, names are no links */
#define ADDRESS_LIMIT    1000
#define HASH_SHOWN       10
#define NOT_KNOWN        "\xe2\x80\x93"

/* ---- folds and links -------------------------------------------------------------------------- */

static size_t count_lines(const char *string)
{
    size_t lines = 0;

    while (*string) {
        string += strcspn(string, "\n");
        string += *string == '\n' ? 1 : 0;
        lines++;
    }
    return lines;
}

/* Begins a fold, which a touch opens. The summary is HTML, so it has no text from outside. */
static void open_fold(struct text *text, const char *summary)
{
    text_append_format(text, "<details>\n<summary>%s</summary>\n\n", summary);
}

static void close_fold(struct text *text)
{
    text_append(text, "\n</details>\n");
}

/* Appends a link to a page of the repository, or code if there are no pages. A hash is shortened if it
 * is a link. */
static void append_link(struct text *text, const struct description *description, const char *shown,
                        const char *kind, const char *name)
{
    CLEANUP_TEXT struct text address = {0};
    CLEANUP_FREE char *brief = memory_copy(shown);

    encode_append_percent(&address, name, "/");
    if (!description->web_url || address.length > ADDRESS_LIMIT) {
        escape_append_code(text, shown, CELL_LIMIT);
        return;
    }
    if (git_hash_valid(shown))
        brief[HASH_SHOWN] = '\0';
    text_append(text, "[");
    escape_append_code(text, brief, CELL_LIMIT);
    text_append_format(text, "](<%s/%s/%s>)", description->web_url, kind, text_string(&address));
}

/* ---- hypothesis ------------------------------------------------------------------------------- */

/* A long hypothesis begins with its first words in one line, in front of the fold. */
static void append_hypothesis(struct text *text, const struct description *description)
{
    const char *hypothesis = description->result->hypothesis;
    CLEANUP_TEXT struct text lead = {0};
    char summary[64];

    text_append(text, "### Hypothesis\n\n");
    if (strlen(hypothesis) <= HYPOTHESIS_OPEN && count_lines(hypothesis) <= HYPOTHESIS_LINES) {
        escape_append_quote(text, hypothesis, HYPOTHESIS_LIMIT);
        return;
    }
    text_append_line(&lead, hypothesis, LEAD_LIMIT);
    escape_append_quote(text, text_string(&lead), 4 * LEAD_LIMIT);
    text_append(text, "\n");
    snprintf(summary, sizeof(summary), "All of it: %zu characters", utf8_count(hypothesis));
    open_fold(text, summary);
    escape_append_quote(text, hypothesis, HYPOTHESIS_LIMIT);
    close_fold(text);
}

/* ---- metric ----------------------------------------------------------------------------------- */

static void append_number(struct text *text, double number)
{
    if (isnan(number)) {
        text_append(text, NOT_KNOWN);
        return;
    }
    text_append(text, "`");
    text_append_number(text, number);
    text_append(text, "`");
}

/* Appends a difference. Its last digits are rounding errors and are left out. */
static void append_difference(struct text *text, double difference, int digits, const char *unit)
{
    if (isfinite(difference))
        text_append_format(text, "`%+.*g%s`", digits, difference, unit);
    else
        text_append(text, NOT_KNOWN);
}

static void append_runs(struct text *text, const char *which, const struct measurement *measurement)
{
    double lowest = INFINITY;
    double highest = -INFINITY;

    if (measurement->count == 0)
        return;
    text_append_format(text, "| Runs %s | %zu: ", which, measurement->count);
    for (size_t i = 0; i < measurement->count; i++) {
        lowest = fmin(lowest, measurement->runs[i]);
        highest = fmax(highest, measurement->runs[i]);
        if (i < RUNS_SHOWN) {
            text_append(text, i > 0 ? ", " : "");
            append_number(text, measurement->runs[i]);
        }
    }
    if (measurement->count > RUNS_SHOWN)
        text_append_format(text, " and %zu more", measurement->count - RUNS_SHOWN);
    if (measurement->count > 1) {
        text_append(text, "; spread ");
        append_difference(text, highest - lowest, 6, "");
    }
    text_append(text, " |\n");
}

static const char *source_name(enum gate_source source)
{
    switch (source) {
    case GATE_SOURCE_BEFORE:
        return " (measured before by the experimenter)";
    case GATE_SOURCE_FRONTIER:
        return " (the best so far)";
    case GATE_SOURCE_NONE:
        break;
    }
    return "";
}

static void append_experiment(struct text *text, const struct description *description,
                              const struct description_contained *contained)
{
    char number[32];

    snprintf(number, sizeof(number), "%" PRId64, contained->pull);
    if (contained->pull > 0)
        append_link(text, description, contained->experiment_id, "pulls", number);
    else
        escape_append_code(text, contained->experiment_id, CELL_LIMIT);
}

/* Appends, before anything else, that this one contains what a person has closed. */
static void append_turned_down(struct text *text, const struct description *description)
{
    size_t count = 0;

    for (size_t i = 0; i < description->contained_count; i++) {
        if (!description->contained[i].turned_down || count++ >= CONTAINED_SHOWN)
            continue;
        text_append(text,
                    count > 1 ? ", " : "\n**Contains what was closed without being merged:** ");
        append_experiment(text, description, &description->contained[i]);
    }
    if (count > CONTAINED_SHOWN)
        text_append_format(text, " and %zu more", count - CONTAINED_SHOWN);
    if (count > 0)
        text_append(text, "\n");
}

/* Says how far the tests can be trusted, if the base does not pass them, or not always. */
static void append_base(struct text *text, const struct description *description)
{
    bool fails = description->base_fails;

    if (!fails && !description->repeated)
        return;
    text_append(text, fails ? "\n**The base fails its own tests, which pass here.** At "
                            : "\n**The base is flaky: the tests failed here at first, and passed "
                              "when they were run again.** At ");
    append_link(text, description, description->base, "commit", description->base);
    text_append(text, fails ? ": " : " they failed at first, too: ");
    escape_append_code(text, description->base_reason ? description->base_reason : "", VALUE_LIMIT);
    text_append(text, "\n");
}

/* Says that the patch may not be the whole change that was measured. */
static void append_doubt(struct text *text, const struct description *description)
{
    if (!description->doubt)
        return;
    text_append(text,
                "\n**This may not be what was measured.** A patch was edited by hand, or leaves "
                "changes out, as `git diff -w` does: ");
    escape_append_code(text, description->doubt, NOTES_LIMIT);
    text_append(text, "\n");
}

static void append_metric(struct text *text, const struct description *description)
{
    const struct result *result = description->result;
    const struct gate_verdict *verdict = &description->verdict;
    double change = result->claim.after.mean - verdict->reference;

    text_append(text, "\n### Metric\n\n| Metric | ");
    escape_append_code(text, result->metric, CELL_LIMIT);
    text_append(text, " |\n| --- | --- |\n| Direction | ");
    text_append(text, description->metric->direction == METRIC_MINIMIZE
                          ? "minimize (lower is better)"
                          : "maximize (higher is better)");
    text_append(text, " |\n| Before | ");
    append_number(text, verdict->reference);
    text_append(text, source_name(verdict->source));
    text_append(text, " |\n| After | ");
    append_number(text, result->claim.after.mean);
    text_append(text, " |\n| Change | ");
    append_difference(text, change, 6, "");
    text_append(text, " |\n| Relative change | ");
    append_difference(text, 100 * change / fabs(verdict->reference), 3, " %");
    text_append(text, " |\n| Threshold | ");
    append_number(text, verdict->threshold);
    text_append(text, " had to be exceeded |\n");
    append_runs(text, "after", &result->claim.after);
    append_runs(text, "before", &result->claim.before);
}

/* ---- validation, files, details --------------------------------------------------------------- */

static void append_log(struct text *text, const struct description *description)
{
    if (!description->log)
        return;
    text_append(text, " Its whole output: ");
    escape_append_code(text, description->log, CELL_LIMIT);
    text_append(text, " on ");
    escape_append_code(text, description->host, CELL_LIMIT);
    text_append(text, ".");
}

static void append_place(struct text *text, const struct engine_place *place)
{
    if (!place)
        return;
    text_append(text, " It ran on node ");
    escape_append_code(text, place->node, CELL_LIMIT);
    text_append_format(
        text, " as job %" PRId64 " of Slurm, attempt %" PRId64 ", after %.1f s in the queue.",
        place->slurm_job, place->attempt, (double)place->queued_ms / 1000);
}

static void append_validation(struct text *text, const struct description *description, size_t left)
{
    text_append(text, "\n### Validation\n\n");
    escape_append_code(text, description->command, VALUE_LIMIT);
    text_append_format(text, " passed in %.1f s.", (double)description->duration_ms / 1000);
    append_place(text, description->place);
    description_append_count(text, description);
    append_log(text, description);
    text_append(text, "\n");
    left = left > VALUE_LIMIT + 200 ? left - VALUE_LIMIT - 200 : 0;
    if (!description->output || !*description->output) {
        text_append(text, "It printed nothing.\n");
        return;
    }
    left = left < OUTPUT_LIMIT ? left : OUTPUT_LIMIT;
    if (count_lines(description->output) <= ROWS_OPEN) {
        text_append(text, "The last lines of its output:\n\n");
        escape_append_block(text, description->output, left);
        return;
    }
    text_append(text, "\n");
    open_fold(text, "The last lines of its output");
    escape_append_block(text, description->output, left);
    close_fold(text);
}

/* A link leads to where the file surely is: if it gains lines it is in the commit, if it loses lines it
 * was in the base. Otherwise it may be new, gone or of another mode. */
static void append_file(struct text *text, const struct description *description,
                        const struct repository_file *file, bool linked)
{
    const char *where = file->added > 0     ? description->commit
                        : file->removed > 0 ? description->base
                                            : NULL;
    CLEANUP_FREE char *kind = memory_format("src/commit/%s", where ? where : "");

    text_append(text, "| ");
    if (where && linked)
        append_link(text, description, file->path, kind, file->path);
    else
        escape_append_code(text, file->path, CELL_LIMIT);
    if (file->added < 0)
        text_append(text, " | binary | binary |\n");
    else
        text_append_format(text, " | %" PRId64 " | %" PRId64 " |\n", file->added, file->removed);
}

static void append_files(struct text *text, const struct description *description)
{
    bool folded = description->file_count > ROWS_OPEN;
    size_t begin = text->length;
    size_t shown = 0;
    char summary[64];

    text_append(text, "\n### Files changed\n\n");
    if (folded) {
        snprintf(summary, sizeof(summary), "%zu files", description->file_count);
        open_fold(text, summary);
    }
    text_append(text, "| File | Added | Removed |\n| --- | ---: | ---: |\n");
    while (shown < description->file_count && shown < FILES_SHOWN &&
           text->length - begin < FILES_LIMIT) {
        append_file(text, description, &description->files[shown++],
                    text->length - begin < LINKED_LIMIT);
    }
    if (shown < description->file_count)
        text_append_format(text, "\nand %zu more files.\n", description->file_count - shown);
    if (folded)
        close_fold(text);
    if (description->notes) {
        text_append(text, "\nThe patch was mended so that it applies: ");
        escape_append_code(text, description->notes, NOTES_LIMIT);
        text_append(text, "\n");
    }
}

/* Appends what the experiment itself changed. So a reviewer of the twelfth in a series sees one change and
 * not twelve. */
static void append_own_diff(struct text *text, const struct description *description)
{
    if (!description->own_diff || !*description->own_diff || description->contained_count == 0)
        return;
    text_append(text, "\n### What this experiment itself changed\n\nOver ");
    append_experiment(text, description, &description->contained[0]);
    text_append(text, ":\n\n");
    open_fold(text, "The difference");
    escape_append_block(text, description->own_diff, OWN_DIFF_LIMIT);
    close_fold(text);
}

static size_t append_details_of(struct text *text, struct json_object *object)
{
    size_t left_out = 0;

    if (!object)
        return 0;
    json_object_object_foreach(object, name, value)
    {
        if (text->length >= DETAILS_LIMIT) {
            left_out++;
            continue;
        }
        text_append(text, "| ");
        escape_append_code(text, name, CELL_LIMIT);
        text_append(text, " | ");
        escape_append_code(text, description_value(value), VALUE_LIMIT);
        text_append(text, " |\n");
    }
    return left_out;
}

static void append_details(struct text *text, const struct description *description)
{
    const struct result *result = description->result;
    CLEANUP_TEXT struct text rows = {0};
    size_t left_out;
    bool folded;

    if (!result->details && !result->unknown)
        return;
    left_out = append_details_of(&rows, result->details);
    left_out += append_details_of(&rows, result->unknown);
    folded = count_lines(text_string(&rows)) > ROWS_OPEN;
    text_append(text, "\n### Details\n\n");
    if (folded)
        open_fold(text, "What the experimenter noted");
    text_append_format(text, "| Name | Value |\n| --- | --- |\n%s", text_string(&rows));
    if (left_out > 0)
        text_append_format(text, "\nand %zu more details.\n", left_out);
    if (folded)
        close_fold(text);
}

/* ---- provenance ------------------------------------------------------------------------------- */

static void append_whether_measured(struct text *text, const struct description *description)
{
    text_append(text, description->tree_is_measured
                          ? ", and the tree of this pull request is the measured one\n"
                          : ", applied to a base that has moved or without excluded files: the "
                            "tree of this pull request is not the measured one\n");
}

static void append_measured(struct text *text, const struct description *description)
{
    if (description->doubt || !description->measured || !*description->measured) {
        text_append(text, description->doubt
                              ? "- Measured: not known, see above\n"
                              : "- Measured commit: none, the change came as a diff\n");
        return;
    }
    if (description->result->parent) {
        text_append(text, "- Measured: the change on ");
        escape_append_code(text, description->result->parent, CELL_LIMIT);
        append_whether_measured(text, description);
        return;
    }
    text_append(text, "- Measured commit: ");
    /* The commit may never have been pushed. A forge makes a link of a bare hash if it has the commit,
     * and leaves it alone if not. */
    if (description->web_url && git_hash_valid(description->measured))
        text_append(text, description->measured);
    else
        escape_append_code(text, description->measured, CELL_LIMIT);
    append_whether_measured(text, description);
}

/* Says why the change is less than what is between base and measured commit. */
static void append_merge_base(struct text *text, const struct description *description)
{
    if (!description->merge_base || !*description->merge_base)
        return;
    text_append(text, "- The base has ");
    escape_append_code(text, description->merge_base, CELL_LIMIT);
    text_append(text, " already: what was measured on top of it is what is changed here\n");
}

static void append_contained(struct text *text, const struct description *description)
{
    if (description->contained_count == 0 && description->contained_more == 0)
        return;
    text_append(text, "- Contains what is not merged yet:");
    for (size_t i = 0; i < description->contained_count && i < CONTAINED_SHOWN; i++) {
        text_append(text, i > 0 ? ", " : " ");
        append_experiment(text, description, &description->contained[i]);
    }
    if (description->contained_count > CONTAINED_SHOWN)
        text_append_format(text, " and %zu more experiments",
                           description->contained_count - CONTAINED_SHOWN);
    if (description->contained_more > 0)
        text_append_format(text, "%s %zu commits of no known experiment",
                           description->contained_count > 0 ? " and" : "",
                           description->contained_more);
    text_append(text, "\n");
}

/* Names the base that it was opened on. Since then it was composed again, and not measured again. */
static void append_opened_on(struct text *text, const struct description *description)
{
    if (!description->opened_on || !*description->opened_on)
        return;
    text_append(text, "; opened on ");
    append_link(text, description, description->opened_on, "commit", description->opened_on);
    text_append(text, ", composed again since, and not measured again");
}

static void append_provenance(struct text *text, const struct description *description)
{
    text_append(text, "\n### Provenance\n\n- Experiment: ");
    escape_append_code(text, description->result->experiment_id, CELL_LIMIT);
    text_append(text, "\n- Base: ");
    escape_append_code(text, description->base_branch, CELL_LIMIT);
    text_append(text, " at ");
    append_link(text, description, description->base, "commit", description->base);
    append_opened_on(text, description);
    text_append(text, "\n- Validated commit: ");
    append_link(text, description, description->commit, "commit", description->commit);
    text_append(text, "\n");
    append_measured(text, description);
    append_merge_base(text, description);
    append_contained(text, description);
    text_append(text, "- Host: ");
    escape_append_code(text, description->host, CELL_LIMIT);
    text_append(text, ", winnowd `" WINNOWD_VERSION "`\n- Result file: SHA-256 ");
    escape_append_code(text, description->digest, CELL_LIMIT);
    text_append(text, "\n");
}

char *description_body(const struct description *description)
{
    CLEANUP_TEXT struct text rest = {0};
    struct text body = {0};
    size_t used;

    append_hypothesis(&body, description);
    append_turned_down(&body, description);
    append_base(&body, description);
    append_doubt(&body, description);
    description_append_tests(&body, description);
    append_metric(&body, description);
    description_append_chart(&body, description);
    append_files(&rest, description);
    append_own_diff(&rest, description);
    append_details(&rest, description);
    append_provenance(&rest, description);
    description_append_facts(&rest, description);
    used = body.length + rest.length;
    append_validation(&body, description, used < BODY_LIMIT ? BODY_LIMIT - used : 0);
    text_append(&body, text_string(&rest));
    return text_take(&body);
}

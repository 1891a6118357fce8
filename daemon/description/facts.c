#include "daemon/description/facts.h"

#include "common/memory.h"
#include "daemon/description/escape.h"
#include "daemon/validation/engine.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DETAILS_LIMIT  2500 /* bytes, and as much again for unknown keys */
#define RUNS_TOLD      50
#define CONTAINED_TOLD 10
#define COMMAND_LIMIT  255

const char *description_value(struct json_object *value)
{
    if (!value)
        return "null";
    if (json_object_is_type(value, json_type_string))
        return json_object_get_string(value);
    return json_object_to_json_string_ext(value,
                                          JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

static void append_name(struct text *text, const char *name)
{
    text_append_format(text, ",\"%s\":", name);
}

static void append_text(struct text *text, const char *name, const char *value)
{
    append_name(text, name);
    if (value && *value)
        escape_append_json(text, value);
    else
        text_append(text, "null");
}

/* Two minus signs never meet: a number follows a colon or a comma. */
static void append_number(struct text *text, const char *name, double number)
{
    append_name(text, name);
    if (isfinite(number))
        text_append_number(text, number);
    else
        text_append(text, "null");
}

static void append_runs(struct text *text, const char *name, const struct measurement *measurement)
{
    append_name(text, name);
    text_append(text, "[");
    for (size_t i = 0; i < measurement->count && i < RUNS_TOLD; i++) {
        text_append(text, i > 0 ? "," : "");
        text_append_number(text, measurement->runs[i]);
    }
    text_append(text, "]");
}

/* Appends a scalar as it is, a text escaped, and what is nested as the text of its JSON. */
static void append_detail(struct text *text, struct json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_string:
    case json_type_array:
    case json_type_object:
        escape_append_json(text, description_value(value));
        break;
    default:
        text_append(text, description_value(value));
    }
}

static void append_details(struct text *text, const char *name, struct json_object *object)
{
    size_t end = text->length + DETAILS_LIMIT;
    size_t left_out = 0;
    bool first = true;

    append_name(text, name);
    text_append(text, "{");
    if (object) {
        json_object_object_foreach(object, key, value)
        {
            CLEANUP_TEXT struct text detail = {0};

            if (strlen(description_value(value)) >
                DETAILS_LIMIT) { /* escaped, it is longer still */
                left_out++;
                continue;
            }
            escape_append_json(&detail, key);
            text_append(&detail, ":");
            append_detail(&detail, value);
            if (text->length + detail.length > end) {
                left_out++;
                continue;
            }
            text_append(text, first ? "" : ",");
            text_append(text, text_string(&detail));
            first = false;
        }
    }
    text_append(text, "}");
    if (left_out > 0)
        text_append_format(text, ",\"%s_left_out\":%zu", name, left_out);
}

static void append_metric(struct text *text, const struct description *description)
{
    const struct result *result = description->result;
    const struct gate_verdict *verdict = &description->verdict;

    append_text(text, "metric", result->metric);
    append_text(text, "direction",
                description->metric->direction == METRIC_MINIMIZE ? "minimize" : "maximize");
    append_number(text, "before", verdict->reference);
    append_number(text, "after", result->claim.after.mean);
    append_number(text, "change", result->claim.after.mean - verdict->reference);
    append_number(text, "threshold", verdict->threshold);
    append_runs(text, "runs_after", &result->claim.after);
    append_runs(text, "runs_before", &result->claim.before);
}

static void append_count(struct text *text, const char *name, const struct test_count *count)
{
    append_name(text, name);
    if (count->known)
        text_append_format(text, "%" PRIu64, count->ran);
    else
        text_append(text, "null");
}

static void append_place(struct text *text, const struct engine_place *place)
{
    if (!place)
        return;
    text_append_format(text,
                       ",\"slurm_job\":%" PRId64 ",\"attempt\":%" PRId64 ",\"queued_ms\":%" PRId64,
                       place->slurm_job, place->attempt, place->queued_ms);
    append_text(text, "node", place->node);
}

static void append_contained(struct text *text, const struct description *description,
                             const char *name, bool turned_down_only)
{
    size_t told = 0;

    append_name(text, name);
    text_append(text, "[");
    for (size_t i = 0; i < description->contained_count && told < CONTAINED_TOLD; i++) {
        if (turned_down_only && !description->contained[i].turned_down)
            continue;
        text_append(text, told++ > 0 ? "," : "");
        escape_append_json(text, description->contained[i].experiment_id);
    }
    text_append(text, "]");
}

static void append_change(struct text *text, const struct description *description)
{
    int64_t added = 0;
    int64_t removed = 0;

    for (size_t i = 0; i < description->file_count; i++) {
        if (description->files[i].added < 0)
            continue;
        added += description->files[i].added;
        removed += description->files[i].removed;
    }
    text_append_format(text, ",\"files\":%zu,\"added\":%" PRId64 ",\"removed\":%" PRId64,
                       description->file_count, added, removed);
    append_text(text, "base_branch", description->base_branch);
    append_text(text, "base", description->base);
    if (description->opened_on && *description->opened_on)
        append_text(text, "opened_on", description->opened_on);
    append_text(text, "commit", description->commit);
    append_text(text, "measured", description->measured);
    append_text(text, "parent", description->result->parent);
    append_text(text, "merge_base", description->merge_base);
    append_name(text, "tree_is_measured");
    text_append(text, description->tree_is_measured ? "true" : "false");
    append_contained(text, description, "contained", false);
    append_contained(text, description, "turned_down", true);
}

/* The marker begins a line of its own. No line of foreign text begins with "<". */
static void append_marker(struct text *text, const char *experiment_id, const char *digest)
{
    text_append(text, "\n<!-- winnowd {\"experiment_id\":");
    escape_append_json(text, experiment_id);
    append_text(text, "result_sha256", digest);
}

char *description_marker(const char *experiment_id, const char *digest)
{
    struct text marker = {0};

    append_marker(&marker, experiment_id, digest);
    return text_take(&marker);
}

void description_append_facts(struct text *text, const struct description *description)
{
    CLEANUP_FREE char *command = memory_copy(description->command);
    const struct result *result = description->result;

    if (command && strlen(command) > COMMAND_LIMIT)
        command[COMMAND_LIMIT] = '\0';
    append_marker(text, result->experiment_id, description->digest);
    append_metric(text, description);
    append_text(text, "command", command);
    text_append_format(text, ",\"duration_ms\":%" PRIu64 ",\"verdict\":\"passed\"",
                       description->duration_ms);
    append_place(text, description->place);
    append_count(text, "tests", &description->tests);
    append_count(text, "base_tests", &description->base_tests);
    append_change(text, description);
    append_details(text, "details", result->details);
    append_details(text, "unknown", result->unknown);
    append_text(text, "host", description->host);
    append_text(text, "version", WINNOWD_VERSION);
    text_append(text, "} -->\n");
}

bool description_find_measured(const char *body, char measured[static GIT_HASH_SIZE])
{
    static const char beginning[] = "<!-- winnowd ";
    const char *line = body;

    measured[0] = '\0';
    while (*line && strncmp(line, beginning, strlen(beginning)) != 0) {
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    if (!*line)
        return false;

    const char *json = line + strlen(beginning);
    size_t length = strcspn(json, "\r\n");
    CLEANUP_FREE char *copy = memory_copy_bytes(json, length);
    struct json_object *facts = json_tokener_parse(copy);
    const char *commit = json_member_text(facts, "measured");

    if (commit && git_hash_valid(commit))
        snprintf(measured, GIT_HASH_SIZE, "%s", commit);
    json_object_put(facts);
    return *measured != '\0';
}

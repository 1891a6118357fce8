/*
 * A result as the store keeps it: JSON in one form, for every kind of file.
 */

#include "common/memory.h"
#include "common/text.h"
#include "daemon/result/internal.h"

#include <stdlib.h>
#include <string.h>

/* Escapes make it longer than its file. */
static const struct json_limits canonical_limits = {
    .bytes = 8 * (size_t)RESULT_SIZE_LIMIT,
    .depth = RESULT_DEPTH_LIMIT,
    /* A row of a log may have as many values as a file, and keys are added. */
    .values = 2 * RESULT_VALUES_LIMIT,
};

static struct json_object *number_of_run(double run)
{
    char written[32];

    number_format(written, sizeof(written), run);
    return json_object_new_double_s(run, written);
}

static void put_measurement(struct json_object *root, const char *key,
                            const struct measurement *measurement)
{
    struct json_object *runs;

    if (measurement->count == 0)
        return;
    runs = json_object_new_array();
    for (size_t i = 0; i < measurement->count; i++)
        json_object_array_add(runs, number_of_run(measurement->runs[i]));
    json_object_object_add(root, key, runs);
}

char *result_canonical(const struct result *result)
{
    CLEANUP_JSON struct json_object *root = json_object_new_object();

    json_put_text(root, "experiment_id", result->experiment_id);
    json_put_text(root, "status", result->claim.status_word);
    json_put_text(root, "hypothesis", result->hypothesis);
    json_put_text(root, "title", result->title);
    json_put_text(root, "metric", result->metric);
    put_measurement(root, "metric_after", &result->claim.after);
    put_measurement(root, "metric_before", &result->claim.before);
    json_put_text(root, "commit", result->commit);
    json_put_text(root, "repository", result->repository);
    json_put_text(root, "parent", result->parent);
    json_put_text(root, "patch", result->patch);
    json_put_text(root, "diff", result->diff);
    if (result->details)
        json_object_object_add(root, "details", json_object_get(result->details));
    if (result->unknown) {
        json_object_object_foreach(result->unknown, name, value)
            json_object_object_add(root, name, json_object_get(value));
    }
    return memory_copy(json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN |
                                                                JSON_C_TO_STRING_NOSLASHESCAPE));
}

int result_parse_canonical(struct result **result, const char *json, struct error *error)
{
    CLEANUP(result_freep) struct result *local = result_new();
    CLEANUP_JSON struct json_object *root = NULL;
    size_t length = strlen(json);
    struct result_reading reading = {
        .result = local,
        .stored = true,
        .file_name = ".json",
        .bytes = json,
        .length = length,
        .error = error,
    };

    if (json_parse(&root, json, length, &canonical_limits, error) < 0)
        return -1;
    reading.root = root;
    if (result_read(&reading) < 0)
        return -1;
    *result = TAKE(local);
    return 0;
}

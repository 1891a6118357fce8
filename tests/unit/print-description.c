/*
 * Reads what a pull request is about as JSON from stdin and prints its documents as JSON, for tests
 * that look at them with other eyes (a Markdown renderer, git).
 */

#include "common/memory.h"
#include "common/text.h"
#include "daemon/description.h"
#include "daemon/result.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_LIMIT (16u * 1024 * 1024)

static const char *text_of(struct json_object *input, const char *key, const char *otherwise)
{
    struct json_object *value = json_object_object_get(input, key);

    return value ? json_object_get_string(value) : otherwise;
}

static struct json_object *item(struct json_object *list, size_t row, size_t column)
{
    return json_object_array_get_idx(json_object_array_get_idx(list, row), column);
}

static size_t rows(struct json_object *list)
{
    return list ? json_object_array_length(list) : 0;
}

static void add_lists(struct description *description, struct json_object *input)
{
    struct json_object *files = json_object_object_get(input, "files");
    struct json_object *frontier = json_object_object_get(input, "frontier");
    struct json_object *contained = json_object_object_get(input, "contained");
    struct repository_file *file = memory_new_array(rows(files) + 1, sizeof(*file));
    struct description_point *point = memory_new_array(rows(frontier) + 1, sizeof(*point));
    struct description_contained *earlier = memory_new_array(rows(contained) + 1, sizeof(*earlier));

    for (size_t i = 0; i < rows(files); i++) {
        file[i].path = (char *)json_object_get_string(item(files, i, 0));
        file[i].added = json_object_get_int64(item(files, i, 1));
        file[i].removed = json_object_get_int64(item(files, i, 2));
    }
    for (size_t i = 0; i < rows(frontier); i++) {
        point[i].experiment_id = json_object_get_string(item(frontier, i, 0));
        point[i].value = json_object_get_double(item(frontier, i, 1));
    }
    for (size_t i = 0; i < rows(contained); i++) {
        earlier[i].experiment_id = json_object_get_string(item(contained, i, 0));
        earlier[i].pull = json_object_get_int64(item(contained, i, 1));
    }
    description->files = file;
    description->file_count = rows(files);
    description->frontier = point;
    description->frontier_count = rows(frontier);
    description->contained = earlier;
    description->contained_count = rows(contained);
}

static void print(struct description *description)
{
    struct json_object *output = json_object_new_object();
    CLEANUP_FREE char *title = description_title(description);
    CLEANUP_FREE char *body = description_body(description);
    CLEANUP_FREE char *message = description_commit_message(description);
    CLEANUP_FREE char *marker = description_marker(description->result->experiment_id,
                                                   description->digest);

    json_object_object_add(output, "title", json_object_new_string(title));
    json_object_object_add(output, "body", json_object_new_string(body));
    json_object_object_add(output, "message", json_object_new_string(message));
    json_object_object_add(output, "marker", json_object_new_string(marker));
    puts(json_object_to_json_string_ext(output, JSON_C_TO_STRING_PLAIN));
    json_object_put(output);
}

static void describe(struct json_object *input, const struct result *result)
{
    struct config_metric metric = {.direction = METRIC_MINIMIZE};
    struct json_object *reference = json_object_object_get(input, "reference");
    struct description description = {
        .result = result,
        .metric = &metric,
        .verdict = {.outcome = GATE_IMPROVED,
                    .source = GATE_SOURCE_FRONTIER,
                    .reference = reference ? json_object_get_double(reference) : NAN,
                    .threshold = 0.001},
        .command = text_of(input, "command", "tox -e unit"),
        .duration_ms = 12345,
        .output = text_of(input, "output", ""),
        .base_branch = text_of(input, "base_branch", "main"),
        .base = text_of(input, "base", "b000000000000000000000000000000000000000"),
        .measured = text_of(input, "measured", ""),
        .commit = text_of(input, "commit", "c000000000000000000000000000000000000000"),
        .host = text_of(input, "host", "laboratory"),
        .digest = text_of(input, "digest", "d0"),
        .web_url = text_of(input, "web_url", NULL),
    };

    add_lists(&description, input);
    print(&description);
    free((void *)description.files);
    free((void *)description.frontier);
    free((void *)description.contained);
}

int main(void)
{
    CLEANUP_FREE char *bytes = memory_new(INPUT_LIMIT + 1);
    CLEANUP_FREE char *experiment_id = NULL;
    CLEANUP(result_freep) struct result *result = NULL;
    struct json_object *input;
    struct error error;
    const char *result_bytes;

    bytes[fread(bytes, 1, INPUT_LIMIT, stdin)] = '\0';
    input = json_tokener_parse(bytes);
    if (!input) {
        fprintf(stderr, "stdin is no JSON\n");
        return 2;
    }
    result_bytes = json_object_to_json_string(json_object_object_get(input, "result"));
    if (result_parse(&result, &experiment_id, "x.json", result_bytes, strlen(result_bytes),
                     &error) < 0) {
        fprintf(stderr, "%s\n", error.message);
        json_object_put(input);
        return 1;
    }
    describe(input, result);
    json_object_put(input);
    return 0;
}

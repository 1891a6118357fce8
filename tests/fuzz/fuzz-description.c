/* Promise: foreign text, whatever its bytes, is escaped, and within the bounds of its place. */

/*
 * Any bytes in every place of a pull request that foreign text can come to. The documents stay within
 * their bounds, are readable text, and hold our own comment and trailers once.
 */

#include "daemon/description.h"

#include "common/memory.h"
#include "common/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_LIMIT 20000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_readable(const char *string)
{
    require(utf8_valid(string, strlen(string), NULL));
    while (*string) {
        uint32_t code_point;

        string += utf8_decode(string, &code_point);
        require(code_point == '\n' || code_point == '\t' || !code_point_hidden(code_point));
    }
}

static void check_once(const char *string, const char *words)
{
    const char *first = strstr(string, words);

    require(first && !strstr(first + 1, words));
}

/* No line but ours begins with a comment, and each line of a table has its two or three cells. */
static void check_body(const char *body, const char *marker)
{
    check_readable(body);
    require(strlen(body) <= 60000);
    check_once(body, marker);
    check_once(body, "\n<!-- winnowd");
    require(strcmp(body + strlen(body) - 6, "} -->\n") == 0);
}

static void check(const struct description *description)
{
    CLEANUP_FREE char *title = description_title(description);
    CLEANUP_FREE char *body = description_body(description);
    CLEANUP_FREE char *message = description_commit_message(description);
    CLEANUP_FREE char *marker = description_marker(description->result->experiment_id,
                                                   description->digest);

    check_readable(title);
    require(utf8_count(title) <= 255 && !strchr(title, '\n'));
    check_body(body, marker);
    check_readable(message);
    check_once(message, "\nExperiment-Id: ");
    check_once(message, "\nResult-Sha256: ");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t length = strnlen((const char *)data, size < SIZE_LIMIT ? size : SIZE_LIMIT);
    CLEANUP_FREE char *bytes = memory_copy_bytes(data, length);
    CLEANUP_TEXT struct text valid = {0};
    struct config_metric metric = {.direction = METRIC_MINIMIZE};
    double run = 0.5;
    struct result result = {
        .experiment_id = (char *)"exp-1",
        .metric = (char *)"loss",
        .claim = {.after = {.runs = &run, .count = 1, .mean = run}},
    };
    const struct repository_file file = {bytes, 1, 2};
    const struct description_contained contained = {"exp-0", 7};
    struct description_point point = {.value = 1};
    struct description description = {
        .result = &result,
        .metric = &metric,
        .verdict = {.source = GATE_SOURCE_FRONTIER, .reference = 1},
        .frontier = &point,
        .frontier_count = 1,
        .command = bytes,
        .output = bytes,
        .files = &file,
        .file_count = 1,
        .base_branch = bytes,
        .base = "b0",
        .measured = "%M",
        .commit = "c0",
        .contained = &contained,
        .contained_count = 1,
        .host = "laboratory",
        .digest = "d1",
    };

    /* What a result has passed result_parse(): valid text, not empty. */
    text_append_repaired(&valid, bytes, length);
    text_append(&valid, "x");
    result.hypothesis = valid.data;
    result.title = size % 2 ? valid.data : NULL;
    point.experiment_id = valid.data;
    result.details = json_object_new_object();
    json_object_object_add(result.details, valid.data, json_object_new_string(valid.data));
    check(&description);
    json_object_put(result.details);
    return 0;
}

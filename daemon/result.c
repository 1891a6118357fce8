#include "daemon/result.h"

#include "common/json.h"
#include "common/memory.h"
#include "common/yaml.h"
#include "daemon/result/internal.h"

#include <stdlib.h>
#include <string.h>

static int parse_tree(struct json_object **root, const char *file_name, const char *bytes,
                      size_t length, struct error *error)
{
    switch (result_format(file_name)) {
    case RESULT_FORMAT_JSON:
        return json_parse(root, bytes, length, &result_limits, error);
    case RESULT_FORMAT_YAML:
        return yaml_parse(root, bytes, length, &result_limits, error);
    default:
        return error_set(error, ERROR_BUG, "a file that is no single result was parsed as one");
    }
}

char *result_patch_name(const char *file_name, const char *bytes, size_t length)
{
    CLEANUP_JSON struct json_object *root = NULL;
    struct error ignored;
    const char *name;

    if (parse_tree(&root, file_name, bytes, length, &ignored) < 0)
        return NULL;
    name = json_member_text(root, "patch");
    return name && result_is_patch_name(name) ? memory_copy(name) : NULL;
}

struct result *result_new(void)
{
    struct result *result = memory_new(sizeof(*result));

    result->claim = claim_none();
    return result;
}

int result_parse(struct result **result, char **experiment_id, const char *file_name,
                 const char *bytes, size_t length, struct error *error)
{
    CLEANUP(result_freep) struct result *local = result_new();
    CLEANUP_JSON struct json_object *root = NULL;
    struct result_reading reading = {
        .result = local,
        .yaml = result_format(file_name) == RESULT_FORMAT_YAML,
        .file_name = file_name,
        .bytes = bytes,
        .length = length,
        .error = error,
    };
    int status;

    *experiment_id = NULL;
    if (parse_tree(&root, file_name, bytes, length, error) < 0)
        return -1;
    reading.root = root;
    status = result_read(&reading);
    *experiment_id = memory_copy(local->experiment_id);
    if (status == 0)
        *result = TAKE(local);
    return status;
}

void result_free(struct result *result)
{
    if (!result)
        return;
    free(result->experiment_id);
    free(result->hypothesis);
    free(result->title);
    free(result->metric);
    claim_clear(&result->claim);
    free(result->commit);
    free(result->repository);
    free(result->parent);
    free(result->patch);
    free(result->diff);
    json_object_put(result->details);
    json_object_put(result->unknown);
    free(result);
}

void result_freep(struct result **result)
{
    result_free(*result);
}

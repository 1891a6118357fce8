/* Promise: no answer of a forge harms the daemon. */

/*
 * Whatever a forge may answer: the first byte chooses the status, the rest is the body.
 */

#include "common/memory.h"
#include "common/text.h"
#include "daemon/forge/gitea-body.h"
#include "daemon/git/hash.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void make_out(struct json_object *json)
{
    static const int64_t ids[] = {1, 2};
    struct json_object *kept = json_object_new_array();
    struct forge_pull pull;
    size_t count;

    if (gitea_body_pull(&pull, json) == 0 && (pull.number <= 0 || !pull.head || !pull.base))
        abort();
    gitea_body_keep_pulls(kept, json, "experiment/x");
    free(gitea_body_pulls(kept, &count));
    if (count != json_object_array_length(kept))
        abort();
    json_object_put(kept);
    if (gitea_body_commit(json) && !git_hash_valid(gitea_body_commit(json)))
        abort();
    if (gitea_body_label(json, "experiment") == 0)
        abort();
    gitea_body_has_labels(json, ids, 2);
}

static void read_answer(const struct gitea_body *body)
{
    CLEANUP_TEXT struct text words = {0};
    struct json_object *json;
    struct error error;

    gitea_body_message(&words, body->body, body->body_length);
    if (!utf8_valid(text_string(&words), words.length, NULL) || words.length > 8192)
        abort();
    gitea_body_refusal(&error, body);
    if (gitea_body_parse(&json, body, &error) < 0) {
        if (error.kind != ERROR_TRANSIENT)
            abort();
        return;
    }
    make_out(json);
    json_object_put(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const long statuses[] = {200, 201, 301, 401, 404, 409, 422, 429, 500};
    CLEANUP_FREE char *body = NULL;

    if (size == 0)
        return 0;
    body = memory_copy_bytes(data + 1, size - 1);
    read_answer(&(struct gitea_body){
        .method = "GET",
        .path = "/repos/lab/model",
        .status = statuses[data[0] % (sizeof(statuses) / sizeof(statuses[0]))],
        .body = body,
        .body_length = size - 1,
        .location = body,
    });
    return 0;
}

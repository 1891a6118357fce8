#include "daemon/validation/requires.h"

#include "common/http.h"
#include "common/memory.h"

#include <stdlib.h>

#define WITHIN_MS 10000

struct asking {
    struct operation operation; /* first */
    struct http *http;
    struct config_list urls;
    size_t answered;
    struct operation *request;
    requires_callback callback;
    void *data;
};

static void discard(struct operation *operation)
{
    struct asking *asking = (struct asking *)operation;

    operation_clear(&asking->request);
    config_list_clear(&asking->urls);
    free(asking);
}

static void end(struct asking *asking, const struct error *error)
{
    requires_callback callback = asking->callback;
    void *data = asking->data;

    discard(&asking->operation);
    callback(data, error);
}

static void ask_next(struct asking *asking);

static void on_answered(void *data, const struct http_response *response, const struct error *error)
{
    struct asking *asking = data;
    const char *url = asking->urls.items[asking->answered];
    struct error missing;

    asking->request = NULL;
    if (error || response->status / 100 != 2) {
        if (error)
            error_set_key(&missing, ERROR_TRANSIENT, "validation.requires", "%s: %s", url,
                          error->message);
        else
            error_set_key(&missing, ERROR_TRANSIENT, "validation.requires", "%s answers %ld", url,
                          response->status);
        end(asking, &missing);
    } else if (++asking->answered == asking->urls.count) {
        end(asking, NULL);
    } else {
        ask_next(asking);
    }
}

static void ask_next(struct asking *asking)
{
    const struct http_request request = {
        .method = "GET",
        .url = asking->urls.items[asking->answered],
        .timeout_ms = WITHIN_MS,
    };

    asking->request = http_send(asking->http, &request, on_answered, asking);
}

struct operation *requires_ask(struct http *http, const struct config_list *urls,
                               requires_callback callback, void *data)
{
    struct asking *asking = memory_new(sizeof(*asking));

    asking->operation.discard = discard;
    asking->http = http;
    asking->urls = config_list_copy(urls);
    asking->callback = callback;
    asking->data = data;
    ask_next(asking);
    return &asking->operation;
}

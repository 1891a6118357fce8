#include "daemon/store-check.h"

#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "common/process.h"
#include "daemon/events.h"

#include <stdlib.h>
#include <sysexits.h>

#define AGAIN_MS 60000

struct store_check {
    struct operation operation; /* first */
    uv_loop_t *loop;
    struct store *store;
    const char *state;
    store_check_callback callback;
    void *data;
    struct operation *step; /* the child, or the pause before the next one */
    bool pause;
};

static void check_discard(struct operation *operation)
{
    struct store_check *check = (struct store_check *)operation;

    operation_clear(&check->step);
    free(check);
}

static void look(void *data);

static void on_looked(void *data, const struct process_result *result)
{
    struct store_check *check = data;
    char end[PROCESS_DESCRIPTION_SIZE];
    struct error damage;
    bool ended = result->end == PROCESS_EXITED;

    check->step = NULL;
    process_describe(end, sizeof(end), result);
    if (!ended || (result->status != EX_OK && result->status != EX_DATAERR)) {
        check->pause = true;
        check->step = loop_after(check->loop, AGAIN_MS, look, check);
        log_event(&event_store_unchecked,
                  LOG_TEXT("reason", *result->errors ? result->errors : end));
        return;
    }
    if (result->status == EX_OK)
        store_trust(check->store);
    else
        error_set(&damage, ERROR_PERMANENT, "%s", result->errors);
    check->callback(check->data, result->status == EX_OK ? NULL : &damage);
    free(check);
}

static void look(void *data)
{
    struct store_check *check = data;
    const char *const argv[] = {STORE_CHECK_PROGRAM, check->state, NULL};
    struct process_options options = {.argv = argv, .this_program = true};

    check->pause = false;
    check->step = process_start(check->loop, &options, on_looked, check);
}

struct operation *store_check(uv_loop_t *loop, struct store *store, const char *state,
                              store_check_callback callback, void *data)
{
    struct store_check *check = memory_new(sizeof(*check));

    check->operation.discard = check_discard;
    check->loop = loop;
    check->store = store;
    check->state = state;
    check->callback = callback;
    check->data = data;
    look(check);
    return &check->operation;
}

bool store_check_looks(const struct operation *operation)
{
    return operation && !((const struct store_check *)operation)->pause;
}

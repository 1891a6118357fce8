#include "daemon/validation/slurm-record.h"

#include "common/json.h"
#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

static const char *const state_words[] = {"prepared", "submitting", "submitted", "lost", "removed"};

void slurm_record_clear(struct slurm_record *record)
{
    free(record->commit);
    free(record->settings);
    free(record->options);
    free(record->command);
    free(record->report);
    free(record->excluded);
    free(record->node);
    free(record->waits);
    *record = (struct slurm_record){0};
}

static char *read_text(struct json_object *object, const char *key)
{
    struct json_object *value = json_object_object_get(object, key);

    return value ? memory_copy(json_object_get_string(value)) : NULL;
}

static int64_t read_number(struct json_object *object, const char *key)
{
    return json_object_get_int64(json_object_object_get(object, key));
}

static void read_all(struct slurm_record *record, struct json_object *object)
{
    const char *state = json_object_get_string(json_object_object_get(object, "state"));

    *record = (struct slurm_record){
        .state = SLURM_REMOVED,
        .attempt = read_number(object, "attempt"),
        .before = read_number(object, "before"),
        .id = read_number(object, "slurm_job"),
        .submitted_ms = read_number(object, "submitted_ms"),
        .began_ms = read_number(object, "began_ms"),
        .node = read_text(object, "node"),
        .waits = read_text(object, "waits"),
        .commit = read_text(object, "commit"),
        .settings = read_text(object, "settings"),
        .options = read_text(object, "options"),
        .command = read_text(object, "command"),
        .report = read_text(object, "report"),
        .again = json_object_get_boolean(json_object_object_get(object, "again")),
        .excluded = read_text(object, "excluded"),
        .beginless = read_number(object, "beginless"),
        .exhausted = read_number(object, "exhausted"),
    };
    for (size_t i = 0; state && i < sizeof(state_words) / sizeof(*state_words); i++)
        if (strcmp(state, state_words[i]) == 0)
            record->state = (enum slurm_state)i;
}

int slurm_record_read(struct slurm_record *record, struct store *store, const char *experiment_id,
                      struct error *error)
{
    CLEANUP_FREE char *bytes = NULL;
    struct json_object *object;

    *record = (struct slurm_record){.state = SLURM_REMOVED};
    if (store_find_run(store, experiment_id, &bytes, error) < 0)
        return -1;
    if (!bytes)
        return 0;
    object = json_tokener_parse(bytes);
    if (!json_object_is_type(object, json_type_object)) {
        json_object_put(object);
        return error_set(error, ERROR_PERMANENT,
                         "expected the record of %s's run in the store, found something else",
                         experiment_id);
    }
    read_all(record, object);
    json_object_put(object);
    return 0;
}

static void add_number(struct json_object *object, const char *key, int64_t value)
{
    json_object_object_add(object, key, json_object_new_int64(value));
}

int slurm_record_write(const struct slurm_record *record, struct store *store,
                       const char *experiment_id, struct error *error)
{
    struct json_object *object = json_object_new_object();
    int result;

    json_put_text(object, "state", state_words[record->state]);
    add_number(object, "attempt", record->attempt);
    add_number(object, "before", record->before);
    add_number(object, "slurm_job", record->id);
    add_number(object, "submitted_ms", record->submitted_ms);
    add_number(object, "began_ms", record->began_ms);
    json_put_text(object, "node", record->node);
    json_put_text(object, "waits", record->waits);
    json_put_text(object, "commit", record->commit);
    json_put_text(object, "settings", record->settings);
    json_put_text(object, "options", record->options);
    json_put_text(object, "command", record->command);
    json_put_text(object, "report", record->report);
    json_object_object_add(object, "again", json_object_new_boolean(record->again));
    json_put_text(object, "excluded", record->excluded);
    add_number(object, "beginless", record->beginless);
    add_number(object, "exhausted", record->exhausted);
    result = store_set_run(store, experiment_id,
                           json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN),
                           record->state == SLURM_REMOVED, error);
    json_object_put(object);
    return result;
}

int64_t slurm_record_queued_ms(const struct slurm_record *record, int64_t now_ms)
{
    int64_t until = record->began_ms ? record->began_ms : now_ms;

    return record->submitted_ms && until > record->submitted_ms ? until - record->submitted_ms : 0;
}

void slurm_record_exclude(struct slurm_record *record, const char *nodes)
{
    char *more;

    if (!*nodes)
        return;
    more = record->excluded && *record->excluded ? memory_format("%s,%s", record->excluded, nodes)
                                                 : memory_copy(nodes);
    free(record->excluded);
    record->excluded = more;
}

#include "daemon/status/status-file.h"

#include "common/file.h"
#include "common/json.h"
#include "common/memory.h"
#include "daemon/store.h"
#include "daemon/store/status.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define FILE_LIMIT 65536

static const struct json_limits limits = {.bytes = FILE_LIMIT, .depth = 2, .values = 32};

static char *path_of(const char *state)
{
    return file_join(state, "status.json");
}

static void put(struct json_object *object, const char *key, struct json_object *value)
{
    json_object_object_add(object, key, value);
}

int status_file_write(const char *state, const struct status_file *status_file, struct error *error)
{
    CLEANUP_FREE char *path = path_of(state);
    struct json_object *object = json_object_new_object();
    const char *bytes;
    size_t length;
    int written;

    put(object, "process", json_object_new_int(status_file->process));
    put(object, "version", json_object_new_string(status_file->version));
    put(object, "started_ms", json_object_new_int64(status_file->started_ms));
    put(object, "told_ms", json_object_new_int64(status_file->told_ms));
    put(object, "lag_ms", json_object_new_int64((int64_t)status_file->lag_ms));
    put(object, "forge", json_object_new_string(status_file->forge));
    put(object, "place", json_object_new_string(status_file->place));
    put(object, "trouble", json_object_new_string(status_file->trouble));
    put(object, "held", json_object_new_string(status_file->held));
    put(object, "held_status", json_object_new_int(status_file->held_status));
    bytes = json_object_to_json_string_length(object, JSON_C_TO_STRING_PLAIN, &length);
    written = file_replace(AT_FDCWD, path, bytes, length, 0640, error);
    json_object_put(object);
    return written;
}

void status_file_remove(const char *state)
{
    CLEANUP_FREE char *path = path_of(state);

    unlink(path);
}

static int64_t number_of(struct json_object *object, const char *key)
{
    return json_object_get_int64(json_object_object_get(object, key));
}

static void copy_text(char *target, size_t size, struct json_object *object, const char *key)
{
    const char *text = json_member_text(object, key);

    if (text)
        snprintf(target, size, "%s", text);
}

void status_file_read(struct status_file *status_file, const char *state)
{
    CLEANUP_FREE char *path = path_of(state);
    CLEANUP_FREE char *bytes = NULL;
    struct json_object *object = NULL;
    struct error ignored;
    size_t length;

    *status_file = (struct status_file){.process = store_writer(state), .forge = "unknown"};
    status_file->running = status_file->process != 0;
    if (!status_file->running ||
        file_read(&bytes, &length, AT_FDCWD, path, FILE_LIMIT, &ignored) < 0 ||
        json_parse(&object, bytes, length, &limits, &ignored) < 0)
        return;
    if (json_object_is_type(object, json_type_object) &&
        number_of(object, "process") == status_file->process) {
        status_file->known = true;
        status_file->started_ms = number_of(object, "started_ms");
        status_file->told_ms = number_of(object, "told_ms");
        status_file->lag_ms = (uint64_t)number_of(object, "lag_ms");
        copy_text(status_file->version, sizeof(status_file->version), object, "version");
        copy_text(status_file->forge, sizeof(status_file->forge), object, "forge");
        copy_text(status_file->place, sizeof(status_file->place), object, "place");
        copy_text(status_file->trouble, sizeof(status_file->trouble), object, "trouble");
        copy_text(status_file->held, sizeof(status_file->held), object, "held");
        status_file->held_status = (int)number_of(object, "held_status");
    }
    json_object_put(object);
}

#include "daemon/log-taking/place.h"

#include "common/memory.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

int log_place_begin(struct log_place *place, struct store *store, const char *path,
                    const struct config *config, const struct config_log *settings,
                    struct error *error)
{
    *place = (struct log_place){.store = store, .path = path};
    if (store_find_place(store, path, &place->known, error) < 0)
        return -1;
    digest_begin(&place->digest);
    place->settings = result_log_settings(config, settings);
    if (place->known.settings && strcmp(place->known.settings, place->settings) != 0)
        store_place_clear(&place->known);
    return 0;
}

void log_place_clear(struct log_place *place)
{
    char ignored[DIGEST_HEX_SIZE];

    if (place->digest.context)
        digest_end(&place->digest, ignored);
    store_place_clear(&place->known);
    free(place->settings);
    *place = (struct log_place){0};
}

bool log_place_is_known(const struct log_place *place)
{
    return place->known.settings != NULL;
}

void log_place_pass(struct log_place *place, const struct line *line)
{
    digest_update(&place->digest, line->bytes, line->kept);
    digest_update(&place->digest, "\n", 1);
}

bool log_place_resumes(struct log_place *place, const struct lines *lines,
                       struct result_log *reader)
{
    struct json_object *state;
    char digest[DIGEST_HEX_SIZE];
    bool restored;

    if (lines->offset != place->known.offset || lines->number != place->known.line)
        return false;
    digest_peek(&place->digest, digest);
    if (strcmp(digest, place->known.digest) != 0)
        return false;
    state = json_tokener_parse(place->known.reader);
    restored = state && result_log_restore(reader, state) == 0;
    json_object_put(state);
    return restored;
}

void log_place_forget(struct log_place *place)
{
    char ignored[DIGEST_HEX_SIZE];

    digest_end(&place->digest, ignored);
    digest_begin(&place->digest);
    store_place_clear(&place->known);
}

int log_place_save(const struct log_place *place, const struct store_log *log, uint64_t inode,
                   const struct lines *lines, const struct result_log *reader, struct error *error)
{
    struct json_object *state = result_log_state(reader);
    struct store_place saved = {
        .log = *log,
        .inode = inode,
        .offset = lines->offset,
        .line = lines->number,
        .settings = place->settings,
        .reader = (char *)json_object_to_json_string_ext(state, JSON_C_TO_STRING_PLAIN),
    };
    int status;

    digest_peek(&place->digest, saved.digest);
    status = store_save_place(place->store, place->path, &saved, error);
    json_object_put(state);
    return status;
}

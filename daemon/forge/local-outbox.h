#pragma once

/*
 * Pull requests as files: <outbox>/N.md is the body, <outbox>/N.json the rest.
 *
 * A pull request exists once its N.json does, which appears whole and last. People and scripts may edit
 * N.json, so it is checked when it is read, and unknown fields are kept when it is written back. Whoever
 * reads one and writes it back holds the lock of the outbox: flock() on the directory. A file that cannot
 * be parsed may be in somebody's editor. All functions fail alike: transiently, naming the file.
 */

#include "common/error.h"
#include "daemon/forge.h"

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

/* Lists the numbers of all pull requests, lowest first; a missing outbox has none. The caller frees
 * `*numbers`. */
int outbox_numbers(int64_t **numbers, size_t *count, const char *outbox, struct error *error);

/* Returns when a pull request was last written, by anybody; 0 if there is none of that number. */
int64_t outbox_changed_ms(const char *outbox, int64_t number);

/* Reads a pull request. `*json` is NULL if there is none of that number; the caller drops it with
 * json_object_put(). It has valid `state`, `head`, `base` and `sha`. */
int outbox_read(struct json_object **json, const char *outbox, int64_t number, struct error *error);

/* Reads its body; "" if there is none. The caller frees it. */
int outbox_read_body(char **body, const char *outbox, int64_t number, struct error *error);

/* Makes a pull request, without its body, of what outbox_read() read. Its strings point into `json`. */
void outbox_pull(struct forge_pull *pull, struct json_object *json, int64_t number);

/* Writes a pull request back. A reader finds the old or the new one. */
int outbox_write(const char *outbox, int64_t number, struct json_object *json, struct error *error);

/* Writes its body, the old or the new one for whoever reads. */
int outbox_write_body(const char *outbox, int64_t number, const char *body, struct error *error);

/* Returns the time as it stands in an N.json; the caller's. */
struct json_object *outbox_now(void);

/* Takes the lock. Returns 1, and the caller closes `*lock` to release it; 0 if another process has it
 * now; -1 with the error. */
int outbox_lock(int *lock, const char *outbox, struct error *error);

/* Returns whether the outbox can be read, so that a missing file is gone. */
bool outbox_is_there(const char *outbox);

/* A pull request that is added. */
struct outbox_entry {
    const char *title;
    const char *head;
    const char *base;
    const char *sha;
    const char *body;
};

/* Adds a pull request, under the lock. `*number` is above all others, and never given twice. A file that a
 * crash left of adding the same body is used. */
int outbox_add(int64_t *number, const char *outbox, const struct outbox_entry *entry,
               struct error *error);

#pragma once

/*
 * Pull requests as files: <outbox>/N.md is the body, <outbox>/N.json the rest.
 *
 * A pull request exists once its N.json does, which appears last and whole. People and scripts may edit
 * N.json. So it is checked when it is read, and unknown fields are kept when it is written back. Reading a
 * file to write it back needs the lock of the outbox: flock() on the directory. All functions fail alike:
 * (transient), naming the file, since a file that cannot be parsed may be open in an editor.
 */

#include "common/error.h"
#include "daemon/forge.h"

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

/* Lists the numbers of all pull requests, lowest first; a missing outbox has none. The caller frees
 * `*numbers`. */
int outbox_numbers(int64_t **numbers, size_t *count, const char *outbox, struct error *error);

/* Returns when a pull request was last written, by anybody, in milliseconds since 1970; 0: there is none of
 * that number. */
int64_t outbox_changed_ms(const char *outbox, int64_t number);

/* Reads a pull request. `*json` is NULL if there is none of that number; the caller drops it with
 * json_object_put(). It has valid `state`, `head`, `base` and `sha`. */
int outbox_read(struct json_object **json, const char *outbox, int64_t number, struct error *error);

/* Reads the body of a pull request; "" if there is none. The caller frees it. */
int outbox_read_body(char **body, const char *outbox, int64_t number, struct error *error);

/* Fills in a pull request, without its body, from what outbox_read() read. Its strings point into `json`. */
void outbox_pull(struct forge_pull *pull, struct json_object *json, int64_t number);

/* Writes a pull request back. A reader finds the old or the new one. */
int outbox_write(const char *outbox, int64_t number, struct json_object *json, struct error *error);

/* Writes the body of a pull request. A reader finds the old or the new one. */
int outbox_write_body(const char *outbox, int64_t number, const char *body, struct error *error);

/* Returns the present time as an N.json has it; the caller drops it. */
struct json_object *outbox_now(void);

/* Takes the lock. Returns 1, and the caller closes `*lock` to release it; 0: another process has it now; -1
 * with the error. */
int outbox_lock(int *lock, const char *outbox, struct error *error);

/* Returns whether the outbox can be read. If so, a missing file was deleted. */
bool outbox_is_there(const char *outbox);

/* A pull request that is added. */
struct outbox_entry {
    const char *title;
    const char *head;
    const char *base;
    const char *sha;
    const char *body;
};

/* Adds a pull request, under the lock. `*number` is above all others, and is never used twice. A body that a
 * crash left of adding the same pull request is used. */
int outbox_add(int64_t *number, const char *outbox, const struct outbox_entry *entry,
               struct error *error);

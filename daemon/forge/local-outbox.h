#pragma once

/*
 * Pull requests as files: <outbox>/N.md holds the body, <outbox>/N.json the rest.
 *
 * A pull request exists once its N.json does, which appears whole and last. People and scripts may
 * edit N.json, so it is read with suspicion, and written back with every field that is not ours kept.
 * Whoever reads one and writes it back holds the lock of the outbox meanwhile: flock() on the directory.
 * A file that cannot be made out may be half-way through somebody's editor: that is a transient error,
 * which names the file.
 */

#include "common/error.h"
#include "daemon/forge.h"

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

/* The numbers of all pull requests, lowest first; an outbox that is not there yet has none. On 0
 * `*numbers` is the caller's. */
int outbox_numbers(int64_t **numbers, size_t *count, const char *outbox, struct error *error);

/* When a pull request was written last, by whomever; 0: there is none of that number. */
int64_t outbox_changed_ms(const char *outbox, int64_t number);

/* Reads a pull request. On 0 `*json` is the caller's (json_object_put), or NULL if there is none of
 * that number. What is there has valid `state`, `head`, `base` and `sha`. */
int outbox_read(struct json_object **json, const char *outbox, int64_t number, struct error *error);

/* Its body; "" if there is none. On 0 `*body` is the caller's. */
int outbox_read_body(char **body, const char *outbox, int64_t number, struct error *error);

/* What outbox_read() read as a pull request without a body; its strings point into `json`. */
void outbox_pull(struct forge_pull *pull, struct json_object *json, int64_t number);

/* Writes a pull request back, the old or the new one for whoever reads. */
int outbox_write(const char *outbox, int64_t number, struct json_object *json, struct error *error);

/* Writes its body, the old or the new one for whoever reads. */
int outbox_write_body(const char *outbox, int64_t number, const char *body, struct error *error);

/* The time as it stands in an N.json; the caller's. */
struct json_object *outbox_now(void);

/* Takes the lock. On 1 `*lock` is the caller's descriptor, which holds it until it is closed; on 0 another
 * process has it just now. */
int outbox_lock(int *lock, const char *outbox, struct error *error);

/* Whether the outbox can be looked into, so that a file that is not there is gone. */
bool outbox_is_there(const char *outbox);

/* Adds a pull request, under the lock, and gives back its number, one above all others. Two never get the same one. What
 * a crash left of adding the same body is used. */
struct outbox_entry {
    const char *title;
    const char *head;
    const char *base;
    const char *sha;
    const char *body;
};
int outbox_add(int64_t *number, const char *outbox, const struct outbox_entry *entry,
               struct error *error);

#pragma once

/*
 * The directory in which one experiment's tests run, and how nothing is left of it.
 *
 *     <state>/checkouts/ID/source   the clone, where the command runs
 *     <state>/checkouts/ID/home     HOME
 *     <state>/checkouts/ID/tmp      TMPDIR
 *     <state>/checkouts/ID/layers   what the tests write over the cache (see cache)
 *     <state>/checkouts/ID/begun    made by the sandbox, which then lets the tests begin
 *     <state>/checkouts/.ID         which process group runs there: its number, when it began, on
 *                                   which boot. An ID never begins with a dot.
 *     <state>/checkouts/.removed/   what is left of earlier ones (see remover)
 *
 * A killed daemon leaves the tests running, all but their first process. The next daemon finds them by the
 * note, by their environment and by their working directory.
 */

#include "common/error.h"
#include "common/operation.h"

#include <stdbool.h>
#include <uv.h>

/* Where the tests see it in a sandbox: the directory, and its name in it. */
#define CHECKOUT_INSIDE_PARENT "/run"
#define CHECKOUT_INSIDE_NAME   "checkout"

struct checkout {
    char *directory;
    char *source;
    char *home;
    char *temporary;
    char *begun;
    char *layers;
    char *parent;
    char *note;
};

/* Returns the paths of a checkout; the caller frees it with checkout_free(). Touches nothing. `parent` is
 * <state>/checkouts. */
struct checkout checkout_name(const char *parent, const char *experiment_id);
void checkout_free(struct checkout *checkout);

typedef void (*checkout_callback)(void *data, const struct error *error);

/* Ends what runs there, moves what is there away, and makes the directories again, except `source`. Works in
 * libuv's pool. */
struct operation *checkout_make(uv_loop_t *loop, const struct checkout *checkout,
                                checkout_callback callback, void *data);

/* Ends what still runs in the directory, and removes it and the note, in libuv's pool. Succeeds if it is
 * missing. This may take minutes; to discard the operation stops it where it is. */
struct operation *checkout_remove(uv_loop_t *loop, const struct checkout *checkout,
                                  checkout_callback callback, void *data);

/* Returns whether the sandbox has let the tests begin. */
bool checkout_has_begun(const struct checkout *checkout);

/* Notes that the group of process `id`, which just started, runs in the checkout. Fails (transient) if the
 * note cannot be written. */
int checkout_note(const struct checkout *checkout, int id, struct error *error);

/* Kills every process that runs in a checkout below `parent`, or has `variable` (NAME=VALUE) in its
 * environment, and waits until it has ended. Then moves all checkouts away. Blocks, so call it only before
 * the loop runs or at the end. Fails if a process does not end, or a checkout cannot be moved. */
int checkout_sweep(const char *parent, const char *variable, struct error *error);

#pragma once

/*
 * Finds out how the tests run on the base, with which those of an experiment are compared.
 *
 * Jobs ask about a commit of the base. The tests run on it once for all jobs, in the same sandbox and by the
 * same code as on an experiment. The store keeps the verdict for this commit and these settings. A pass is
 * believed as long as the caller says, a failure for an hour and in this process only.
 *
 * A commit that fails is run again at once. If it passes then, the base is flaky. If an experiment fails on a
 * base that fails as well, the queue is held (base_hold()). Every other experiment still has one turn, as it
 * may mend the base. Those that failed begin again after an hour, after a reload, and when the base has
 * moved; the first of them runs the base again. If the command started nothing, the installation has to be
 * mended. Then only the base is run, each minute, and they begin again once it starts.
 */

#include "common/digest.h"
#include "common/error.h"
#include "common/operation.h"
#include "config/config.h"
#include "daemon/git/hash.h"
#include "daemon/repository.h"
#include "daemon/store.h"
#include "daemon/validation.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define BASE_HOUR_MS   ((uint64_t)60 * 60 * 1000)
#define BASE_MINUTE_MS ((uint64_t)60 * 1000)

/* The name of a run on the base, among those of the experiments. No experiment can have that id. */
#define BASE_NAME "_base"

struct base;

enum base_state {
    BASE_UNKNOWN, /* not run yet */
    BASE_PASSED,
    BASE_FLAKY, /* failed, and passed when run again at once */
    BASE_FAILED,
};

struct base_verdict {
    enum base_state state;
    char commit[GIT_HASH_SIZE];
    int64_t at_ms;     /* when the last run ended, since 1970 */
    char reason[1024]; /* why it failed, with the first failure; "": it passed at once */
    const char
        *unbegun; /* key of what started nothing, a literal (see validation.h); NULL: it began */
    struct test_report report; /* of the last run; without its words if it did not begin */
};

struct base_options {
    uv_loop_t *loop;
    const struct config *config;
    struct store *store;
    struct repository *repository;
    struct validation *validation;
    /* The queue is held, or held no longer. Called from the loop. */
    void (*changed)(void *data);
    void *data;
};

/* Makes it, and runs nothing yet. What `options` points to must outlive it. Never fails. */
void base_new(struct base **base, const struct base_options *options);

/* Ends the run that is under way, and frees it. No question may be open. NULL-safe. */
void base_free(struct base *base);

/* Reads the verdict on a commit, of any age. Fails if the store does. */
int base_recall(const struct base *base, const char *commit, struct base_verdict *verdict,
                struct error *error);

/* Finds out how the tests run on a commit. A pass older than `fresh_ms` is not believed; 0: any pass is. If a
 * URL of validation.requires does not answer, `waits` says so and `verdict` is NULL. An error is transient or
 * the installation's fault. The arguments are valid inside the callback only. */
typedef void (*base_callback)(void *data, const struct base_verdict *verdict, const char *waits,
                              const struct error *error);
struct operation *base_find(struct base *base, const char *commit, uint64_t fresh_ms,
                            base_callback callback, void *data);

/* A result failed on a base that fails as well. It does not begin again before something has changed. */
void base_hold(struct base *base, int64_t result, const char *experiment_id,
               const struct base_verdict *verdict);

/* Returns why the queue is held; NULL: it is not. It belongs to the base. */
const char *base_held(const struct base *base);

/* Returns the exit status of a program that ends since the queue is held: EX_CONFIG if the command starts
 * nothing, EX_UNAVAILABLE if the project has to be mended. */
int base_held_status(const struct base *base);

/* Returns the ids of the results that are held, as a JSON array; NULL: the queue is not held. The caller
 * frees it. */
char *base_held_results(const struct base *base);

/* Returns whether this result is one of them. */
bool base_holds(const struct base *base, int64_t result);

/* The configuration was read again, and something may have been mended: failures are not believed any more. */
void base_reloaded(struct base *base);

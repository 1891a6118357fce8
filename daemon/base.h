#pragma once

/*
 * How the tests run on the base: the measure for what they say of an experiment.
 *
 * Jobs ask about a commit of the base. It is run once for all of them, in the same sandbox and by the same
 * code as an experiment. The verdict is in the store, for this commit and these settings of the tests. A
 * pass is believed for as long as the caller says, a failure for an hour and in this process only.
 *
 * A commit that fails is run once more at once: if it passes then, the base is flaky. If an experiment
 * fails on a base that fails, too, the queue is held (base_hold()). Each other experiment has its turn
 * once, as it may mend the base. Those that failed begin again after an hour, after a reload, and when the
 * base has moved. The base is then run anew by the first of them. Where the command started nothing, the
 * installation is to be mended: the base alone is run each minute, and they begin again once it starts.
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

/* The name of its run, among those of the experiments. No experiment can have that id. */
#define BASE_NAME "_base"

struct base;

enum base_state {
    BASE_UNKNOWN, /* it was not run yet */
    BASE_PASSED,
    BASE_FLAKY, /* it failed, and passed when it was run again at once */
    BASE_FAILED,
};

struct base_verdict {
    enum base_state state;
    char commit[GIT_HASH_SIZE];
    int64_t at_ms;     /* when the last run ended, since 1970 */
    char reason[1024]; /* why it failed, with the first failure; "" where it passed at once */
    const char *
        unbegun; /* the key of what started nothing, a literal (see validation.h); NULL: it began */
    struct test_report report; /* of the last run, without its words where it failed to begin */
};

struct base_options {
    uv_loop_t *loop;
    const struct config *config;
    struct store *store;
    struct repository *repository;
    struct validation *validation;
    /* The queue is held, or not any more. Called from the loop. */
    void (*changed)(void *data);
    void *data;
};

/* Makes it; nothing is run yet. All that `options` points to must outlive it. Never fails. */
void base_new(struct base **base, const struct base_options *options);

/* Ends what is under way; nobody may be asking any more. NULL-safe. */
void base_free(struct base *base);

/* Computes a digest of all settings that decide how the tests run. */
void base_settings(const struct config *config, char settings[static DIGEST_HEX_SIZE]);

/* Returns whether these settings are in force. A run under others says nothing: a reload may have mended them. */
bool base_settings_hold(const struct config *config, const char *settings);

/* Reads what is known of a commit, however old it is. Fails if the store does. */
int base_recall(const struct base *base, const char *commit, struct base_verdict *verdict,
                struct error *error);

/* Finds out how the tests run on a commit. A pass that is older than `fresh_ms` is not believed; 0: any is.
 * Where a URL of validation.requires does not answer, `waits` says so and `verdict` is NULL. An error is
 * transient, or the installation's. The arguments are valid inside the callback only. */
typedef void (*base_callback)(void *data, const struct base_verdict *verdict, const char *waits,
                              const struct error *error);
struct operation *base_find(struct base *base, const char *commit, uint64_t fresh_ms,
                            base_callback callback, void *data);

/* A result failed on a base that failed: it does not begin again before something has changed. */
void base_hold(struct base *base, int64_t result, const char *experiment_id,
               const struct base_verdict *verdict);

/* Returns why the queue is held; NULL: it is not. */
const char *base_held(const struct base *base);

/* Returns the exit status of a program that cannot go on since the queue is held: EX_CONFIG where the command
 * starts nothing; EX_UNAVAILABLE where the project has to be mended. */
int base_held_status(const struct base *base);

/* Returns the ids of the results that are held, as a JSON array; NULL: the queue is not held. The caller
 * frees it. */
char *base_held_results(const struct base *base);

/* Returns whether this result is one of them. */
bool base_holds(const struct base *base, int64_t result);

/* The configuration was read again, and something may have been mended: a failure is not believed any more. */
void base_reloaded(struct base *base);

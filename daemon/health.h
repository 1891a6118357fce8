#pragma once

/*
 * Whether the forge can be used just now: one probe, not a storm.
 *
 * At start, and whenever a job met a transient fault at the forge, the forge is checked: whether it
 * answers, and whether it lets us do what is needed. Until it does, no step that needs the forge
 * starts. While it is down the check is repeated with growing pauses; where it refuses (token,
 * repository, base, reviewers) every minute, with an error in the log that says what to mend.
 */

#include "common/error.h"
#include "daemon/forge.h"
#include "daemon/repository.h"

#include <stdint.h>
#include <uv.h>

enum health_state {
    HEALTH_UNKNOWN, /* being checked */
    HEALTH_WELL,
    HEALTH_DOWN,
    HEALTH_REFUSED,
};

struct health;

/* Starts the first check. `changed` is called after every change of state, never from inside a call
 * of this header. `forge` must outlive it. */
void health_new(struct health **health, uv_loop_t *loop, struct forge *forge,
                void (*changed)(void *data), void *data);
void health_free(struct health *health); /* NULL-safe */

enum health_state health_state(const struct health *health);

/* What is wrong, for the status; "" while all is well. */
const char *health_reason(const struct health *health);

/* Somebody may have mended what was wrong: checks at once, whatever pause was to come. */
void health_look(struct health *health);

/* A job met a fault: check at once. `retry_after_ms` as the forge asked, -1 if it did not. */
void health_suspect(struct health *health, int64_t retry_after_ms);

/* git was refused something for good: it is asked as well, until it can look at the base again. So
 * where the forge's API is fine and git is not, the queue is held, and not every job fails. */
void health_suspect_git(struct health *health);

/* What git is asked by; must outlive it. */
void health_use_git(struct health *health, struct repository *repository);

/* The pause before try number `attempt` (from 1), in milliseconds: doubling from half a second, at
 * most five minutes, a quarter of it by chance so that many waiters do not come back at once. */
uint64_t backoff_ms(unsigned attempt);

/* The same, and not less than what the forge asked for (-1: nothing), up to an hour: a wrong number
 * must not stop us for good. */
uint64_t backoff_asked_ms(unsigned attempt, int64_t retry_after_ms);

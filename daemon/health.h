#pragma once

/*
 * Whether the installation can be used now, checked in one place for all jobs.
 *
 * The installation is checked (installation.h) at start, after a reload, and when a job, or a look at the pull
 * requests, meets a fault. Does the forge answer, does it allow what is needed, are sources and programs there?
 * While the queue is held, no step that needs the forge starts. While the forge is down the check is repeated
 * with growing pauses. While something has to be mended it is repeated every minute, and an error in the log
 * names the key. Jobs wait for a check that was asked for, and so it waits for each source for a second only:
 * one that has not answered by then is asked again without them.
 *
 * Some faults are met in a step only, and no check finds them. The job reports such a fault with health_hold(),
 * and tries again after a minute.
 */

#include "common/error.h"
#include "daemon/installation.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define HEALTH_MEND_EVERY_MS (60 * 1000) /* until what is held is tried again */
#define HEALTH_SOURCE_MS     1000        /* for which jobs that may not need it wait for a source */

enum health_state {
    HEALTH_UNKNOWN, /* a check is under way */
    HEALTH_WELL,    /* a source may be held all the same */
    HEALTH_DOWN,    /* the forge does not answer; it may pass */
    HEALTH_REFUSED, /* the queue is held until something is mended */
};

struct health;

/* Begins the first check. `changed` is called after every check, never from inside a function of this
 * header. `installation` and what it points to must outlive it. */
void health_new(struct health **health, const struct installation *installation,
                void (*changed)(void *data), void *data);
void health_free(struct health *health); /* NULL-safe */

/* Returns what the last check said. */
enum health_state health_state(const struct health *health);

/* Returns what is wrong, for the status; "" if nothing is. It belongs to the health. */
const char *health_reason(const struct health *health);

/* Returns the key of the configuration by which a hold is mended, as far as its error knows: each hold is logged with it.
 * It is static. NULL: none is known. */
const char *health_key_of(const struct error *error);

/* Returns the exit status of a program that cannot wait until what is held goes on: EX_CONFIG or
 * EX_UNAVAILABLE; EX_OK if nothing is held. */
int health_status(const struct health *health);

/* Return whether jobs are held that need this source (its place in `sources`), or any source. */
bool health_source_held(const struct health *health, size_t source);
bool health_sources_held(const struct health *health);

/* Returns whether a source has not answered yet. Until it does, the jobs that need it are held. */
bool health_source_pending(const struct health *health);

/* Returns whether calls to the forge are of use: not while it is down, and not while it refuses. */
bool health_forge_usable(const struct health *health);

/* Checks at once, without the rest of a pause: somebody may have mended or broken something. */
void health_look(struct health *health);

/* A job met a fault: checks at once. `retry_after_ms`: the pause that the forge asked for; -1: none. */
void health_suspect(struct health *health, int64_t retry_after_ms);

/* A step was refused, and its job asks whether the installation is to blame: checks at once, even if a check
 * has just ended. Does nothing while the forge is down or something is held: the answer is known then. */
void health_ask(struct health *health);

/* A job met a fault that no check finds, at the forge or where the tests run. Holds the queue; `error` names
 * the key. */
void health_hold(struct health *health, bool at_forge, const struct error *error);

/* The job that had reported such a fault could do its step. */
void health_mended(struct health *health);

/* A source failed a job though it is found well: a fetch from it fails, or an object is missing in it. Other
 * commits in it may be whole. So this is said, and holds that job only, which tries again after
 * HEALTH_MEND_EVERY_MS or when somebody says that something was mended. `job` is its id; `error` names the
 * key. */
void health_source_failed(struct health *health, int64_t job, const struct error *error);

/* The job that had reported it could do its step, or is over. */
void health_source_mended(struct health *health, int64_t job);

/* Returns how often somebody said that something was mended: the calls of health_look(). */
unsigned health_looks(const struct health *health);

/* Returns the pause in milliseconds before attempt number `attempt`, from 1. It doubles from half a second up to
 * five minutes. A quarter of it is random, so that many jobs do not come back at once. */
uint64_t backoff_ms(unsigned attempt);

/* Returns the same, but at least what the forge asked for (-1: nothing). At most an hour of that counts: a wrong
 * number must not stop us for good. */
uint64_t backoff_asked_ms(unsigned attempt, int64_t retry_after_ms);

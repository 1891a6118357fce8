#pragma once

/*
 * Whether the installation can be used now, checked in one place for all jobs.
 *
 * The installation is checked (installation.h) at start, after a reload, and when a job or a look at the pull
 * requests meets a fault. Does the forge answer? Does it allow what is needed? Are sources and programs
 * there? While the queue is held, no step that needs the forge starts. While the forge is down, the check is
 * repeated with growing pauses. While something has to be mended, it is repeated every minute, and an error
 * in the log names the key. Jobs wait for a check that was asked for. So it waits only a second for each
 * source. A source that has not answered by then is asked again while the jobs go on.
 *
 * Some faults only a step can meet, and no check finds them. The job reports such a fault with health_hold(),
 * and tries again after a minute.
 */

#include "common/error.h"
#include "daemon/installation.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define HEALTH_MEND_EVERY_MS (60 * 1000) /* until held jobs are tried again */
#define HEALTH_SOURCE_MS     1000 /* how long a check that jobs wait for waits for a source */

enum health_state {
    HEALTH_UNKNOWN, /* a check is under way */
    HEALTH_WELL,    /* the jobs of a source may be held all the same */
    HEALTH_DOWN,    /* the forge does not answer; it may pass */
    HEALTH_REFUSED, /* the queue is held until something is mended */
};

struct health;

/* Makes it, and begins the first check. Calls `changed` after every check, never from inside a function of
 * this header. `installation` and what it points to must outlive it. */
void health_new(struct health **health, const struct installation *installation,
                void (*changed)(void *data), void *data);
void health_free(struct health *health); /* NULL-safe */

/* Returns what the last check said. */
enum health_state health_state(const struct health *health);

/* Returns what is wrong, for the status; "": nothing is. It belongs to the health. */
const char *health_reason(const struct health *health);

/* Returns the key of the configuration that has to be mended for this error; NULL: none is known. Each hold
 * is logged with it. It is static. */
const char *health_key_of(const struct error *error);

/* Returns the exit status of a program that ends while jobs are held: EX_CONFIG or EX_UNAVAILABLE; EX_OK:
 * none are. */
int health_status(const struct health *health);

/* Return whether jobs are held that need this source (its place in `sources`), or any source. */
bool health_source_held(const struct health *health, size_t source);
bool health_sources_held(const struct health *health);

/* Returns whether a source has not answered yet. Until it does, the jobs that need it are held. */
bool health_source_pending(const struct health *health);

/* Returns whether calls to the forge make sense: not while it is down or refuses. */
bool health_forge_usable(const struct health *health);

/* Somebody may have mended or broken something: checks at once, without the rest of a pause. */
void health_look(struct health *health);

/* A job met a fault: checks at once. `retry_after_ms`: the pause that the forge asked for; -1: none. */
void health_suspect(struct health *health, int64_t retry_after_ms);

/* A step was refused, and its job asks whether the installation is to blame: checks at once, even if a check
 * has just ended. Does nothing while the forge is down or something is held: the answer is known then. */
void health_ask(struct health *health);

/* A job met a fault that no check finds, at the forge or where the tests run. Holds the queue; `error` names
 * the key. */
void health_hold(struct health *health, bool at_forge, const struct error *error);

/* The job that reported such a fault has done its step. */
void health_mended(struct health *health);

/* A source failed a job though its check finds it well: a fetch from it fails, or an object is missing in it.
 * Other commits in it may be whole. So this is logged and holds that job only. The job tries again after
 * HEALTH_MEND_EVERY_MS, or when somebody says that something was mended. `job` is its id; `error` names the
 * key. */
void health_source_failed(struct health *health, int64_t job, const struct error *error);

/* A result names a commit, and no sources are configured. Logged once; until a restart that holds each job
 * that does so. */
void health_lack_sources(struct health *health);

/* The job that reported it has done its step, or is over. */
void health_source_mended(struct health *health, int64_t job);

/* Returns how often health_look() was called, by which somebody says that something was mended. */
unsigned health_looks(const struct health *health);

/* Returns the pause in milliseconds before attempt number `attempt`, from 1. It doubles from half a second up
 * to five minutes. A quarter of it is random, so that many jobs do not try at once. */
uint64_t backoff_ms(unsigned attempt);

/* Does the same, but returns at least the pause that the forge asked for (-1: none). At most an hour of that
 * counts: a wrong number must not stop us for good. */
uint64_t backoff_asked_ms(unsigned attempt, int64_t retry_after_ms);

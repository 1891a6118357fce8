#pragma once

/*
 * Whether the installation can be used just now: one probe, not a storm.
 *
 * At start, whenever a job met a fault, and after a reload, the installation is asked (installation.h):
 * whether the forge answers, whether it lets us do what is needed, whether sources and programs are
 * there. Until the queue is not held any more, no step that needs the forge starts. While the forge is
 * down the questions are repeated with growing pauses; where something has to be mended every minute,
 * with an error in the log that names the key.
 *
 * Some faults show in a step alone. A job that met one reports it with health_hold(); no question finds
 * it, so that after a minute the job itself tries again.
 */

#include "common/error.h"
#include "daemon/installation.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum health_state {
    HEALTH_UNKNOWN, /* being asked */
    HEALTH_WELL,    /* though a source may be held */
    HEALTH_DOWN,
    HEALTH_REFUSED, /* the queue is held until something is mended */
};

struct health;

/* Begins to ask. `changed` is called after every answer, never from inside a call of this header.
 * What `installation` points to must outlive it. */
void health_new(struct health **health, const struct installation *installation,
                void (*changed)(void *data), void *data);
void health_free(struct health *health); /* NULL-safe */

enum health_state health_state(const struct health *health);

/* What is wrong, for the status; "" while all is well. */
const char *health_reason(const struct health *health);

/* How a program ends that cannot wait for what is held: EX_CONFIG, EX_UNAVAILABLE; EX_OK if nothing is. */
int health_status(const struct health *health);

/* Whether the jobs are held that need this source, by its place in `sources`; or any of them. */
bool health_source_held(const struct health *health, size_t source);
bool health_sources_held(const struct health *health);

/* Whether calls to the forge are of use: false where it is down, and where it refuses. */
bool health_forge_usable(const struct health *health);

/* Somebody may have mended what was wrong, or configured what is not there: asks at once, whatever pause
 * was to come. */
void health_look(struct health *health);

/* A job met a fault: asks at once. `retry_after_ms` as the forge asked, -1 if it did not. */
void health_suspect(struct health *health, int64_t retry_after_ms);

/* A job wants to know whose fault it was that its step was refused: asks at once, whatever was asked a
 * moment ago. Where the forge is down or something is held that is known already. */
void health_ask(struct health *health);

/* A job met what no question finds. Holds the queue; `error` names the key. */
void health_hold(struct health *health, const struct error *error);

/* The job that had reported it could do its step. */
void health_mended(struct health *health);

/* The pause before try number `attempt` (from 1), in milliseconds: doubling from half a second, at
 * most five minutes, a quarter of it by chance so that many waiters do not come back at once. */
uint64_t backoff_ms(unsigned attempt);

/* The same, and not less than what the forge asked for (-1: nothing), up to an hour: a wrong number
 * must not stop us for good. */
uint64_t backoff_asked_ms(unsigned attempt, int64_t retry_after_ms);

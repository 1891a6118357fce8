#pragma once

/*
 * What the files of the job share.
 */

#include "daemon/job.h"
#include "daemon/step.h"

/* Returns the row of the step that is under way, forward or undone; NULL at either end of the table. */
const struct step *job_row(const struct job *job);

/* Moves the job to a row; `at` may be an end of the table. */
void job_move(struct job *job, int at);

/* Moves the job, whose step has not begun, back to the first of the quiet rows before it. */
void job_step_back(struct job *job);

/* Goes on with the job after `delay_ms`; 0: in the loop's next turn. */
void job_schedule(struct job *job, uint64_t delay_ms);

/* Writes the record, and what the step of a row has found so far; `row` may be NULL. Fails if the store does. */
int job_write_with(struct job *job, const struct step *row, struct error *error);

/* Does the same for the step that is under way. Returns false if that failed, and logs it. */
bool job_write(struct job *job);

/* Adds a line to the history of steps, for people. Ignores a failure. */
void job_note(struct job *job, const char *what, const char *reason);

/* Counts an attempt of the step that is under way, and how it ended. */
void job_count_attempt(struct job *job, enum counters_end end);

/* The step is over: end the holds that it caused, and the trouble that it met. */
void job_end_holds(struct job *job);
void job_end_trouble(struct job *job);

/* Moves on to the row after its step, or to the one before it during an undo. */
void job_step_over(struct job *job);

/* Begins to undo everything. Then the result gets `outcome`. */
void job_begin_undo(struct job *job, const char *reason, enum decision outcome);

/* ---- trouble ------------------------------------------------------------------------------------ */

/* Returns whether its step, or that step's undo, waits while the forge is not well. */
bool job_needs_forge(const struct job *job);

/* Parks the job until the forge is well, at most for a while. */
void job_park(struct job *job);

/* The job waits no more. */
void job_stop_waiting(struct job *job);

/* A pause is over: counts it as trying. */
void job_end_pause(struct job *job);

/* ---- walking ------------------------------------------------------------------------------------ */

/* Goes on with a job that paused: job.go_on. */
void job_go_on(void *data);

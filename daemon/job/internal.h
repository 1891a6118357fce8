#pragma once

/*
 * What the files of the job share.
 */

#include "daemon/job.h"
#include "daemon/step.h"

/* The row of the step under way, forward or undone; NULL at either end of the table. */
const struct step *job_row(const struct job *job);

/* Moves it there; `at` may be an end of the table. */
void job_move(struct job *job, int at);

/* A step that was not begun is come to through the quiet ones before it. */
void job_step_back(struct job *job);

/* Goes on with it at the loop's next turn, or later. */
void job_schedule(struct job *job, uint64_t delay_ms);

/* Writes the record down, with what the step found. A failure is told in the log only. */
bool job_write(struct job *job);

/* The history of steps is for people; that it cannot be written changes nothing else. */
void job_note(struct job *job, const char *what, const char *reason);
void job_count_try(struct job *job, enum counters_end end);

/* All is undone, and the result gets `outcome`. */
void job_begin_undo(struct job *job, const char *reason, enum decision outcome);

/* ---- trouble ------------------------------------------------------------------------------------ */

/* Whether its step, or that step's undo, waits while the forge is not well. */
bool job_needs_forge(const struct job *job);

/* Parks it until the forge is well, though not for ever. */
void job_park(struct job *job);

/* It waits no more. */
void job_stop_waiting(struct job *job);

/* The step that was held, or waited for, is over; so is the trouble that it met. */
void job_end_holds(struct job *job);
void job_end_trouble(struct job *job);

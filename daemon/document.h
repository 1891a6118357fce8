#pragma once

/*
 * What a job writes for people: the commit's message, the pull request's title and body, made from
 * the job and the store by description.h.
 */

#include "common/error.h"

struct job;

/* Loads and parses the job's content into job->result and job->patch, once. */
int job_load_result(struct job *job, struct error *error);

/* The commit's message, with "%M" for the measured commit; caller frees. The content was loaded. */
char *document_message(const struct job *job);

/* Makes title and body and puts them into the store, with the job's record. After compose and validation. */
int document_write(struct job *job, struct error *error);

#pragma once

/*
 * What a job writes for people: the commit's message, the pull request's title and body, made from
 * the job and the store by description.h.
 */

#include "common/error.h"

struct job;

/* The commit's message, with "%M" for the measured commit; caller frees. The content was loaded. */
char *document_message(const struct job *job);

/* Makes title and body of the pull request from what the job found; they become a finding of it. */
int document_write(struct job *job, struct error *error);

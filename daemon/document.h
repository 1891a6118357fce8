#pragma once

/*
 * Gathers from a job and the store what description.h needs to write the commit's message and the pull
 * request.
 */

#include "common/digest.h"
#include "common/error.h"
#include "daemon/store.h"
#include "daemon/store/job.h"

struct job;

/* Returns the commit's message, with "%M" for the measured commit; the caller frees it. The job's result
 * was loaded (job_load_result()). */
char *document_message(const struct job *job);

/* Writes title and body of the pull request from the job's findings; they become a finding as well. Fails if
 * the store does. */
int document_write(struct job *job, struct error *error);

/* Returns the comments below a pull request that was refreshed, and below one that could not be; caller
 * frees. */
char *document_refreshed(const struct job *job);
char *document_stale(const struct job *job);

/* Computes the digest by which a text of ours is known again; "" for NULL. */
void document_digest(char hex[static DIGEST_HEX_SIZE], const char *text);

/* Returns how the job leaves its pull request. */
struct store_left document_left(const struct job *job);

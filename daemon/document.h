#pragma once

/*
 * Writes the commit's message and the pull request of a job: reads from the job and the store what
 * description.h needs.
 */

#include "common/digest.h"
#include "common/error.h"
#include "daemon/store.h"
#include "daemon/store/job.h"

struct job;

/* Returns the commit's message, with "%M" for the measured commit; the caller frees it. Call
 * job_load_result() before. */
char *document_message(const struct job *job);

/* Writes title and body of the pull request from the job's findings. They become a finding as well. Fails if
 * the store does. */
int document_write(struct job *job, struct error *error);

/* Return the comment on a pull request that was refreshed, and on one that could not be. The caller frees it. */
char *document_refreshed(const struct job *job);
char *document_stale(const struct job *job);

/* Computes the digest by which a text of ours is recognised; "" for NULL. */
void document_digest(char hex[static DIGEST_HEX_SIZE], const char *text);

/* Returns the state in which the job leaves its pull request. */
struct store_left document_left(const struct job *job);

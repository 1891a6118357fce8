#pragma once

/*
 * What a job writes for people: the commit's message, the pull request's title and body, made from
 * the job and the store by description.h.
 */

#include "common/digest.h"
#include "common/error.h"
#include "daemon/store.h"

struct job;

/* The commit's message, with "%M" for the measured commit; caller frees. The content was loaded. */
char *document_message(const struct job *job);

/* Makes title and body of the pull request from what the job found; they become a finding of it. */
int document_write(struct job *job, struct error *error);

/* The digest by which a text of ours is known again; "" for NULL. */
void document_digest(char hex[static DIGEST_HEX_SIZE], const char *text);

/* How the job leaves its pull request. */
struct store_left document_left(const struct job *job);

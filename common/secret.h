#pragma once

/*
 * Secrets, and the promise that none of them reaches a log, an error or a pull request.
 *
 * The token is registered once when it is read. Every place that shows text from outside (server
 * answers, git's stderr, log fields) scrubs it first; the log does so by itself for every field.
 */

#include <stddef.h>

/* Remembers a secret of at least 4 characters, together with its forms in transport (base64 of
 * ":secret", percent-encoding). Copies it. At most 8 secrets; more is a bug and aborts. */
void secret_add(const char *secret);

/* Overwrites every occurrence of every secret in `string` with '*', in place. */
void secret_scrub(char *string);
void secret_scrub_bytes(char *bytes, size_t length);

/* Forgets all secrets and overwrites the memory they were in. */
void secret_clear(void);

/* Overwrites a buffer in a way the compiler may not drop. */
void secret_wipe(void *memory, size_t length);

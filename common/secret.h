#pragma once

/*
 * Secrets, and how they are kept out of the log, of errors and of pull requests.
 *
 * The token is registered once, when it is read. Whoever shows text from outside (a server's answer, git's
 * stderr) scrubs it first. The log scrubs every field by itself.
 */

#include <stddef.h>

/* Remembers a secret of at least 4 characters, and what it looks like on the wire (base64 of ":secret",
 * percent-encoded). The string is copied. There may be 8 secrets; more is a bug and aborts. */
void secret_add(const char *secret);

/* Replaces every secret in `string` by as many '*', in place. */
void secret_scrub(char *string);

/* The same for bytes that may hold a NUL. */
void secret_scrub_bytes(char *bytes, size_t length);

/* Forgets all secrets and overwrites the memory they were in. */
void secret_clear(void);

/* Overwrites `length` bytes. The compiler does not optimise this away. */
void secret_wipe(void *memory, size_t length);

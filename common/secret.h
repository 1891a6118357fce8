#pragma once

/*
 * Secrets, and how they are kept out of the log, of errors and of pull requests.
 *
 * The token is registered once, when it is read. Code that shows text from outside (a server's answer, git's
 * stderr) scrubs it first. The log scrubs every field.
 */

#include <stddef.h>

/* Remembers a copy of a secret of at least 4 characters, and of what it looks like on the wire (base64 of
 * ":secret", percent-encoded). There may be 8 secrets; a ninth is a bug and aborts. */
void secret_add(const char *secret);

/* Replaces every secret in `string` by as many '*', in place. */
void secret_scrub(char *string);

/* Does the same in bytes that may include a NUL. */
void secret_scrub_bytes(char *bytes, size_t length);

/* Forgets all secrets and overwrites the memory they were in. */
void secret_clear(void);

/* Overwrites `length` bytes. The compiler does not optimise this away. */
void secret_wipe(void *memory, size_t length);

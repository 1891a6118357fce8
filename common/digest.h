#pragma once

/*
 * SHA-256, for the digest of a result file and its patch, and SHA-1, for git's object names. Neither is used
 * for secrets.
 */

#include <stddef.h>

#define DIGEST_HEX_SIZE 65 /* 64 hex digits and a NUL */

/* A digest that is being computed. It owns memory until digest_end(). */
struct digest {
    struct evp_md_ctx_st *context;
};

/* Begins a digest by SHA-256. */
void digest_begin(struct digest *digest);

/* Begins a digest by SHA-1, which has 40 hex digits. */
void digest_begin_sha1(struct digest *digest);

/* Adds bytes to the digest. */
void digest_update(struct digest *digest, const void *bytes, size_t length);

/* Writes the digest of the bytes so far, in the form of digest_end(). More may be added. */
void digest_peek(const struct digest *digest, char hex[static DIGEST_HEX_SIZE]);

/* Ends the digest: writes its lower-case hex digits and a NUL to `hex`, and frees its memory. */
void digest_end(struct digest *digest, char hex[static DIGEST_HEX_SIZE]);

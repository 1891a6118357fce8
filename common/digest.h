#pragma once

/*
 * SHA-256, for the digest of a result file and its patch, and SHA-1, by which git names what it keeps. Neither is
 * used for secrets.
 */

#include <stddef.h>

#define DIGEST_HEX_SIZE 65 /* 64 hex digits and a NUL */

/* A digest that is being computed. It holds memory until digest_end(). */
struct digest {
    struct evp_md_ctx_st *context;
};

/* Begins a digest by SHA-256. */
void digest_begin(struct digest *digest);

/* Begins one by SHA-1, which has 40 hex digits. */
void digest_begin_sha1(struct digest *digest);

/* Adds bytes to it. */
void digest_update(struct digest *digest, const void *bytes, size_t length);

/* Writes the digest of what was added so far, as digest_end() does; more may be added. */
void digest_peek(const struct digest *digest, char hex[static DIGEST_HEX_SIZE]);

/* Ends it: writes its lower-case hex digits and a NUL to `hex`, and frees what it held. */
void digest_end(struct digest *digest, char hex[static DIGEST_HEX_SIZE]);

#pragma once

/*
 * SHA-256, for the digest of a result file. Not used for anything secret.
 */

#include <stddef.h>

#define DIGEST_HEX_SIZE 65 /* 64 hex digits and a NUL */

/* One under way; digest_end() ends it. */
struct digest {
    struct evp_md_ctx_st *context;
};

void digest_begin(struct digest *digest);
void digest_update(struct digest *digest, const void *bytes, size_t length);
void digest_end(struct digest *digest, char hex[static DIGEST_HEX_SIZE]);

#pragma once

/*
 * SHA-256 (FIPS 180-4), for the digest of a result file. Not used for anything secret.
 */

#include <stddef.h>
#include <stdint.h>

#define DIGEST_HEX_SIZE 65 /* 64 hex digits and a NUL */

struct digest {
    uint32_t state[8];
    uint64_t length;
    uint8_t block[64];
};

void digest_begin(struct digest *digest);
void digest_update(struct digest *digest, const void *bytes, size_t length);
void digest_end(struct digest *digest, char hex[static DIGEST_HEX_SIZE]);

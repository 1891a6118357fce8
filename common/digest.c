#include "common/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>

/* These calls fail only if there is no memory, or no SHA-256 in the library. */
static void must(int done)
{
    if (!done)
        abort();
}

/* Looking up SHA-256 and making a context cost more than a short digest. */
static EVP_MD *sha256;
static EVP_MD_CTX *spare;

static void begin(struct digest *digest, const EVP_MD *algorithm)
{
    digest->context = spare ? spare : EVP_MD_CTX_new();
    spare = NULL;
    must(algorithm && digest->context && EVP_DigestInit_ex(digest->context, algorithm, NULL));
}

void digest_begin(struct digest *digest)
{
    if (!sha256)
        sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    begin(digest, sha256);
}

void digest_begin_sha1(struct digest *digest)
{
    begin(digest, EVP_sha1());
}

void digest_update(struct digest *digest, const void *bytes, size_t length)
{
    must(EVP_DigestUpdate(digest->context, bytes, length));
}

void digest_peek(const struct digest *digest, char hex[static DIGEST_HEX_SIZE])
{
    struct digest copy;

    digest_begin(&copy);
    must(EVP_MD_CTX_copy_ex(copy.context, digest->context));
    digest_end(&copy, hex);
}

void digest_end(struct digest *digest, char hex[static DIGEST_HEX_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned length;

    must(EVP_DigestFinal_ex(digest->context, bytes, &length));
    if (spare)
        EVP_MD_CTX_free(digest->context);
    else
        spare = digest->context;
    digest->context = NULL;
    for (unsigned i = 0; i < length; i++) {
        *hex++ = digits[bytes[i] >> 4];
        *hex++ = digits[bytes[i] & 0xf];
    }
    *hex = '\0';
}

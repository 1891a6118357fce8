#include "daemon/git/hash.h"

#include "common/digest.h"

#include <stdio.h>
#include <string.h>

bool git_hash_valid(const char *string)
{
    size_t length = string ? strspn(string, "0123456789abcdef") : 0;

    return (length == 40 || length == 64) && !string[length];
}

bool git_hash_is_sha256(const char *hash)
{
    return strlen(hash) == GIT_HASH_SIZE - 1;
}

const char *git_hash_take(const char *at, char hash[GIT_HASH_SIZE])
{
    size_t length = strcspn(at, " \n");

    if (length >= GIT_HASH_SIZE)
        length = GIT_HASH_SIZE - 1;
    memcpy(hash, at, length);
    hash[length] = '\0';
    return at + length + (at[length] == ' ');
}

void git_hash_blob(const char *content, size_t length, size_t digits, char hash[GIT_HASH_SIZE])
{
    char header[32];
    struct digest digest;

    if (digits == 40)
        digest_begin_sha1(&digest);
    else
        digest_begin(&digest);
    snprintf(header, sizeof(header), "blob %zu", length);
    digest_update(&digest, header, strlen(header) + 1);
    digest_update(&digest, content, length);
    digest_end(&digest, hash);
}

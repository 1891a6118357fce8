#include "daemon/git/hash.h"

#include <stddef.h>
#include <string.h>

bool git_hash_valid(const char *string)
{
    size_t length = string ? strspn(string, "0123456789abcdef") : 0;

    return (length == 40 || length == 64) && !string[length];
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

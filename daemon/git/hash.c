#include "daemon/git/hash.h"

#include <stddef.h>
#include <string.h>

bool git_hash_valid(const char *string)
{
    size_t length = string ? strspn(string, "0123456789abcdef") : 0;

    return (length == 40 || length == 64) && !string[length];
}

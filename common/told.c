#include "common/told.h"

#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

bool told_once(struct told *told, const char *word)
{
    for (size_t i = 0; i < told->count; i++) {
        if (strcmp(told->items[i], word) == 0)
            return false;
    }
    if (told->count == TOLD_LIMIT)
        return false;
    told->items[told->count++] = memory_copy(word);
    return true;
}

void told_clear(struct told *told)
{
    for (size_t i = 0; i < told->count; i++)
        free(told->items[i]);
    *told = (struct told){0};
}

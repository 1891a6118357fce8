#pragma once

/*
 * Remembers words that were said, so that none is said twice. There is room for a few. Later ones are
 * not said at all, so that nobody can fill the log.
 */

#include <stdbool.h>
#include <stddef.h>

#define TOLD_LIMIT 64

struct told {
    char *items[TOLD_LIMIT];
    size_t count;
};

/* Returns whether the word is to be said now. It is copied. */
bool told_once(struct told *told, const char *word);
void told_clear(struct told *told);

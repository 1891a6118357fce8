#pragma once

/*
 * Remembers words that were logged, so that none is logged twice. There is room for 64. Later ones are not
 * logged at all, so that nobody can fill the log.
 */

#include <stdbool.h>
#include <stddef.h>

#define TOLD_LIMIT 64

struct told {
    char *items[TOLD_LIMIT];
    size_t count;
};

/* Remembers a copy of the word. Returns whether it is to be logged: it is new, and there is room. */
bool told_once(struct told *told, const char *word);
void told_clear(struct told *told);

#pragma once

/*
 * What was said once, so that it is not said again. It holds a few words at most: what comes after those is
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

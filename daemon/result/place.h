#pragma once

/*
 * Where a key of a result file stands. Pure.
 */

#include <stddef.h>

struct place {
    unsigned line;   /* from 1; 0: nowhere */
    unsigned column; /* from 1; of JSON in bytes, of YAML in characters */
};

/* The value of a key of the outermost object, or the key where it has none. `file_name` tells JSON
 * from YAML. Returns a line of 0 where there is no such key. */
struct place place_of_key(const char *file_name, const char *bytes, size_t length, const char *key);

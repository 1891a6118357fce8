#pragma once

/*
 * Where a key of a result file is. Pure.
 */

#include <stddef.h>

struct place {
    unsigned line;   /* from 1; 0: nowhere */
    unsigned column; /* from 1; of JSON in bytes, of YAML in characters */
};

/* Returns the place of the value of a key of the outermost object, or of the key if it has no value. Line 0:
 * there is no such key. `file_name` tells JSON from YAML. */
struct place place_of_key(const char *file_name, const char *bytes, size_t length, const char *key);

#pragma once

/*
 * Where in a result file a sentence about it points to. Pure.
 */

#include <stdbool.h>
#include <stddef.h>

struct place {
    unsigned line;   /* from 1; 0: nowhere */
    unsigned column; /* from 1 */
    bool in_bytes;   /* how columns count: JSON is read by bytes, YAML by characters */
};

/* `sentence` is the reason of a rejection: it begins with line and column, or with the key it is
 * about, whose value is looked for then. `file_name` tells JSON from YAML. */
struct place place_of(const char *file_name, const char *bytes, size_t length,
                      const char *sentence);

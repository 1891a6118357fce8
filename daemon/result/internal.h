#pragma once

/*
 * What the files of the parser share. They read a tree of JSON or YAML into a struct result, key by key.
 */

#include "daemon/result.h"

#include <stdbool.h>
#include <stddef.h>

#define RESULT_DEPTH_LIMIT  32
#define RESULT_VALUES_LIMIT 10000

/* A result that is being parsed. */
struct result_reading {
    struct result *result;
    struct json_object *root;
    bool yaml;
    bool stored; /* it was accepted before, by this version or an earlier one */
    const char *file_name;
    const char *bytes;
    size_t length;
    struct error *error;
};

/* Returns an empty result; the caller frees it. */
struct result *result_new(void);

/* Reads the keys of `root` into `result`. Returns 0, or -1 with the error set (permanent). On -1 the result
 * has the keys that were read before, so that a refused one can be named. */
int result_read(struct result_reading *reading);

/* Returns whether a patch may have this name: the spool neither takes it for a result nor ignores it. */
bool result_is_patch_name(const char *string);

/* Returns whether a string ends in another one. */
bool result_ends_with(const char *string, const char *ending);

#pragma once

/*
 * Parses a result file into a struct result. Pure: no files, no clock, no configuration.
 *
 * A result file is not trusted. Every limit of the format is checked here: the experiment_id can be a branch,
 * text is valid UTF-8, numbers are finite, there is at most one change.
 */

#include "common/error.h"
#include "common/json.h"
#include "daemon/claim.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#define RESULT_SIZE_LIMIT (4u * 1024 * 1024)

/* The limits of a result file. NaN and Infinity are parsed, so that the error can name their key. */
extern const struct json_limits result_limits;

enum result_change {
    RESULT_CHANGE_NONE,
    RESULT_CHANGE_COMMIT,
    RESULT_CHANGE_PATCH,
    RESULT_CHANGE_DIFF
};

struct result {
    char *experiment_id;
    char *hypothesis;
    char *title; /* one line; NULL: not given */
    char *metric;
    struct claim claim;
    enum result_change change;
    char *commit;     /* 7 to 64 lower-case hex digits; else NULL */
    char *repository; /* NULL if not given */
    char *parent;     /* of a patch or diff: an experiment_id or digits of a commit; else NULL */
    char *patch;      /* name of the patch file, without a slash; else NULL */
    char *diff;       /* else NULL; ends in a line end */
    struct json_object *details; /* an object of scalars, or NULL */
    struct json_object *unknown; /* unknown keys with their values, or NULL */
};

enum result_format {
    RESULT_FORMAT_NONE,
    RESULT_FORMAT_JSON,
    RESULT_FORMAT_YAML,
    RESULT_FORMAT_LOG
};

/* Returns whether a file of this name is looked at. It is not if it begins with a dot or ends in .tmp, .part
 * or ~. */
bool result_name_seen(const char *file_name);

/* Returns the format of a file by the ending of its name: .json; .yaml, .yml; .tsv, .jsonl (logs of
 * experiments). NONE for every other name: such a file may be a patch. */
enum result_format result_format(const char *file_name);

/* Parses a result file. The caller frees `*result` with result_free(). Fails (permanent) naming line or key,
 * what was expected and what was found: "metric_after: expected a number or a list of numbers, found
 * \"fast\"". In both cases sets `*experiment_id`, which is NULL if it could not be read; the caller frees it. */
int result_parse(struct result **result, char **experiment_id, const char *file_name,
                 const char *bytes, size_t length, struct error *error);

/* Returns the result as JSON, in the same form for every kind of file; the caller frees it. */
char *result_canonical(const struct result *result);

/* Parses what result_canonical() returned. The caller frees `*result`. A key that an earlier version did not
 * know may be known now; its value is left out if the key does not take it. Fails (permanent) if it is not
 * such JSON. */
int result_parse_canonical(struct result **result, const char *json, struct error *error);

/* Returns the patch file that a refused result names, so that both can be moved; NULL: it could not be read.
 * The caller frees it. */
char *result_patch_name(const char *file_name, const char *bytes, size_t length);

/* Frees it. NULL-safe. */
void result_free(struct result *result);
void result_freep(struct result **result);

/* Returns whether the string can be an experiment_id. */
bool result_id_valid(const char *experiment_id);

/* Returns the commit that a string names: 7 to 64 hex digits, in lower case; NULL: it names none. The
 * caller frees it. */
char *result_commit_digits(const char *string);

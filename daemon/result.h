#pragma once

/*
 * Bytes into a struct result. Pure: no files, no clock, no configuration.
 *
 * A result file is hostile until proven otherwise. What comes out of here has every bound of the
 * contract checked: an identifier that can be a branch, text that is valid UTF-8, numbers that are
 * finite, at most one change.
 */

#include "common/error.h"
#include "common/json.h"
#include "daemon/claim.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#define RESULT_SIZE_LIMIT (4u * 1024 * 1024)

/* What a result file may hold. NaN and Infinity are told of by their key. */
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
    char *title; /* NULL if not given; one line */
    char *metric;
    struct claim claim;
    enum result_change change;
    char *commit;     /* 7 to 64 lower-case hex digits; else NULL */
    char *repository; /* NULL if not given */
    char *parent;     /* of a patch or diff: an experiment_id, or digits of a commit; else NULL */
    char *patch;      /* name of the patch file, without a slash; else NULL */
    char *diff;       /* else NULL; ends in a line end */
    struct json_object *details; /* object of scalars, or NULL */
    struct json_object *unknown; /* unknown keys with their values, or NULL */
};

enum result_format {
    RESULT_FORMAT_NONE,
    RESULT_FORMAT_JSON,
    RESULT_FORMAT_YAML,
    RESULT_FORMAT_LOG
};

/* Whether files of this name are looked at: not those that begin with a dot or end in .tmp, .part or ~. */
bool result_name_seen(const char *file_name);

/* Which format a file name stands for, by its ending: .json; .yaml, .yml; .tsv, .jsonl (logs of many
 * experiments); NONE for every other name, which a result may name as its patch. */
enum result_format result_format(const char *file_name);

/* On 0 `*result` is the caller's (result_free). On -1 the error is permanent and names line or key,
 * what was expected and what was found, e.g. "metric_after: expected a number or a list of numbers,
 * found \"fast\"". The experiment_id, if it could be made out, is in `*experiment_id` even then
 * (caller frees; may be NULL). */
int result_parse(struct result **result, char **experiment_id, const char *file_name,
                 const char *bytes, size_t length, struct error *error);

/* The result as a JSON file of its own, whatever kind of file it came from; caller frees. */
char *result_canonical(const struct result *result);

/* The result that result_canonical() gave this of. On 0 `*result` is the caller's. On -1 the error is
 * permanent. What an earlier version kept as an unknown key may be a key by now: a value that it does not
 * take is left out. */
int result_parse_canonical(struct result **result, const char *json, struct error *error);

/* The patch file that a result names which result_parse() refused, so that it can go where the result
 * goes; caller frees. NULL if it cannot be made out. */
char *result_patch_name(const char *file_name, const char *bytes, size_t length);

void result_free(struct result *result);
void result_freep(struct result **result);

/* Whether the string can be an experiment_id. */
bool result_id_valid(const char *experiment_id);

/* The commit that a string may name: 7 to 64 hexadecimal digits, in lower case; caller frees. NULL: it names none. */
char *result_commit_digits(const char *string);

/*
 * The keys of a result: what each takes, and the rules for several of them. A message names the key, what was
 * expected and what was found.
 */

#include "common/memory.h"
#include "common/text.h"
#include "common/yaml.h"
#include "daemon/result/internal.h"
#include "daemon/result/place.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HYPOTHESIS_LIMIT 10000
#define TITLE_LIMIT      1000

/* A key: how it is read, and the words for what is expected. */
struct key {
    const char *name;
    bool required;
    int (*read)(struct result_reading *reading, const struct key *key, struct json_object *value);
    const char *expected;
};

/* Appends a value as a message quotes it: short, one line, nothing hidden. */
static void append_found(struct text *text, struct json_object *value)
{
    CLEANUP_TEXT struct text visible = {0};

    switch (json_object_get_type(value)) {
    case json_type_object:
        text_append(text, "an object");
        break;
    case json_type_array:
        text_append(text, json_object_array_length(value) == 0 ? "an empty list" : "a list");
        break;
    case json_type_string:
        text_append_visible(&visible, json_object_get_string(value), "\n\t");
        text_append(text, "\"");
        text_append_line(text, text_string(&visible), 60);
        text_append(text, "\"");
        break;
    default:
        text_append_line(text, json_object_to_json_string(value), 60);
    }
}

/* The sentence names the key. The message of YAML begins with the key's place; the error has that of the
 * value. */
static int fail_at_key(struct result_reading *reading, const char *name, const char *sentence)
{
    struct place place = place_of_key(reading->file_name, reading->bytes, reading->length, name);
    struct yaml_position key = {0};

    if (reading->yaml)
        key = yaml_key_position(reading->root, name);
    error_set_at(reading->error, key.line, key.column, "%s: %s", name, sentence);
    reading->error->line = place.line;
    reading->error->column = place.column;
    return -1;
}

static int refuse(struct result_reading *reading, const struct key *key, struct json_object *found)
{
    CLEANUP_TEXT struct text text = {0};

    text_append_format(&text, "expected %s, found ", key->expected);
    append_found(&text, found);
    return fail_at_key(reading, key->name, text_string(&text));
}

/* For mistakes that concern several keys, or that the beginning of a value does not show. */
__attribute__((format(printf, 3, 4))) static int complain(struct result_reading *reading,
                                                          const char *name, const char *format, ...)
{
    char sentence[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    return fail_at_key(reading, name, sentence);
}

/* Returns the text of a value; NULL if it is no text. In JSON, 1234567 without quotes is no text: a
 * number that looks like a commit today would be 1e100 tomorrow. */
static const char *text_of(struct json_object *value)
{
    if (!json_object_is_type(value, json_type_string))
        return NULL;
    return json_object_get_string(value);
}

static bool is_blank(const char *string)
{
    return string[strspn(string, " \t\r\n")] == '\0';
}

static int read_experiment_id(struct result_reading *reading, const struct key *key,
                              struct json_object *value)
{
    const char *string = text_of(value);

    if (!string || !result_id_valid(string))
        return refuse(reading, key, value);
    reading->result->experiment_id = memory_copy(string);
    return 0;
}

static int read_hypothesis(struct result_reading *reading, const struct key *key,
                           struct json_object *value)
{
    const char *string = text_of(value);
    size_t count;

    if (!string || is_blank(string))
        return refuse(reading, key, value);
    count = utf8_count(string);
    if (count > HYPOTHESIS_LIMIT)
        return complain(reading, key->name, "expected %s, found %zu characters", key->expected,
                        count);
    reading->result->hypothesis = memory_copy(string);
    return 0;
}

static int read_title(struct result_reading *reading, const struct key *key,
                      struct json_object *value)
{
    CLEANUP_TEXT struct text line = {0};
    const char *string = text_of(value);

    if (!string)
        return refuse(reading, key, value);
    text_append_line(&line, string, TITLE_LIMIT);
    if (line.length > 0)
        reading->result->title = text_take(&line);
    return 0;
}

static int read_metric(struct result_reading *reading, const struct key *key,
                       struct json_object *value)
{
    const char *string = text_of(value);

    if (!string || is_blank(string))
        return refuse(reading, key, value);
    reading->result->metric = memory_copy(string);
    return 0;
}

static int read_status(struct result_reading *reading, const struct key *key,
                       struct json_object *value)
{
    const char *string = text_of(value);

    if (!string || is_blank(string))
        return refuse(reading, key, value);
    claim_set_status(&reading->result->claim, string);
    return 0;
}

/* In YAML everything is text, and only a plain scalar may be a number. */
static int number_of(const struct result_reading *reading, struct json_object *value,
                     double *number)
{
    switch (json_object_get_type(value)) {
    case json_type_int:
    case json_type_double:
        return number_parse(json_object_to_json_string(value), number);
    case json_type_string:
        if (reading->yaml && yaml_plain(value))
            return number_parse(json_object_get_string(value), number);
        return -1;
    default:
        return -1;
    }
}

/* Returns NaN or an infinity somewhere in a value, or NULL. `*name` is its key inside the value, if it
 * has one. */
static struct json_object *find_non_finite(struct json_object *value, const char **name)
{
    struct json_object *found = NULL;

    if (json_object_is_type(value, json_type_double))
        return isfinite(json_object_get_double(value)) ? NULL : value;
    if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; !found && i < json_object_array_length(value); i++)
            found = find_non_finite(json_object_array_get_idx(value, i), name);
    } else if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, key, item)
        {
            if (found)
                break;
            *name = key;
            found = find_non_finite(item, name);
        }
    }
    return found;
}

/* RFC 8259 has no such numbers. They are parsed all the same, so that the error names their key. */
static int refuse_non_finite(struct result_reading *reading, const char *key,
                             struct json_object *value)
{
    CLEANUP_TEXT struct text inner = {0};
    const char *name = NULL;
    struct json_object *found = find_non_finite(value, &name);

    if (!found)
        return 0;
    if (name)
        text_append_line(&inner, name, 60);
    return complain(reading, key,
                    "%s%s%sexpected a finite number, or null where there is none, found %s",
                    name ? "in '" : "", text_string(&inner), name ? "': " : "",
                    json_object_to_json_string(found));
}

static int read_measurement(struct result_reading *reading, const struct key *key,
                            struct json_object *value, struct measurement *measurement)
{
    bool list = json_object_is_type(value, json_type_array);
    size_t count = list ? json_object_array_length(value) : 1;
    CLEANUP_FREE double *runs = memory_new_array(count + 1, sizeof(*runs));

    if (count == 0)
        return refuse(reading, key, value);
    for (size_t i = 0; i < count; i++) {
        struct json_object *run = list ? json_object_array_get_idx(value, i) : value;

        if (number_of(reading, run, &runs[i]) < 0)
            return refuse(reading, key, run);
    }
    *measurement = measurement_of(runs, count);
    return 0;
}

/* If the values do not matter, an odd one is ignored. */
static int read_numbers(struct result_reading *reading, const struct key *key,
                        struct json_object *value, struct measurement *measurement)
{
    struct error odd;
    struct result_reading lenient = *reading;
    const struct claim *claim = &reading->result->claim;
    bool odd_is_none = claim->status == CLAIM_CRASHED && measurement == &claim->after;

    if (!odd_is_none && refuse_non_finite(reading, key->name, value) < 0)
        return -1;
    if (claim_counts(claim))
        return read_measurement(reading, key, value, measurement);
    lenient.error = &odd;
    read_measurement(&lenient, key, value, measurement);
    return 0;
}

static int read_metric_after(struct result_reading *reading, const struct key *key,
                             struct json_object *value)
{
    return read_numbers(reading, key, value, &reading->result->claim.after);
}

static int read_metric_before(struct result_reading *reading, const struct key *key,
                              struct json_object *value)
{
    return read_numbers(reading, key, value, &reading->result->claim.before);
}

static int read_commit(struct result_reading *reading, const struct key *key,
                       struct json_object *value)
{
    const char *string = text_of(value);

    reading->result->commit = string ? result_commit_digits(string) : NULL;
    return reading->result->commit ? 0 : refuse(reading, key, value);
}

/* It may name an experiment or a commit; which of the two, the store knows. */
static int read_parent(struct result_reading *reading, const struct key *key,
                       struct json_object *value)
{
    const char *string = text_of(value);

    if (string && result_id_valid(string) && strcmp(string, reading->result->experiment_id) != 0)
        reading->result->parent = memory_copy(string);
    else if (!reading->stored)
        return refuse(reading, key, value);
    return 0;
}

static int read_repository(struct result_reading *reading, const struct key *key,
                           struct json_object *value)
{
    const char *string = text_of(value);

    if (!string || is_blank(string))
        return refuse(reading, key, value);
    reading->result->repository = memory_copy(string);
    return 0;
}

static int read_patch(struct result_reading *reading, const struct key *key,
                      struct json_object *value)
{
    const char *string = text_of(value);

    if (!result_is_patch_name(string))
        return refuse(reading, key, value);
    reading->result->patch = memory_copy(string);
    return 0;
}

static int read_diff(struct result_reading *reading, const struct key *key,
                     struct json_object *value)
{
    const char *string = text_of(value);

    if (!string || is_blank(string))
        return refuse(reading, key, value);
    /* git apply refuses a patch without its last line end. */
    reading->result->diff = memory_format("%s%s", string,
                                          result_ends_with(string, "\n") ? "" : "\n");
    return 0;
}

static int read_details(struct result_reading *reading, const struct key *key,
                        struct json_object *value)
{
    if (!json_object_is_type(value, json_type_object))
        return refuse(reading, key, value);
    if (refuse_non_finite(reading, key->name, value) < 0)
        return -1;
    json_object_object_foreach(value, name, item)
    {
        CLEANUP_TEXT struct text line = {0};

        if (!json_object_is_type(item, json_type_object) &&
            !json_object_is_type(item, json_type_array))
            continue;
        text_append_line(&line, name, 60);
        return complain(reading, key->name, "expected %s, found %s in '%s'", key->expected,
                        json_object_is_type(item, json_type_array) ? "a list" : "an object",
                        text_string(&line));
    }
    reading->result->details = json_object_get(value);
    return 0;
}

/* They are read in this order: experiment_id first, since it names the result even if the rest is wrong; the
 * status before the values, since it says whether they matter. */
static const struct key keys[] = {
    {"experiment_id", true, read_experiment_id,
     "1 to 100 of A-Z, a-z, 0-9, '.', '_', '-', beginning with a letter or digit, without '..' and "
     "not ending in '.' or '.lock'"},
    {"status", false, read_status,
     "a word such as ok, keep, baseline, discarded, crashed, timeout or oom"},
    {"hypothesis", true, read_hypothesis, "a text of 1 to 10,000 characters"},
    {"title", false, read_title, "a text of one line"},
    {"metric", true, read_metric, "the name of a configured metric"},
    {"metric_after", false, read_metric_after,
     "a number in the range of a double, or a list of such numbers"},
    {"metric_before", false, read_metric_before,
     "a number in the range of a double, or a list of such numbers"},
    {"commit", false, read_commit, "a text of 7 to 64 hex digits"},
    {"repository", false, read_repository, "the path of one of the configured sources"},
    {"parent", false, read_parent,
     "the experiment_id of another experiment, or a commit as 7 to 64 hex digits"},
    {"patch", false, read_patch,
     "the name of a file beside this one, without a slash, not beginning with a dot and not ending "
     "like a result or a temporary file"},
    {"diff", false, read_diff, "a unified diff as text"},
    {"details", false, read_details, "an object of scalars: texts, numbers, true, false and null"},
};

#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

static int read_keys(struct result_reading *reading)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        const struct key *key = &keys[i];
        struct json_object *value = NULL;
        bool given = json_object_object_get_ex(reading->root, key->name, &value);

        /* An empty value in YAML, and null in JSON, count as not given. */
        if (value) {
            if (key->read(reading, key, value) < 0)
                return -1;
        } else if (key->required) {
            return complain(reading, key->name, "expected %s, found %s", key->expected,
                            given ? "no value" : "no such key");
        }
    }
    return 0;
}

/* A commit itself says what it was made on. */
static int check_parent(struct result_reading *reading)
{
    struct result *result = reading->result;

    if (!result->parent || result->patch || result->diff)
        return 0;
    if (!reading->stored)
        return complain(reading, "parent", "expected a patch or diff beside it, found %s",
                        result->commit ? "a commit" : "none");
    free(result->parent);
    result->parent = NULL;
    return 0;
}

static int check_change(struct result_reading *reading)
{
    struct result *result = reading->result;
    const struct {
        const char *key;
        const char *value;
        enum result_change change;
    } changes[] = {
        {"commit", result->commit, RESULT_CHANGE_COMMIT},
        {"patch", result->patch, RESULT_CHANGE_PATCH},
        {"diff", result->diff, RESULT_CHANGE_DIFF},
    };
    const char *first = NULL;

    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        if (!changes[i].value)
            continue;
        if (first)
            return complain(reading, changes[i].key,
                            "expected only one of commit, patch and diff, found it beside %s",
                            first);
        first = changes[i].key;
        result->change = changes[i].change;
    }
    if (result->repository && !result->commit && !result->parent)
        return complain(
            reading, "repository",
            "expected a commit beside it, of 7 to 64 hex digits, or a parent, found none");
    return check_parent(reading);
}

/* Checks what concerns several keys. */
static int read_rest(struct result_reading *reading)
{
    struct result *result = reading->result;

    if (!result->claim.status_word)
        claim_set_status(&result->claim, "ok");
    if (claim_counts(&result->claim) && result->claim.after.count == 0)
        return complain(reading, "metric_after",
                        "expected a number or a list of numbers, found nothing (only a result that "
                        "crashed or is discarded needs none)");
    return check_change(reading);
}

static int keep_unknown(struct result_reading *reading)
{
    json_object_object_foreach(reading->root, name, value)
    {
        size_t i = 0;

        while (i < KEY_COUNT && strcmp(keys[i].name, name) != 0)
            i++;
        if (i < KEY_COUNT)
            continue;
        if (refuse_non_finite(reading, name, value) < 0)
            return -1;
        if (!reading->result->unknown)
            reading->result->unknown = json_object_new_object();
        json_object_object_add(reading->result->unknown, name, json_object_get(value));
    }
    return 0;
}

int result_read(struct result_reading *reading)
{
    CLEANUP_TEXT struct text found = {0};

    if (json_object_is_type(reading->root, json_type_object))
        return read_keys(reading) < 0 || read_rest(reading) < 0 || keep_unknown(reading) < 0 ? -1
                                                                                             : 0;
    append_found(&found, reading->root);
    return error_set(reading->error, ERROR_PERMANENT,
                     "the file: expected an object with experiment_id, hypothesis, metric and "
                     "metric_after, found %s",
                     text_string(&found));
}

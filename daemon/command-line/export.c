#include "daemon/command-line/export.h"

#include "common/text.h"
#include "daemon/status/json-value.h"
#include "daemon/store/status.h"

#include <math.h>
#include <string.h>

enum kind { KIND_TEXT, KIND_NUMBER, KIND_COUNT, KIND_TIME, KIND_FLAG };

/* The columns. The kind says what is at `offset`: a const char *, double, int64_t or bool. */
static const struct {
    const char *name;
    enum kind kind;
    size_t offset;
} columns[] = {
    {"time", KIND_TIME, offsetof(struct store_exported, at_ms)},
    {"experiment", KIND_TEXT, offsetof(struct store_exported, experiment_id)},
    {"file", KIND_TEXT, offsetof(struct store_exported, file_name)},
    {"metric", KIND_TEXT, offsetof(struct store_exported, metric)},
    {"scope", KIND_TEXT, offsetof(struct store_exported, scope)},
    {"status", KIND_TEXT, offsetof(struct store_exported, status)},
    {"before", KIND_NUMBER, offsetof(struct store_exported, before)},
    {"after", KIND_NUMBER, offsetof(struct store_exported, after)},
    {"decision", KIND_TEXT, offsetof(struct store_exported, decision)},
    {"current", KIND_FLAG, offsetof(struct store_exported, current)},
    {"reason", KIND_TEXT, offsetof(struct store_exported, reason)},
    {"measured", KIND_TEXT, offsetof(struct store_exported, measured)},
    {"pull", KIND_COUNT, offsetof(struct store_exported, pull)},
    {"pull_state", KIND_TEXT, offsetof(struct store_exported, pull_state)},
    {"digest", KIND_TEXT, offsetof(struct store_exported, digest)},
};

#define COLUMN_COUNT (sizeof(columns) / sizeof(columns[0]))

/* Appends the cell as text; nothing if there is no value. */
static void format_cell(struct text *text, size_t column, const struct store_exported *exported)
{
    const void *at = (const char *)exported + columns[column].offset;
    char when[TIME_SIZE];

    switch (columns[column].kind) {
    case KIND_TEXT:
        text_append(text, *(const char *const *)at);
        break;
    case KIND_NUMBER:
        if (isfinite(*(const double *)at))
            text_append_number(text, *(const double *)at);
        break;
    case KIND_COUNT:
        if (*(const int64_t *)at)
            text_append_format(text, "%lld", (long long)*(const int64_t *)at);
        break;
    case KIND_TIME:
        time_format(when, *(const int64_t *)at);
        text_append(text, when);
        break;
    case KIND_FLAG:
        text_append(text, *(const bool *)at ? "true" : "false");
        break;
    }
}

static struct json_object *json_of_cell(size_t column, const struct store_exported *exported)
{
    const void *at = (const char *)exported + columns[column].offset;

    switch (columns[column].kind) {
    case KIND_TEXT:
        return json_text_or_null(*(const char *const *)at);
    case KIND_NUMBER:
        return json_number_or_null(*(const double *)at);
    case KIND_COUNT:
        return json_count_or_null(*(const int64_t *)at);
    case KIND_TIME:
        return json_time_or_null(*(const int64_t *)at);
    case KIND_FLAG:
        return json_object_new_boolean(*(const bool *)at);
    }
    return NULL;
}

/* Prints a cell, in quotes if it contains what has a meaning in CSV. */
static void print_cell(FILE *stream, const char *cell)
{
    if (!cell[strcspn(cell, ",\"\r\n")]) {
        fputs(cell, stream);
        return;
    }
    putc('"', stream);
    for (; *cell; cell++) {
        if (*cell == '"')
            putc('"', stream);
        putc(*cell, stream);
    }
    putc('"', stream);
}

static bool print_csv(void *data, const struct store_exported *exported)
{
    FILE *stream = data;

    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        CLEANUP_TEXT struct text cell = {0};

        format_cell(&cell, i, exported);
        print_cell(stream, text_string(&cell));
        putc(i + 1 < COLUMN_COUNT ? ',' : '\n', stream);
    }
    return !ferror(stream);
}

static bool print_json(void *data, const struct store_exported *exported)
{
    struct json_object *object = json_object_new_object();
    FILE *stream = data;

    for (size_t i = 0; i < COLUMN_COUNT; i++)
        json_object_object_add(object, columns[i].name, json_of_cell(i, exported));
    fprintf(stream, "%s\n",
            json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
                                                       JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(object);
    return !ferror(stream);
}

int export_decisions(FILE *stream, struct store *store, bool json, struct error *error)
{
    for (size_t i = 0; !json && i < COLUMN_COUNT; i++)
        fprintf(stream, "%s%c", columns[i].name, i + 1 < COLUMN_COUNT ? ',' : '\n');
    return store ? store_export(store, json ? print_json : print_csv, stream, error) : 0;
}

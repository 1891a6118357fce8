/*
 * The title of a pull request and the messages of its commits.
 */

#include "daemon/description.h"

#include "common/memory.h"
#include "common/text.h"
#include "daemon/description/escape.h"

#include <string.h>

#define TITLE_LIMIT   255
#define SUMMARY_LIMIT 100
#define SUBJECT_LIMIT 72
#define WRAP_COLUMN   72
#define INDENT        "    "

/* Appends "experiment: " and the title, at most `limit` characters. */
static void append_subject(struct text *text, const struct result *result, size_t limit)
{
    CLEANUP_TEXT struct text summary = {0};
    CLEANUP_TEXT struct text subject = {0};

    if (result->title)
        text_append(&summary, result->title);
    else
        text_append_line(&summary, result->hypothesis, SUMMARY_LIMIT);
    text_append(&subject, "experiment: ");
    escape_append_plain(&subject, text_string(&summary));
    text_append_line(text, text_string(&subject), limit);
}

char *description_title(const struct description *description)
{
    struct text title = {0};

    append_subject(&title, description->result, TITLE_LIMIT);
    return text_take(&title);
}

/* Appends a line of foreign text, wrapped and indented: an indented line is neither a trailer nor a
 * comment. */
static void append_wrapped(struct text *text, const char *line)
{
    size_t column = 0;

    while (*line) {
        size_t length = strcspn(line, " ");
        CLEANUP_FREE char *word = memory_copy_bytes(line, length);
        size_t width = utf8_count(word);

        if (column == 0 || column + 1 + width > WRAP_COLUMN) {
            text_append(text, column == 0 ? INDENT : "\n" INDENT);
            column = strlen(INDENT) + width;
        } else {
            text_append(text, " ");
            column += 1 + width;
        }
        text_append_bytes(text, line, length);
        line += length;
        line += strspn(line, " ");
    }
    text_append(text, "\n");
}

static void append_message_body(struct text *text, const char *hypothesis)
{
    const char *line = hypothesis;

    while (*line) {
        size_t length = strcspn(line, "\n");
        CLEANUP_FREE char *foreign = memory_copy_bytes(line, length);
        CLEANUP_TEXT struct text plain = {0};

        escape_append_plain(&plain, foreign);
        append_wrapped(text, text_string(&plain));
        line += length + (line[length] == '\n' ? 1 : 0);
    }
}

static void append_trailers(struct text *message, const struct description *description)
{
    const struct result *result = description->result;
    CLEANUP_TEXT struct text metric = {0};

    escape_append_plain(&metric, result->metric);
    text_append_format(message, "\nExperiment-Id: %s\nMetric: %s ", result->experiment_id,
                       text_string(&metric));
    text_append_number(message, result->claim.after.mean);
    if (description->measured && *description->measured)
        text_append_format(message, "\nMeasured-On: %s", description->measured);
    text_append_format(message, "\nResult-Sha256: %s\n", description->digest);
}

char *description_commit_message(const struct description *description)
{
    const struct result *result = description->result;
    struct text message = {0};

    append_subject(&message, result, SUBJECT_LIMIT);
    text_append(&message, "\n\n");
    append_message_body(&message, result->hypothesis);
    append_trailers(&message, description);
    return text_take(&message);
}

char *description_merge_message(const struct description *description, const char *branch)
{
    struct text message = {0};

    text_append_format(&message, "Merge %s into %s\n\n", description->base_branch, branch);
    append_wrapped(&message, "The base has moved. The measured change was composed again on it.");
    append_trailers(&message, description);
    return text_take(&message);
}

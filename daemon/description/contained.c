#include "daemon/description/contained.h"

#include "common/memory.h"
#include "common/text.h"
#include "daemon/description/escape.h"

#include <inttypes.h>
#include <string.h>

#define NAME_LIMIT  300
#define SHOWN_LIMIT 20
#define BEGINNING   "**Line of work:** " /* no foreign text stands at the beginning of a line */
#define BEHIND      "\n### Metric\n"     /* it stands above this */

static void append_container(struct text *text, int64_t number, const char *experiment_id,
                             const char *web_url)
{
    if (web_url)
        text_append(text, "[");
    escape_append_code(text, experiment_id, NAME_LIMIT);
    if (web_url)
        text_append_format(text, "](<%s/pulls/%" PRId64 ">)", web_url, number);
    else
        text_append_format(text, " (pull request %" PRId64 ")", number);
}

char *contained_comment(enum contained_reason reason, int64_t container, const char *experiment_id,
                        const char *web_url)
{
    struct text text = {0};

    if (container == 0) {
        text_append(&text, "The base has the change of this one. Its value is confirmed.");
        return text_take(&text);
    }
    text_append(&text, reason == CONTAINED_MERGED ? "Merged in " : "Contained in ");
    append_container(&text, container, experiment_id, web_url);
    switch (reason) {
    case CONTAINED_MERGED:
        text_append(&text, ", which contains this experiment. Its value is confirmed.");
        break;
    case CONTAINED_SUPERSEDED:
        text_append(&text,
                    ", which is open: this experiment can be reviewed there. Where that one is "
                    "closed without being merged, this one is opened again.");
        break;
    case CONTAINED_RELEASED:
        text_append(&text, ", which was closed without being merged: this one is open again.");
        break;
    }
    return text_take(&text);
}

/* Appends those on one side, after `words`, if there are any. */
static void append_side(struct text *text, const char *words,
                        const struct contained_relative *relatives, size_t count, bool above,
                        const char *web_url)
{
    size_t seen = 0;

    for (size_t i = 0; i < count; i++) {
        if (relatives[i].above != above || seen++ >= SHOWN_LIMIT)
            continue;
        text_append(text, seen == 1 ? words : ", ");
        append_container(text, relatives[i].pull, relatives[i].experiment_id, web_url);
    }
    if (seen > SHOWN_LIMIT)
        text_append_format(text, " and %zu more", seen - SHOWN_LIMIT);
}

char *contained_line(const struct contained_relative *relatives, size_t count, const char *web_url)
{
    struct text text = {0};
    size_t begin;

    if (count == 0)
        return memory_copy("");
    text_append(&text, BEGINNING);
    begin = text.length;
    append_side(&text, "contains ", relatives, count, false, web_url);
    append_side(&text, text.length > begin ? "; contained in " : "contained in ", relatives, count,
                true, web_url);
    return text_take(&text);
}

char *contained_replace_line(const char *body, const char *line)
{
    const char *old = strstr(body, "\n" BEGINNING);
    const char *at = old ? old : strstr(body, BEHIND);
    const char *rest = old ? strchr(old + 1, '\n') : at;
    struct text text = {0};

    if (!at)
        return memory_copy(body); /* a text of an older version, or none */
    text_append_bytes(&text, body, (size_t)(at - body));
    if (*line)
        text_append_format(&text, "\n%s\n", line);
    if (rest)
        text_append(&text, old ? rest + 1 : rest);
    return text_take(&text);
}

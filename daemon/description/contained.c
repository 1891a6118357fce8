#include "daemon/description/contained.h"

#include "common/text.h"
#include "daemon/description/escape.h"

#include <inttypes.h>

#define NAME_LIMIT 300

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
        text_append(&text, "The base holds what this one changes. Its value is confirmed.");
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

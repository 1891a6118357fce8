#include "daemon/description/comment.h"

#include "common/text.h"
#include "daemon/description/escape.h"

#define NAME_LIMIT    300
#define COMMAND_LIMIT 1200
#define REASON_LIMIT  4000

static void append_base(struct text *text, const struct description *description)
{
    escape_append_code(text, description->base_branch, NAME_LIMIT);
    text_append(text, " at ");
    escape_append_code(text, description->base, NAME_LIMIT);
}

static void append_stays(struct text *text, const struct comment_refreshed *refreshed)
{
    if (!refreshed->title_stays && !refreshed->body_stays)
        return;
    text_append_format(text, "\nSomebody has edited the %s: it stays as it is.\n",
                       !refreshed->body_stays   ? "title"
                       : refreshed->title_stays ? "title and the description"
                                                : "description");
}

char *comment_refreshed(const struct comment_refreshed *refreshed)
{
    const struct description *description = refreshed->description;
    struct text text = {0};

    text_append(&text, "Brought onto ");
    append_base(&text, description);
    text_append(&text, ".\n\nThe same change was composed again and passed ");
    escape_append_code(&text, description->command, COMMAND_LIMIT);
    text_append_format(&text, " in %.1f s. ", (double)description->duration_ms / 1000);
    escape_append_code(&text, description->commit, NAME_LIMIT);
    text_append(&text, " merges the base into this branch. Nothing was measured again.\n");
    if (refreshed->replays)
        text_append(&text, "\nA merge commit, a squash and a fast-forward merge it. Both ways to "
                           "rebase are refused (409): they replay its first commit.\n");
    append_stays(&text, refreshed);
    return text_take(&text);
}

char *comment_stale(const struct description *description, const char *reason)
{
    struct text text = {0};

    text_append(&text, "Not brought onto ");
    append_base(&text, description);
    text_append(&text, ": ");
    escape_append_code(&text, reason, REASON_LIMIT);
    text_append(&text, "\n\nIt stays as it is, and is tried again when the base moves.\n");
    return text_take(&text);
}

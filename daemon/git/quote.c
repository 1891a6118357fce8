#include "daemon/git/quote.h"

void git_append_quoted(struct text *text, const char *value)
{
    text_append(text, "\"");
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            text_append(text, "\\");
        if (*value == '\n')
            text_append(text, "\\n");
        else
            text_append_bytes(text, value, 1);
    }
    text_append(text, "\"");
}

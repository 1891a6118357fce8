#include "common/http-header.h"

#include <ctype.h>
#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#define DAY_MS ((int64_t)24 * 60 * 60 * 1000)

int64_t http_count(const char *value)
{
    int64_t count = 0;

    if (!value || *value == '\0')
        return -1;
    for (; *value; value++) {
        if (!isdigit((unsigned char)*value) || count > (INT64_MAX - 9) / 10)
            return -1;
        count = count * 10 + (*value - '0');
    }
    return count;
}

int64_t http_retry_after(const char *value, int64_t now)
{
    int64_t seconds;

    if (!value)
        return -1;
    if (*value && value[strspn(value, "0123456789")] == '\0') {
        seconds = http_count(value);
        if (seconds < 0)
            return DAY_MS;
    } else {
        seconds = curl_getdate(value, NULL);
        if (seconds < 0)
            return -1;
        seconds = seconds > now ? seconds - now : 0;
    }
    return seconds < DAY_MS / 1000 ? seconds * 1000 : DAY_MS;
}

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

/* Reads the value of a parameter, a token or a quoted string, into `value`, cut to its size. Returns
 * what follows it. */
static const char *parameter_value(const char *at, char *value, size_t size)
{
    size_t length = 0;
    bool quoted = *at == '"';

    if (quoted)
        at++;
    for (; *at && (quoted ? *at != '"' : !strchr(";, \t", *at)); at++) {
        if (quoted && *at == '\\' && at[1])
            at++;
        if (length + 1 < size)
            value[length++] = *at;
    }
    value[length] = '\0';
    return quoted && *at ? at + 1 : at;
}

/* Whether `word` is in `list`, whose words are separated by blanks. */
static bool names(const char *list, const char *word)
{
    size_t length;

    for (list = skip_blanks(list); *list; list = skip_blanks(list + length)) {
        length = strcspn(list, " \t");
        if (length == strlen(word) && strncasecmp(list, word, length) == 0)
            return true;
    }
    return false;
}

/* Reads the parameters after one <target> and returns what follows them. Sets `*next` if one of them is
 * a rel that names "next". */
static const char *link_parameters(const char *at, bool *next)
{
    char value[128];

    for (at = skip_blanks(at); *at == ';'; at = skip_blanks(at)) {
        size_t length;
        bool rel;

        at = skip_blanks(at + 1);
        length = strcspn(at, "=;, \t");
        rel = length == 3 && strncasecmp(at, "rel", 3) == 0;
        at = skip_blanks(at + length);
        if (*at != '=')
            continue;
        at = parameter_value(skip_blanks(at + 1), value, sizeof(value));
        if (rel && names(value, "next"))
            *next = true;
    }
    return at;
}

bool http_link_has_next(const char *value)
{
    bool next = false;

    while (!next && (value = strchr(value, '<')) && (value = strchr(value, '>')))
        value = link_parameters(value + 1, &next);
    return next;
}

#include "config/schema.h"

#include "common/memory.h"
#include "common/text.h"

#include <ctype.h>
#include <curl/curl.h>
#include <regex.h>
#include <string.h>

/* Whether no character is hidden. Blanks are not hidden. */
static bool visible(const char *text)
{
    uint32_t code_point;

    while (*text) {
        text += utf8_decode(text, &code_point);
        if (code_point_hidden(code_point))
            return false;
    }
    return true;
}

/* Whether one of the components between slashes is ".." */
static bool climbs(const char *path)
{
    while (path) {
        path += *path == '/';
        if (!strncmp(path, "..", 2) && (path[2] == '/' || !path[2]))
            return true;
        path = strchr(path, '/');
    }
    return false;
}

const char *config_check_path(const char *text)
{
    if (text[0] != '/' || !text[strspn(text, "/")])
        return "an absolute path";
    if (climbs(text))
        return "a path without '..'";
    if (strlen(text) > 3072 || !visible(text))
        return "a path of at most 3072 bytes without control characters";
    return NULL;
}

static bool url_has(CURLU *url, CURLUPart part)
{
    char *value = NULL;
    bool has = !curl_url_get(url, part, &value, 0) && value && *value;

    curl_free(value);
    return has;
}

/* libcurl repairs what it can, such as one or three slashes for two, and git knows schemes in small
 * letters only. A configured address must need neither. */
static bool spelled_out(const char *text)
{
    size_t scheme = !strncmp(text, "http://", 7) ? 7 : 8;

    return (scheme == 7 || !strncmp(text, "https://", 8)) && text[scheme] != '/' &&
           !strpbrk(text, " \t\r\n\\") && visible(text);
}

const char *config_check_url(const char *text)
{
    CURLU *url = curl_url();
    const char *wanted = NULL;

    if (!spelled_out(text))
        wanted = "a URL that begins with http:// or https://";
    else if (!url || curl_url_set(url, CURLUPART_URL, text, 0) || !url_has(url, CURLUPART_HOST))
        wanted = "a URL with a host, and a port of at most 65535";
    else if (url_has(url, CURLUPART_USER) || url_has(url, CURLUPART_PASSWORD))
        wanted = "a URL without a user and password (see forge.token_file)";
    else if (url_has(url, CURLUPART_FRAGMENT))
        wanted = "a URL without a fragment";
    curl_url_cleanup(url);
    return wanted;
}

const char *config_check_server(const char *text)
{
    return strchr(text, '?') ? "a URL without a query" : config_check_url(text);
}

const char *config_check_git_url(const char *text)
{
    if (text[0] == '/')
        return config_check_path(text);
    if (!strncmp(text, "file:///", 8))
        return config_check_path(text + 7);
    return config_check_server(text) ? "an http, https or file URL without a password, or a path"
                                     : NULL;
}

const char *config_check_name(const char *text)
{
    if (!*text || strlen(text) > 255 || text[0] == '-' || !strcmp(text, ".") || !strcmp(text, ".."))
        return "a name as the forge shows it";
    if (strpbrk(text, "/\\ ?#%@:") || !visible(text))
        return "a name without slashes, blanks or signs";
    return NULL;
}

const char *config_check_label(const char *text)
{
    if (!*text || utf8_count(text) > 50 || !visible(text) || text[strspn(text, " ")] == '\0')
        return "a label of 1 to 50 characters";
    return NULL;
}

/* The rules of git-check-ref-format(1) for one component of `length` bytes. */
static bool component_valid(const char *component, size_t length)
{
    if (!length || component[0] == '.' || component[length - 1] == '.')
        return false;
    return length < 5 || memcmp(component + length - 5, ".lock", 5) != 0;
}

static bool branch_valid(const char *branch)
{
    if (branch[0] == '-' || !strcmp(branch, "@") || !visible(branch))
        return false;
    if (strpbrk(branch, " ~^:?*[\\\177") || strstr(branch, "..") || strstr(branch, "@{"))
        return false;
    for (;;) {
        size_t length = strcspn(branch, "/");

        if (!component_valid(branch, length))
            return false;
        if (!branch[length])
            return true;
        branch += length + 1;
    }
}

const char *config_check_branch(const char *text)
{
    if (!strncmp(text, "refs/", 5))
        return "the name of a branch without refs/heads/";
    return branch_valid(text) && strlen(text) <= 200 ? NULL : "a name that git takes for a branch";
}

const char *config_check_prefix(const char *text)
{
    CLEANUP_FREE char *branch = memory_format("%sa", text);

    if (!*text)
        return "a prefix of at least one character, such as experiment/";
    if (!strncmp(text, "refs/", 5))
        return "a prefix without refs/heads/";
    return branch_valid(branch) ? NULL : "a beginning that git takes for a branch";
}

const char *config_check_glob(const char *text)
{
    if (!*text || strlen(text) > 1024 || !visible(text))
        return "a pattern for paths, such as docs/**";
    if (text[0] == '/' || text[0] == ':' || climbs(text))
        return "a pattern for paths from the top of the repository, such as docs/**";
    return NULL;
}

/* An argument may be empty or have line ends: it may be a script. */
const char *config_check_argument(const char *text)
{
    return strlen(text) > 100000 ? "an argument of at most 100000 bytes" : NULL;
}

const char *config_check_expression(const char *text)
{
    regex_t expression;

    if (!*text || strlen(text) > 1000 || regcomp(&expression, text, REG_EXTENDED | REG_NOSUB) != 0)
        return "an extended regular expression as grep -E takes it, of 1 to 1000 bytes";
    regfree(&expression);
    return NULL;
}

const char *config_check_variable(const char *text)
{
    static const char *const ours[] = {"GITEA_TOKEN", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET"};

    if (!*text || isdigit((unsigned char)text[0]))
        return "a name of letters, digits and '_'";
    for (const char *at = text; *at; at++)
        if (!isalnum((unsigned char)*at) && *at != '_')
            return "a name of letters, digits and '_'";
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (!strcmp(text, ours[i]))
            return "any variable but those that the tests must not see";
    return NULL;
}

const char *config_check_metric(const char *text)
{
    if (!*text || utf8_count(text) > 100 || !visible(text))
        return "a name of 1 to 100 visible characters";
    /* Names appear in tables, charts and trailers, and people tell them apart by eye. */
    for (const char *at = text; *at; at++)
        if ((unsigned char)*at < 0x80 && !isalnum((unsigned char)*at) && !strchr("_.-/%+:", *at))
            return "a name of letters, digits and _.-/%+:";
    return NULL;
}

const char *config_check_text(const char *text)
{
    return *text && utf8_count(text) <= 255 && visible(text)
               ? NULL
               : "text of 1 to 255 visible characters";
}

const char *config_check_cell(const char *text)
{
    return *text && !strchr(text, '=') && visible(text) ? NULL : "the name of a column, without =";
}

const char *config_check_line(const char *text)
{
    size_t length = strlen(text);

    return length >= 1 && length <= 18 && strspn(text, "0123456789") == length && *text != '0'
               ? NULL
               : "the number of a line, from 1";
}

const char *config_check_experiment_prefix(const char *text)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t length = strlen(text);

    return length >= 1 && length <= 50 && strspn(text, allowed) == length &&
                   isalnum((unsigned char)*text) && !strstr(text, "..")
               ? NULL
               : "1 to 50 of A-Za-z0-9._-, beginning with a letter or digit";
}

bool config_split_author(const char *text, char **name, char **email)
{
    const char *open = strchr(text, '<');
    size_t name_length = open ? (size_t)(open - text) : 0;
    size_t email_length = open ? strcspn(open + 1, "<> ") : 0;

    while (name_length && text[name_length - 1] == ' ')
        name_length--;
    if (!name_length || text[0] == ' ' || memchr(text, '>', name_length) || !email_length)
        return false;
    if (strcmp(open + 1 + email_length, ">") != 0 || !visible(text))
        return false;
    *name = memory_copy_bytes(text, name_length);
    *email = memory_copy_bytes(open + 1, email_length);
    return true;
}

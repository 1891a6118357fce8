/*
 * Names of files, as a patch writes them.
 */

#include "common/memory.h"
#include "daemon/repository/patch/internal.h"

#include <stdlib.h>
#include <string.h>

/* What git puts after a backslash, and what it means. */
static const char escaped[] = "abtnvfr\"\\";
static const char meant[] = "\a\b\t\n\v\f\r\"\\";

/* Reads a byte as three octal digits; never NUL. */
static bool unquote_octal(const char *at, char *byte)
{
    int value = 0;

    for (int i = 0; i < 3; i++) {
        if (at[i] < '0' || at[i] > '7')
            return false;
        value = value * 8 + (at[i] - '0');
    }
    *byte = (char)value;
    return value > 0 && value < 256;
}

/* Reads a name in quotes; `*end` is after the closing quote. Returns NULL if it is not well-formed. The
 * caller frees it. */
static char *unquote(const char *string, const char **end)
{
    struct text name = {0};

    for (string++; *string && *string != '"'; string++) {
        const char *known;
        char byte = *string;

        if (*string == '\\') {
            known = string[1] ? strchr(escaped, string[1]) : NULL;
            if (known)
                byte = meant[known - escaped];
            else if (!unquote_octal(string + 1, &byte))
                break;
            string += known ? 1 : 3;
        }
        text_append_bytes(&name, &byte, 1);
    }
    *end = string + 1;
    if (*string == '"')
        return text_take(&name);
    text_free(&name);
    return NULL;
}

static void trim(char *name)
{
    size_t length = strlen(name);

    while (length > 0 && (name[length - 1] == ' ' || name[length - 1] == '\t'))
        name[--length] = '\0';
}

int name_read(const struct line *line, size_t from, char **name, bool *remark)
{
    CLEANUP_FREE char *rest = line_rest(line, from);
    const char *end;
    char *tab;

    if (line_has_nul(line))
        return -1;
    if (*rest == '"') {
        *name = unquote(rest, &end);
        return *name && **name && strspn(end, " ") == strcspn(end, "\t") ? 0 : -1;
    }
    tab = strchr(rest, '\t');
    if (tab)
        *tab = '\0';
    else
        trim(rest);
    if (!*rest)
        return -1;
    *remark = *remark || (!tab && strchr(rest, ' '));
    *name = strcmp(rest, "/dev/null") == 0 ? NULL : TAKE(rest);
    return 0;
}

int name_read_plain(const struct line *line, size_t from, char **name)
{
    CLEANUP_FREE char *rest = line_rest(line, from);
    const char *end;

    free(*name);
    *name = *rest == '"' ? unquote(rest, &end) : TAKE(rest);
    return *name && **name ? 0 : -1;
}

const char *name_behind(const char *name)
{
    const char *slash = strchr(name, '/');

    return slash && slash[1] ? slash + 1 : NULL;
}

static bool ends_in(const char *name, const char *path)
{
    size_t length = strlen(name), tail = strlen(path);

    return length >= tail && strcmp(name + length - tail, path) == 0 &&
           (length == tail || name[length - tail - 1] == '/');
}

static bool belong_together(const char *old_name, const char *new_name, const char *old_path,
                            const char *new_path)
{
    const char *old_rest = name_behind(old_name);
    const char *new_rest = name_behind(new_name);

    if (old_path && new_path)
        return ends_in(old_name, old_path) && ends_in(new_name, new_path);
    return strcmp(old_name, new_name) == 0 ||
           (old_rest && new_rest && strcmp(old_rest, new_rest) == 0);
}

/* Reads the names on both sides of the blank at `at`, either of which may be in quotes. Returns false if
 * they are no names. */
static bool split_at(const char *header, size_t at, char **old_name, char **new_name)
{
    CLEANUP_FREE char *left = memory_copy_bytes(header, at);
    CLEANUP_FREE char *right = memory_copy(header + at + 1);
    char **const names[] = {old_name, new_name};
    char **const halves[] = {&left, &right};
    const char *end;

    for (int i = 0; i < 2; i++) {
        if (**halves[i] == '"') {
            *names[i] = unquote(*halves[i], &end);
            if (*names[i] && (*end || !**names[i])) {
                free(*names[i]);
                *names[i] = NULL;
            }
        } else {
            *names[i] = **halves[i] ? TAKE(*halves[i]) : NULL;
        }
    }
    return *old_name && *new_name;
}

bool name_split(const char *header, const char *old_path, const char *new_path, char **old_name,
                char **new_name)
{
    unsigned found = 0;

    *old_name = *new_name = NULL;
    for (const char *blank = strchr(header, ' '); blank; blank = strchr(blank + 1, ' ')) {
        CLEANUP_FREE char *left = NULL;
        CLEANUP_FREE char *right = NULL;

        if (!split_at(header, (size_t)(blank - header), &left, &right) ||
            !belong_together(left, right, old_path, new_path) || ++found > 1)
            continue;
        *old_name = TAKE(left);
        *new_name = TAKE(right);
    }
    if (found == 1)
        return true;
    free(*old_name);
    free(*new_name);
    *old_name = *new_name = NULL;
    return false;
}

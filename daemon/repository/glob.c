/*
 * Globs over paths.
 *
 * The wildcard over components needs no recursion. After a later `**` was reached, no earlier one has to be
 * tried again: the later one can match all that the earlier one could. So one place to go back to is enough.
 * Within a component fnmatch(3) decides.
 */

#include "daemon/repository/glob.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#define COMPONENT_LIMIT 4096

/* Returns where the next component begins, or NULL after the last one. */
static const char *next_component(const char *at)
{
    const char *slash = strchr(at, '/');

    return slash ? slash + 1 : NULL;
}

static size_t component_length(const char *at)
{
    return strcspn(at, "/");
}

static bool is_any_depth(const char *pattern)
{
    return component_length(pattern) == 2 && memcmp(pattern, "**", 2) == 0;
}

static bool match_component(const char *pattern, const char *path)
{
    size_t pattern_length = component_length(pattern);
    size_t path_length = component_length(path);
    char pattern_copy[COMPONENT_LIMIT];
    char path_copy[COMPONENT_LIMIT];

    if (pattern_length >= sizeof(pattern_copy) || path_length >= sizeof(path_copy))
        return false;
    memcpy(pattern_copy, pattern, pattern_length);
    pattern_copy[pattern_length] = '\0';
    memcpy(path_copy, path, path_length);
    path_copy[path_length] = '\0';
    return fnmatch(pattern_copy, path_copy, FNM_PATHNAME) == 0;
}

/* Walks pattern and path side by side. Either is NULL after its last component. */
static bool match_components(const char *pattern, const char *path)
{
    const char *after_mark = NULL; /* the pattern after the last `**` */
    const char *mark = NULL;       /* where in the path that `**` ends for now */

    while (path) {
        if (pattern && is_any_depth(pattern)) {
            pattern = next_component(pattern);
            if (!pattern)
                return true;
            after_mark = pattern;
            mark = path;
        } else if (pattern && match_component(pattern, path)) {
            pattern = next_component(pattern);
            path = next_component(path);
        } else if (mark) {
            mark = next_component(mark);
            path = mark;
            pattern = after_mark;
        } else {
            return false;
        }
    }
    while (pattern && is_any_depth(pattern))
        pattern = next_component(pattern);
    return !pattern;
}

/* A pattern without wildcards is a path, and covers what is below it. */
static bool covers_below(const char *pattern, const char *path)
{
    size_t length = strlen(pattern);

    if (length == 0 || strpbrk(pattern, "*?[\\"))
        return false;
    if (pattern[length - 1] == '/')
        return strncmp(pattern, path, length) == 0;
    return strncmp(pattern, path, length) == 0 && path[length] == '/';
}

bool glob_match(const char *pattern, const char *path)
{
    while (*pattern == '/')
        pattern++;
    return match_components(pattern, path) || covers_below(pattern, path);
}

bool glob_match_any(char *const *patterns, const char *path)
{
    for (; *patterns; patterns++) {
        if (glob_match(*patterns, path))
            return true;
    }
    return false;
}

#include "daemon/repository/address.h"

#include "common/memory.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

struct place {
    const char *host; /* NULL: a path on this machine */
    size_t host_length;
    const char *path; /* begins with '/', or "" */
};

/* A host without user and port. In SSH's short form the path begins after the colon. */
static struct place place_in(const char *authority, size_t length, const char *path)
{
    const char *at = memrchr(authority, '@', length);
    struct place place = {.host = at ? at + 1 : authority, .path = path};
    const char *port;

    length -= (size_t)(place.host - authority);
    port = *place.host == '[' ? NULL : memchr(place.host, ':', length);
    place.host_length = port ? (size_t)(port - place.host) : length;
    return place;
}

static struct place place_of(const char *url)
{
    const char *authority = strstr(url, "://");
    size_t short_form = strcspn(url, ":/");

    if (!strncmp(url, "file://", 7))
        return (struct place){.path = url + 7};
    if (authority) {
        authority += 3;
        return place_in(authority, strcspn(authority, "/"), authority + strcspn(authority, "/"));
    }
    if (url[short_form] == ':')
        return place_in(url, short_form, url + short_form + 1);
    return (struct place){.path = url};
}

static bool is_host_of(const struct place *place, const char *url)
{
    struct place other = url ? place_of(url) : (struct place){0};

    return other.host && other.host_length == place->host_length &&
           !strncasecmp(other.host, place->host, place->host_length);
}

/* As git does it: each ".." takes a component off, and what is no component stays. */
static char *relative(const char *url, const char *project)
{
    CLEANUP_FREE char *base = memory_copy(project);
    struct place place = place_of(base);
    char *path = base + (place.path - base);

    for (;; url += strspn(url, "/")) {
        size_t length = strlen(path);

        while (length && path[length - 1] == '/')
            path[--length] = '\0';
        if (!strncmp(url, "./", 2)) {
            url += 2;
        } else if (!strncmp(url, "../", 3)) {
            char *slash = strrchr(path, '/');

            url += 3;
            if (!slash)
                return NULL;
            *slash = '\0';
        } else {
            return memory_format("%s/%s", base, url);
        }
    }
}

static bool has_dots(const char *path)
{
    for (; *path; path += strcspn(path, "/"), path += strspn(path, "/"))
        if (strcspn(path, "/") == 2 && !strncmp(path, "..", 2))
            return true;
    return false;
}

/* Below the forge's own path, if the url says so and it is not there yet. */
static const char *below(const char *path, const char *url)
{
    struct place place = url ? place_of(url) : (struct place){.path = ""};
    size_t length = strlen(place.path);

    while (length && place.path[length - 1] == '/')
        length--;
    return length && !strncmp(path, place.path, length) && path[length] == '/' ? path + length
                                                                               : path;
}

int address_of(char **address, const char *url, const char *project, const char *root,
               const char *web, struct error *error)
{
    bool is_relative = !strncmp(url, "./", 2) || !strncmp(url, "../", 3);
    CLEANUP_FREE char *resolved = is_relative ? relative(url, project) : memory_copy(url);
    struct place place = resolved ? place_of(resolved) : (struct place){.path = ""};
    struct place own = place_of(root);

    if (!resolved || *place.path == '\0' || has_dots(place.path))
        error_set(error, ERROR_PERMANENT, "its url leads nowhere");
    else if (!place.host && own.host)
        error_set(error, ERROR_PERMANENT, "it comes from a path; let its url name the forge");
    else if (place.host && !is_host_of(&place, root) && !is_host_of(&place, web))
        error_set(error, ERROR_PERMANENT,
                  "it comes from %.*s, which is not the forge's own host; mirror it there, or set "
                  "update = none for it in .gitmodules",
                  (int)place.host_length, place.host);
    else {
        const char *path = below(below(place.path, root), web);

        *address = own.host ? memory_format("%s/%s", root, path + strspn(path, "/"))
                            : memory_copy(place.path);
        return 0;
    }
    error->installation = error->holds = true;
    return -1;
}

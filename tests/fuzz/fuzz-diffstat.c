/* Promise: no list of changed files leads out of the tree or past what is protected. */

/*
 * Any bytes as git's list of changed files with their statistics. What passes every check stands below
 * the top of the tree, out of .git and out of the way of the tests' settings, by rules that are written
 * down here a second time and more simply. Paths serve as link targets and globs, too.
 */

#include "daemon/repository/change.h"

#include "common/memory.h"
#include "common/text.h"
#include "daemon/repository/glob.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PAIRS 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_parsed(const struct change *change)
{
    for (size_t i = 0; i < change->count; i++) {
        const struct change_entry *entry = &change->entries[i];

        require(*entry->path != '\0');
        require(i == 0 || strcmp(change->entries[i - 1].path, entry->path) <= 0);
        require(strlen(entry->old_hash) == strlen(entry->new_hash));
        require(strlen(entry->new_hash) < GIT_HASH_SIZE);
    }
}

static void check_error(const struct error *error)
{
    const char *string = error->message;

    require(error->kind == ERROR_PERMANENT && *string && utf8_valid(string, strlen(string), NULL));
    while (*string) {
        uint32_t code_point;

        string += utf8_decode(string, &code_point);
        require(!code_point_hidden(code_point));
    }
}

static bool component_is(const char *component, size_t length, const char *word)
{
    return length == strlen(word) && strncasecmp(component, word, length) == 0;
}

static void check_path(const char *path)
{
    require(strcmp(path, "tox.ini") != 0 && strncmp(path, ".github/", 8) != 0);
    while (path) {
        size_t length = strcspn(path, "/");

        require(length > 0 && !component_is(path, length, ".") &&
                !component_is(path, length, ".."));
        require(!component_is(path, length, ".git") && !component_is(path, length, "git~1"));
        path = path[length] ? path + length + 1 : NULL;
    }
}

/* Where a link leads, walked from its directory: never above the top, never into .git. */
static void check_target(const char *path, const char *target)
{
    long depth = 0;

    require(*target != '\0' && *target != '/');
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/'))
        depth++;
    while (target) {
        size_t length = strcspn(target, "/");

        require(!component_is(target, length, ".git"));
        if (component_is(target, length, ".."))
            depth--;
        else if (length > 0 && !component_is(target, length, "."))
            depth++;
        require(depth >= 0);
        target = target[length] ? target + length + 1 : NULL;
    }
}

static void check_pair(const char *path, const char *other)
{
    struct error error;

    if (change_check_link(path, other, strlen(other), &error) == 0)
        check_target(path, other);
    else
        check_error(&error);
    /* A pattern without wildcards covers itself; one with them must only come to an end. */
    if (!glob_match(path, other) && strcmp(path, other) == 0)
        require(*path == '/' || strpbrk(path, "*?[\\"));
}

static void check_taken(const struct change *change)
{
    for (size_t i = 0; i < change->count; i++) {
        if (change->entries[i].new_mode)
            check_path(change->entries[i].path);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char tox[] = "tox.ini", github[] = ".github/**";
    static char results[] = "results.tsv", automatic[] = ".auto/**";
    char *const protected[] = {tox, github, NULL};
    char *const excluded[] = {results, automatic, NULL};
    CLEANUP_CHANGE struct change change = {0};
    struct error error = {0};

    if (change_parse(&change, (const char *)data, size, &error) < 0) {
        check_error(&error);
        return 0;
    }
    check_parsed(&change);
    for (size_t i = 0; i < change.count && i < PAIRS; i++) {
        for (size_t j = 0; j < change.count && j < PAIRS; j++)
            check_pair(change.entries[i].path, change.entries[j].path);
    }
    if (change_exclude(&change, excluded, &error) < 0) {
        check_error(&error);
        return 0;
    }
    check_parsed(&change);
    for (size_t i = 0; i < change.count; i++)
        require(!glob_match_any(excluded, change.entries[i].path));
    if (change_check(&change, protected, &error) < 0)
        check_error(&error);
    else
        check_taken(&change);
    return 0;
}

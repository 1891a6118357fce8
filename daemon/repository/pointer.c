#include "daemon/repository/pointer.h"

#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

static const char *const versions[] = {
    "version https://git-lfs.github.com/spec/",
    "version https://hawser.github.com/spec/",
    "version http://git-media.io/v/",
};

static bool begins(const char *line, const char *end, const char *words)
{
    size_t length = strlen(words);

    return (size_t)(end - line) >= length && !memcmp(line, words, length);
}

static bool has_version(const char *bytes, const char *end)
{
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
        if (begins(bytes, end, versions[i]))
            return true;
    return false;
}

static bool take_id(struct pointer *pointer, const char *line, const char *end)
{
    if (end - line != DIGEST_HEX_SIZE - 1)
        return false;
    memcpy(pointer->id, line, DIGEST_HEX_SIZE - 1);
    pointer->id[DIGEST_HEX_SIZE - 1] = '\0';
    return strspn(pointer->id, "0123456789abcdef") == DIGEST_HEX_SIZE - 1;
}

static bool take_size(struct pointer *pointer, const char *line, const char *end)
{
    uint64_t size = 0;

    if (line == end || end - line > 18)
        return false;
    for (; line < end; line++) {
        if (*line < '0' || *line > '9')
            return false;
        size = size * 10 + (uint64_t)(*line - '0');
    }
    pointer->size = size;
    return true;
}

bool pointer_parse(struct pointer *pointer, const char *bytes, size_t length)
{
    const char *end = bytes + length;
    bool id = false, size = false;

    if (length > POINTER_LIMIT || !has_version(bytes, end))
        return false;
    for (const char *line = bytes, *next; line < end; line = next + 1) {
        next = memchr(line, '\n', (size_t)(end - line));
        next = next ? next : end;
        if (begins(line, next, "oid sha256:"))
            id = take_id(pointer, line + 11, next);
        else if (begins(line, next, "size "))
            size = take_size(pointer, line + 5, next);
    }
    return id && size;
}

char *pointer_place(const char *objects, const char *id)
{
    return memory_format("%s/%.2s/%.2s/%s", objects, id, id + 2, id);
}

#include "common/lines.h"

#include "common/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_AT_ONCE ((size_t)256 * 1024)

static int failed(struct lines *lines, const char *what, struct error *error)
{
    lines->failed = true;
    return error_set(error, ERROR_TRANSIENT, "cannot %s it: %s", what, strerror(errno));
}

int lines_begin(struct lines *lines, int descriptor, size_t limit, uint64_t offset, uint64_t number,
                struct error *error)
{
    lines_clear(lines);
    *lines = (struct lines){
        .descriptor = descriptor, .limit = limit, .number = number, .offset = offset};
    return lseek(descriptor, (off_t)offset, SEEK_SET) < 0 ? failed(lines, "seek in", error) : 0;
}

void lines_clear(struct lines *lines)
{
    free(lines->bytes);
    *lines = (struct lines){.descriptor = -1};
}

/* Adds what the file has more; moves what is left of it to the front first. */
static int fill(struct lines *lines, struct error *error)
{
    size_t left = lines->end - lines->begin;
    ssize_t got;

    if (lines->begin > 0)
        memmove(lines->bytes, lines->bytes + lines->begin, left);
    lines->begin = 0;
    lines->end = left;
    if (lines->capacity - left < READ_AT_ONCE) {
        lines->capacity = left + READ_AT_ONCE;
        lines->bytes = memory_resize(lines->bytes, lines->capacity);
    }
    do
        got = read(lines->descriptor, lines->bytes + left, READ_AT_ONCE);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return failed(lines, "read", error);
    lines->end += (size_t)got;
    lines->ended = got == 0;
    return 0;
}

static void hand_out(struct lines *lines, struct line *line, size_t length, size_t dropped,
                     bool whole)
{
    *line = (struct line){
        .bytes = lines->bytes + lines->begin,
        .length = length + dropped,
        .kept = length < lines->limit ? length : lines->limit,
        .number = ++lines->number,
        .whole = whole,
    };
    lines->offset += line->length + whole;
    lines->begin += length + whole;
}

/* The beginning of a line that is too long is kept, and the rest is counted. */
static size_t drop_tail(struct lines *lines)
{
    size_t length = lines->end - lines->begin;
    size_t dropped = length > lines->limit ? length - lines->limit : 0;

    lines->end -= dropped;
    return dropped;
}

int lines_next(struct lines *lines, struct line *line, struct error *error)
{
    size_t searched = 0, dropped = 0;

    for (;;) {
        size_t length = lines->end - lines->begin;
        const char *end = length > searched ? memchr(lines->bytes + lines->begin + searched, '\n',
                                                     length - searched)
                                            : NULL;

        if (end) {
            hand_out(lines, line, (size_t)(end - (lines->bytes + lines->begin)), dropped, true);
            return 1;
        }
        if (lines->ended) {
            if (length + dropped == 0)
                return 0;
            hand_out(lines, line, length, dropped, false);
            return 1;
        }
        dropped += drop_tail(lines);
        searched = lines->end - lines->begin;
        if (fill(lines, error) < 0)
            return -1;
    }
}

/*
 * The file is written with plain write(2) as the bytes arrive. A piece is at most one read of a pipe and goes
 * to the page cache, which is faster than a trip through a thread. After the first failure nothing more is
 * written, so the file always has the true beginning of the output.
 *
 * The file first gets the beginning of the output. The rest goes into a ring buffer, which is allocated when
 * first needed. At the end of the output the ring is written to the file.
 *
 * The last lines are in a ring of buffers that are swapped, not copied. Once the ring is full, nothing more
 * is allocated.
 */

#include "common/capture.h"

#include "common/memory.h"
#include "common/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINES_MAX          10000
#define LINE_LIMIT_DEFAULT 4096
#define END_PART           16 /* 1/16 of the limit is for the end of the output */

struct line {
    struct text bytes;
    bool cut;
};

struct capture {
    char *path;
    int file;    /* -1: not open, or a write has failed */
    size_t room; /* bytes that the file may still get of the beginning */
    char last;   /* the last byte of the beginning */
    char *end;   /* ring buffer of `end_size` bytes; NULL until it is needed */
    size_t end_size;
    uint64_t end_total; /* bytes that went into it */
    uint64_t total;
    char *problem;
    struct line *ring;   /* `lines` of them; once it is full the oldest is at `next` */
    struct line current; /* the line that has not ended yet */
    bool begun;          /* whether there is such a line; it may be empty */
    unsigned lines;
    unsigned next;
    unsigned kept;
    size_t line_limit;
};

void capture_new(struct capture **capture_out, const struct capture_options *options)
{
    struct capture *capture = memory_new(sizeof(*capture));

    capture->path = memory_copy(options->path);
    capture->end_size = options->limit / END_PART;
    capture->room = options->limit - capture->end_size;
    capture->lines = options->lines < LINES_MAX ? options->lines : LINES_MAX;
    capture->line_limit = options->line_limit ? options->line_limit : LINE_LIMIT_DEFAULT;
    if (capture->lines)
        capture->ring = memory_new_array(capture->lines, sizeof(*capture->ring));
    capture->file = open(options->path,
                         O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0640);
    if (capture->file < 0)
        capture->problem = memory_format("log file %s: %s", options->path, strerror(errno));
    *capture_out = capture;
}

void capture_free(struct capture *capture)
{
    if (!capture)
        return;
    for (unsigned i = 0; i < capture->lines; i++)
        text_free(&capture->ring[i].bytes);
    free(capture->ring);
    free(capture->end);
    text_free(&capture->current.bytes);
    if (capture->file >= 0)
        close(capture->file);
    free(capture->problem);
    free(capture->path);
    free(capture);
}

static void write_to_file(struct capture *capture, const char *bytes, size_t length)
{
    while (capture->file >= 0 && length > 0) {
        ssize_t written = write(capture->file, bytes, length);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            capture->problem = memory_format("log file %s: %s", capture->path, strerror(errno));
            close(capture->file);
            capture->file = -1;
            return;
        }
        bytes += written;
        length -= (size_t)written;
    }
}

static void append_to_end(struct capture *capture, const char *bytes, size_t length)
{
    if (length == 0 || capture->end_size == 0 || capture->file < 0)
        return;
    if (!capture->end)
        capture->end = memory_new_array(capture->end_size, 1);
    while (length > 0) {
        size_t at = capture->end_total % capture->end_size;
        size_t piece = capture->end_size - at < length ? capture->end_size - at : length;

        memcpy(capture->end + at, bytes, piece);
        capture->end_total += piece;
        bytes += piece;
        length -= piece;
    }
}

static void append_to_file(struct capture *capture, const char *bytes, size_t length)
{
    size_t beginning = length < capture->room ? length : capture->room;

    if (beginning > 0) {
        write_to_file(capture, bytes, beginning);
        capture->room -= beginning;
        capture->last = bytes[beginning - 1];
    }
    append_to_end(capture, bytes + beginning, length - beginning);
}

/* Writes `length` bytes of the ring. `from` counts from the first byte that went into it. */
static void write_end(struct capture *capture, uint64_t from, uint64_t length)
{
    size_t at = from % capture->end_size;
    size_t piece = capture->end_size - at < length ? capture->end_size - at : (size_t)length;

    write_to_file(capture, capture->end + at, piece);
    write_to_file(capture, capture->end, (size_t)length - piece);
}

/* Returns where the first whole line in the ring begins, or its oldest byte where that line would be far away. */
static uint64_t find_line(const struct capture *capture)
{
    uint64_t oldest = capture->end_total - capture->end_size;

    for (uint64_t at = oldest; at < oldest + capture->end_size / 2; at++)
        if (capture->end[at % capture->end_size] == '\n')
            return at + 1;
    return oldest;
}

void capture_end(struct capture *capture)
{
    CLEANUP_FREE char *note = NULL;
    uint64_t from;

    if (capture->end_total <= capture->end_size) {
        if (capture->end)
            write_end(capture, 0, capture->end_total);
        return;
    }
    from = find_line(capture);
    note = memory_format("%s[winnowd: %llu bytes of the output are missing here]\n",
                         capture->last == '\n' ? "" : "\n", (unsigned long long)from);
    write_to_file(capture, note, strlen(note));
    write_end(capture, from, capture->end_total - from);
}

static void append_to_line(struct capture *capture, const char *bytes, size_t length)
{
    struct line *line = &capture->current;
    size_t room = capture->line_limit - line->bytes.length;

    if (length > room) {
        length = room;
        line->cut = true;
    }
    text_append_bytes(&line->bytes, bytes, length);
}

/* Moves the current line into the ring. The buffer of the line that drops out becomes the current one. */
static void end_line(struct capture *capture)
{
    struct line *slot = &capture->ring[capture->next];
    struct line fallen = *slot;

    *slot = capture->current;
    capture->current = fallen;
    text_reset(&capture->current.bytes);
    capture->current.cut = false;
    capture->begun = false;
    capture->next = (capture->next + 1) % capture->lines;
    if (capture->kept < capture->lines)
        capture->kept++;
}

void capture_append(struct capture *capture, const void *bytes, size_t length)
{
    const char *at = bytes;
    const char *end = at + length;

    capture->total += length;
    append_to_file(capture, at, length);
    while (capture->lines > 0 && at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));

        append_to_line(capture, at, (size_t)((newline ? newline : end) - at));
        capture->begun = true;
        if (!newline)
            return;
        end_line(capture);
        at = newline + 1;
    }
}

uint64_t capture_bytes(const struct capture *capture)
{
    return capture->total;
}

/* How many bytes of a cut line to show: without the beginning of a character whose rest was cut off. */
static size_t whole_characters(const char *bytes, size_t length)
{
    size_t back = 0;

    while (back < 3 && back < length && ((unsigned char)bytes[length - 1 - back] & 0xc0) == 0x80)
        back++;
    if (back < length) {
        unsigned char lead = (unsigned char)bytes[length - 1 - back];
        size_t wanted = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;

        if (wanted > back + 1)
            return length - 1 - back;
    }
    return length;
}

static void append_line(struct text *tail, const struct line *line)
{
    size_t length = line->bytes.length;

    if (line->cut)
        length = whole_characters(line->bytes.data, length);
    text_append_repaired(tail, text_string(&line->bytes), length);
    if (line->cut)
        text_append(tail, "…");
}

char *capture_tail(const struct capture *capture)
{
    CLEANUP_TEXT struct text tail = {0};
    unsigned count = capture->kept;
    unsigned skipped = 0;

    /* The unfinished line is one of the last lines, so the oldest one is left out. */
    if (capture->begun && count == capture->lines)
        skipped = 1;
    for (unsigned i = skipped; i < count; i++) {
        unsigned oldest = count == capture->lines ? capture->next : 0;

        if (i > skipped)
            text_append(&tail, "\n");
        append_line(&tail, &capture->ring[(oldest + i) % capture->lines]);
    }
    if (capture->begun) {
        if (count > skipped)
            text_append(&tail, "\n");
        append_line(&tail, &capture->current);
    }
    return text_take(&tail);
}

const char *capture_problem(const struct capture *capture)
{
    return capture->problem;
}

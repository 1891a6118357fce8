/*
 * Cutting tox's orders out of pyproject.toml and setup.cfg.
 *
 * TOML is cut into its expressions (a table header, or a key with its value), for which it is enough
 * to know strings, comments and brackets. Each expression belongs to tox if its full name begins with
 * tool.tox. INI is read by lines, and more eagerly where a section of tox begins than where one ends,
 * since readers differ in what they take for a line and for a section's head. tox 3 takes `[x,testenv]`
 * and `[{test}env]` for sections of that name as well, and with tox 4 [DEFAULT] is part of every section.
 */

#include "daemon/repository/tox.h"

#include "common/memory.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct span {
    const char *at;
    const char *end;
};

/* How far a key leads towards tool.tox. */
enum standing {
    STANDING_ROOT,      /* no key yet */
    STANDING_TOOL,      /* tool */
    STANDING_TOX,       /* tool.tox or below */
    STANDING_ELSEWHERE, /* cannot be tox's any more */
};

static bool is_blank(char character)
{
    return character == ' ' || character == '\t';
}

static bool is_text(char character)
{
    return (unsigned char)character > ' ' && (unsigned char)character < 0x7f;
}

static void skip_blanks(struct span *span)
{
    while (span->at < span->end && is_blank(*span->at))
        span->at++;
}

static bool starts_with(const struct span *span, const char *word)
{
    size_t length = strlen(word);

    return (size_t)(span->end - span->at) >= length && memcmp(span->at, word, length) == 0;
}

/* Skips a string that begins here, of one line or of many. False if it does not end. */
static bool skip_string(struct span *span)
{
    char quote = *span->at;
    char triple[4] = {quote, quote, quote, '\0'};
    bool many_lines = starts_with(span, triple);

    span->at += many_lines ? 3 : 1;
    while (span->at < span->end) {
        if (quote == '"' && *span->at == '\\') {
            span->at += 2;
        } else if (many_lines && starts_with(span, triple)) {
            span->at += 3;
            /* One or two more quotes belong to the string that they end. */
            for (int i = 0; i < 2 && span->at < span->end && *span->at == quote; i++)
                span->at++;
            return true;
        } else if (!many_lines && *span->at == quote) {
            span->at++;
            return true;
        } else if (!many_lines && *span->at == '\n') {
            return false;
        } else {
            span->at++;
        }
    }
    return false;
}

static void skip_comment(struct span *span)
{
    while (span->at < span->end && *span->at != '\n')
        span->at++;
}

/* Skips to the end of an expression: the line end outside strings and brackets. */
static bool skip_expression(struct span *span)
{
    size_t depth = 0;

    while (span->at < span->end) {
        char character = *span->at;

        if (character == '"' || character == '\'') {
            if (!skip_string(span))
                return false;
            continue;
        }
        if (character == '#') {
            skip_comment(span);
            continue;
        }
        if (character == '\n' && depth == 0)
            return true;
        if (character == '[' || character == '{')
            depth++;
        else if ((character == ']' || character == '}') && depth-- == 0)
            return false;
        span->at++;
    }
    return depth == 0;
}

/* One part of a dotted key, quotes taken off. `*doubtful` if it is not what it looks like. */
static bool read_key_part(struct span *span, struct span *part, bool *doubtful)
{
    part->at = span->at;
    if (span->at < span->end && (*span->at == '"' || *span->at == '\'')) {
        part->at++;
        if (!skip_string(span))
            return false;
        part->end = span->at - 1;
        *doubtful = part->end < part->at || memchr(part->at, '\\', (size_t)(part->end - part->at));
        return part->end >= part->at;
    }
    while (span->at < span->end &&
           (isalnum((unsigned char)*span->at) || *span->at == '_' || *span->at == '-'))
        span->at++;
    part->end = span->at;
    *doubtful = false;
    return part->end > part->at;
}

static bool part_is(const struct span *part, const char *word)
{
    size_t length = strlen(word);

    return (size_t)(part->end - part->at) == length && memcmp(part->at, word, length) == 0;
}

static enum standing standing_after(enum standing standing, const struct span *part, bool doubtful)
{
    if (standing == STANDING_ROOT)
        return doubtful || part_is(part, "tool") ? STANDING_TOOL : STANDING_ELSEWHERE;
    if (standing == STANDING_TOOL)
        return doubtful || part_is(part, "tox") ? STANDING_TOX : STANDING_ELSEWHERE;
    return standing;
}

/* Reads a dotted key and says where it leads from `standing`. False if it is none. */
static bool read_key(struct span *span, enum standing *standing)
{
    for (;;) {
        struct span part;
        bool doubtful;

        skip_blanks(span);
        if (!read_key_part(span, &part, &doubtful))
            return false;
        *standing = standing_after(*standing, &part, doubtful);
        skip_blanks(span);
        if (span->at == span->end || *span->at != '.')
            return true;
        span->at++;
    }
}

static bool read_header(struct span *span, enum standing *table)
{
    span->at++;
    if (span->at < span->end && *span->at == '[')
        span->at++;
    *table = STANDING_ROOT;
    if (!read_key(span, table) || span->at == span->end || *span->at != ']')
        return false;
    skip_comment(span);
    return true;
}

/* One expression; what belongs to tox is appended. False if this cannot be TOML. */
static bool read_expression(struct text *orders, struct span *span, enum standing *table)
{
    const char *begin = span->at;
    bool header = *begin == '[';
    enum standing standing = *table;

    if (header) {
        if (!read_header(span, table))
            return false;
        standing = *table;
    } else {
        if (!read_key(span, &standing) || !skip_expression(span))
            return false;
        /* `tool = {tox = …}`: the value may hold anything. */
        if (standing == STANDING_TOOL)
            standing = STANDING_TOX;
    }
    if (standing == STANDING_TOX) {
        text_append_bytes(orders, begin, (size_t)(span->at - begin));
        text_append(orders, "\n");
    }
    return true;
}

void tox_orders_toml(struct text *orders, const char *bytes, size_t length)
{
    struct span span = {bytes, bytes + length};
    enum standing table = STANDING_ROOT;

    while (span.at < span.end) {
        if (isspace((unsigned char)*span.at)) {
            span.at++;
        } else if (*span.at == '#') {
            skip_comment(&span);
        } else if (!read_expression(orders, &span, &table)) {
            text_append_bytes(orders, bytes, length);
            return;
        }
    }
}

static bool contains(const struct span *span, const char *word)
{
    return memmem(span->at, (size_t)(span->end - span->at), word, strlen(word)) != NULL;
}

/* Whether what stands behind a bracket may be the head of a section that tox reads. */
static bool names_tox(const struct span *head)
{
    return starts_with(head, "tox") || contains(head, "testenv") || contains(head, "DEFAULT") ||
           contains(head, "{");
}

/* Whether the line opens a section of tox to any reader: nothing but blanks stands before the bracket
 * since the line began, or since a character that some readers take for a line's end (a vertical tab,
 * a separator, U+2028) or for nothing (a byte order mark, a no-break space). */
static bool opens_tox(const char *line, const char *end)
{
    for (const char *at = line; at < end; at++) {
        const char *before = at;
        const char *name = at + 1;

        if (*at != '[')
            continue;
        while (before > line && is_blank(before[-1]))
            before--;
        if (before > line && is_text(before[-1]))
            continue;
        while (name < end && isspace((unsigned char)*name))
            name++;

        struct span span = {name, end};

        if (names_tox(&span))
            return true;
    }
    return false;
}

/* Whether the line is a section's head to every reader: to some a bracket that is not closed goes on with
 * the value above it, as does one with a comment in it. */
static bool is_head(const char *line, const char *end)
{
    const char *at = line + 1;

    if (*line != '[')
        return false;
    while (at < end && (is_text(*at) || is_blank(*at)) && !strchr("#;]", *at))
        at++;
    if (at == end || *at != ']' || at == line + 1)
        return false;
    for (at++; at < end && isspace((unsigned char)*at);)
        at++;
    return at == end || *at == '#' || *at == ';';
}

/* Whether orders take something from a section that is not tox's: `{[other]key}`. */
static bool refers_elsewhere(const struct text *orders)
{
    const char *bytes = text_string(orders);
    struct span span = {bytes, bytes + orders->length};

    for (; span.at < span.end; span.at++) {
        if (!starts_with(&span, "{["))
            continue;
        span.at += 2;
        if (!starts_with(&span, "tox") && !starts_with(&span, "testenv"))
            return true;
    }
    return false;
}

void tox_orders_ini(struct text *orders, const char *bytes, size_t length)
{
    const char *end = bytes + length;
    bool inside = false;

    for (const char *line = bytes; line < end;) {
        const char *line_end = memchr(line, '\n', (size_t)(end - line));

        line_end = line_end ? line_end + 1 : end;
        if (opens_tox(line, line_end))
            inside = true;
        else if (is_head(line, line_end))
            inside = false;
        if (inside)
            text_append_bytes(orders, line, (size_t)(line_end - line));
        line = line_end;
    }
    if (refers_elsewhere(orders))
        text_append_bytes(orders, bytes, length);
}

bool tox_owns(const char *path)
{
    static const char *const files[] = {"tox.toml", "toxfile.py", "☣.py", ".tox"};

    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (strcmp(path, files[i]) == 0)
            return true;
    return strncmp(path, ".tox/", 5) == 0;
}

bool tox_reads(const char *path)
{
    return strcmp(path, "pyproject.toml") == 0 || strcmp(path, "setup.cfg") == 0;
}

bool tox_orders_differ(const char *path, const char *old, size_t old_length, const char *new,
                       size_t new_length)
{
    bool toml = strcmp(path, "pyproject.toml") == 0;
    void (*cut)(struct text *, const char *, size_t) = toml ? tox_orders_toml : tox_orders_ini;
    CLEANUP_TEXT struct text before = {0};
    CLEANUP_TEXT struct text after = {0};

    if (old)
        cut(&before, old, old_length);
    if (new)
        cut(&after, new, new_length);
    return before.length != after.length ||
           memcmp(text_string(&before), text_string(&after), before.length) != 0;
}

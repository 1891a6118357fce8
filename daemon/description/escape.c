#include "daemon/description/escape.h"

#include "common/encode.h"
#include "common/memory.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Bytes that are read for each byte that may be shown, since blanks may be left out. */
#define READ_FACTOR 16

#define ELLIPSIS   "\xe2\x80\xa6"
#define ESCAPE     '\033'
#define HASH_MIN   7 /* hex digits that Gitea takes for a commit */
#define HASH_MAX   64
#define FENCE_MIN  3
#define SKIP_MAX   40
#define SPLIT_COST 12 /* "&#124;" and the delimiters on both sides of it */

/* ---- closing keywords ----------------------------------------------------------------------- */

/* Whether a word makes a forge close or reopen the issue that is named after it. */
static bool is_closing_keyword(const char *word, size_t length)
{
    static const char *const keywords[] = {
        "close",   "closes",   "closed", "fix",     "fixes",    "fixed",
        "resolve", "resolves", "reopen", "reopens", "reopened", "resolved",
    };

    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
        if (strlen(keywords[i]) == length && strncasecmp(word, keywords[i], length) == 0)
            return true;
    }
    return false;
}

/* Returns where in a word the number of an issue begins: #12, !12, owner/repository#12,
 * http://forge/o/r/issues/12. NULL: there is none. */
static const char *find_number(const char *word)
{
    const char *end = word + strcspn(word, " \t\n");

    for (const char *at = word; at < end; at++) {
        size_t mark = strchr("#!", *at)                 ? 1
                      : strncmp(at, "/issues/", 8) == 0 ? 8
                      : strncmp(at, "/pulls/", 7) == 0  ? 7
                                                        : 0;

        if (mark > 0 && isdigit((unsigned char)at[mark]))
            return at + mark;
    }
    return NULL;
}

/* Returns the number that a keyword which ends at this blank is about: "closes #12", "Fixes: #12". */
static const char *find_closed(const char *begin, const char *blank)
{
    const char *end = blank > begin && blank[-1] == ':' ? blank - 1 : blank;
    const char *word = end;

    while (word > begin && isalpha((unsigned char)word[-1]))
        word--;
    return is_closing_keyword(word, (size_t)(end - word)) ? find_number(blank + 1) : NULL;
}

/* Whether a bracket opens what makes a forge skip its checks: [skip ci], [CI-skip], [no ci]. */
static bool skips_checks(const char *bracket)
{
    bool skips = false;

    if (*bracket != '[')
        return false;
    for (const char *at = bracket + 1; *at && *at != '\n' && at <= bracket + SKIP_MAX; at++) {
        if (*at == ']')
            return skips;
        skips = skips || strncasecmp(at, "skip", 4) == 0 ||
                (strncasecmp(at, "ci", 2) == 0 && !isalpha((unsigned char)at[-1]) &&
                 !isalpha((unsigned char)at[2]));
    }
    return false;
}

/* Code does nothing on a page. But Gitea offers the whole body as the message of a squash merge, and
 * obeys keywords anywhere in a message. So these get a blank in their middle. */
static void append_without_closing_keywords(struct text *text, const char *string)
{
    const char *number = NULL;

    for (const char *at = string; *at; at++) {
        if (*at == ' ' && !number)
            number = find_closed(string, at);
        if (at == number) {
            text_append(text, " ");
            number = NULL;
        }
        text_append_bytes(text, at, 1);
        if (skips_checks(at))
            text_append(text, " ");
    }
}

/* ---- pieces ----------------------------------------------------------------------------------- */

static void append_repeated(struct text *text, char c, size_t count)
{
    for (size_t i = 0; i < count; i++)
        text_append_bytes(text, &c, 1);
}

/* Returns the longest run of backticks. A delimiter that is longer cannot be closed from inside. */
static size_t longest_run(const char *bytes, size_t length)
{
    size_t longest = 0;
    size_t run = 0;

    for (size_t i = 0; i < length; i++) {
        run = bytes[i] == '`' ? run + 1 : 0;
        if (run > longest)
            longest = run;
    }
    return longest;
}

/* Returns the length of a prefix of at most `limit` bytes that does not cut a character. */
static size_t prefix(const char *bytes, size_t length, size_t limit)
{
    if (length <= limit)
        return length;
    while (limit > 0 && ((unsigned char)bytes[limit] & 0xc0) == 0x80)
        limit--;
    return limit;
}

/* Appends valid UTF-8 with LF as line ends, with nothing hidden but LF and TAB, and without keywords. */
static void append_readable(struct text *text, const char *string)
{
    CLEANUP_TEXT struct text repaired = {0};
    CLEANUP_TEXT struct text visible = {0};
    char *to;

    text_append_repaired(&repaired, string, strlen(string));
    if (repaired.length == 0)
        return;
    to = repaired.data;
    for (const char *from = repaired.data; *from; from++) {
        if (*from == '\r' && from[1] == '\n')
            continue;
        *to++ = *from == '\r' ? '\n' : *from;
    }
    *to = '\0';
    text_append_visible(&visible, repaired.data, "\n\t");
    append_without_closing_keywords(text, text_string(&visible));
}

/* ---- code ------------------------------------------------------------------------------------- */

/* Appends a code span around bytes without a line end. A blank or a backtick at an edge needs a blank
 * beside it, which is not shown. */
static void append_span(struct text *text, const char *bytes, size_t length)
{
    size_t run = longest_run(bytes, length) + 1;
    bool padded = strchr(" `", bytes[0]) || strchr(" `", bytes[length - 1]);

    append_repeated(text, '`', run);
    text_append(text, padded ? " " : "");
    text_append_bytes(text, bytes, length);
    text_append(text, padded ? " " : "");
    append_repeated(text, '`', run);
}

/* Returns how much of a line fits, delimiters included. */
static size_t fitting(const char *bytes, size_t length, size_t limit)
{
    size_t delimiters = 2 * (longest_run(bytes, length) + 2);

    if (length + delimiters <= limit)
        return length;
    return prefix(bytes, length, delimiters <= limit / 2 ? limit - delimiters : limit / 3);
}

/* The same for a table's cell, where each bar costs a span of its own. */
static size_t fitting_in_cell(const char *bytes, size_t length, size_t limit)
{
    size_t bars = 0;

    for (size_t i = 0; i < length; i++)
        bars += bytes[i] == '|';
    return fitting(bytes, length,
                   bars * SPLIT_COST > limit / 2 ? limit / 8 : limit - bars * SPLIT_COST);
}

void escape_append_code(struct text *text, const char *string, size_t limit)
{
    CLEANUP_TEXT struct text readable = {0};
    CLEANUP_TEXT struct text line = {0};
    size_t length = strnlen(string, READ_FACTOR * limit + 1);
    CLEANUP_FREE char *begin = memory_copy_bytes(string, length);
    const char *at;
    size_t fits;

    if (length > READ_FACTOR * limit)
        begin[prefix(begin, length, length - 1)] = '\0';
    append_readable(&readable, begin);
    text_append_line(&line, text_string(&readable), SIZE_MAX / 2);
    if (line.length == 0)
        return;
    at = line.data;
    fits = fitting_in_cell(at, line.length, limit);
    /* A bar would end a table's cell, even in code. */
    for (const char *end = at + fits; at < end;) {
        const char *bar = memchr(at, '|', end - at);
        size_t span = (bar ? bar : end) - at;

        if (span > 0)
            append_span(text, at, span);
        if (bar)
            text_append(text, "&#124;");
        at += span + (bar ? 1 : 0);
    }
    if (fits < line.length || length > READ_FACTOR * limit)
        text_append(text, ELLIPSIS);
}

static bool is_blank_line(const char *line)
{
    line += strspn(line, " \t");
    return *line == '\n' || *line == '\0';
}

void escape_append_quote(struct text *text, const char *string, size_t limit)
{
    CLEANUP_TEXT struct text readable = {0};
    size_t begin = text->length;
    const char *line;

    append_readable(&readable, string);
    line = text_string(&readable);
    line += strspn(line, "\n");
    while (*line) {
        size_t length = strcspn(line, "\n");
        bool blank = is_blank_line(line);
        bool last = line[length + strspn(line + length, " \t\n")] == '\0';
        size_t left = limit > text->length - begin ? limit - (text->length - begin) : 0;
        size_t fits = fitting(line, length, left > 16 ? left - 16 : 0);

        text_append(text, ">");
        if (!blank && fits > 0) {
            text_append(text, " ");
            append_span(text, line, fits);
        }
        if (fits < length) {
            text_append(text, " " ELLIPSIS "\n");
            return;
        }
        /* A backslash at the end separates the lines. Before an empty line it would be shown. */
        if (!blank && !last && !is_blank_line(line + length + 1))
            text_append(text, "\\");
        text_append(text, "\n");
        if (last)
            return;
        line += length + 1;
    }
}

/* ---- block ------------------------------------------------------------------------------------ */

/* Returns where an escape sequence that begins at `at` ends. */
static const char *skip_escape(const char *at)
{
    at++;
    if (*at == '[') {
        at++;
        while (*at >= 0x20 && *at <= 0x3f)
            at++;
        return *at >= 0x40 && *at <= 0x7e ? at + 1 : at;
    }
    if (*at == ']') {
        while (*at && *at != '\a' && *at != '\n' && *at != ESCAPE)
            at++;
        if (*at == ESCAPE && at[1] == '\\')
            return at + 2;
        return *at == '\a' ? at + 1 : at;
    }
    while (*at >= 0x20 && *at <= 0x2f)
        at++;
    return *at >= 0x30 && *at <= 0x7e ? at + 1 : at;
}

static char *without_escapes(const char *string)
{
    struct text text = {0};

    while (*string) {
        size_t plain = strcspn(string, "\033");

        text_append_bytes(&text, string, plain);
        string += plain;
        if (*string)
            string = skip_escape(string);
    }
    return text_take(&text);
}

/* Returns the end of the text that fits, from the beginning of a line if there is one. */
static const char *last_lines(const char *string, size_t limit)
{
    size_t length = strlen(string);
    const char *at;
    const char *line_end;

    if (length <= limit)
        return string;
    at = string + length - limit;
    line_end = strchr(at, '\n');
    if (line_end && line_end[1])
        return line_end + 1;
    while (((unsigned char)*at & 0xc0) == 0x80)
        at++;
    return at;
}

/* The fence is indented by one blank, which Markdown removes from each line that begins with one. So
 * these lines get another one. So do lines that begin with "<": nothing at the beginning of a line can
 * then be our own comment. */
static void append_block_lines(struct text *text, const char *string)
{
    while (*string) {
        size_t length = strcspn(string, "\n");

        if (*string && strchr(" \t<", *string))
            text_append(text, " ");
        text_append_bytes(text, string, length);
        text_append(text, "\n");
        string += length + (string[length] == '\n' ? 1 : 0);
    }
}

void escape_append_block(struct text *text, const char *string, size_t limit)
{
    CLEANUP_FREE char *plain = without_escapes(string);
    CLEANUP_TEXT struct text readable = {0};
    const char *shown;
    size_t run;

    append_readable(&readable, plain);
    while (readable.length > 0 && readable.data[readable.length - 1] == '\n')
        readable.data[--readable.length] = '\0';
    /* Every line may get a blank, and a long run of backticks needs two fences of its length. */
    shown = last_lines(text_string(&readable), limit / 2);
    if (longest_run(shown, strlen(shown)) > limit / 16)
        shown = last_lines(text_string(&readable), limit / 4);
    run = longest_run(shown, strlen(shown)) + 1;
    if (run < FENCE_MIN)
        run = FENCE_MIN;
    text_append(text, " ");
    append_repeated(text, '`', run);
    text_append(text, "\n");
    if (shown > text_string(&readable))
        text_append(text, ELLIPSIS "\n");
    append_block_lines(text, shown);
    text_append(text, " ");
    append_repeated(text, '`', run);
    text_append(text, "\n");
}

/* ---- plain ------------------------------------------------------------------------------------ */

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* Whether a name between colons begins here: forges turn :tada: into a picture. */
static bool is_shortcode(const char *at)
{
    size_t length = 1;

    while (is_word(at[length]) || at[length] == '+')
        length++;
    return length > 1 && at[length] == ':';
}

/* Whether a forge would act on what is here, unless it is split after its first letter. */
static bool must_split(const char *at)
{
    switch (*at) {
    case '@':
        return is_word(at[1]);
    case '#':
    case '!':
        return isdigit((unsigned char)at[1]);
    case ':':
        return strncmp(at, "://", 3) == 0 || is_shortcode(at);
    case '[':
        return at[1] == '[' || skips_checks(at);
    case '%': /* our own placeholder for a hash in a commit's message */
        return at[1] == 'M';
    default:
        return false;
    }
}

/* Returns the length of what could be a commit's hash here; 0: nothing. */
static size_t hash_length(const char *at)
{
    size_t length = strspn(at, "0123456789abcdef");

    return length >= HASH_MIN && length <= HASH_MAX && !is_word(at[length]) ? length : 0;
}

void escape_append_plain(struct text *text, const char *string)
{
    CLEANUP_TEXT struct text readable = {0};
    CLEANUP_TEXT struct text line = {0};
    bool in_word = false;

    text_append_repaired(&readable, string, strlen(string));
    text_append_line(&line, text_string(&readable), SIZE_MAX / 2);
    text_reset(&readable);
    text_append_visible(&readable, text_string(&line), NULL);
    for (const char *at = text_string(&readable); *at; at++) {
        size_t hash = in_word ? 0 : hash_length(at);

        in_word = is_word(*at);
        if (hash > 0) {
            text_append(text, "`");
            text_append_bytes(text, at, hash);
            text_append(text, "`");
            at += hash - 1;
            continue;
        }
        text_append_bytes(text, *at == '`' ? "'" : at, 1);
        if (must_split(at))
            text_append(text, " ");
    }
}

/* ---- JSON ------------------------------------------------------------------------------------- */

void escape_append_json(struct text *text, const char *string)
{
    CLEANUP_TEXT struct text repaired = {0};

    text_append_repaired(&repaired, string, strlen(string));
    text_append(text, "\"");
    for (const char *at = text_string(&repaired); *at;) {
        uint32_t code_point;
        size_t length = utf8_decode(at, &code_point);

        if (code_point_hidden(code_point) ||
            (code_point < 0x80 && strchr("\"\\<>-&#![/", (int)code_point)))
            encode_append_json(text, code_point);
        else
            text_append_bytes(text, at, length);
        at += length;
    }
    text_append(text, "\"");
}

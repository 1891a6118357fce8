#include "common/text.h"

#include "common/memory.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

#define REPLACEMENT   "\xef\xbf\xbd" /* U+FFFD */
#define ELLIPSIS      "\xe2\x80\xa6" /* U+2026 */
#define ESCAPE        '\033'
#define EXCERPT_SHOWN 60   /* code points */
#define EXCERPT_BYTES 1024 /* that are read for these */
#define NUMBER_SIZE   24   /* for 15 digits, sign, point and NUL */

void text_free(struct text *text)
{
    if (!text)
        return;
    free(text->data);
    *text = (struct text){0};
}

const char *text_string(const struct text *text)
{
    return text->data ? text->data : "";
}

char *text_take(struct text *text)
{
    char *string = text->data ? text->data : memory_copy("");

    *text = (struct text){0};
    return string;
}

/* Makes room for `more` bytes and a NUL. */
static void reserve(struct text *text, size_t more)
{
    if (text->data && more < text->capacity - text->length)
        return;

    size_t capacity = text->capacity > 0 ? text->capacity : 64;

    while (capacity - text->length <= more) {
        if (capacity > SIZE_MAX / 2) {
            capacity =
                SIZE_MAX; /* so much memory does not exist: memory_resize() ends the process */
            break;
        }
        capacity *= 2;
    }
    text->data = memory_resize(text->data, capacity);
    text->capacity = capacity;
}

void text_append_bytes(struct text *text, const void *bytes, size_t length)
{
    reserve(text, length);
    if (length > 0)
        memcpy(text->data + text->length, bytes, length);
    text->length += length;
    text->data[text->length] = '\0';
}

void text_append(struct text *text, const char *string)
{
    text_append_bytes(text, string, strlen(string));
}

void text_append_format(struct text *text, const char *format, ...)
{
    va_list arguments;

    reserve(text, 64);
    for (;;) {
        size_t room = text->capacity - text->length;

        va_start(arguments, format);
        int length = vsnprintf(text->data + text->length, room, format, arguments);
        va_end(arguments);
        if (length <
            0) { /* glibc: only if the output exceeds INT_MAX, or for a bad wide character */
            text->data[text->length] = '\0';
            return;
        }
        if ((size_t)length < room) {
            text->length += (size_t)length;
            return;
        }
        reserve(text, (size_t)length);
    }
}

void text_reset(struct text *text)
{
    text->length = 0;
    if (text->data)
        text->data[0] = '\0';
}

/* Writes scaled / 10^decimals. */
static void write_decimal(char *buffer, int64_t scaled, int decimals)
{
    char digits[NUMBER_SIZE];
    uint64_t left = (uint64_t)(scaled < 0 ? -scaled : scaled);
    int count = 0;

    for (int place = 0; left > 0 || place <= decimals; place++, left /= 10) {
        if (place == decimals && decimals > 0)
            digits[count++] = '.';
        digits[count++] = (char)('0' + left % 10);
    }
    if (scaled < 0)
        *buffer++ = '-';
    while (count > 0)
        *buffer++ = digits[--count];
    *buffer = '\0';
}

/* Writes a number that is a decimal of at most 15 digits, up to 9 of them after the point, as nearly all are.
 * Then digits and power of ten are exact, and their quotient is the double nearest to the decimal. Returns
 * false for any other number. */
static bool format_short(char *buffer, size_t size, double number)
{
    double power = 1;

    if (size < NUMBER_SIZE || !(fabs(number) >= 1e-4 && fabs(number) < 1e6))
        return false;
    for (int decimals = 0; decimals <= 9; decimals++) {
        double scaled = round(number * power);

        if (scaled / power == number) {
            write_decimal(buffer, (int64_t)scaled, decimals);
            return true;
        }
        power *= 10;
    }
    return false;
}

void number_format(char *buffer, size_t size, double number)
{
    if (isnan(number)) {
        snprintf(buffer, size, "nan");
        return;
    }
    if (format_short(buffer, size, number))
        return;

    /* A double keeps any decimal of 15 digits, so fewer need not be tried. Only subnormal numbers keep
     * less. */
    int digits = fpclassify(number) == FP_SUBNORMAL ? 1 : 15;

    do {
        snprintf(buffer, size, "%.*g", digits, number);
    } while (digits++ < 17 && strtod(buffer, NULL) != number);
}

void text_append_number(struct text *text, double number)
{
    char buffer[32];

    number_format(buffer, sizeof(buffer), number);
    text_append(text, buffer);
}

static const char *skip_digits(const char *string)
{
    while (*string >= '0' && *string <= '9')
        string++;
    return string;
}

int number_parse(const char *string, double *number)
{
    const char *at = string + (*string == '-');
    const char *end = skip_digits(at);

    if (end == at || (*at == '0' && end - at > 1))
        return -1;
    if (*end == '.') {
        at = end + 1;
        end = skip_digits(at);
        if (end == at)
            return -1;
    }
    if (*end == 'e' || *end == 'E') {
        at = end + 1 + (end[1] == '+' || end[1] == '-');
        end = skip_digits(at);
        if (end == at)
            return -1;
    }
    if (*end != '\0')
        return -1;

    double value = strtod(string, NULL);
    bool zero = strcspn(string, "123456789") >= strcspn(string, "eE"); /* before the exponent */

    if (!isfinite(value) || (value == 0 && !zero))
        return -1;
    *number = value;
    return 0;
}

/* Looks at one sequence in `left` > 0 bytes. Returns its length if it is well-formed, else 0; `*seen` is
 * then the number of bytes that belong to the malformed beginning (Unicode's maximal subpart). After E0,
 * ED, F0 and F4 the first continuation byte has narrower bounds: they exclude overlong forms, surrogates
 * and what is above U+10FFFF. */
static size_t sequence(const unsigned char *bytes, size_t left, size_t *seen)
{
    unsigned char lead = bytes[0];
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    size_t length;

    *seen = 1;
    if (lead < 0x80)
        return lead != 0 ? 1 : 0;
    if (lead < 0xc2 || lead > 0xf4)
        return 0;
    length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (lead == 0xe0)
        low = 0xa0;
    else if (lead == 0xf0)
        low = 0x90;
    else if (lead == 0xed)
        high = 0x9f;
    else if (lead == 0xf4)
        high = 0x8f;
    for (; *seen < length; ++*seen) {
        if (*seen >= left || bytes[*seen] < low || bytes[*seen] > high)
            return 0;
        low = 0x80;
        high = 0xbf;
    }
    return length;
}

/* Whether eight bytes are ASCII and none is NUL; nearly all are so. A byte that is 0 borrows in the
 * subtraction, and then its highest bit is set. */
static bool eight_plain(const unsigned char *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof(word));
    return ((word | (word - 0x0101010101010101)) & 0x8080808080808080) == 0;
}

bool utf8_valid(const void *bytes, size_t length, size_t *offset)
{
    const unsigned char *at = bytes;
    size_t left = length;

    while (left > 0) {
        size_t seen;
        size_t step = left >= 8 && eight_plain(at) ? 8 : sequence(at, left, &seen);

        if (step == 0) {
            if (offset)
                *offset = length - left;
            return false;
        }
        at += step;
        left -= step;
    }
    return true;
}

size_t utf8_decode(const char *string, uint32_t *code_point)
{
    const unsigned char *at = (const unsigned char *)string;

    if (at[0] < 0x80) {
        *code_point = at[0];
        return 1;
    }
    if (at[0] < 0xe0) {
        *code_point = (at[0] & 0x1fu) << 6 | (at[1] & 0x3fu);
        return 2;
    }
    if (at[0] < 0xf0) {
        *code_point = (at[0] & 0x0fu) << 12 | (at[1] & 0x3fu) << 6 | (at[2] & 0x3fu);
        return 3;
    }
    *code_point = (at[0] & 0x07u) << 18 | (at[1] & 0x3fu) << 12 | (at[2] & 0x3fu) << 6 |
                  (at[3] & 0x3fu);
    return 4;
}

void text_append_code_point(struct text *text, uint32_t code_point)
{
    char bytes[4];
    size_t length = 0;

    if (code_point < 0x80) {
        bytes[length++] = (char)code_point;
    } else if (code_point < 0x800) {
        bytes[length++] = (char)(0xc0 | code_point >> 6);
        bytes[length++] = (char)(0x80 | (code_point & 0x3f));
    } else if (code_point < 0x10000) {
        bytes[length++] = (char)(0xe0 | code_point >> 12);
        bytes[length++] = (char)(0x80 | (code_point >> 6 & 0x3f));
        bytes[length++] = (char)(0x80 | (code_point & 0x3f));
    } else {
        bytes[length++] = (char)(0xf0 | code_point >> 18);
        bytes[length++] = (char)(0x80 | (code_point >> 12 & 0x3f));
        bytes[length++] = (char)(0x80 | (code_point >> 6 & 0x3f));
        bytes[length++] = (char)(0x80 | (code_point & 0x3f));
    }
    text_append_bytes(text, bytes, length);
}

void text_append_words(struct text *text, const char *string)
{
    static locale_t locale; /* made once; without it only ASCII has letters */
    static bool looked;
    size_t start = text->length;
    bool apart = false;

    if (!looked)
        locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
    looked = true;
    for (uint32_t code_point; *string; apart = true) {
        string += utf8_decode(string, &code_point);
        while (locale ? iswalnum_l(code_point, locale)
                      : code_point < 0x80 && isalnum((int)code_point)) {
            if (apart && text->length > start)
                text_append(text, " ");
            apart = false;
            text_append_code_point(text, locale ? (uint32_t)towlower_l(code_point, locale)
                                                : (uint32_t)tolower((int)code_point));
            if (!*string)
                return;
            string += utf8_decode(string, &code_point);
        }
    }
}

size_t utf8_count(const char *string)
{
    size_t count = 0;

    for (; *string != '\0'; string++)
        count += ((unsigned char)*string & 0xc0) != 0x80;
    return count;
}

/* Marks without a width, and letters of two columns (Unicode's East_Asian_Width W and F); sorted. */
static const struct {
    uint32_t first;
    uint32_t last;
    size_t columns;
} widths[] = {
    {0x0300, 0x036f, 0},   {0x0483, 0x0489, 0},   {0x0591, 0x05bd, 0},   {0x064b, 0x065f, 0},
    {0x1100, 0x115f, 2},   {0x1ab0, 0x1aff, 0},   {0x1dc0, 0x1dff, 0},   {0x20d0, 0x20f0, 0},
    {0x231a, 0x231b, 2},   {0x23e9, 0x23ec, 2},   {0x25fd, 0x25fe, 2},   {0x2614, 0x2615, 2},
    {0x2648, 0x2653, 2},   {0x26a1, 0x26a1, 2},   {0x26bd, 0x26be, 2},   {0x2705, 0x2705, 2},
    {0x2728, 0x2728, 2},   {0x274c, 0x274c, 2},   {0x2753, 0x2755, 2},   {0x2795, 0x2797, 2},
    {0x2b1b, 0x2b1c, 2},   {0x2b50, 0x2b50, 2},   {0x2e80, 0x303e, 2},   {0x3041, 0x3098, 2},
    {0x3099, 0x309a, 0},   {0x309b, 0x33ff, 2},   {0x3400, 0x4dbf, 2},   {0x4e00, 0xa4cf, 2},
    {0xa960, 0xa97c, 2},   {0xac00, 0xd7a3, 2},   {0xf900, 0xfaff, 2},   {0xfe10, 0xfe19, 2},
    {0xfe20, 0xfe2f, 0},   {0xfe30, 0xfe6f, 2},   {0xff01, 0xff60, 2},   {0xffe0, 0xffe6, 2},
    {0x16fe0, 0x18cff, 2}, {0x1aff0, 0x1b2fb, 2}, {0x1f004, 0x1f004, 2}, {0x1f0cf, 0x1f0cf, 2},
    {0x1f18e, 0x1f19a, 2}, {0x1f200, 0x1f320, 2}, {0x1f32d, 0x1f5ff, 2}, {0x1f600, 0x1f64f, 2},
    {0x1f680, 0x1f6ff, 2}, {0x1f7e0, 0x1f7eb, 2}, {0x1f90c, 0x1f9ff, 2}, {0x1fa70, 0x1faff, 2},
    {0x20000, 0x3fffd, 2},
};

static size_t columns_of(uint32_t code_point)
{
    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
        if (code_point < widths[i].first)
            return 1;
        if (code_point <= widths[i].last)
            return widths[i].columns;
    }
    return 1;
}

size_t utf8_columns(const char *string)
{
    size_t columns = 0;

    while (*string != '\0') {
        uint32_t code_point;

        string += utf8_decode(string, &code_point);
        columns += columns_of(code_point);
    }
    return columns;
}

size_t utf8_fitting(const char *string, size_t columns)
{
    const char *at = string;

    while (*at != '\0') {
        uint32_t code_point;
        size_t length = utf8_decode(at, &code_point), taken = columns_of(code_point);

        if (taken > columns)
            break;
        columns -= taken;
        at += length;
    }
    return (size_t)(at - string);
}

/* Unicode's Default_Ignorable_Code_Point, the controls, the two separators, the annotation marks and
 * the noncharacters of the Arabic block; sorted. */
static const struct {
    uint32_t first;
    uint32_t last;
} hidden_ranges[] = {
    {0x0000, 0x001f}, {0x007f, 0x009f}, {0x00ad, 0x00ad},   {0x034f, 0x034f},   {0x061c, 0x061c},
    {0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180b, 0x180f},   {0x200b, 0x200f},   {0x2028, 0x202e},
    {0x2060, 0x206f}, {0x3164, 0x3164}, {0xfdd0, 0xfdef},   {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},
    {0xffa0, 0xffa0}, {0xfff0, 0xfffb}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

bool code_point_hidden(uint32_t code_point)
{
    if (code_point > 0x10ffff || (code_point & 0xfffe) == 0xfffe)
        return true;
    for (size_t i = 0; i < sizeof(hidden_ranges) / sizeof(hidden_ranges[0]); i++) {
        if (code_point < hidden_ranges[i].first)
            return false;
        if (code_point <= hidden_ranges[i].last)
            return true;
    }
    return false;
}

static bool kept(uint32_t code_point, const char *keep)
{
    while (keep && *keep != '\0') {
        uint32_t other;

        keep += utf8_decode(keep, &other);
        if (other == code_point)
            return true;
    }
    return false;
}

void text_append_visible(struct text *text, const char *string, const char *keep)
{
    const char *plain = string; /* what was read and not yet appended */

    while (*string != '\0') {
        uint32_t code_point;
        size_t length = utf8_decode(string, &code_point);

        if (code_point_hidden(code_point) && !kept(code_point, keep)) {
            text_append_bytes(text, plain, (size_t)(string - plain));
            text_append_format(text, "U+%04X", (unsigned)code_point);
            plain = string + length;
        }
        string += length;
    }
    text_append_bytes(text, plain, (size_t)(string - plain));
}

void text_append_repaired(struct text *text, const void *bytes, size_t length)
{
    const unsigned char *at = bytes;

    for (;;) {
        size_t good = length;
        size_t seen;
        bool valid = utf8_valid(at, length, &good);

        text_append_bytes(text, at, good);
        if (valid)
            return;
        at += good;
        length -= good;
        sequence(at, length, &seen);
        text_append(text, REPLACEMENT);
        at += seen;
        length -= seen;
    }
}

void text_strip_colours(char *string)
{
    char *to = string;

    for (const char *at = string; *at != '\0';) {
        if (at[0] == ESCAPE && at[1] == '(' && at[2] != '\0') {
            at += 3;
            continue;
        }
        if (at[0] != ESCAPE || at[1] != '[') {
            *to++ = *at++;
            continue;
        }
        at += 2;
        while (*at != '\0' && (unsigned char)*at < 0x40)
            at++;
        if (*at != '\0')
            at++;
    }
    *to = '\0';
}

static bool blank(uint32_t code_point)
{
    return code_point <= 0x20 || (code_point >= 0x7f && code_point <= 0x9f) ||
           code_point == 0x2028 || code_point == 0x2029;
}

void text_append_line(struct text *text, const char *string, size_t limit)
{
    size_t cut = text->length; /* where to cut if the text turns out too long */
    size_t count = 0;
    bool space = false; /* a run of blanks was read; it is written before the next character */

    text_append_bytes(text, "", 0);
    while (*string != '\0') {
        uint32_t code_point;
        size_t length = utf8_decode(string, &code_point);

        if (blank(code_point)) {
            space = count > 0;
        } else {
            if (count + space + 1 > limit) {
                text->length = cut;
                text->data[cut] = '\0';
                text_append(text, limit > 0 ? ELLIPSIS : "");
                return;
            }
            if (space)
                text_append_bytes(text, " ", 1);
            text_append_bytes(text, string, length);
            count += space + 1u;
            space = false;
            if (count < limit)
                cut = text->length;
        }
        string += length;
    }
}

const char *text_excerpt(struct text *text, const char *piece, size_t length)
{
    CLEANUP_TEXT struct text repaired = {0};
    CLEANUP_TEXT struct text line = {0};

    text_append_repaired(&repaired, piece, length < EXCERPT_BYTES ? length : EXCERPT_BYTES);
    text_append_line(&line, repaired.data, EXCERPT_SHOWN);
    text_append_visible(text, line.data, NULL);
    return text_string(text);
}

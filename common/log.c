#include "common/log.h"

#include "common/encode.h"
#include "common/log-output.h"
#include "common/loop.h"
#include "common/memory.h"
#include "common/secret.h"
#include "common/text.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#ifdef HAVE_SYSTEMD
#define SD_JOURNAL_SUPPRESS_LOCATION /* the location would always be this file */
#include <systemd/sd-journal.h>
#endif

#define VALUE_LIMIT   8192 /* bytes of a field's value */
#define SUMMARY_LIMIT 400  /* bytes of a value in the journal's MESSAGE; enough for a sentence */
#define LINE_LIMIT    (64 * 1024) /* bytes of a line */
#define ESCAPED_MAX   6           /* bytes that one byte becomes at most: \u0001 */

enum output { OUTPUT_UNKNOWN, OUTPUT_JOURNAL, OUTPUT_LOGFMT, OUTPUT_COLOURS, OUTPUT_JSON };

static enum log_level chosen_level = LOG_LEVEL_INFO;
static enum output output = OUTPUT_UNKNOWN;
static uint64_t dropped; /* events lost since the last one that could be written */

static const struct log_event lines_dropped = {"lines of the log were lost", LOG_LEVEL_WARNING,
                                               NULL};

static const struct {
    const char *word;
    const char *colour;
    const char *priority; /* syslog's */
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", "\033[1;31m", "PRIORITY=3"},
    [LOG_LEVEL_WARNING] = {"warning", "\033[1;33m", "PRIORITY=4"},
    [LOG_LEVEL_INFO] = {"info", "\033[32m", "PRIORITY=6"},
    [LOG_LEVEL_DEBUG] = {"debug", "\033[2m", "PRIORITY=7"},
};

#ifdef HAVE_SYSTEMD
/* The service manager names the device and inode of the stream that it connected. If stderr was
 * redirected since, they differ from those of stderr. */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat status;
    int end = 0;

    if (!stream || sscanf(stream, "%llu:%llu%n", &device, &inode, &end) != 2 || stream[end] != '\0')
        return false;
    return fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}
#endif

static bool stderr_takes_colours(void)
{
    const char *terminal = getenv("TERM");
    const char *refused = getenv("NO_COLOR");

    return isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb") != 0 &&
           !(refused && *refused != '\0');
}

static enum output choose_output(enum log_format format)
{
#ifdef HAVE_SYSTEMD
    if (format == LOG_FORMAT_JOURNAL || (format == LOG_FORMAT_AUTO && stderr_is_journal()))
        return OUTPUT_JOURNAL;
#endif
    if (format == LOG_FORMAT_JSON)
        return OUTPUT_JSON;
    return format == LOG_FORMAT_AUTO && stderr_takes_colours() ? OUTPUT_COLOURS : OUTPUT_LOGFMT;
}

void log_configure(enum log_level level, enum log_format format)
{
    chosen_level = level;
    output = choose_output(format);
}

bool log_enabled(enum log_level level)
{
    return level <= chosen_level;
}

/* Appends a value as valid UTF-8 of about `limit` bytes at most. Secrets are scrubbed before the cut, so
 * that no half of one is left. */
static void append_clean(struct text *text, const char *value, size_t limit)
{
    size_t length = strnlen(value, (size_t)2 * VALUE_LIMIT);
    CLEANUP_FREE char *copy = memory_copy_bytes(value, length);
    bool cut = length > limit;

    secret_scrub_bytes(copy, length);
    if (cut) {
        length = limit;
        while (length > 0 && ((unsigned char)copy[length] & 0xc0) == 0x80)
            length--;
    }
    text_append_repaired(text, copy, length);
    if (cut)
        text_append(text, "\xe2\x80\xa6");
}

/* The escapes of JSON; logfmt uses the same ones. */
static void append_escaped(struct text *line, const char *value)
{
    while (*value != '\0') {
        uint32_t code_point;
        size_t length = utf8_decode(value, &code_point);

        if (code_point == '"' || code_point == '\\')
            text_append_format(line, "\\%c", (int)code_point);
        else if (code_point == '\n')
            text_append(line, "\\n");
        else if (code_point == '\t')
            text_append(line, "\\t");
        else if (code_point == '\r')
            text_append(line, "\\r");
        else if (!code_point_hidden(code_point))
            text_append_bytes(line, value, length);
        else
            encode_append_json(line, code_point);
        value += length;
    }
}

/* Whether each byte is printable ASCII that stands for itself, in quotes as well; nearly all values are so.
 * `*quoted`: it needs quotes. */
static bool is_plain(const char *value, size_t length, bool *quoted)
{
    *quoted = length == 0;
    for (size_t i = 0; i < length; i++) {
        if (value[i] < ' ' || value[i] > '~' || value[i] == '"' || value[i] == '\\')
            return false;
        *quoted = *quoted || value[i] == ' ' || value[i] == '=';
    }
    return true;
}

/* Appends the value of a field as text of at most `limit` bytes. Returns false if the field is to be
 * left out. */
static bool append_value(struct text *text, const struct log_field *field, size_t limit)
{
    switch (field->type) {
    case LOG_FIELD_TEXT:
        if (!field->text)
            return false;
        append_clean(text, field->text, limit);
        return true;
    case LOG_FIELD_INTEGER:
        text_append_format(text, "%lld", (long long)field->integer);
        return true;
    case LOG_FIELD_NUMBER:
        if (isnan(field->number))
            return false;
        text_append_number(text, field->number);
        return true;
    }
    return false;
}

static void append_name(struct text *line, const char *name)
{
    if (line->length > 0)
        text_append_bytes(line, " ", 1);
    text_append(line, name);
    text_append_bytes(line, "=", 1);
}

/* Appends a field of logfmt the short way. Returns false if its value is not plain, or too long. */
static bool append_plain(struct text *line, const struct log_field *field, size_t limit)
{
    size_t length;
    bool quoted;

    if (field->type == LOG_FIELD_TEXT ? !field->text : isnan(field->number))
        return true; /* it is left out */
    if (field->type != LOG_FIELD_TEXT) {
        append_name(line, field->name);
        return append_value(line, field, limit);
    }
    length = strnlen(field->text, limit + 1);
    if (length > limit || !is_plain(field->text, length, &quoted))
        return false;
    append_name(line, field->name);
    text_append(line, quoted ? "\"" : "");
    text_append_bytes(line, field->text, length);
    secret_scrub_bytes(line->data + line->length - length, length);
    text_append(line, quoted ? "\"" : "");
    return true;
}

static bool needs_quotes(const char *value)
{
    if (*value == '\0')
        return true;
    while (*value != '\0') {
        uint32_t code_point;

        value += utf8_decode(value, &code_point);
        if (code_point == ' ' || code_point == '"' || code_point == '=' ||
            code_point_hidden(code_point))
            return true;
    }
    return false;
}

static void append_quoted(struct text *line, const char *value)
{
    text_append(line, "\"");
    append_escaped(line, value);
    text_append(line, "\"");
}

static void append_field(struct text *line, const struct log_field *field, size_t limit)
{
    CLEANUP_TEXT struct text value = {0};
    size_t room = line->length < LINE_LIMIT ? (LINE_LIMIT - line->length) / ESCAPED_MAX : 0;

    if (output != OUTPUT_JSON && room >= 32 &&
        append_plain(line, field, room < limit ? room : limit))
        return;
    if (room < 32 || !append_value(&value, field, room < limit ? room : limit))
        return;
    if (output == OUTPUT_JSON) {
        bool bare = field->type == LOG_FIELD_INTEGER ||
                    (field->type == LOG_FIELD_NUMBER && isfinite(field->number));

        text_append_format(line, "%s\"%s\":", line->length > 1 ? "," : "", field->name);
        if (bare)
            text_append(line, value.data);
        else
            append_quoted(line, value.data);
        return;
    }
    text_append_format(line, "%s%s=", line->length > 0 ? " " : "", field->name);
    if (needs_quotes(value.data))
        append_quoted(line, value.data);
    else
        text_append(line, value.data);
}

static void append_fields(struct text *line, const struct log_field *fields, size_t limit)
{
    for (const struct log_field *field = fields + 1; field->name; field++)
        append_field(line, field, limit);
    if (dropped > 0)
        append_field(line, &(struct log_field)LOG_INTEGER("dropped", (int64_t)dropped), limit);
}

/* Many lines are of the same millisecond. */
static const char *format_time(void)
{
    static int64_t last = -1;
    static char when[64];
    int64_t now = clock_now_ms();
    time_t seconds = (time_t)(now / 1000);
    struct tm fields;
    char second[32];

    if (now != last) {
        gmtime_r(&seconds, &fields);
        strftime(second, sizeof(second), "%Y-%m-%dT%H:%M:%S", &fields);
        snprintf(when, sizeof(when), "%s.%03dZ", second, (int)(now % 1000));
        last = now;
    }
    return when;
}

static void build_line(struct text *line, const struct log_event *event,
                       const struct log_field *fields)
{
    const char *level = levels[event->level].word;

    if (output == OUTPUT_JSON)
        text_append(line, "{");
    append_field(line, &(struct log_field)LOG_TEXT("time", format_time()), VALUE_LIMIT);
    if (output == OUTPUT_COLOURS)
        text_append_format(line, " level=%s%s\033[0m", levels[event->level].colour, level);
    else
        append_field(line, &(struct log_field)LOG_TEXT("level", level), VALUE_LIMIT);
    append_field(line, &(struct log_field)LOG_TEXT("msg", event->message), VALUE_LIMIT);
    append_fields(line, fields, VALUE_LIMIT);
    text_append(line, output == OUTPUT_JSON ? "}\n" : "\n");
}

#ifdef HAVE_SYSTEMD
#define JOURNAL_FIELDS_MAX 64

struct journal_entry {
    struct iovec parts[JOURNAL_FIELDS_MAX];
    int count;
};

/* Takes over the string of `part`: "NAME=value". */
static void add_part(struct journal_entry *entry, struct text *part)
{
    size_t length = part->length;

    entry->parts[entry->count++] = (struct iovec){.iov_base = text_take(part), .iov_len = length};
}

static void free_parts(struct journal_entry *entry)
{
    for (int i = 0; i < entry->count; i++)
        free(entry->parts[i].iov_base);
}

static void add_journal_field(struct journal_entry *entry, const struct log_field *field)
{
    CLEANUP_TEXT struct text part = {0};

    text_append(&part, "WINNOWD_");
    for (const char *at = field->name; *at != '\0'; at++) {
        char upper = *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at;

        text_append_bytes(&part, &upper, 1);
    }
    text_append(&part, "=");
    append_value(&part, field,
                 VALUE_LIMIT); /* or an empty value: the catalog puts it into a sentence */
    add_part(entry, &part);
}

/* libsystemd would wait for a journal that does not read. A connected socket of our own tells whether
 * the journal's queue has room. If there is no such socket, libsystemd is left to find out. */
static bool journal_takes_more(void)
{
    static const struct sockaddr_un journal = {AF_UNIX, "/run/systemd/journal/socket"};
    static int probe = -1;
    struct pollfd ready = {.events = POLLOUT};

    if (probe < 0)
        probe = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* Connected anew each time: after a restart of the journal the name leads to another socket. */
    if (probe < 0 || connect(probe, (const struct sockaddr *)&journal, sizeof(journal)) < 0)
        return true;
    ready.fd = probe;
    return poll(&ready, 1, 0) == 1;
}

static bool send_to_journal(const struct log_event *event, const struct log_field *fields)
{
    CLEANUP(free_parts) struct journal_entry entry = {0};
    CLEANUP_TEXT struct text part = {0};

    text_append_format(&part, "MESSAGE=%s", event->message);
    append_fields(&part, fields, SUMMARY_LIMIT);
    add_part(&entry, &part);
    text_append(&part, levels[event->level].priority);
    add_part(&entry, &part);
    if (event->id) {
        text_append_format(&part, "MESSAGE_ID=%s", event->id);
        add_part(&entry, &part);
    }
    for (const struct log_field *field = fields + 1; field->name; field++) {
        if (entry.count < JOURNAL_FIELDS_MAX - 1)
            add_journal_field(&entry, field);
    }
    if (dropped > 0)
        add_journal_field(&entry, &(struct log_field)LOG_INTEGER("dropped", (int64_t)dropped));
    return journal_takes_more() && sd_journal_sendv(entry.parts, entry.count) >= 0;
}
#endif

/* Logs how many events were lost, now rather than with the next event, which may come late. */
static void tell_dropped(void)
{
    if (dropped > 0)
        log_event(&lines_dropped);
}

void log_begin_batch(void)
{
    log_output_begin_batch();
}

void log_end_batch(void)
{
    dropped += log_output_end_batch();
    tell_dropped();
}

void log_attach(uv_loop_t *loop)
{
    log_output_watch(loop, tell_dropped);
}

void log_finish(void)
{
    log_output_finish();
    tell_dropped();
}

void log_write(const struct log_event *event, const struct log_field *fields)
{
    static struct text line; /* its room is kept from one event to the next */
    int code = errno;
    bool written;

    if (!log_enabled(event->level))
        return;
    if (output == OUTPUT_UNKNOWN)
        output = choose_output(LOG_FORMAT_AUTO);
#ifdef HAVE_SYSTEMD
    if (output == OUTPUT_JOURNAL) {
        written = send_to_journal(event, fields);
    } else
#endif
    {
        text_reset(&line);
        build_line(&line, event, fields);
        written = log_output_write(line.data, line.length);
    }
    dropped = written ? 0 : dropped + 1;
    errno = code;
}

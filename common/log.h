#pragma once

/*
 * The log: events with fields, one line each, to the journal, as logfmt or as JSON lines on stderr.
 *
 * An event is a constant: what happened, its level, its journal MESSAGE_ID. Fields say the rest. Field values
 * may be anything: here they are quoted, repaired to valid UTF-8, limited in length and scrubbed of secrets.
 * Logging never fails the work and never waits for the reader. A line that cannot be written now is kept for
 * a while and then lost. The next line that can be written says how many events were lost.
 *
 * logfmt: `time=2026-01-31T04:05:06.789Z level=info msg="step ended" experiment=exp-042 step=push`. A value
 * is quoted when it is empty or contains a space, '"', '=', a control character or anything not printable.
 * Inside quotes, '"' and '\' are escaped with '\', controls as \n, \t, \r or \u00XX, and hidden characters
 * (bidi, zero width) as \uXXXX. json: one object a line with the same keys; numbers as numbers. journal:
 * MESSAGE (the event's message and its fields in short), PRIORITY, MESSAGE_ID, and each field as
 * WINNOWD_<NAME IN CAPITALS>. A field that the other formats leave out is empty in the journal, since the
 * catalogue would show the bare name of a missing one.
 */

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_AUTO, LOG_FORMAT_JOURNAL, LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

struct log_event {
    const char *message; /* value of `msg`: a few words, always the same */
    enum log_level level;
    const char *id; /* 32 hex digits, the journal's MESSAGE_ID; NULL for events without one */
};

struct log_field {
    const char *name; /* lower case, [a-z_]+ */
    enum { LOG_FIELD_TEXT, LOG_FIELD_INTEGER, LOG_FIELD_NUMBER } type;
    const char *text; /* NULL: the field is left out */
    int64_t integer;
    double number; /* NaN: the field is left out */
};

#define LOG_TEXT(name_, text_)                                                                     \
    {                                                                                              \
        .name = (name_), .type = LOG_FIELD_TEXT, .text = (text_)                                   \
    }
#define LOG_INTEGER(name_, integer_)                                                               \
    {                                                                                              \
        .name = (name_), .type = LOG_FIELD_INTEGER, .integer = (integer_)                          \
    }
#define LOG_NUMBER(name_, number_)                                                                 \
    {                                                                                              \
        .name = (name_), .type = LOG_FIELD_NUMBER, .number = (number_)                             \
    }

/* log_event(&event_decided, LOG_TEXT("experiment", id), LOG_INTEGER("pull", n)); */
#define log_event(event, ...)                                                                      \
    log_write((event), (const struct log_field[]){{.name = ""}, ##__VA_ARGS__, {.name = NULL}})

/* Chooses level and format. AUTO is the journal if stderr is the journal ($JOURNAL_STREAM), else logfmt,
 * with colours if stderr is a terminal. Before the first call: info and AUTO. */
void log_configure(enum log_level level, enum log_format format);

/* From now on the loop writes kept lines as soon as stderr takes them. NULL ends that. It does not keep the
 * loop running. */
void log_attach(uv_loop_t *loop);

/* At the end of the program: writes the kept lines. Waits at most a second for a reader that takes nothing. */
void log_finish(void);

/* Returns whether an event of this level would be written. If not, its fields need not be made. */
bool log_enabled(enum log_level level);

/* Between these two calls, within one turn of the loop, the lines of many events are written together, if
 * stderr is a file. log_end_batch() writes those that are left. */
void log_begin_batch(void);
void log_end_batch(void);

/* Writes one event. The array begins with a placeholder and ends with a NULL name: log_event() makes it. */
void log_write(const struct log_event *event, const struct log_field *fields);

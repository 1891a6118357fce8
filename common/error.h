#pragma once

/*
 * How a function says what went wrong.
 *
 * A function that can fail returns 0 or -1 and takes a `struct error *` as its last parameter. On 0 the
 * error is untouched. On -1 it holds a kind and a sentence. The kind decides what happens next. The
 * sentence is for a person, and names what it is about. A caller that passes an error up puts in front
 * what it was doing, with error_wrap(). An error owns no memory: it can be copied, and need not be freed.
 *
 * Running out of memory is no such error. It ends the process (see memory.h), which the store makes safe.
 */

#include <stdbool.h>
#include <stdint.h>

enum error_kind {
    ERROR_NONE = 0,
    ERROR_TRANSIENT, /* it may pass by itself (network, 5xx, disk full): try again */
    ERROR_PERMANENT, /* it would be the same next time: give up and undo */
    ERROR_BUG,       /* our own code is wrong: this state should never be reached */
};

struct error {
    enum error_kind kind;
    bool installation;  /* the installation is to blame, and not the experiment */
    bool holds;         /* it is to blame even if its check finds nothing: only the step can tell */
    bool needless;      /* nothing is to be done: what was asked for is so already */
    const char *key;    /* of the configuration, to be mended; a literal; NULL: none is named */
    uint64_t line;      /* of the file that it is about, from 1; 0: no place in a file */
    unsigned column;    /* from 1; 0: all of the line */
    unsigned sentence;  /* offset in `message` of the sentence, behind "line 3, column 5: " */
    char message[1024]; /* one sentence without a full stop, valid UTF-8; cut if it is too long */
};

/* Sets kind and sentence, and all else to false or none. Returns -1, so that a function can end with
 * `return error_set(...)`. */
int error_set(struct error *error, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Sets a permanent error about a place in a file, which the message begins with. `column` 0: it is about all of
 * the line. `line` 0: no place is known, and the message has none. Returns -1. */
int error_set_at(struct error *error, uint64_t line, unsigned column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The same as error_set() for what a key of the configuration is to blame for. Sets the key, a literal, and
 * puts "key: " in front of the sentence. Returns -1. */
int error_set_key(struct error *error, enum error_kind kind, const char *key, const char *format,
                  ...) __attribute__((format(printf, 4, 5)));

/* Does that to an error that was set. Kind and place stay. Returns -1. */
int error_wrap_key(struct error *error, const char *key);

/* Puts "context: " in front of the sentence of an error that was set. All else stays. Returns -1. */
int error_wrap(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* clang's analyzer sees one file at a time. Here it is told that these return -1. */
#ifdef __clang_analyzer__
#define error_set(...)      (error_set(__VA_ARGS__), -1)
#define error_set_at(...)   (error_set_at(__VA_ARGS__), -1)
#define error_set_key(...)  (error_set_key(__VA_ARGS__), -1)
#define error_wrap(...)     (error_wrap(__VA_ARGS__), -1)
#define error_wrap_key(...) (error_wrap_key(__VA_ARGS__), -1)
#endif

/* Returns the kind of an errno. Permanent: it is about the name, the file or the call itself (no such
 * file, no permission, a link). Transient: a fault of the system (no descriptors, no memory, no space,
 * an I/O error, a stale handle, an interrupted call). */
enum error_kind error_kind_of_errno(int code);

/* Returns the word for a kind: "none", "transient", "permanent" or "bug". It is static. */
const char *error_kind_name(enum error_kind kind);

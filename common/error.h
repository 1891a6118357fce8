#pragma once

/*
 * How a function says what went wrong.
 *
 * A function that can fail returns 0 or -1 and takes a `struct error *` as its last parameter. On 0 the error
 * is untouched. On -1 it has a kind and a sentence. The kind decides what happens next. The sentence is for a
 * person, and names what it is about. A caller that passes an error up puts in front what it was doing, with
 * error_wrap(). An error owns no memory: it can be copied, and need not be freed.
 *
 * To run out of memory is no such error. It ends the process (memory.h). The store makes that safe.
 */

#include <stdbool.h>
#include <stdint.h>

enum error_kind {
    ERROR_NONE = 0,
    ERROR_TRANSIENT, /* may pass by itself (network, 5xx, disk full): try again */
    ERROR_PERMANENT, /* would be the same next time: give up and undo */
    ERROR_BUG,       /* our own code is wrong: this state should never be reached */
};

struct error {
    enum error_kind kind;
    bool installation;  /* the installation is to blame, and not the experiment */
    bool holds;         /* likewise, even if a check of it finds nothing: only the step can tell */
    bool needless;      /* there is nothing to do: what was asked for is the case already */
    const char *key;    /* of the configuration, which has to be mended; a literal; NULL: none */
    uint64_t line;      /* line of the file that it is about, from 1; 0: no place in a file */
    unsigned column;    /* from 1; 0: the whole line */
    unsigned sentence;  /* offset in `message` of the sentence, after "line 3, column 5: " */
    char message[1024]; /* one sentence without a full stop, valid UTF-8; cut if it is too long */
};

/* Sets kind and sentence, and everything else to false or none. Returns -1, so that a function can end with
 * `return error_set(...)`. */
int error_set(struct error *error, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Sets a permanent error about a place in a file. The message begins with the place. `column` 0: the whole
 * line. `line` 0: no place is known. Returns -1. */
int error_set_at(struct error *error, uint64_t line, unsigned column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Does what error_set() does, for a fault of a key of the configuration. Sets the key, a literal, and puts
 * "key: " in front of the sentence. Returns -1. */
int error_set_key(struct error *error, enum error_kind kind, const char *key, const char *format,
                  ...) __attribute__((format(printf, 4, 5)));

/* Sets the key of an error that was set, and puts "key: " in front of its sentence. Kind and place stay.
 * Returns -1. */
int error_wrap_key(struct error *error, const char *key);

/* Puts "context: " in front of the sentence of an error that was set. Everything else stays. Returns -1. */
int error_wrap(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* clang's analyzer sees one file at a time. This tells it that these return -1. */
#ifdef __clang_analyzer__
#define error_set(...)      (error_set(__VA_ARGS__), -1)
#define error_set_at(...)   (error_set_at(__VA_ARGS__), -1)
#define error_set_key(...)  (error_set_key(__VA_ARGS__), -1)
#define error_wrap(...)     (error_wrap(__VA_ARGS__), -1)
#define error_wrap_key(...) (error_wrap_key(__VA_ARGS__), -1)
#endif

/* Returns the kind of an errno. Permanent: the name, the file or the call itself is wrong (no such file, no
 * permission, a link). Transient: the system has a fault (no descriptors, no memory, no space, an I/O error,
 * a stale handle, an interrupted call). */
enum error_kind error_kind_of_errno(int code);

/* Returns the word for a kind: "none", "transient", "permanent" or "bug". It is static. */
const char *error_kind_name(enum error_kind kind);

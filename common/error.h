#pragma once

/*
 * How a function says what went wrong.
 *
 * A function that can fail returns 0 or -1 and takes a `struct error *` as its last parameter. On -1
 * the error holds a kind, which decides what happens next, and a sentence for a human, which names
 * the thing it is about. On 0 the error is untouched. Whoever passes an error up adds what it was
 * doing with error_wrap(). An error owns no memory: it can be copied, and dropped without ceremony.
 *
 * Running out of memory is not an error in this sense: the process ends (see memory.h), and the
 * store makes that safe.
 */

#include <stdbool.h>

enum error_kind {
    ERROR_NONE = 0,
    ERROR_TRANSIENT, /* the world is in the way just now (network, 5xx, disk full): try again */
    ERROR_PERMANENT, /* it will be the same next time: give up, undo */
    ERROR_BUG,       /* a state that our own code should never reach */
};

struct error {
    enum error_kind kind;
    bool installation; /* what failed is what the configuration names, whoever it failed for */
    unsigned line;     /* of the file that it is about, from 1; 0: it is about no place in a file */
    unsigned column;   /* from 1 */
    unsigned sentence; /* where in the message the sentence begins, behind "line 3, column 5: " */
    char
        message[1024]; /* valid UTF-8, one sentence without a full stop, cut at the end if longer */
};

/* Sets kind and sentence, and `installation` to false. Always returns -1, so that `return error_set(...)` reads well. */
int error_set(struct error *error, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a permanent error about a place in a file, which the message begins with. */
int error_set_at(struct error *error, unsigned line, unsigned column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Puts "context: " before the sentence of an error that was set; all else stays. Returns -1. */
int error_wrap(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The analyzer sees one file at a time, and is told here what it cannot know. */
#ifdef __clang_analyzer__
#define error_set(...)    (error_set(__VA_ARGS__), -1)
#define error_set_at(...) (error_set_at(__VA_ARGS__), -1)
#define error_wrap(...)   (error_wrap(__VA_ARGS__), -1)
#endif

/* The one answer to what an errno means: permanent where it is about the name, the file or the call
 * itself (no such file, no permission, a link), transient for every fault of the system (short of
 * descriptors, memory or room; I/O; a stale handle; interrupted). */
enum error_kind error_kind_of_errno(int code);

/* The word for a kind: "transient", "permanent", "bug"; "none" for ERROR_NONE. */
const char *error_kind_name(enum error_kind kind);

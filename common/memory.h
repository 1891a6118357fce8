#pragma once

/*
 * Allocation that cannot fail, and the cleanup attribute.
 *
 * A daemon whose every state is on disk before it acts gains nothing from limping on without
 * memory: these end the process with a line on stderr, the service manager starts it again, and the
 * store resumes. Sizes that come from outside are bounded before they get here.
 */

#include <stddef.h>

/* Zeroed memory of `size` bytes; never NULL. Free with free(). */
void *memory_new(size_t size);

/* `count` zeroed elements of `size` bytes, overflow checked; never NULL. */
void *memory_new_array(size_t count, size_t size);

/* realloc() that does not return NULL. */
void *memory_resize(void *memory, size_t size);

/* A copy of a string; NULL stays NULL. */
char *memory_copy(const char *string);

/* A copy of `length` bytes with a NUL behind them; never NULL. */
char *memory_copy_bytes(const void *bytes, size_t length);

/* A string made with printf; never NULL. */
char *memory_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* For `_cleanup_(x_freep)`-like use: frees what the variable points to when it leaves scope. */
#define CLEANUP(function) __attribute__((cleanup(function)))
void memory_freep(void *pointer_to_pointer);
#define CLEANUP_FREE CLEANUP(memory_freep)

/* Hands a pointer over and leaves NULL behind, for the last line of a constructor. */
#define TAKE(pointer)                                                                              \
    (__extension__({                                                                               \
        __typeof__(pointer) taken_ = (pointer);                                                    \
        (pointer) = NULL;                                                                          \
        taken_;                                                                                    \
    }))

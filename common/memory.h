#pragma once

/*
 * Allocation that cannot fail, and the cleanup attribute.
 *
 * Without memory, these functions write a line to stderr and end the process. The service manager starts it
 * again, and nothing is lost: what the daemon does is in the store before it is done. Sizes from outside are
 * checked before they get here. The caller frees the memory with free().
 */

#include <stddef.h>

/* Returns `size` bytes of zeroed memory, never NULL. */
void *memory_new(size_t size);

/* Returns `count` zeroed elements of `size` bytes, never NULL. The product is checked for overflow. */
void *memory_new_array(size_t count, size_t size);

/* Does what realloc() does, and never returns NULL. */
void *memory_resize(void *memory, size_t size);

/* Returns a copy of a string; NULL for NULL. */
char *memory_copy(const char *string);

/* Returns a copy of `length` bytes with a NUL after them, never NULL. */
char *memory_copy_bytes(const void *bytes, size_t length);

/* Returns a string made as printf makes it, never NULL. */
char *memory_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* For a variable that owns memory: calls the function, or free(), when the variable goes out of scope. */
#define CLEANUP(function) __attribute__((cleanup(function)))
void memory_freep(void *pointer_to_pointer);
#define CLEANUP_FREE CLEANUP(memory_freep)

/* Returns the pointer and sets the variable to NULL, for the last line of a constructor. */
#define TAKE(pointer)                                                                              \
    (__extension__({                                                                               \
        __typeof__(pointer) taken_ = (pointer);                                                    \
        (pointer) = NULL;                                                                          \
        taken_;                                                                                    \
    }))

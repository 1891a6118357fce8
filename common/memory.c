#include "common/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Noreturn void out_of_memory(void)
{
    static const char line[] = "level=error msg=\"out of memory, ending\"\n";

    /* stdio may want to allocate, so the bytes are written directly. If that fails, nothing can be done. */
    if (write(STDERR_FILENO, line, sizeof(line) - 1) < 0)
        abort();
    abort();
}

static void *checked(void *memory)
{
    if (!memory)
        out_of_memory();
    return memory;
}

void *memory_new(size_t size)
{
    return checked(calloc(1, size > 0 ? size : 1));
}

void *memory_new_array(size_t count, size_t size)
{
    if (count == 0 || size == 0)
        return memory_new(1);
    return checked(calloc(count, size));
}

void *memory_resize(void *memory, size_t size)
{
    return checked(realloc(memory, size > 0 ? size : 1));
}

char *memory_copy(const char *string)
{
    return string ? memory_copy_bytes(string, strlen(string)) : NULL;
}

char *memory_copy_bytes(const void *bytes, size_t length)
{
    if (length == SIZE_MAX)
        out_of_memory();

    char *copy = checked(malloc(length + 1));

    if (length > 0)
        memcpy(copy, bytes, length);
    copy[length] = '\0';
    return copy;
}

char *memory_format(const char *format, ...)
{
    char *string = NULL;
    va_list arguments;

    va_start(arguments, format);
    int length = vasprintf(&string, format, arguments);
    va_end(arguments);
    if (length < 0)
        out_of_memory();
    return string;
}

void memory_freep(void *pointer_to_pointer)
{
    void **pointer = pointer_to_pointer;

    free(*pointer);
    *pointer = NULL;
}

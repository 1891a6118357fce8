/*
 * Loaded in front of the C library: as long as the file $WINNOWD_TEST_FAULT is there, what is called
 * bad* cannot be opened, since "the disk" does not answer (EIO).
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int open_or_fail(const char *symbol, int directory, const char *path, int flags, mode_t mode)
{
    int (*open_at)(int, const char *, int, ...) = dlsym(RTLD_NEXT, symbol);
    const char *fault = getenv("WINNOWD_TEST_FAULT");

    if (fault && !(flags & O_CREAT) && strncmp(path, "bad", 3) == 0 && access(fault, F_OK) == 0) {
        errno = EIO;
        return -1;
    }
    return open_at(directory, path, flags, mode);
}

#define DEFINE(name)                                                                               \
    int name(int directory, const char *path, int flags, ...)                                      \
    {                                                                                              \
        va_list arguments;                                                                         \
        mode_t mode = 0;                                                                           \
                                                                                                   \
        va_start(arguments, flags);                                                                \
        if (flags & (O_CREAT | O_TMPFILE))                                                         \
            mode = va_arg(arguments, mode_t);                                                      \
        va_end(arguments);                                                                         \
        return open_or_fail(#name, directory, path, flags, mode);                                  \
    }

DEFINE(openat)
DEFINE(openat64)

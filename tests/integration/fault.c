/*
 * Loaded in front of the C library: as long as the file $WINNOWD_TEST_FAULT is there, what is called
 * bad* cannot be opened, since "the disk" does not answer (EIO). If something stands in that file, it
 * can be opened, and not be read.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int strikes(const char *name, int reading)
{
    const char *fault = getenv("WINNOWD_TEST_FAULT");
    struct stat status;

    return fault && strncmp(name, "bad", 3) == 0 && stat(fault, &status) == 0 &&
           (status.st_size > 0) == reading;
}

static int open_or_fail(const char *symbol, int directory, const char *path, int flags, mode_t mode)
{
    int (*open_at)(int, const char *, int, ...) = dlsym(RTLD_NEXT, symbol);

    if (!(flags & O_CREAT) && strikes(path, 0)) {
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

ssize_t read(int descriptor, void *bytes, size_t size)
{
    ssize_t (*read_it)(int, void *, size_t) = dlsym(RTLD_NEXT, "read");
    char link[32], path[4096];
    const char *name;
    ssize_t length;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", descriptor);
    length = readlink(link, path, sizeof(path) - 1);
    path[length < 0 ? 0 : length] = '\0';
    name = strrchr(path, '/');
    if (name && strikes(name + 1, 1)) {
        errno = EIO;
        return -1;
    }
    return read_it(descriptor, bytes, size);
}

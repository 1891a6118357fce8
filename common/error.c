#include "common/error.h"

#include "common/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PLACE_SIZE 64

#undef error_set
#undef error_set_at
#undef error_set_key
#undef error_wrap
#undef error_wrap_key

/* Makes the message valid UTF-8, whatever was printed into it. A character that the end of the buffer
 * cut in two is dropped; any other malformed byte becomes '?'. */
static void repair(char *message, bool cut)
{
    size_t length = strlen(message);
    size_t at = 0;

    while (at < length) {
        size_t offset;

        if (utf8_valid(message + at, length - at, &offset))
            return;
        at += offset;
        if (cut && length - at < 4 && (unsigned char)message[at] >= 0xc0) {
            message[at] = '\0';
            return;
        }
        message[at++] = '?';
    }
}

/* Prints into a buffer of its own first, since the arguments may point into the error itself. */
static void __attribute__((format(printf, 2, 0)))
print(struct error *error, const char *format, va_list arguments)
{
    char message[sizeof(error->message)];
    int length = vsnprintf(message, sizeof(message), format, arguments);

    if (length < 0)
        message[0] = '\0';
    repair(message, length >= (int)sizeof(message));
    memcpy(error->message, message, sizeof(message));
}

int error_set(struct error *error, enum error_kind kind, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print(error, format, arguments);
    va_end(arguments);
    error->kind = kind;
    error->installation = error->holds = error->needless = false;
    error->key = NULL;
    error->line = 0;
    error->column = error->sentence = 0;
    return -1;
}

int error_set_key(struct error *error, enum error_kind kind, const char *key, const char *format,
                  ...)
{
    struct error sentence;
    va_list arguments;

    va_start(arguments, format);
    print(&sentence, format, arguments);
    va_end(arguments);
    error_set(error, kind, "%s", sentence.message);
    return error_wrap_key(error, key);
}

int error_wrap_key(struct error *error, const char *key)
{
    error_wrap(error, "%s", key);
    error->key = key;
    return -1;
}

int error_set_at(struct error *error, uint64_t line, unsigned column, const char *format, ...)
{
    struct error sentence;
    char place[PLACE_SIZE] = "";
    va_list arguments;

    va_start(arguments, format);
    print(&sentence, format, arguments);
    va_end(arguments);
    if (line && column)
        snprintf(place, sizeof(place), "line %" PRIu64 ", column %u: ", line, column);
    else if (line)
        snprintf(place, sizeof(place), "line %" PRIu64 ": ", line);
    error_set(error, ERROR_PERMANENT, "%s%s", place, sentence.message);
    error->line = line;
    error->column = column;
    error->sentence = (unsigned)strlen(place);
    return -1;
}

int error_wrap(struct error *error, const char *format, ...)
{
    struct error before = *error;
    struct error context;
    va_list arguments;

    va_start(arguments, format);
    print(&context, format, arguments);
    va_end(arguments);
    error_set(error, before.kind, "%s: %s", context.message, before.message);
    memcpy(before.message, error->message, sizeof(before.message));
    before.sentence = 0;
    *error = before;
    return -1;
}

const char *error_kind_name(enum error_kind kind)
{
    switch (kind) {
    case ERROR_NONE:
        return "none";
    case ERROR_TRANSIENT:
        return "transient";
    case ERROR_PERMANENT:
        return "permanent";
    case ERROR_BUG:
        return "bug";
    }
    return "unknown";
}

/* These errors are about the name, the file or the call, and stay until somebody changes one of them. All
 * others are faults of the system: something has run out, or a disk or a server is away. */
enum error_kind error_kind_of_errno(int code)
{
    static const int lasting[] = {
        E2BIG,  EACCES,       EBADF,      EEXIST,    EFAULT,  EFBIG,   EINVAL,  EISDIR,  ELOOP,
        EMLINK, ENAMETOOLONG, ENODEV,     ENOENT,    ENOEXEC, ENOSYS,  ENOTBLK, ENOTDIR, ENOTEMPTY,
        ENOTTY, ENXIO,        EOPNOTSUPP, EOVERFLOW, EPERM,   ETXTBSY, EXDEV,
    };

    for (size_t i = 0; i < sizeof(lasting) / sizeof(lasting[0]); i++)
        if (lasting[i] == code)
            return ERROR_PERMANENT;
    return ERROR_TRANSIENT;
}

#include "common/proc.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_LIMIT 4096

ssize_t proc_read(int process, const char *name, char *bytes, size_t limit)
{
    char path[64];
    size_t length = 0;
    ssize_t got = 1;
    int file;

    snprintf(path, sizeof(path), "/proc/%d/%s", process, name);
    file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return -1;
    while (length < limit && (got = read(file, bytes + length, limit - length)) > 0)
        length += (size_t)got;
    close(file);
    if (got < 0)
        return -1;
    bytes[length] = '\0';
    return (ssize_t)length;
}

bool proc_read_status(int process, struct proc_status *status)
{
    char line[LINE_LIMIT + 1];
    /* The second field is a name in parentheses. It may contain anything, also parentheses. */
    const char *rest = proc_read(process, "stat", line, LINE_LIMIT) < 0 ? NULL : strrchr(line, ')');
    uint64_t user, system;

    if (!rest || sscanf(rest + 1,
                        " %c %*d %d %d %d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
                        " %*d %*d %*d %*d %*d %*d %" SCNu64,
                        &status->state, &status->group, &status->session, &status->terminal, &user,
                        &system, &status->began) != 7)
        return false;
    status->ticks = user + system;
    return true;
}

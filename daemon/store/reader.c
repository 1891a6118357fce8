/*
 * How a reader opens the database, and whether a writer has it open.
 */

#include "common/encode.h"
#include "common/text.h"
#include "daemon/store/internal.h"
#include "daemon/store/status.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* A flock cannot be tried without taking it. A daemon that starts at that moment would find it taken. The device
 * is not compared: on file systems with volumes the kernel shows another one here than stat() does. */
int store_writer(const char *state)
{
    CLEANUP_FREE char *path = memory_format("%s/%s", state, STORE_LOCK_FILE);
    unsigned long long inode;
    struct stat status;
    FILE *locks;
    char line[256];
    int process, writer = 0;

    if (stat(path, &status) < 0 || !(locks = fopen("/proc/locks", "re")))
        return 0;
    while (!writer && fgets(line, sizeof(line), locks)) {
        if (sscanf(line, "%*[^ ] FLOCK %*s WRITE %d %*[^:]:%*[^:]:%llu", &process, &inode) == 2 &&
            inode == status.st_ino)
            writer = process;
    }
    fclose(locks);
    return writer;
}

/* A reader of a WAL database makes two files for it, leaves them behind, and needs the right to make
 * them. If the database is as its last writer closed it, it can be read without them. */
char *store_reader_uri(const char *state, const char *path)
{
    CLEANUP_FREE char *log = memory_format("%s-wal", path);
    CLEANUP_TEXT struct text uri = {0};
    struct stat status;
    bool closed = store_writer(state) == 0 && (stat(log, &status) < 0 || status.st_size == 0);

    text_append(&uri, "file:");
    encode_append_percent(&uri, path, "/");
    text_append(&uri, closed ? "?immutable=1" : "");
    return text_take(&uri);
}

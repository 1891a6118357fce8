/*
 * How a reader opens the database, and whether a writer has it open.
 */

#include "common/encode.h"
#include "common/text.h"
#include "daemon/store/internal.h"
#include "daemon/store/status.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Asks for the first of the two locks (store.c), in one call that does not take it. /proc/locks would show both.
 * But it is read in several parts, and may lack a lock if others come and go in between. */
int store_writer(const char *state)
{
    CLEANUP_FREE char *path = memory_format("%s/%s", state, STORE_LOCK_FILE);
    struct flock holder = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int writer = 0;

    if (file >= 0 && fcntl(file, F_OFD_GETLK, &holder) == 0 && holder.l_type != F_UNLCK)
        writer = holder.l_pid;
    if (file >= 0)
        close(file);
    return writer;
}

/* A reader of a WAL database makes two files beside it and leaves them there, so it needs the right to make
 * them. If nobody writes to the database and its log is empty, it can be read without these files. */
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

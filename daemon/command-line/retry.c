#include "daemon/command-line/retry.h"

#include "common/file.h"
#include "common/memory.h"
#include "daemon/archived.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Writes the file under a hidden name first, so that nobody reads half of it. No file is replaced. */
static int put(int spool, const char *name, const char *bytes, size_t length, struct error *error)
{
    CLEANUP_FREE char *hidden = memory_format(".retry-%d", (int)getpid());
    int failure;

    if (file_replace(spool, hidden, bytes, length, 0664, error) < 0)
        return -1;
    if (renameat2(spool, hidden, spool, name, RENAME_NOREPLACE) == 0)
        return 0;
    failure = errno;
    unlinkat(spool, hidden, 0);
    if (failure == EEXIST)
        return error_set(error, ERROR_PERMANENT, "the spool has a file %s already", name);
    return error_set(error, ERROR_TRANSIENT, "%s: %s", name, strerror(failure));
}

static int put_content(const struct archived *content, const char *spool, const char *name,
                       struct error *error)
{
    CLEANUP_DESCRIPTOR int directory = open(spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (directory < 0)
        return error_set(error, ERROR_TRANSIENT, "%s: %s", spool, strerror(errno));
    if (content->patch &&
        put(directory, content->result->patch, content->patch, content->patch_length, error) < 0)
        return -1;
    if (put(directory, name, content->bytes, content->length, error) == 0)
        return 0;
    if (content->patch)
        unlinkat(directory, content->result->patch, 0); /* ours: it was put there just now */
    return -1;
}

/* A row of a log has no file of its own. The store has its content, which is dropped as a result file and
 * taken as that row again. */
static int put_row(const struct store_result *row, const char *spool, struct store *store,
                   struct error *error)
{
    CLEANUP_FREE char *name = memory_format("%s.json", row->experiment_id);
    CLEANUP_ARCHIVED struct archived content = {0};

    if (store_load_content(store, row->id, &content.bytes, &content.patch, &content.patch_length,
                           error) < 0)
        return -1;
    content.length = strlen(content.bytes);
    return put_content(&content, spool, name, error);
}

int retry_result(const char *spool, struct store *store, const char *experiment_id,
                 struct error *error)
{
    CLEANUP(store_result_freep) struct store_result *row = NULL;
    CLEANUP_ARCHIVED struct archived content = {0};

    if (store && store_find(store, experiment_id, &row, error) < 0)
        return -1;
    if (!row)
        return error_set(error, ERROR_PERMANENT, "%s: no result of that name is known",
                         experiment_id);
    if (row->decision != DECISION_FAILED)
        return error_set(error, ERROR_PERMANENT,
                         "%s: expected a failed result, found one that is %s", experiment_id,
                         decision_name(row->decision));
    if (row->log)
        return put_row(row, spool, store, error) < 0 ? error_wrap(error, "%s", experiment_id) : 0;
    if (!row->archived)
        return error_set(error, ERROR_PERMANENT,
                         "%s: its file %s is not in the archive: drop it again yourself",
                         experiment_id, row->file_name);
    if (archived_read(&content, spool, row, error) < 0 ||
        put_content(&content, spool, row->file_name, error) < 0)
        return error_wrap(error, "%s", experiment_id);
    return 0;
}

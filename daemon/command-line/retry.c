#include "daemon/command-line/retry.h"

#include "common/digest.h"
#include "common/file.h"
#include "common/memory.h"
#include "daemon/result.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct content {
    char *bytes; /* of the result file */
    size_t length;
    char *patch; /* NULL: it names none */
    size_t patch_length;
    char *patch_name;
};

static void clear(struct content *content)
{
    free(content->bytes);
    free(content->patch);
    free(content->patch_name);
}

static bool is_what_was_decided(const struct content *content, const struct store_result *row)
{
    char hex[DIGEST_HEX_SIZE];
    struct digest digest;

    digest_begin(&digest);
    digest_update(&digest, content->bytes, content->length);
    if (content->patch)
        digest_update(&digest, content->patch, content->patch_length);
    digest_end(&digest, hex);
    return strcmp(hex, row->digest) == 0;
}

/* Whether a file of the archive may have had that name in the spool: an ending was added if the name was
 * taken. */
static bool may_have_been(const char *archived, const char *name)
{
    size_t same = 0;

    while (archived[same] && archived[same] == name[same])
        same++;
    return archived[same] == '~' || (archived[same] == '\0' && name[same] == '\0');
}

/* Several patches may have had that name. The digest tells which one it is. */
static bool find_patch(struct content *content, const struct store_result *row, const char *folder)
{
    CLEANUP_LISTING DIR *listing = opendir(folder);
    struct dirent *entry;
    struct error ignored;

    while (listing && (entry = readdir(listing))) {
        if (!may_have_been(entry->d_name, content->patch_name) ||
            file_read(&content->patch, &content->patch_length, dirfd(listing), entry->d_name,
                      RESULT_SIZE_LIMIT, &ignored) < 0)
            continue;
        if (is_what_was_decided(content, row))
            return true;
        free(content->patch);
        content->patch = NULL;
    }
    return false;
}

static int read_content(struct content *content, const struct store_result *row, const char *spool,
                        struct error *error)
{
    CLEANUP_FREE char *path = file_join(spool, row->archived);
    CLEANUP_FREE char *folder = memory_copy(path);
    CLEANUP_FREE char *experiment_id = NULL;
    CLEANUP(result_freep) struct result *result = NULL;

    if (file_read(&content->bytes, &content->length, AT_FDCWD, path, RESULT_SIZE_LIMIT, error) < 0)
        return -1;
    if (result_parse(&result, &experiment_id, row->file_name, content->bytes, content->length,
                     error) < 0)
        return error_wrap(error, "%s", path);
    content->patch_name = memory_copy(result->patch);
    *strrchr(folder, '/') = '\0';
    if (content->patch_name && !find_patch(content, row, folder))
        return error_set(error, ERROR_PERMANENT,
                         "%s: its patch %s in the archive is missing or was changed", path,
                         content->patch_name);
    if (!is_what_was_decided(content, row))
        return error_set(error, ERROR_PERMANENT, "%s was changed since it was decided", path);
    return 0;
}

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
        return error_set(error, ERROR_PERMANENT, "the spool holds a file %s already", name);
    return error_set(error, ERROR_TRANSIENT, "%s: %s", name, strerror(failure));
}

static int put_content(const struct content *content, const char *spool, const char *name,
                       struct error *error)
{
    CLEANUP_DESCRIPTOR int directory = open(spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (directory < 0)
        return error_set(error, ERROR_TRANSIENT, "%s: %s", spool, strerror(errno));
    if (content->patch &&
        put(directory, content->patch_name, content->patch, content->patch_length, error) < 0)
        return -1;
    if (put(directory, name, content->bytes, content->length, error) == 0)
        return 0;
    if (content->patch)
        unlinkat(directory, content->patch_name, 0); /* ours: it was put there just now */
    return -1;
}

/* A row of a log has no file of its own. The store has its content, which is dropped as a result file and
 * taken as that row again. */
static int put_row(const struct store_result *row, const char *spool, struct store *store,
                   struct error *error)
{
    CLEANUP_FREE char *name = memory_format("%s.json", row->experiment_id);
    CLEANUP(clear) struct content content = {0};

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
    CLEANUP(clear) struct content content = {0};

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
    if (read_content(&content, row, spool, error) < 0 ||
        put_content(&content, spool, row->file_name, error) < 0)
        return error_wrap(error, "%s", experiment_id);
    return 0;
}

#include "daemon/archived.h"

#include "common/digest.h"
#include "common/file.h"
#include "common/memory.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void archived_clear(struct archived *archived)
{
    result_free(archived->result);
    free(archived->bytes);
    free(archived->patch);
    *archived = (struct archived){0};
}

static bool is_what_was_decided(const struct archived *archived, const char *digest_then)
{
    char hex[DIGEST_HEX_SIZE];
    struct digest digest;

    digest_begin(&digest);
    digest_update(&digest, archived->bytes, archived->length);
    if (archived->patch)
        digest_update(&digest, archived->patch, archived->patch_length);
    digest_end(&digest, hex);
    return strcmp(hex, digest_then) == 0;
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
static bool find_patch(struct archived *archived, const char *digest, const char *folder)
{
    CLEANUP_LISTING DIR *listing = opendir(folder);
    struct dirent *entry;
    struct error ignored;

    while (listing && (entry = readdir(listing))) {
        if (!may_have_been(entry->d_name, archived->result->patch) ||
            file_read(&archived->patch, &archived->patch_length, dirfd(listing), entry->d_name,
                      RESULT_SIZE_LIMIT, &ignored) < 0)
            continue;
        if (is_what_was_decided(archived, digest))
            return true;
        free(archived->patch);
        archived->patch = NULL;
    }
    return false;
}

int archived_read(struct archived *archived, const char *spool, const struct store_result *row,
                  struct error *error)
{
    CLEANUP_FREE char *path = file_join(spool, row->archived);
    CLEANUP_FREE char *folder = memory_copy(path);
    CLEANUP_FREE char *experiment_id = NULL;

    if (file_read(&archived->bytes, &archived->length, AT_FDCWD, path, RESULT_SIZE_LIMIT, error) <
        0)
        return -1;
    if (result_parse(&archived->result, &experiment_id, row->file_name, archived->bytes,
                     archived->length, error) < 0)
        return error_wrap(error, "%s", path);
    *strrchr(folder, '/') = '\0';
    if (archived->result->patch && !find_patch(archived, row->digest, folder))
        return error_set(error, ERROR_PERMANENT,
                         "%s: its patch %s in the archive is missing or was changed", path,
                         archived->result->patch);
    if (!is_what_was_decided(archived, row->digest))
        return error_set(error, ERROR_PERMANENT, "%s was changed since it was decided", path);
    return 0;
}

int archived_load(struct store *store, const char *spool, const struct store_result *row,
                  struct result **result, char **patch, size_t *patch_length, struct error *error)
{
    CLEANUP_FREE char *parsed = NULL;
    CLEANUP_ARCHIVED struct archived archived = {0};

    if (store_load_content(store, row->id, &parsed, patch, patch_length, error) == 0)
        return result_parse_canonical(result, parsed, error);
    if (error->kind != ERROR_PERMANENT || !row->archived || row->log ||
        archived_read(&archived, spool, row, error) < 0)
        return -1;
    *result = TAKE(archived.result);
    *patch = TAKE(archived.patch);
    *patch_length = archived.patch_length;
    return 0;
}

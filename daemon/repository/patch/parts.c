/*
 * Finds the order in which the parts of a patch are applied.
 *
 * Mails of a series come oldest first, git's log newest first. A file that two parts change tells which it
 * is: the older part leaves the blob with which the newer one begins.
 */

#include "common/memory.h"
#include "daemon/repository/patch/internal.h"

#include <stdlib.h>
#include <string.h>

#define DIGITS_THAT_TELL 7

/* A file of the patch by its path, for sorting. */
struct touched {
    const char *path;
    size_t index;
};

static int compare_touched(const void *a, const void *b)
{
    const struct touched *left = a, *right = b;
    int order = strcmp(left->path, right->path);

    return order ? order : (left->index > right->index) - (left->index < right->index);
}

static struct touched *list_touched(const struct patch *patch)
{
    struct touched *list = memory_new_array(patch->count, sizeof(*list));

    for (size_t i = 0; i < patch->count; i++)
        list[i] = (struct touched){patch->files[i].new_path, i};
    qsort(list, patch->count, sizeof(*list), compare_touched);
    return list;
}

static bool is_same_blob(const char *left, const char *right)
{
    size_t length = strlen(left) < strlen(right) ? strlen(left) : strlen(right);

    return length >= DIGITS_THAT_TELL && strncmp(left, right, length) == 0;
}

/* Whether a later part leaves the blob with which an earlier one begins. */
static bool is_newest_first(const struct patch *patch, const struct touched *list)
{
    for (size_t i = 1; i < patch->count; i++) {
        const struct patch_file *first = &patch->files[list[i - 1].index];
        const struct patch_file *second = &patch->files[list[i].index];

        if (strcmp(list[i - 1].path, list[i].path) == 0 && first->part != second->part &&
            is_same_blob(second->new_blob, first->old_blob))
            return !is_same_blob(first->new_blob, second->old_blob);
    }
    return false;
}

static void reverse_parts(struct patch *patch)
{
    struct patch_file *files = memory_new_array(patch->count, sizeof(*files));
    size_t to = 0;

    for (size_t end = patch->count; end > 0;) {
        size_t begin = end - 1;

        while (begin > 0 && patch->files[begin - 1].part == patch->files[end - 1].part)
            begin--;
        memcpy(files + to, patch->files + begin, (end - begin) * sizeof(*files));
        to += end - begin;
        end = begin;
    }
    free(patch->files);
    patch->files = files;
}

/* For each file of the patch: which earlier one, from 1, has the same path; 0: none. */
static size_t *list_earlier(const struct patch *patch, const struct touched *list)
{
    size_t *earlier = memory_new_array(patch->count, sizeof(*earlier));

    for (size_t i = 1; i < patch->count; i++) {
        if (strcmp(list[i - 1].path, list[i].path) == 0)
            earlier[list[i].index] = list[i - 1].index + 1;
    }
    return earlier;
}

/* A file that is changed a second time is changed as the first change has left it. */
static void number_parts(struct patch *patch)
{
    CLEANUP_FREE struct touched *list = list_touched(patch);
    CLEANUP_FREE size_t *earlier = list_earlier(patch, list);
    size_t begin = 0;
    unsigned said = patch->files[0].part;

    patch->parts = 1;
    for (size_t i = 0; i < patch->count; i++) {
        struct patch_file *file = &patch->files[i];
        bool again = file->kind == PATCH_CHANGED && earlier[i] > begin &&
                     patch->files[earlier[i] - 1].kind != PATCH_DELETED;

        if (file->part != said || again) {
            said = file->part;
            begin = i;
            patch->parts++;
        }
        file->part = patch->parts - 1;
    }
}

void parts_order(struct patch *patch)
{
    CLEANUP_FREE struct touched *list = list_touched(patch);

    if (is_newest_first(patch, list))
        reverse_parts(patch);
    number_parts(patch);
}

/*
 * Finds the order in which the parts of a patch are applied.
 *
 * Mails of a series come oldest first; git's log comes newest first, or in the order of its options. A file
 * that two parts change shows the order: the older part makes the blob, or the file, with which the newer one
 * begins.
 */

#include "common/memory.h"
#include "daemon/repository/change.h"
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

/* Lists all files by their names after the change. */
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

/* The same, with both paths of a file that is moved. */
static struct touched *list_both(const struct patch *patch, size_t *count)
{
    struct touched *list = memory_new_array(2 * patch->count, sizeof(*list));

    *count = 0;
    for (size_t i = 0; i < patch->count; i++) {
        const struct patch_file *file = &patch->files[i];

        list[(*count)++] = (struct touched){file->new_path, i};
        if (file_is_moved(file))
            list[(*count)++] = (struct touched){file->old_path, i};
    }
    qsort(list, *count, sizeof(*list), compare_touched);
    return list;
}

/* Whether `newer` begins at the path with what `older` leaves there: the same blob, or if no blob is named, a file
 * that `older` makes. */
static bool leads_to(const struct patch_file *older, const struct patch_file *newer,
                     const char *path)
{
    if (older->kind == PATCH_DELETED || strcmp(older->new_path, path) != 0 ||
        newer->kind == PATCH_NEW || strcmp(newer->old_path, path) != 0)
        return false;
    if (older->new_blob[0] && newer->old_blob[0])
        return is_same_blob(older->new_blob, newer->old_blob);
    return older->kind == PATCH_NEW || file_is_moved(older);
}

/* Two files that follow each other at a path, in the order of the patch. */
struct neighbours {
    const struct patch_file *first, *second;
    bool as_written; /* the second begins with what the first leaves, */
    bool reversed;   /* or the other way round */
    bool named;      /* blobs say that it is reversed, and not only paths */
};

/* Returns whether the rows before `i` and at `i` are of one path. */
static bool find_neighbours(const struct patch *patch, const struct touched *list, size_t i,
                            struct neighbours *found)
{
    const char *path = list[i].path;

    if (strcmp(list[i - 1].path, path) != 0)
        return false;
    found->first = &patch->files[list[i - 1].index];
    found->second = &patch->files[list[i].index];
    found->as_written = leads_to(found->first, found->second, path);
    found->reversed = leads_to(found->second, found->first, path);
    found->named = found->reversed && !found->as_written && found->first->old_blob[0] &&
                   found->second->new_blob[0];
    return true;
}

/* What two parts that follow each other at a path show of the order. */
struct evidence {
    size_t oldest_first, newest_first;
    bool named;                      /* blobs say that the newest is first, and not only paths */
    const struct patch_file *either; /* each begins with what the other one leaves; NULL: none */
};

static struct evidence find_evidence(const struct patch *patch)
{
    struct evidence found = {0};
    size_t count;
    CLEANUP_FREE struct touched *list = list_both(patch, &count);

    for (size_t i = 1; i < count; i++) {
        struct neighbours at;

        if (!find_neighbours(patch, list, i, &at) || at.first->part == at.second->part)
            continue;
        found.oldest_first += at.as_written && !at.reversed;
        found.newest_first += at.reversed && !at.as_written;
        found.named = found.named || at.named;
        if (at.as_written && at.reversed)
            found.either = at.second;
    }
    return found;
}

/* Whether a file is changed again further down, and left there with what is changed further up: a log, newest first,
 * without the headers of its commits. */
static bool is_headless_log(const struct patch *patch)
{
    size_t count;
    CLEANUP_FREE struct touched *list = list_both(patch, &count);

    for (size_t i = 1; i < count; i++) {
        struct neighbours at;

        if (find_neighbours(patch, list, i, &at) && at.named && at.first->part == at.second->part)
            return true;
    }
    return false;
}

/* Each file is a part of its own, as nobody knows where a commit ends. */
static void part_each(struct patch *patch)
{
    for (size_t i = 0; i < patch->count; i++)
        patch->files[i].part = (unsigned)i;
    patch->parts = (unsigned)patch->count;
    patch->log = true;
}

/* Fails: one commit takes back what another one did, and the order decides which of them remains. */
static int set_unknown(const struct patch_file *file, struct error *error)
{
    CLEANUP_FILE_NAMES struct file_names name = {0};

    file_names_add(&name, file->new_path);
    return error_set(
        error, ERROR_PERMANENT,
        "line %zu of the patch: one commit changes %s and another one takes that back, "
        "and nothing says which is the older one (use git diff with the commit before "
        "them, or git format-patch)",
        file->line, file_names_string(&name));
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

int parts_order(struct patch *patch, struct error *error)
{
    struct evidence found;

    if (is_headless_log(patch))
        part_each(patch);
    found = find_evidence(patch);
    if (found.either && patch->log && !found.oldest_first && !found.newest_first)
        return set_unknown(found.either, error);
    /* Mails come oldest first. */
    if (found.newest_first > found.oldest_first && (patch->log || found.named))
        reverse_parts(patch);
    number_parts(patch);
    return 0;
}

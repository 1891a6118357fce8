/*
 * Finds which file of the base a name means.
 *
 * git puts a prefix before each name: a/ and b/, another pair, or none, by its options. Other programs write
 * the names as they find them. One name does not show the prefix. But all names of a patch together nearly
 * always do, compared with the files of the base.
 */

#include "common/file.h"
#include "common/memory.h"
#include "daemon/repository/patch/internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_LIMIT 12
#define ADVICE      "use git diff with --src-prefix=a/ --dst-prefix=b/, at the top of the repository"

enum evidence {
    EVIDENCE_NONE,   /* one name only: the other side is /dev/null */
    EVIDENCE_PAIR,   /* two different prefixes */
    EVIDENCE_BARE,   /* the same name twice: no prefixes */
    EVIDENCE_DIFFER, /* two unrelated names */
};

struct placing {
    struct patch *patch;
    patch_exists exists;
    void *data;
    const struct patch_file *witness; /* the file whose names say the prefixes; NULL: none */
    char *old_prefix;                 /* with the "/"; both "": no prefixes */
    char *new_prefix;
    const char **made; /* names of files that the patch itself makes, sorted */
    size_t made_count;
};

static int refuse_file(const struct patch_file *file, struct error *error, const char *name,
                       const char *says)
{
    CLEANUP_TEXT struct text repaired = {0};
    CLEANUP_TEXT struct text visible = {0};

    text_append_repaired(&repaired, name, strlen(name));
    text_append_visible(&visible, text_string(&repaired), NULL);
    return error_set(error, ERROR_PERMANENT, "%s (line %zu of the patch) %s", text_string(&visible),
                     file->line, says);
}

static const char *name_of(const struct patch_file *file)
{
    return file->new_name ? file->new_name : file->old_name ? file->old_name : file->header;
}

/* ---- names -------------------------------------------------------------------------------------- */

/* Takes a name from the header, or compares it with the one that is there. */
static bool agree(char **name, char **header_name)
{
    if (*name)
        return strcmp(*name, *header_name) == 0;
    *name = TAKE(*header_name);
    return true;
}

static int complete_names(struct patch_file *file, struct error *error)
{
    CLEANUP_FREE char *old_name = NULL;
    CLEANUP_FREE char *new_name = NULL;

    if (!file->header)
        return 0;
    if (!name_split(file->header, file->old_path, file->new_path, &old_name, &new_name)) {
        if ((file->old_name || file->new_name) && !file_is_moved(file))
            return 0;
        return refuse_file(file, error, file->header, "cannot be split into two names; " ADVICE);
    }
    if (!agree(&file->old_name, &old_name) || !agree(&file->new_name, &new_name))
        return refuse_file(file, error, name_of(file),
                           "has another name in the line \"diff --git\" above it");
    return 0;
}

static enum evidence evidence_of(const struct patch_file *file)
{
    const char *old_rest, *new_rest;

    if (!file->old_name || !file->new_name)
        return EVIDENCE_NONE;
    if (file_is_moved(file))
        return strcmp(file->old_name, file->old_path) == 0 ? EVIDENCE_BARE : EVIDENCE_PAIR;
    if (strcmp(file->old_name, file->new_name) == 0)
        return EVIDENCE_BARE;
    old_rest = name_behind(file->old_name);
    new_rest = name_behind(file->new_name);
    return old_rest && new_rest && strcmp(old_rest, new_rest) == 0 ? EVIDENCE_PAIR
                                                                   : EVIDENCE_DIFFER;
}

static bool is_absolute(const char *name)
{
    return name && (*name == '/' || strncmp(name, "~/", 2) == 0 ||
                    (isalpha((unsigned char)name[0]) && name[1] == ':' &&
                     (name[2] == '/' || name[2] == '\\')));
}

static bool has_backslash(const char *name)
{
    return name && strchr(name, '\\');
}

/* A backslash is part of the name only if the base has a file of that name. */
static bool backslash_is_known(const struct placing *placing, const char *name)
{
    for (; name; name = name_behind(name)) {
        if (placing->exists(placing->data, name))
            return true;
    }
    return false;
}

static int check_name(const struct placing *placing, const struct patch_file *file,
                      const char *name, struct error *error)
{
    if (is_absolute(name))
        return refuse_file(file, error, name, "is an absolute path; " ADVICE);
    if (file_has_component(name, ".."))
        return refuse_file(file, error, name, "is an invalid path: it has a part \"..\"");
    if (has_backslash(name) && !backslash_is_known(placing, name))
        return refuse_file(file, error, name,
                           "is a path with a backslash; paths have slashes: " ADVICE);
    return 0;
}

/* ---- prefixes ----------------------------------------------------------------------------------- */

static char *prefix_of(const char *name, const char *path)
{
    return memory_copy_bytes(name, strlen(name) - strlen(path));
}

static void take_witness(struct placing *placing, const struct patch_file *file)
{
    bool bare = evidence_of(file) == EVIDENCE_BARE;
    const char *old_rest = file_is_moved(file) ? file->old_path : name_behind(file->old_name);
    const char *new_rest = file_is_moved(file) ? file->new_path : name_behind(file->new_name);

    placing->witness = file;
    placing->old_prefix = bare ? memory_copy("") : prefix_of(file->old_name, old_rest);
    placing->new_prefix = bare ? memory_copy("") : prefix_of(file->new_name, new_rest);
}

/* Whether these are prefixes that git itself uses; -R reverses them. */
static bool is_gits_own(const char *old_name, const char *new_name)
{
    static const char *const pairs[] = {"ab", "iw", "ci", "cw", "ow", "12", NULL};

    if (!old_name[0] || old_name[1] != '/' || !new_name[0] || new_name[1] != '/')
        return false;
    for (size_t i = 0; pairs[i]; i++) {
        if ((pairs[i][0] == old_name[0] && pairs[i][1] == new_name[0]) ||
            (pairs[i][1] == old_name[0] && pairs[i][0] == new_name[0]))
            return true;
    }
    return false;
}

static bool is_there(const struct placing *placing, const char *name)
{
    return name && placing->exists(placing->data, name);
}

/* Directories that look like prefixes, as in "diff -ru old new", may be directories of the base. */
static int check_directories(const struct placing *placing, struct error *error)
{
    const struct patch *patch = placing->patch;

    if (is_gits_own(placing->old_prefix, placing->new_prefix))
        return 0;
    for (size_t i = 0; i < patch->count; i++) {
        const struct patch_file *file = &patch->files[i];

        if (is_there(placing, file->old_name) || is_there(placing, file->new_name))
            return refuse_file(
                file, error, name_of(file),
                "is on the base as it is, and may be meant without its first part; " ADVICE);
    }
    return 0;
}

static bool has_prefix(const char *name, const char *prefix)
{
    return !name || strncmp(name, prefix, strlen(prefix)) == 0;
}

/* Whether the file's names can have the prefixes that other files say. */
static bool bears_out(const struct placing *placing, const struct patch_file *file)
{
    enum evidence evidence = evidence_of(file);

    if (evidence == EVIDENCE_PAIR || evidence == EVIDENCE_BARE) {
        if ((*placing->old_prefix == '\0') != (evidence == EVIDENCE_BARE))
            return false;
    }
    return evidence == EVIDENCE_DIFFER || (has_prefix(file->old_name, placing->old_prefix) &&
                                           has_prefix(file->new_name, placing->new_prefix));
}

/* If each file is new or deleted, a/ and b/ are taken for the prefixes that they nearly always are. */
static bool all_look_prefixed(const struct patch *patch)
{
    for (size_t i = 0; i < patch->count; i++) {
        const struct patch_file *file = &patch->files[i];

        if (!has_prefix(file->old_name, "a/") || !has_prefix(file->new_name, "b/"))
            return false;
    }
    return true;
}

static int find_prefixes(struct placing *placing, struct error *error)
{
    struct patch *patch = placing->patch;

    for (size_t i = 0; i < patch->count && !placing->witness; i++) {
        enum evidence evidence = evidence_of(&patch->files[i]);

        if (evidence == EVIDENCE_PAIR || evidence == EVIDENCE_BARE)
            take_witness(placing, &patch->files[i]);
    }
    if (!placing->witness) {
        bool prefixed = all_look_prefixed(patch);

        placing->old_prefix = memory_copy(prefixed ? "a/" : "");
        placing->new_prefix = memory_copy(prefixed ? "b/" : "");
        return 0;
    }
    for (size_t i = 0; i < patch->count; i++) {
        if (!bears_out(placing, &patch->files[i]))
            return refuse_file(&patch->files[i], error, name_of(&patch->files[i]),
                               *placing->old_prefix
                                   ? "does not have the prefixes of the other files; " ADVICE
                                   : "has prefixes, other files have none; " ADVICE);
    }
    return *placing->old_prefix ? check_directories(placing, error) : 0;
}

/* ---- depths ------------------------------------------------------------------------------------- */

/* Returns the name without its first `depth` components; NULL if it has no more. */
static const char *at_depth(const char *name, unsigned depth)
{
    while (name && depth-- > 0)
        name = name_behind(name);
    return name;
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void list_made(struct placing *placing)
{
    const struct patch *patch = placing->patch;

    placing->made = memory_new_array(patch->count, sizeof(*placing->made));
    for (size_t i = 0; i < patch->count; i++) {
        const struct patch_file *file = &patch->files[i];

        if ((file->kind == PATCH_NEW || file_is_moved(file)) && file->new_name)
            placing->made[placing->made_count++] = file->new_name;
    }
    qsort(placing->made, placing->made_count, sizeof(*placing->made), compare_strings);
}

static bool is_made(const struct placing *placing, const char *name)
{
    return name && bsearch(&name, placing->made, placing->made_count, sizeof(*placing->made),
                           compare_strings);
}

/* Whether the file must be on the base, so that it can tell the depth. */
static bool tells_depth(const struct placing *placing, const struct patch_file *file)
{
    return file->kind != PATCH_NEW && !is_made(placing, file->old_name);
}

static bool is_at(const struct placing *placing, const char *name, unsigned depth)
{
    const char *path = at_depth(name, depth);

    return path && placing->exists(placing->data, path);
}

/* Returns a bit for each depth at which the base has the file. */
static unsigned depths_of(const struct placing *placing, const struct patch_file *file)
{
    unsigned depths = 0;

    for (unsigned depth = 0; depth < DEPTH_LIMIT; depth++) {
        if (is_at(placing, file->old_name, depth) ||
            (file->new_name && is_at(placing, file->new_name, depth)))
            depths |= 1U << depth;
    }
    return depths;
}

static int refuse_depths(const struct patch_file *file, unsigned depths, struct error *error)
{
    const char *name = file->old_name ? file->old_name : file->new_name;
    const char *first = NULL, *second = NULL;
    CLEANUP_FREE char *says = NULL;

    for (unsigned depth = 0; depth < DEPTH_LIMIT; depth++) {
        if (!(depths & (1U << depth)))
            continue;
        second = first && !second ? at_depth(name, depth) : second;
        first = first ? first : at_depth(name, depth);
    }
    if (!second)
        return refuse_file(file, error, name,
                           "is not on the base where the other files of the patch are; " ADVICE);
    says = memory_format("has no prefix, and may be %s or %s of the base; " ADVICE, first, second);
    return refuse_file(file, error, name, says);
}

/* Finds how many components of the names do not belong to the paths, if there are no prefixes. */
static int find_depth(struct placing *placing, unsigned *depth, struct error *error)
{
    const struct patch *patch = placing->patch;
    const struct patch_file *teller = NULL;
    unsigned common = ~0U;

    for (size_t i = 0; i < patch->count; i++) {
        const struct patch_file *file = &patch->files[i];
        unsigned depths;

        if (!tells_depth(placing, file))
            continue;
        teller = teller ? teller : file;
        depths = depths_of(placing, file);
        if (depths == 0)
            return refuse_file(
                file, error, file->old_name ? file->old_name : name_of(file),
                file->remark
                    ? "does not exist on the base (only a tab may follow a name)"
                    : "does not exist on the base, with or without its first parts; " ADVICE);
        common &= depths;
        if (common == 0)
            return refuse_depths(file, depths, error);
    }
    if (!teller)
        return refuse_file(
            &patch->files[0], error, name_of(&patch->files[0]),
            "cannot be placed: the patch has no prefixes, and no file that is on the "
            "base; " ADVICE);
    if (common & (common - 1))
        return refuse_depths(teller, common, error);
    for (*depth = 0; !(common & (1U << *depth));)
        ++*depth;
    return 0;
}

/* ---- paths -------------------------------------------------------------------------------------- */

static const char *strip(const char *name, const char *prefix, unsigned depth)
{
    return name ? at_depth(has_prefix(name, prefix) ? name + strlen(prefix) : name, depth) : NULL;
}

/* "train.py.orig" and "train.py" */
static bool is_variant(const char *left, const char *right)
{
    size_t length = strlen(left) < strlen(right) ? strlen(left) : strlen(right);

    return strncmp(left, right, length) == 0;
}

/* Chooses, of two different names, the one that the base has. */
static int choose(const struct placing *placing, struct patch_file *file, const char *old_path,
                  const char *new_path, const char **path, struct error *error)
{
    bool old_is = placing->exists(placing->data, old_path);
    bool new_is = placing->exists(placing->data, new_path);

    *path = old_is ? old_path : new_path;
    if ((!old_is && !new_is) || file->remark)
        return refuse_file(file, error, old_is ? new_path : old_path,
                           file->remark
                               ? "does not exist on the base (only a tab may follow a name)"
                               : "does not exist on the base; " ADVICE);
    if (file->header || (old_is && new_is) || !is_variant(old_path, new_path))
        return refuse_file(
            file, error, old_path,
            "is another file than the one that it becomes, and the patch names no rename");
    return 0;
}

static void replace(char **string, char *with)
{
    free(*string);
    *string = with;
}

static int set_paths(const struct placing *placing, struct patch_file *file, unsigned depth,
                     struct error *error)
{
    const char *old_path = strip(file_is_moved(file) ? file->old_path : file->old_name,
                                 file_is_moved(file) ? "" : placing->old_prefix, depth);
    const char *new_path = strip(file_is_moved(file) ? file->new_path : file->new_name,
                                 file_is_moved(file) ? "" : placing->new_prefix, depth);
    const char *path = new_path ? new_path : old_path;

    if (!path || !*path || (file_is_moved(file) && (!old_path || !*old_path)))
        return refuse_file(file, error, name_of(file), "is no path; " ADVICE);
    if (!file_is_moved(file) && old_path && new_path && strcmp(old_path, new_path) != 0 &&
        choose(placing, file, old_path, new_path, &path, error) < 0)
        return -1;
    if (file_has_component(path, ".") || file_has_component(old_path, "."))
        return refuse_file(file, error, path, "is an invalid path: it has a part \".\"");
    if (file->kind == PATCH_NEW && file->remark && !file->header)
        return refuse_file(
            file, error, path,
            "is a new file whose name may end in a remark; only a tab may follow a name");
    /* Copied first: in a rename they are parts of what they replace. */
    replace(&file->old_path, memory_copy(file_is_moved(file) ? old_path : path));
    replace(&file->new_path, memory_copy(file_is_moved(file) ? new_path : path));
    return 0;
}

/* ---- all of it ---------------------------------------------------------------------------------- */

static int place_all(struct placing *placing, struct error *error)
{
    struct patch *patch = placing->patch;
    unsigned depth = 0;

    for (size_t i = 0; i < patch->count; i++) {
        struct patch_file *file = &patch->files[i];

        if (complete_names(file, error) < 0 ||
            check_name(placing, file, file->old_name, error) < 0 ||
            check_name(placing, file, file->new_name, error) < 0)
            return -1;
    }
    if (find_prefixes(placing, error) < 0)
        return -1;
    list_made(placing);
    if (*placing->old_prefix == '\0' && find_depth(placing, &depth, error) < 0)
        return -1;
    for (size_t i = 0; i < patch->count; i++) {
        if (set_paths(placing, &patch->files[i], depth, error) < 0)
            return -1;
    }
    return parts_order(patch, error);
}

int patch_place(struct patch *patch, patch_exists exists, void *data, struct error *error)
{
    struct placing placing = {.patch = patch, .exists = exists, .data = data};
    int placed = place_all(&placing, error);

    free(placing.old_prefix);
    free(placing.new_prefix);
    free(placing.made);
    return placed;
}

static void ask_about(const char *name, patch_ask ask, void *data)
{
    for (unsigned depth = 0; name && depth < DEPTH_LIMIT; depth++, name = name_behind(name)) {
        /* No file of any base has this name, which means more than a name to git. */
        if (strncmp(name, "./", 2) != 0 && strncmp(name, "../", 3) != 0)
            ask(data, name);
    }
}

/* Names whose prefixes are known need no look at the base. */
static bool is_told(const struct patch_file *file)
{
    return evidence_of(file) == EVIDENCE_PAIR && !has_backslash(file->old_name) &&
           !has_backslash(file->new_name) && is_gits_own(file->old_name, file->new_name);
}

void patch_questions(const struct patch *patch, patch_ask ask, void *data)
{
    for (size_t i = 0; i < patch->count; i++) {
        const struct patch_file *file = &patch->files[i];
        struct patch_file told = {
            .old_path = file->old_path, .new_path = file->new_path, .kind = file->kind};
        CLEANUP_FREE char *old_name = NULL;
        CLEANUP_FREE char *new_name = NULL;

        if (file->header)
            name_split(file->header, file->old_path, file->new_path, &old_name, &new_name);
        told.old_name = file->old_name ? file->old_name : old_name;
        told.new_name = file->new_name ? file->new_name : new_name;
        if (is_told(&told))
            continue;
        ask_about(told.old_name, ask, data);
        ask_about(told.new_name, ask, data);
    }
}

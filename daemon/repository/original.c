/*
 *     doubts ─▶ are the blobs here? ─ no ─▶ ask the sources ─▶ are they now? ─▶ only blanks? ─▶ end
 *                      └─ yes ────────────────────────────────────────────────┘
 */

#include "daemon/repository/original.h"

#include "common/memory.h"
#include "daemon/repository/change.h"
#include "daemon/repository/internal.h"
#include "daemon/repository/origin.h"

#include <stdlib.h>
#include <string.h>

#define BLANKS        " \t\r\n\v\f"
#define CONTENT_LIMIT ((size_t)128 * 1024 * 1024)

static void forget_items(struct doubts *doubts)
{
    for (size_t i = 0; i < doubts->count; i++) {
        free(doubts->items[i].path);
        text_free(&doubts->items[i].made);
    }
    free(doubts->items);
    doubts->items = NULL;
    doubts->count = 0;
}

void doubts_clear(struct doubts *doubts)
{
    forget_items(doubts);
    text_free(&doubts->said);
}

/* ---- faults ------------------------------------------------------------------------------------- */

/* A blob that is known proves that the patch was made on another version of the file. */
static int set_other_version(const struct patch_file *file, const struct cat_file_object *present,
                             struct error *error)
{
    CLEANUP_FILE_NAMES struct file_names name = {0};

    file_names_add(&name, file->old_path);
    return error_set(
        error, ERROR_PERMANENT,
        "the patch was not made on the parent: its index line for %s (line %zu and on) "
        "names blob %s, and the parent has %.*s",
        file_names_string(&name), file->line, file->old_blob, (int)strlen(file->old_blob),
        present->hash);
}

/* Fails: the patch is broken. It is no conflict, since nobody has changed the file. */
static int set_broken(const struct patch_file *file, bool exact, struct error *error)
{
    CLEANUP_FILE_NAMES struct file_names name = {0};

    file_names_add(&name, file->old_path);
    return error_set(error, ERROR_PERMANENT,
                     "the patch does not apply to %s (line %zu of the patch and on): lines that it "
                     "removes or leaves are not in the %s it was made on (one of git diff -w or -b "
                     "does not apply)",
                     file_names_string(&name), file->line,
                     exact ? "parent's file that" : "version of the file that");
}

/* Fails: the rest of the patch is missing. */
static int set_cut(const struct patch_file *file, struct error *error)
{
    CLEANUP_FILE_NAMES struct file_names name = {0};
    const struct patch_hunk *hunk = &file->hunks[file->hunk_count - 1];

    file_names_add(&name, file->new_path);
    return error_set(error, ERROR_PERMANENT,
                     "the patch ends in the middle of the hunk at its line %zu: with what is "
                     "there, %s does not become blob %s, which the index line names",
                     hunk->line, file_names_string(&name), file->new_blob);
}

/* Fails: options such as git diff -w leave such changes out. */
static int set_left_out(const struct doubt *doubt, struct error *error)
{
    CLEANUP_FILE_NAMES struct file_names name = {0};

    file_names_add(&name, doubt->path);
    return error_set(
        error, ERROR_PERMANENT,
        "the patch leaves changes out: what it makes of %s (line %zu and on) differs from "
        "blob %s, which the index line names, in blanks and blank lines only; use git "
        "diff without -w, -b, --ignore-blank-lines and the like",
        file_names_string(&name), doubt->line, doubt->blob);
}

/* ---- doubts ------------------------------------------------------------------------------------- */

static void say(struct doubts *doubts, const struct patch_file *file, const char *says)
{
    CLEANUP_FILE_NAMES struct file_names name = {0};

    file_names_add(&name, file->new_path);
    text_append_format(&doubts->said,
                       "%sthe index line of %s (line %zu of the patch and on) names %s",
                       doubts->said.length ? "; " : "", file_names_string(&name), file->line, says);
}

static void add(struct doubts *doubts, const struct patch_file *file, struct text *made)
{
    struct doubt *doubt;

    say(doubts, file, "another content than the patch makes");
    doubts->items = memory_resize(doubts->items, (doubts->count + 1) * sizeof(*doubts->items));
    doubt = &doubts->items[doubts->count++];
    *doubt = (struct doubt){.path = memory_copy(file->new_path), .line = file->line};
    memcpy(doubt->blob, file->new_blob, sizeof(doubt->blob));
    doubt->made = *made;
    *made = (struct text){0};
}

void original_compare_new(const struct patch_file *file, size_t digits, struct doubts *doubts)
{
    CLEANUP_TEXT struct text made = {0};

    if (patch_make(file, "", 0, digits, &made) == PATCH_MAKES_ANOTHER)
        add(doubts, file, &made);
}

static int compare(const struct patch_file *file, const struct cat_file_object *origin,
                   enum patch_fit fit, struct doubts *doubts, struct error *error)
{
    CLEANUP_TEXT struct text made = {0};
    enum patch_makes makes = patch_make(file, origin->bytes, origin->length, strlen(origin->hash),
                                        &made);

    if (makes == PATCH_IS_CUT && fit == PATCH_FITS && !file->carriage)
        return set_cut(file, error);
    if (makes != PATCH_MAKES_BLOB)
        add(doubts, file, &made);
    return 0;
}

/* Whether the index line names another blob than that of the present file. */
static bool names_another(const struct patch_file *file, const struct cat_file_object *present)
{
    return file->old_blob[0] && strncmp(present->hash, file->old_blob, strlen(file->old_blob)) != 0;
}

int original_fit(struct patch_file *file, const struct cat_file_object *origin,
                 const struct cat_file_object *present, bool exact, struct doubts *doubts,
                 enum patch_fit *fit, struct error *error)
{
    bool same = origin->found && present->found && strcmp(origin->hash, present->hash) == 0;

    *fit = PATCH_FITS_NOT;
    if (exact && origin->found && present->found && !same)
        return set_other_version(file, present, error);
    if (exact)
        same = true;
    else if (origin->found && !same &&
             patch_fit(file, origin->bytes, origin->length, true, fit, error) < 0)
        return -1;
    file->three_way = *fit != PATCH_FITS_NOT;
    if (!file->three_way && present->found &&
        patch_fit(file, present->bytes, present->length, same, fit, error) < 0)
        return -1;
    if (same && present->found && *fit == PATCH_FITS_NOT)
        return set_broken(file, exact, error);
    if (present->found && *fit == PATCH_FITS_NOT)
        return patch_check_ends(file, error);
    if (origin->found && *fit != PATCH_FITS_NOT && (same || file->three_way))
        return compare(file, origin, *fit, doubts, error);
    if (exact && present->found && names_another(file, present))
        say(doubts, file, "another content than the parent's");
    return 0;
}

/* ---- what was measured, where it is known --------------------------------------------------------- */

struct looking {
    struct git_sequence sequence;
    struct doubts *doubts;
    struct text asked;
    bool fetched; /* the sources were asked */
    original_callback callback;
    void *data;
};

static void looking_discard(struct operation *operation)
{
    struct looking *looking = (struct looking *)operation;

    operation_clear(&looking->sequence.step);
    text_free(&looking->asked);
    free(looking);
}

static void looking_end(struct looking *looking, const struct error *error)
{
    original_callback callback = looking->callback;
    void *data = looking->data;

    forget_items(looking->doubts);
    looking_discard(&looking->sequence.operation);
    callback(data, error);
}

/* Whether both are the same except for blanks and line ends. */
static bool differ_in_blanks(const struct text *made, const struct cat_file_object *blob)
{
    const char *left = text_string(made), *left_end = left + made->length;
    const char *right = blob->bytes, *right_end = right + blob->length;

    for (;;) {
        while (left < left_end && *left && strchr(BLANKS, *left))
            left++;
        while (right < right_end && *right && strchr(BLANKS, *right))
            right++;
        if (left == left_end || right == right_end)
            return left == left_end && right == right_end;
        if (*left++ != *right++)
            return false;
    }
}

static void ask(struct looking *looking);

static void sources_asked(void *data)
{
    struct looking *looking = data;

    looking->sequence.step = NULL;
    ask(looking);
}

static bool fetch(struct looking *looking, struct cat_file objects)
{
    struct repository *repository = looking->sequence.repository;
    CLEANUP_TEXT struct text wanted = {0};
    struct cat_file_object object;

    if (repository->config->sources.count == 0 || looking->fetched)
        return false;
    looking->fetched = true;
    while (cat_file_next(&objects, &object)) {
        if (!object.found)
            text_append_bytes(&wanted, object.asked, strlen(object.asked) + 1);
    }
    if (wanted.length > 0)
        looking->sequence.step = origin_start(repository, &wanted, sources_asked, looking);
    return wanted.length > 0;
}

/* A git that fails has found nothing: the doubt remains one. */
static void answered(void *data, const struct process_result *result)
{
    struct looking *looking = data;
    struct cat_file objects = cat_file_of(&looking->asked, result->output, result->output_length,
                                          true);
    struct cat_file_object object;
    struct error error;

    looking->sequence.step = NULL;
    if (!process_succeeded(result)) {
        looking_end(looking, NULL);
        return;
    }
    if (fetch(looking, objects))
        return;
    for (size_t i = 0; i < looking->doubts->count && cat_file_next(&objects, &object); i++) {
        if (object.found && differ_in_blanks(&looking->doubts->items[i].made, &object)) {
            set_left_out(&looking->doubts->items[i], &error);
            looking_end(looking, &error);
            return;
        }
    }
    looking_end(looking, NULL);
}

static void ask(struct looking *looking)
{
    struct repository *repository = looking->sequence.repository;
    const char *const arguments[] = {repository->git_dir, "cat-file", "--batch", "-z", NULL};
    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_LOCAL,
        .input = text_string(&looking->asked),
        .input_length = looking->asked.length,
        .output_limit = CONTENT_LIMIT,
    };

    looking->sequence.step = git_start(repository->git, &command, answered, looking);
}

struct operation *original_look(struct repository *repository, struct doubts *doubts,
                                original_callback callback, void *data)
{
    struct looking *looking = memory_new(sizeof(*looking));

    git_sequence_begin(&looking->sequence, repository, looking_discard);
    looking->doubts = doubts;
    looking->callback = callback;
    looking->data = data;
    for (size_t i = 0; i < doubts->count; i++)
        text_append_bytes(&looking->asked, doubts->items[i].blob,
                          strlen(doubts->items[i].blob) + 1);
    ask(looking);
    return &looking->sequence.operation;
}

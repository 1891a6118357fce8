/*
 * Applies a patch to the base, in an index of its own.
 *
 *     base into index ─▶ scan ─▶ what is there? ─▶ paths ─▶ look at files ─▶ apply ─▶ end
 *           ▲                                                    ▲             │
 *           └──────── again, without what does not fit ──────────│─────────────┤
 *                                                                └─ next part ─┘
 *
 * Parts are those of a series. Changes of excluded files are left out from the beginning; a file that is
 * renamed or copied from or to one is tried first, and left out if it does not fit. Other changes of excluded
 * files are taken back by comparing trees, later.
 *
 * The merge is `git apply --3way`, and not one of git/merge.h. A patch names the original of each file by its
 * blob, and only some of these blobs may be known. `git apply` merges the files whose blob is known, applies
 * the others directly, follows the patch's own renames, and does all of it or nothing. A merge of trees needs
 * the tree that the patch was made on. To make one up takes five more gits for each part of a series, guesses
 * renames, and reports conflicts in other words.
 */

#include "daemon/repository/patched.h"

#include "common/memory.h"
#include "common/text.h"
#include "daemon/git/cat-file.h"
#include "daemon/repository/change.h"
#include "daemon/repository/glob.h"
#include "daemon/repository/internal.h"
#include "daemon/repository/namesake.h"
#include "daemon/repository/origin.h"
#include "daemon/repository/original.h"
#include "daemon/repository/patch.h"
#include "daemon/repository/unfit.h"

#include <stdlib.h>
#include <string.h>

#define OUTPUT_LIMIT  ((size_t)64 * 1024)
#define ANSWER_LIMIT  ((size_t)64 * 1024 * 1024)
#define CONTENT_LIMIT ((size_t)128 * 1024 * 1024) /* bytes of the files that one part changes */
#define PARTS_LIMIT   500
#define ATTEMPTS      5

struct patching {
    struct git_sequence sequence;
    char *base;
    bool exact; /* see struct patched_options */
    char *index;
    struct text bytes;  /* as they came */
    struct patch patch; /* read from these, again for every attempt */
    unsigned part;      /* the one that is being applied */
    unsigned fetched;   /* parts for whose blobs the sources were asked */
    struct text asked;  /* what git was asked for, a NUL after each */
    struct text notes;
    struct doubts doubts;
    struct text others; /* files that the patch was made on in another version, see namesake.h */
    char **left_out;    /* options "--exclude=<path>" */
    size_t left_out_count;
    unsigned attempts;
    patched_callback callback;
    void *data;
};

static void patching_discard(struct operation *operation)
{
    struct patching *patching = (struct patching *)operation;

    operation_clear(&patching->sequence.step);
    for (size_t i = 0; i < patching->left_out_count; i++)
        free(patching->left_out[i]);
    free(patching->left_out);
    patch_free(&patching->patch);
    text_free(&patching->bytes);
    text_free(&patching->asked);
    text_free(&patching->notes);
    doubts_clear(&patching->doubts);
    text_free(&patching->others);
    free(patching->base);
    free(patching->index);
    free(patching);
}

static void patching_end(struct patching *patching, const struct error *error)
{
    patched_callback callback = patching->callback;
    void *data = patching->data;
    CLEANUP_FREE char *notes = text_take(&patching->notes);
    CLEANUP_FREE char *doubt = text_take(&patching->doubts.said);
    const struct patched patched = {.notes = notes, .doubt = doubt};

    patching_discard(&patching->sequence.operation);
    callback(data, error ? NULL : &patched, error);
}

static bool is_excluded(const struct patching *patching, const char *path)
{
    return glob_match_any(patching->sequence.repository->config->change.exclude.items, path);
}

/* Notes "train.py was changed …", for people. */
static void note(struct patching *patching, const char *path, const char *says)
{
    CLEANUP_FILE_NAMES struct file_names name = {0};

    file_names_add(&name, path);
    text_append_format(&patching->notes, "%s%s %s", patching->notes.length ? "; " : "",
                       file_names_string(&name), says);
}

/* A git failed that only reads our own repository. */
static void reading_fail(struct patching *patching, const struct process_result *result,
                         const char *what)
{
    struct error error;

    if (result->end == PROCESS_OVERFLOWED) {
        error_set(&error, ERROR_PERMANENT,
                  "the files that the patch changes have more than %zu MiB",
                  CONTENT_LIMIT / 1024 / 1024);
    } else {
        git_failure(&error, result, GIT_LOCAL, what);
        if (git_found_damage(result))
            repository_discard_damaged(&patching->sequence, &error);
    }
    patching_end(patching, &error);
}

/* ---- apply -------------------------------------------------------------------------------------- */

static void begin_part(struct patching *patching);
static void read_base(struct patching *patching);

/* Leaves out a path, by a pattern that matches nothing else. */
static void leave_out(void *data, const char *path)
{
    struct patching *patching = data;
    struct text option = {0};

    text_append(&option, "--exclude=");
    for (; *path; path++) {
        if (strchr("*?[\\", *path))
            text_append(&option, "\\");
        text_append_bytes(&option, path, 1);
    }
    patching->left_out = memory_resize(patching->left_out, (patching->left_out_count + 1) *
                                                               sizeof(*patching->left_out));
    patching->left_out[patching->left_out_count++] = text_take(&option);
}

static void applied(void *data, const struct process_result *result)
{
    struct patching *patching = data;
    char *const *exclude = patching->sequence.repository->config->change.exclude.items;
    CLEANUP_TEXT struct text said = {0};
    size_t before = patching->left_out_count;
    struct error error;

    patching->sequence.step = NULL;
    if (process_succeeded(result)) {
        patching->part++;
        begin_part(patching);
        return;
    }
    unfit_read(result->errors, exclude, leave_out, patching, &said);
    if (said.length == 0 && patching->left_out_count > before && ++patching->attempts < ATTEMPTS) {
        read_base(patching);
        return;
    }
    if (said.length > 0)
        error_set(&error, ERROR_PERMANENT, "the patch does not apply to the %s: %s",
                  patching->exact ? "parent" : "base", text_string(&said));
    else if (git_exceeded(result))
        error_set(&error, ERROR_PERMANENT, "the patch %s to apply", git_exceeded(result));
    else
        git_failure(&error, result, GIT_LOCAL, "the patch does not apply to the base");
    patching_end(patching, &error);
}

static bool wants_three_way(const struct patching *patching)
{
    for (size_t i = 0; i < patching->patch.count; i++) {
        if (patching->patch.files[i].part == patching->part && patching->patch.files[i].three_way)
            return true;
    }
    return false;
}

static void apply(struct patching *patching)
{
    struct repository *repository = patching->sequence.repository;
    const char *const fixed[] = {
        repository->git_dir, "apply", "--cached", "--whitespace=nowarn", "--unidiff-zero",
    };
    size_t count = sizeof(fixed) / sizeof(fixed[0]);
    CLEANUP_FREE const char **arguments = memory_new_array(count + patching->left_out_count + 4,
                                                           sizeof(*arguments));
    CLEANUP_TEXT struct text input = {0};

    memcpy(arguments, fixed, sizeof(fixed));
    if (wants_three_way(patching))
        arguments[count++] = "--3way";
    /* It may be empty only if the patch had nothing but excluded files. */
    if (patching->left_out_count > 0)
        arguments[count++] = "--allow-empty";
    for (size_t i = 0; i < patching->left_out_count; i++)
        arguments[count++] = patching->left_out[i];
    arguments[count] = "-";
    patch_write(&patching->patch, patching->part, &input);

    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_LOCAL,
        .index = patching->index,
        .input = text_string(&input),
        .input_length = input.length,
        .output_limit = OUTPUT_LIMIT,
        .memory = GIT_MEMORY_LIMIT,
    };

    patching->sequence.step = git_start(repository->git, &command, applied, patching);
}

/* ---- look at files ------------------------------------------------------------------------------ */

static void ask(struct patching *patching, const char *prefix, const char *name)
{
    text_append(&patching->asked, prefix);
    text_append_bytes(&patching->asked, name, strlen(name) + 1);
}

static void ask_git(struct patching *patching, const char *how, size_t limit,
                    process_callback callback)
{
    struct repository *repository = patching->sequence.repository;
    const char *const arguments[] = {repository->git_dir, "cat-file", how, "-z", NULL};
    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_LOCAL,
        .index = patching->index,
        .input = text_string(&patching->asked),
        .input_length = patching->asked.length,
        .output_limit = limit,
    };

    patching->sequence.step = git_start(repository->git, &command, callback, patching);
}

/* Whether the file's lines have to be searched in the content. */
static bool is_sought(const struct patching *patching, const struct patch_file *file)
{
    return file->part == patching->part && file->hunk_count > 0 && file->kind != PATCH_NEW;
}

static void note_fit(struct patching *patching, const struct patch_file *file, enum patch_fit fit)
{
    if (fit == PATCH_FITS_AS_CRLF)
        note(patching, file->new_path, "has CRLF line ends, and so has now what the patch adds");
    else if (fit == PATCH_FITS_TRIMMED)
        note(patching, file->new_path, "was changed without the empty lines at the end of a hunk");
    else if (fit == PATCH_FITS_AS_LF || (fit == PATCH_FITS && file->carriage))
        note(patching, file->new_path, "was changed with the patch's CRLF line ends read as LF");
}

static int fit_files(struct patching *patching, struct cat_file *objects, struct error *error)
{
    for (size_t i = 0; i < patching->patch.count; i++) {
        struct patch_file *file = &patching->patch.files[i];
        struct cat_file_object origin = {0};
        struct cat_file_object present = {0};
        enum patch_fit fit;

        if (file->part == patching->part && file->kind == PATCH_NEW) {
            note_fit(patching, file, PATCH_FITS);
            if (patching->exact)
                original_compare_new(file, strlen(patching->base), &patching->doubts);
        }
        if (!is_sought(patching, file))
            continue;
        if (file->old_blob[0])
            cat_file_next(objects, &origin);
        cat_file_next(objects, &present);
        if (original_fit(file, &origin, &present, patching->exact, &patching->doubts, &fit, error) <
            0)
            return -1;
        note_fit(patching, file, fit);
        if (!patching->exact && origin.found && present.found &&
            strcmp(origin.hash, present.hash) != 0) {
            text_append_bytes(&patching->others, file->old_path, strlen(file->old_path) + 1);
            text_append_bytes(&patching->others, origin.hash, strlen(origin.hash) + 1);
        }
    }
    return 0;
}

static void doubts_looked_into(void *data, const struct error *error)
{
    struct patching *patching = data;

    patching->sequence.step = NULL;
    if (error)
        patching_end(patching, error);
    else
        apply(patching);
}

static void apply_without_doubt(struct patching *patching)
{
    if (patching->doubts.count > 0)
        patching->sequence.step = original_look(patching->sequence.repository, &patching->doubts,
                                                doubts_looked_into, patching);
    else
        apply(patching);
}

static void namesakes_looked_at(void *data, const struct error *error)
{
    struct patching *patching = data;

    patching->sequence.step = NULL;
    if (error)
        patching_end(patching, error);
    else
        apply_without_doubt(patching);
}

static void fit_and_apply(struct patching *patching, struct cat_file *objects)
{
    const struct namesake_options options = {
        .base = patching->base,
        .index = patching->index,
        .files = &patching->others,
    };
    struct error error;

    text_reset(&patching->others);
    if (fit_files(patching, objects, &error) < 0)
        patching_end(patching, &error);
    else if (patching->others.length > 0)
        patching->sequence.step = namesake_look(patching->sequence.repository, &options,
                                                namesakes_looked_at, patching);
    else
        apply_without_doubt(patching);
}

static void looked(void *data, const struct process_result *result);

static void originals_fetched(void *data)
{
    struct patching *patching = data;

    patching->sequence.step = NULL;
    ask_git(patching, "--batch", CONTENT_LIMIT, looked);
}

/* Asks the sources, once for each part, for blobs that the patch was made on and our repository lacks. */
static bool fetch_originals(struct patching *patching, struct cat_file objects)
{
    struct repository *repository = patching->sequence.repository;
    CLEANUP_TEXT struct text wanted = {0};
    struct cat_file_object object;

    if (repository->config->sources.count == 0 || patching->fetched > patching->part)
        return false;
    patching->fetched = patching->part + 1;
    while (cat_file_next(&objects, &object)) {
        if (!object.found && strncmp(object.asked, ":0:", 3) != 0)
            text_append_bytes(&wanted, object.asked, strlen(object.asked) + 1);
    }
    if (wanted.length > 0)
        patching->sequence.step = origin_start(repository, &wanted, originals_fetched, patching);
    return wanted.length > 0;
}

static void looked(void *data, const struct process_result *result)
{
    struct patching *patching = data;
    struct cat_file objects = cat_file_of(&patching->asked, result->output, result->output_length,
                                          true);

    patching->sequence.step = NULL;
    if (!process_succeeded(result))
        reading_fail(patching, result, "reading the files that the patch changes");
    else if (!fetch_originals(patching, objects))
        fit_and_apply(patching, &objects);
}

static bool part_is_empty(const struct patching *patching)
{
    for (size_t i = 0; i < patching->patch.count; i++) {
        if (patching->patch.files[i].part == patching->part)
            return false;
    }
    return true;
}

static void begin_part(struct patching *patching)
{
    struct cat_file nothing = {0};

    while (patching->part < patching->patch.parts && part_is_empty(patching))
        patching->part++;
    if (patching->part >= patching->patch.parts) {
        patching_end(patching, NULL);
        return;
    }
    text_reset(&patching->asked);
    for (size_t i = 0; i < patching->patch.count; i++) {
        const struct patch_file *file = &patching->patch.files[i];

        if (is_sought(patching, file) && file->old_blob[0])
            ask(patching, "", file->old_blob);
        if (is_sought(patching, file))
            ask(patching, ":0:", file->old_path);
    }
    if (patching->asked.length > 0)
        ask_git(patching, "--batch", CONTENT_LIMIT, looked);
    else
        fit_and_apply(patching, &nothing);
}

/* ---- paths -------------------------------------------------------------------------------------- */

/* The paths, of those that were asked for, that the base has. */
struct known {
    const char **paths;
    size_t count;
};

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_known(void *data, const char *path)
{
    const struct known *known = data;

    return known->count > 0 &&
           bsearch(&path, known->paths, known->count, sizeof(*known->paths), compare_paths);
}

/* Removes excluded files from all parts. */
static void drop_excluded(struct patching *patching)
{
    for (size_t i = 0; i < patching->patch.count; i++) {
        struct patch_file *file = &patching->patch.files[i];

        if (file->kind != PATCH_RENAMED && file->kind != PATCH_COPIED &&
            is_excluded(patching, file->new_path))
            file->part = patching->patch.parts;
    }
}

static int check_content(const struct patching *patching, struct error *error)
{
    for (size_t i = 0; i < patching->patch.count; i++) {
        const struct patch_file *file = &patching->patch.files[i];
        CLEANUP_FILE_NAMES struct file_names name = {0};

        if (!file->contentless || file->part >= patching->patch.parts)
            continue;
        file_names_add(&name, file->new_path);
        return error_set(error, ERROR_PERMANENT,
                         "cannot apply binary patch to %s (line %zu) without full index line: the "
                         "patch was made without --binary",
                         file_names_string(&name), file->line);
    }
    return 0;
}

static void place(struct patching *patching, struct known *known)
{
    struct error error;

    if (patch_place(&patching->patch, is_known, known, &error) < 0) {
        patching_end(patching, &error);
        return;
    }
    drop_excluded(patching);
    if (patching->patch.parts > PARTS_LIMIT) {
        error_set(&error, ERROR_PERMANENT,
                  "the patch is a series of %u parts; at most %d are taken", patching->patch.parts,
                  PARTS_LIMIT);
        patching_end(patching, &error);
    } else if (check_content(patching, &error) < 0) {
        patching_end(patching, &error);
    } else {
        patching->part = 0;
        begin_part(patching);
    }
}

static void answered(void *data, const struct process_result *result)
{
    struct patching *patching = data;
    struct cat_file objects = cat_file_of(&patching->asked, result->output, result->output_length,
                                          false);
    CLEANUP_FREE const char **paths = NULL;
    struct known known = {0};
    struct cat_file_object object;
    size_t count = 0;

    patching->sequence.step = NULL;
    if (!process_succeeded(result)) {
        reading_fail(patching, result, "looking for the files that the patch changes");
        return;
    }
    for (size_t i = 0; i < patching->asked.length; i++)
        count += patching->asked.data[i] == '\0';
    paths = memory_new_array(count, sizeof(*paths));
    while (cat_file_next(&objects, &object)) {
        if (object.found)
            paths[known.count++] = object.asked + strlen(":0:");
    }
    known.paths = paths;
    qsort(paths, known.count, sizeof(*paths), compare_paths);
    place(patching, &known);
}

static void ask_for_path(void *data, const char *path)
{
    ask(data, ":0:", path);
}

static void begin_try(struct patching *patching)
{
    struct known nothing = {0};
    struct error error;

    patch_free(&patching->patch);
    text_reset(&patching->notes);
    doubts_clear(&patching->doubts);
    text_reset(&patching->asked);
    if (patch_scan(&patching->patch, text_string(&patching->bytes), patching->bytes.length,
                   &error) < 0) {
        patching_end(patching, &error);
        return;
    }
    text_append(&patching->notes, text_string(&patching->patch.recounted));
    patch_questions(&patching->patch, ask_for_path, patching);
    if (patching->asked.length > 0)
        ask_git(patching, "--batch-check", ANSWER_LIMIT, answered);
    else
        place(patching, &nothing);
}

static void base_read(void *data, const struct process_result *result)
{
    struct patching *patching = data;

    patching->sequence.step = NULL;
    if (process_succeeded(result))
        begin_try(patching);
    else
        reading_fail(patching, result, "reading the base");
}

static void read_base(struct patching *patching)
{
    struct repository *repository = patching->sequence.repository;
    const char *const arguments[] = {repository->git_dir, "read-tree", patching->base, NULL};
    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_LOCAL,
        .index = patching->index,
        .output_limit = OUTPUT_LIMIT,
    };

    patching->sequence.step = git_start(repository->git, &command, base_read, patching);
}

struct operation *patched_start(struct repository *repository,
                                const struct patched_options *options, patched_callback callback,
                                void *data)
{
    struct patching *patching = memory_new(sizeof(*patching));

    git_sequence_begin(&patching->sequence, repository, patching_discard);
    patching->base = memory_copy(options->base);
    patching->exact = options->exact;
    patching->index = memory_copy(options->index);
    text_append_bytes(&patching->bytes, options->patch, options->length);
    patching->callback = callback;
    patching->data = data;
    read_base(patching);
    return &patching->sequence.operation;
}

/* Promise: what is taken of a patch does to a file what the patch says, whatever else it holds. */

/*
 * Any bytes as a patch. What the scanner lets through is counted as it stands, reads the same again once
 * it is written for git, and does to a file what it says: as many lines are gained as are added, less
 * those removed, and turned round it gives the file again.
 */

#include "daemon/repository/patch.h"

#include "common/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_error(const struct error *error)
{
    const char *string = error->message;

    require(error->kind == ERROR_PERMANENT && *string && utf8_valid(string, strlen(string), NULL));
}

/* A base that has some files, and always the same. */
static bool exists(void *data, const char *path)
{
    unsigned sum = 0;

    (void)data;
    for (const char *at = path; *at; at++)
        sum = sum * 31 + (unsigned char)*at;
    return sum % 3 != 0;
}

static void ask(void *data, const char *path)
{
    (void)data;
    require(*path != '\0');
}

static size_t count_lines(const struct text *text)
{
    size_t count = 0;

    for (size_t i = 0; i < text->length; i++)
        count += text->data[i] == '\n';
    return count;
}

/* Calls for each line of a hunk with its first character; a line that has no end in the file loses it. */
static void take_side(const struct patch_hunk *hunk, char side, struct text *to)
{
    const char *at = text_string(&hunk->body);
    const char *end = at + hunk->body.length;

    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));

        require(line_end && strchr(" +-\\", *at));
        if (*at == ' ' || *at == side)
            text_append_bytes(to, at + 1, (size_t)(line_end - at));
        at = line_end + 1;
    }
}

static void check_counts(const struct patch_file *file)
{
    int64_t added, removed, change = 0;

    patch_count(file, &added, &removed);
    for (size_t i = 0; i < file->hunk_count; i++) {
        const struct patch_hunk *hunk = &file->hunks[i];
        CLEANUP_TEXT struct text old = {0};
        CLEANUP_TEXT struct text new = {0};

        take_side(hunk, '-', &old);
        take_side(hunk, '+', &new);
        require((long)count_lines(&old) == hunk->old_count);
        require((long)count_lines(&new) == hunk->new_count);
        change += hunk->new_count - hunk->old_count;
    }
    require(added - removed == change);
}

static bool has_backslash_line(const struct patch_file *file)
{
    for (size_t i = 0; i < file->hunk_count; i++) {
        const struct text *body = &file->hunks[i].body;

        for (size_t at = 0; at < body->length; at++) {
            if (body->data[at] == '\\' && (at == 0 || body->data[at - 1] == '\n'))
                return true;
        }
    }
    return false;
}

/* A file in which all hunks stand, one below the other, between lines that stand nowhere else. */
static void make_file(const struct patch_file *file, char side, struct text *content)
{
    for (size_t i = 0; i < file->hunk_count; i++) {
        text_append_format(content, "between %zu\x01\n", i);
        take_side(&file->hunks[i], side, content);
    }
    text_append(content, "end\x01\n");
}

static const char *line_at(const struct text *content, long line)
{
    const char *at = content->data;

    for (; line > 1 && at; line--) {
        at = memchr(at, '\n', (size_t)(content->data + content->length - at));
        at = at ? at + 1 : NULL;
    }
    require(at);
    return at;
}

/* Puts one side of each hunk in the place of the other, at the lines that the hunks name. */
static void apply(const struct patch_file *file, char from, char to, const struct text *content,
                  struct text *result)
{
    const char *at = content->data;
    long shift = 0;

    for (size_t i = 0; i < file->hunk_count; i++) {
        const struct patch_hunk *hunk = &file->hunks[i];
        const char *place = line_at(content, hunk->old_start + (from == '+' ? shift : 0));
        CLEANUP_TEXT struct text old = {0};

        take_side(hunk, from, &old);
        require(place >= at && (size_t)(content->data + content->length - place) >= old.length &&
                memcmp(place, text_string(&old), old.length) == 0);
        text_append_bytes(result, at, (size_t)(place - at));
        take_side(hunk, to, result);
        at = place + old.length;
        shift += hunk->new_count - hunk->old_count;
    }
    text_append_bytes(result, at, (size_t)(content->data + content->length - at));
}

static bool lacks_lines(const struct patch_file *file)
{
    for (size_t i = 0; i < file->hunk_count; i++) {
        if (file->hunks[i].old_count == 0)
            return true;
    }
    return file->hunk_count == 0;
}

static void check_fit(struct patch_file *file)
{
    CLEANUP_TEXT struct text before = {0};
    CLEANUP_TEXT struct text after = {0};
    CLEANUP_TEXT struct text again = {0};
    enum patch_fit fit;
    struct error error;
    int64_t added, removed;

    if (lacks_lines(file) || has_backslash_line(file))
        return;
    make_file(file, '-', &before);
    if (patch_fit(file, before.data, before.length, false, &fit, &error) < 0) {
        check_error(&error);
        return;
    }
    require(fit == PATCH_FITS);
    apply(file, '-', '+', &before, &after);
    patch_count(file, &added, &removed);
    require((int64_t)count_lines(&after) - (int64_t)count_lines(&before) == added - removed);
    apply(file, '+', '-', &after, &again);
    require(again.length == before.length && memcmp(again.data, before.data, again.length) == 0);
}

/* What is written for git is a patch with nothing else in it, and with the prefixes a/ and b/. */
static void check_written(const struct patch *patch, unsigned part)
{
    CLEANUP_TEXT struct text text = {0};
    CLEANUP_TEXT struct text again = {0};
    CLEANUP_PATCH struct patch second = {0};
    struct error error = {0};

    for (size_t i = 0; i < patch->count; i++) {
        if (patch->files[i].part == part && patch->files[i].contentless)
            return;
    }
    patch_write(patch, part, &text);
    if (patch_scan(&second, text_string(&text), text.length, &error) < 0 ||
        patch_place(&second, exists, NULL, &error) < 0)
        abort();
    require(second.recounted.length == 0 && second.parts == 1);
    patch_write(&second, 0, &again);
    require(text.length == again.length && memcmp(text.data, again.data, text.length) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP_PATCH struct patch patch = {0};
    struct error error = {0};

    if (patch_scan(&patch, (const char *)data, size, &error) < 0) {
        check_error(&error);
        return 0;
    }
    require(patch.count > 0 && patch.parts > 0);
    for (size_t i = 0; i < patch.count; i++)
        check_counts(&patch.files[i]);
    patch_questions(&patch, ask, NULL);
    if (patch_place(&patch, exists, NULL, &error) < 0) {
        check_error(&error);
        return 0;
    }
    for (unsigned part = 0; part < patch.parts; part++)
        check_written(&patch, part);
    for (size_t i = 0; i < patch.count; i++)
        check_fit(&patch.files[i]);
    return 0;
}

/*
 * Writes a part of a patch as git reads it.
 */

#include "daemon/repository/patch/internal.h"

#include <string.h>

static void append_name(struct text *text, const char *prefix, const char *path)
{
    const unsigned char *at = (const unsigned char *)path;

    text_append_format(text, "\"%s", prefix);
    for (; *at; at++) {
        if (*at < ' ' || *at == '"' || *at == '\\' || *at >= 0x7f)
            text_append_format(text, "\\%03o", *at);
        else
            text_append_bytes(text, at, 1);
    }
    text_append(text, "\"");
}

static void append_line(struct text *text, const char *words, const char *prefix, const char *path)
{
    text_append(text, words);
    if (path)
        append_name(text, prefix, path);
    else
        text_append(text, "/dev/null");
    text_append(text, "\n");
}

static void append_extended(const struct patch_file *file, struct text *text)
{
    bool renamed = file->kind == PATCH_RENAMED;

    if (file->kind == PATCH_NEW)
        text_append_format(text, "new file mode %06o\n", file->new_mode ? file->new_mode : 0100644);
    else if (file->kind == PATCH_DELETED)
        text_append_format(text, "deleted file mode %06o\n",
                           file->old_mode ? file->old_mode : 0100644);
    else if (file->old_mode && file->new_mode)
        text_append_format(text, "old mode %06o\nnew mode %06o\n", file->old_mode, file->new_mode);
    if (renamed || file->kind == PATCH_COPIED) {
        append_line(text, renamed ? "rename from " : "copy from ", "", file->old_path);
        append_line(text, renamed ? "rename to " : "copy to ", "", file->new_path);
    }
}

/* git merges a file from the blob that the index line names, and checks a binary change against it. */
static void append_index(const struct patch_file *file, struct text *text)
{
    if (!file->old_blob[0] || (!file->three_way && file->binary.length == 0))
        return;
    text_append_format(text, "index %s..%s", file->old_blob, file->new_blob);
    if (file->old_mode && !file->new_mode && file->kind == PATCH_CHANGED)
        text_append_format(text, " %06o", file->old_mode);
    text_append(text, "\n");
}

static void append_hunks(const struct patch_file *file, struct text *text)
{
    long shift = 0; /* by how many lines the hunks so far move what is below them */

    for (size_t i = 0; i < file->hunk_count; i++) {
        const struct patch_hunk *hunk = &file->hunks[i];
        /* A side without lines names the line above it. */
        long new_start = hunk->old_start + shift + (hunk->old_count == 0) - (hunk->new_count == 0);

        text_append_format(text, "@@ -%ld,%ld +%ld,%ld @@\n", hunk->old_start, hunk->old_count,
                           new_start < 0 ? 0 : new_start, hunk->new_count);
        text_append_bytes(text, text_string(&hunk->body), hunk->body.length);
        shift += hunk->new_count - hunk->old_count;
    }
}

static void append_file(const struct patch_file *file, struct text *text)
{
    text_append(text, "diff --git ");
    append_name(text, "a/", file->old_path);
    text_append(text, " ");
    append_name(text, "b/", file->new_path);
    text_append(text, "\n");
    append_extended(file, text);
    append_index(file, text);
    if (file->hunk_count > 0) {
        append_line(text, "--- ", "a/", file->kind == PATCH_NEW ? NULL : file->old_path);
        append_line(text, "+++ ", "b/", file->kind == PATCH_DELETED ? NULL : file->new_path);
        append_hunks(file, text);
    }
    text_append_bytes(text, text_string(&file->binary), file->binary.length);
}

void patch_write(const struct patch *patch, unsigned part, struct text *text)
{
    for (size_t i = 0; i < patch->count; i++) {
        if (patch->files[i].part == part)
            append_file(&patch->files[i], text);
    }
}

/*
 * git names each file in a line of its own, sometimes with the reason in the line before it. It is a conflict
 * only if git did not find the lines that it looked for.
 */

#include "daemon/repository/unfit.h"

#include "common/memory.h"
#include "daemon/repository/change.h"
#include "daemon/repository/glob.h"

#include <string.h>

enum unfit {
    UNFIT_CONFLICT,
    UNFIT_MISSING,
    UNFIT_EXISTS,
    UNFIT_TYPE,
    UNFIT_COUNT,
};

static const struct {
    const char *ending;
    enum unfit unfit;
} endings[] = {
    {": patch does not apply", UNFIT_CONFLICT},
    {": does not match index", UNFIT_CONFLICT},
    {": does not exist in index", UNFIT_MISSING},
    {": already exists in index", UNFIT_EXISTS},
    {": wrong type", UNFIT_TYPE},
};

static const struct {
    const char *before;
    const char *behind;
} words[UNFIT_COUNT] = {
    [UNFIT_CONFLICT] = {"conflict in ", ""},
    [UNFIT_MISSING] = {"", " does not exist on the base"},
    [UNFIT_EXISTS] = {"", " exists on the base already"},
    [UNFIT_TYPE] = {"", " is of another type on the base"},
};

struct complaints {
    struct file_names names[UNFIT_COUNT];
    struct text reasons; /* git's own words, each with its file */
    const char *reason;  /* the last reason, without a file so far */
    size_t reason_length;
};

static void complaints_free(struct complaints *complaints)
{
    for (int i = 0; i < UNFIT_COUNT; i++)
        file_names_free(&complaints->names[i]);
    text_free(&complaints->reasons);
}

/* Returns the file that a line of git's is about, if it says that a file does not fit; the caller frees
 * it. */
static char *read_file(const char *line, size_t length, enum unfit *unfit)
{
    static const char merged[] = "Applied patch to '";
    static const char badly[] = "' with conflicts.";
    size_t before = sizeof(merged) - 1, behind = sizeof(badly) - 1;

    *unfit = UNFIT_CONFLICT;
    if (length > before + behind && memcmp(line, merged, before) == 0 &&
        memcmp(line + length - behind, badly, behind) == 0)
        return memory_copy_bytes(line + before, length - before - behind);
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        size_t ending = strlen(endings[i].ending);

        *unfit = endings[i].unfit;
        if (length > 7 + ending && strncmp(line, "error: ", 7) == 0 &&
            memcmp(line + length - ending, endings[i].ending, ending) == 0)
            return memory_copy_bytes(line + 7, length - 7 - ending);
    }
    return NULL;
}

/* Keeps what may be git's reason for the file that it names next. */
static void keep_reason(struct complaints *complaints, const char *line, size_t length)
{
    static const char *const none[] = {
        "error: patch failed: ",
        "error: while searching for:",
        "error: repository lacks the necessary blob",
        NULL,
    };

    if (strncmp(line, "error: ", 7) != 0)
        return;
    complaints->reason = line + 7;
    complaints->reason_length = length - 7;
    for (size_t i = 0; none[i]; i++) {
        if (strncmp(line, none[i], strlen(none[i])) == 0)
            complaints->reason = NULL;
    }
}

static void add(struct complaints *complaints, const char *path, enum unfit unfit)
{
    CLEANUP_FILE_NAMES struct file_names name = {0};
    CLEANUP_TEXT struct text repaired = {0};

    if (unfit != UNFIT_CONFLICT || !complaints->reason) {
        file_names_add(&complaints->names[unfit], path);
        return;
    }
    file_names_add(&name, path);
    text_append_repaired(&repaired, complaints->reason, complaints->reason_length);
    text_append_format(&complaints->reasons, "%s%s: ", complaints->reasons.length ? "; " : "",
                       file_names_string(&name));
    text_append_visible(&complaints->reasons, text_string(&repaired), NULL);
    complaints->reason = NULL;
}

static void describe(struct complaints *complaints, struct text *said)
{
    for (int i = 0; i < UNFIT_COUNT; i++) {
        if (complaints->names[i].count > 0)
            text_append_format(said, "%s%s%s%s", said->length ? "; " : "", words[i].before,
                               file_names_string(&complaints->names[i]), words[i].behind);
    }
    if (complaints->reasons.length > 0)
        text_append_format(said, "%s%s", said->length ? "; " : "",
                           text_string(&complaints->reasons));
}

void unfit_read(const char *errors, char *const *exclude, unfit_excluded excluded, void *data,
                struct text *said)
{
    CLEANUP(complaints_free) struct complaints complaints = {0};

    for (const char *line = errors; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        size_t length = strcspn(line, "\n");
        enum unfit unfit;
        CLEANUP_FREE char *path = read_file(line, length, &unfit);

        if (!path)
            keep_reason(&complaints, line, length);
        else if (glob_match_any(exclude, path))
            excluded(data, path);
        else
            add(&complaints, path, unfit);
    }
    describe(&complaints, said);
}

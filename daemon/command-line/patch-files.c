#include "daemon/command-line/patch-files.h"

#include "common/file.h"
#include "common/memory.h"
#include "common/text.h"
#include "daemon/git/elsewhere.h"
#include "daemon/repository/glob.h"
#include "daemon/repository/patch.h"
#include "daemon/repository/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <uv.h>

#define DEADLINE_MS  10000
#define OUTPUT_LIMIT (4 * 1024 * 1024)
#define MODE_FILE    0100644u

struct run {
    int status; /* of git; -1: it did not end well, and `error` says why */
    char *output;
    size_t length;
    struct error *error;
};

static void free_output(struct run *run)
{
    free(run->output);
}

static void on_ended(void *data, const struct process_result *result)
{
    struct run *run = data;
    CLEANUP_TEXT struct text said = {0};
    char how[PROCESS_DESCRIPTION_SIZE];

    if (result->end == PROCESS_EXITED) {
        run->status = result->status;
        run->output = memory_copy_bytes(result->output, result->output_length);
        run->length = result->output_length;
        text_append_line(&said, result->errors, 200);
        error_set(run->error, ERROR_PERMANENT, "%s", text_string(&said));
    } else {
        process_describe(how, sizeof(how), result);
        error_set(run->error, ERROR_TRANSIENT, "git %s", how);
    }
}

/* Runs git and waits for it. `run->error` is what it said, unless its status is 0. */
static void run_git(struct run *run, const char *git_dir, const char *const *arguments)
{
    const struct git_elsewhere command = {
        .git_dir = git_dir,
        .arguments = arguments,
        .deadline_ms = DEADLINE_MS,
        .output_limit = OUTPUT_LIMIT,
    };
    uv_loop_t loop;

    run->status = -1;
    uv_loop_init(&loop);
    git_start_elsewhere(&loop, &command, on_ended, run);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
}

static void append_entry(struct patch_files *files, const char *path,
                         const struct change_entry *entry, char *target)
{
    struct change *change = &files->change;
    CLEANUP_TEXT struct text repaired = {0};

    text_append_repaired(&repaired, path, strlen(path));
    change->entries = memory_resize(change->entries, (change->count + 1) * sizeof(*entry));
    files->targets = memory_resize(files->targets, (change->count + 1) * sizeof(*files->targets));
    change->entries[change->count] = *entry;
    change->entries[change->count].path = text_take(&repaired);
    files->targets[change->count++] = target;
}

/* The names in the patch are used in place of the base, which is not asked. */
static bool is_named(void *data, const char *path)
{
    const struct patch *patch = data;

    for (size_t i = 0; i < patch->count; i++) {
        const struct patch_file *file = &patch->files[i];
        const char *name = file->new_name ? file->new_name : file->old_name;

        if (name && strcmp(name, path) == 0)
            return true;
    }
    return false;
}

/* Returns the line that a link's hunk adds, or NULL. The caller frees it. */
static char *target_of(const struct patch_file *file)
{
    for (size_t i = 0; i < file->hunk_count; i++) {
        const char *line = text_string(&file->hunks[i].body);

        for (; *line; line += strcspn(line, "\n"), line += *line == '\n') {
            if (*line == '+')
                return memory_copy_bytes(line + 1, strcspn(line + 1, "\n"));
        }
    }
    return NULL;
}

static void add_change(struct patch_files *files, const struct patch_file *file)
{
    struct change_entry entry = {.added = -1, .removed = -1};

    if (file->kind == PATCH_RENAMED) {
        entry.old_mode = file->old_mode ? file->old_mode : MODE_FILE;
        append_entry(files, file->old_path, &entry, NULL);
    }
    entry.old_mode = file->kind == PATCH_CHANGED || file->kind == PATCH_DELETED ? file->old_mode
                                                                                : 0;
    if (file->kind != PATCH_DELETED)
        entry.new_mode = file->new_mode   ? file->new_mode
                         : file->old_mode ? file->old_mode
                                          : MODE_FILE;
    if (file->binary.length == 0 && !file->contentless)
        patch_count(file, &entry.added, &entry.removed);
    append_entry(files, file->new_path, &entry, change_is_link(&entry) ? target_of(file) : NULL);
}

int patch_files_read(struct patch_files *files, const char *bytes, size_t length,
                     struct error *error)
{
    CLEANUP_PATCH struct patch patch = {0};

    if (patch_scan(&patch, bytes, length, error) < 0 ||
        patch_place(&patch, is_named, &patch, error) < 0)
        return -1;
    for (size_t i = 0; i < patch.count; i++)
        add_change(files, &patch.files[i]);
    return 0;
}

int patch_files_check(const struct patch_files *files, const struct config *config,
                      struct error *error)
{
    CLEANUP_CHANGE struct change kept = {0};

    kept.entries = memory_new_array(files->change.count + 1, sizeof(*kept.entries));
    for (; kept.count < files->change.count; kept.count++) {
        kept.entries[kept.count] = files->change.entries[kept.count];
        kept.entries[kept.count].path = memory_copy(files->change.entries[kept.count].path);
    }
    if (change_exclude(&kept, config->change.exclude.items, error) < 0 ||
        change_check(&kept, config->change.protect.items, error) < 0)
        return -1;
    for (size_t i = 0; i < files->change.count; i++) {
        const char *path = files->change.entries[i].path, *target = files->targets[i];

        if (target && !glob_match_any(config->change.exclude.items, path) &&
            change_check_link(path, target, strlen(target), error) < 0)
            return -1;
    }
    return 0;
}

/* ---- a commit ------------------------------------------------------------------------------------ */

/* Reads the commit that git prints; "" if there is none. */
static int ask_for_commit(char commit[static GIT_HASH_SIZE], const char *git_dir,
                          const char *const *arguments, struct error *error)
{
    CLEANUP(free_output) struct run run = {.error = error};

    run_git(&run, git_dir, arguments);
    commit[0] = '\0';
    if (run.status < 0 || run.status > 1)
        return -1;
    if (run.status == 0)
        snprintf(commit, GIT_HASH_SIZE, "%.*s", (int)strcspn(run.output, "\n"), run.output);
    return 0;
}

int patch_files_find(char commit[static GIT_HASH_SIZE], const char *git_dir, const char *name,
                     struct error *error)
{
    CLEANUP_FREE char *wanted = memory_format("%s^{commit}", name);
    const char *const arguments[] = {"rev-parse",        "--verify", "--quiet",
                                     "--end-of-options", wanted,     NULL};

    return ask_for_commit(commit, git_dir, arguments, error);
}

/* Finds where the commit left the base, as the origin has it or else the source's own branch. A commit
 * that the origin's base contains has no such place. */
static int find_start(char start[static GIT_HASH_SIZE], enum patch_since *since,
                      const char *git_dir, const char *commit, const char *base,
                      struct error *error)
{
    static const char *const places[] = {"remotes/origin", "heads"};
    CLEANUP_FREE char *parent = memory_format("%s^", commit);

    *since = PATCH_SINCE_BASE;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        CLEANUP_FREE char *reference = memory_format("refs/%s/%s", places[i], base);
        const char *const arguments[] = {"merge-base", commit, start, NULL};

        if (patch_files_find(start, git_dir, reference, error) < 0 ||
            (start[0] && ask_for_commit(start, git_dir, arguments, error) < 0))
            return -1;
        if (start[0] && strcmp(start, commit) != 0)
            return 0;
        if (start[0] && i == 0) {
            *since = PATCH_SINCE_NEVER;
            return 0;
        }
    }
    *since = PATCH_SINCE_PARENT;
    if (patch_files_find(start, git_dir, parent, error) < 0)
        return -1;
    return start[0] ? 0 : error_set(error, ERROR_PERMANENT, "it has no parent");
}

char *patch_files_objects(const char *git_dir)
{
    static const char *const arguments[] = {"rev-parse", "--git-path", "objects", NULL};
    struct error ignored;
    CLEANUP(free_output) struct run run = {.error = &ignored};

    run_git(&run, git_dir, arguments);
    if (run.status != 0 || run.output[0] != '/')
        return NULL;
    return memory_copy_bytes(run.output, strcspn(run.output, "\n"));
}

/* Reads where a link of a commit leads. */
static int read_target(char **target, const char *git_dir, const char *blob, struct error *error)
{
    CLEANUP(free_output) struct run run = {.error = error};
    const char *const arguments[] = {"cat-file", "blob", blob, NULL};

    run_git(&run, git_dir, arguments);
    if (run.status != 0)
        return -1;
    *target = memory_copy_bytes(run.output, run.length);
    return 0;
}

/* Reads what a commit has over another one. */
static int read_difference(struct patch_files *files, const char *git_dir, const char *start,
                           const char *commit, struct error *error)
{
    CLEANUP(free_output) struct run run = {.error = error};
    CLEANUP_CHANGE struct change change = {0};
    const char *const arguments[] = {"diff-tree", "-r", CHANGE_OPTIONS, start, commit, NULL};

    run_git(&run, git_dir, arguments);
    if (run.status != 0 || change_parse(&change, run.output, run.length, error) < 0)
        return -1;
    for (size_t i = 0; i < change.count; i++) {
        const struct change_entry *entry = &change.entries[i];
        char *target = NULL;

        if (change_is_link(entry) && read_target(&target, git_dir, entry->new_hash, error) < 0)
            return -1;
        append_entry(files, entry->path, entry, target);
    }
    return 0;
}

int patch_files_of_commit(struct patch_files *files, bool *known, enum patch_since *since,
                          const char *source, const char *digits, const char *base,
                          struct error *error)
{
    CLEANUP_FREE char *git_dir = source_git_dir(source);
    char commit[GIT_HASH_SIZE], start[GIT_HASH_SIZE];

    *known = false;
    if (patch_files_find(commit, git_dir, digits, error) < 0)
        return -1;
    if (strncasecmp(commit, digits, strlen(digits)) != 0) /* none, or a tag of that name */
        return 0;
    if (find_start(start, since, git_dir, commit, base, error) < 0)
        return -1;
    if (*since != PATCH_SINCE_NEVER && read_difference(files, git_dir, start, commit, error) < 0)
        return -1;
    *known = true;
    return 0;
}

void patch_files_free(struct patch_files *files)
{
    for (size_t i = 0; i < files->change.count; i++)
        free(files->targets[i]);
    free(files->targets);
    change_free(&files->change);
    *files = (struct patch_files){0};
}

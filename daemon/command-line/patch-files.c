#include "daemon/command-line/patch-files.h"

#include "common/memory.h"
#include "common/process.h"
#include "common/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define DEADLINE_MS  10000
#define OUTPUT_LIMIT (4 * 1024 * 1024)

struct run {
    struct patch_files *files;
    struct error *error;
    int status;
};

static long count_of(const char *word, char **end)
{
    if (*word == '-') {
        *end = (char *)word + 1;
        return -1;
    }
    return strtol(word, end, 10);
}

/* Entries of "ADDED TAB REMOVED TAB PATH", each with a NUL behind it. */
static void parse(struct patch_files *files, const char *output, size_t length)
{
    const char *end = output + length;

    while (output < end) {
        struct patch_file file = {0};
        char *at;

        file.added = count_of(output, &at);
        if (*at == '\t')
            file.removed = count_of(at + 1, &at);
        if (*at == '\t' && at[1]) {
            CLEANUP_TEXT struct text path = {0};

            text_append_repaired(&path, at + 1, strlen(at + 1));
            file.path = text_take(&path);
            files->items = memory_resize(files->items, (files->count + 1) * sizeof(file));
            files->items[files->count++] = file;
        }
        output += strlen(output) + 1;
    }
}

static void on_ended(void *data, const struct process_result *result)
{
    struct run *run = data;
    CLEANUP_TEXT struct text said = {0};

    if (result->end == PROCESS_EXITED && result->status == 0) {
        parse(run->files, result->output, result->output_length);
        run->status = 0;
    } else if (result->end == PROCESS_EXITED) {
        text_append_line(&said, result->errors, 200);
        run->status = error_set(run->error, ERROR_PERMANENT, "%s", text_string(&said));
    } else {
        char how[PROCESS_DESCRIPTION_SIZE];

        process_describe(how, sizeof(how), result);
        run->status = error_set(run->error, ERROR_TRANSIENT, "git apply %s", how);
    }
}

int patch_files_read(struct patch_files *files, const char *patch, size_t length,
                     struct error *error)
{
    static const char *const arguments[] = {"git", "apply", "--numstat", "-z", NULL};
    const char *search = getenv("PATH");
    CLEANUP_FREE char *path = memory_format("PATH=%s", search ? search : "/usr/bin:/bin");
    const char *const environment[] = {path,
                                       "LC_ALL=C",
                                       "GIT_CONFIG_NOSYSTEM=1",
                                       "GIT_CONFIG_GLOBAL=/dev/null",
                                       "GIT_DIR=/dev/null",
                                       NULL};
    CLEANUP_TEXT struct text whole = {0};
    struct process_options options = {
        .argv = arguments,
        .environment = environment,
        .directory = "/",
        .deadline_ms = DEADLINE_MS,
        .output_limit = OUTPUT_LIMIT,
    };
    struct run run = {.files = files, .error = error, .status = -1};
    uv_loop_t loop;

    text_append_bytes(&whole, patch, length);
    if (length > 0 && patch[length - 1] != '\n')
        text_append(&whole, "\n");
    options.input = text_string(&whole);
    options.input_length = whole.length;
    uv_loop_init(&loop);
    process_start(&loop, &options, on_ended, &run);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    return run.status;
}

void patch_files_free(struct patch_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->items[i].path);
    free(files->items);
    *files = (struct patch_files){0};
}

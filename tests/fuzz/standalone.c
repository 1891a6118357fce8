/*
 * Makes an ordinary program of a fuzzer: runs every file that is named in argv, or that lies in a
 * directory named there, once. What the fuzzer found once is so tested for good, with any compiler.
 */

#include "common/file.h"
#include "common/memory.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_LIMIT (16 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned runs;

static int run_file(const char *path)
{
    CLEANUP_FREE char *bytes = NULL;
    CLEANUP_FREE uint8_t *exact = NULL;
    struct error error;
    size_t length;

    if (file_read(&bytes, &length, AT_FDCWD, path, INPUT_LIMIT, &error) < 0) {
        fprintf(stderr, "%s\n", error.message);
        return -1;
    }
    /* Without the NUL behind it, so that AddressSanitizer sees a step too far. */
    exact = malloc(length > 0 ? length : 1);
    if (!exact)
        return -1;
    memcpy(exact, bytes, length);
    fprintf(stderr, "%s\n", path);
    LLVMFuzzerTestOneInput(exact, length);
    runs++;
    return 0;
}

static int not_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int run_directory(const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, not_hidden, alphasort);
    int result = 0;

    if (count < 0) {
        perror(path);
        return -1;
    }
    for (int i = 0; i < count; i++) {
        CLEANUP_FREE char *file = file_join(path, entries[i]->d_name);

        if (run_file(file) < 0)
            result = -1;
        free(entries[i]);
    }
    free(entries);
    return result;
}

int main(int argc, char **argv)
{
    int result = 0;

    for (int i = 1; i < argc; i++) {
        struct stat status;
        int is_directory = stat(argv[i], &status) == 0 && S_ISDIR(status.st_mode);

        if ((is_directory ? run_directory(argv[i]) : run_file(argv[i])) < 0)
            result = 1;
    }
    if (runs == 0) {
        fputs("nothing was run\n", stderr);
        return 1;
    }
    return result;
}

/*
 * What the names in a result may be: experiment_ids, commits, files.
 */

#include "common/memory.h"
#include "daemon/result/internal.h"

#include <string.h>

#define ID_LIMIT          100
#define COMMIT_DIGITS_MIN 7
#define COMMIT_DIGITS_MAX 64
#define FILE_NAME_LIMIT   255

const struct json_limits result_limits = {
    .bytes = RESULT_SIZE_LIMIT,
    .depth = RESULT_DEPTH_LIMIT,
    .values = RESULT_VALUES_LIMIT,
    .non_finite = true,
};

bool result_id_valid(const char *experiment_id)
{
    static const char letters_and_digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    size_t length = strlen(experiment_id);

    if (length < 1 || length > ID_LIMIT || !strchr(letters_and_digits, experiment_id[0]))
        return false;
    for (const char *c = experiment_id; *c; c++)
        if (!strchr(letters_and_digits, *c) && !strchr("._-", *c))
            return false;
    if (strstr(experiment_id, "..") || experiment_id[length - 1] == '.')
        return false;
    return length < 5 || strcmp(experiment_id + length - 5, ".lock") != 0;
}

char *result_commit_digits(const char *string)
{
    size_t length = strlen(string);
    char *digits;

    if (length < COMMIT_DIGITS_MIN || length > COMMIT_DIGITS_MAX ||
        strspn(string, "0123456789abcdefABCDEF") != length)
        return NULL;
    digits = memory_copy(string);
    for (char *c = digits; *c; c++)
        if (*c >= 'A' && *c <= 'F')
            *c += 'a' - 'A';
    return digits;
}

bool result_ends_with(const char *string, const char *ending)
{
    size_t length = strlen(string);
    size_t ending_length = strlen(ending);

    return length >= ending_length && strcmp(string + length - ending_length, ending) == 0;
}

bool result_name_seen(const char *file_name)
{
    return *file_name != '.' && !result_ends_with(file_name, ".tmp") &&
           !result_ends_with(file_name, ".part") && !result_ends_with(file_name, "~");
}

enum result_format result_format(const char *file_name)
{
    static const struct {
        const char *ending;
        enum result_format format;
    } endings[] = {
        {".json", RESULT_FORMAT_JSON}, {".yaml", RESULT_FORMAT_YAML}, {".yml", RESULT_FORMAT_YAML},
        {".tsv", RESULT_FORMAT_LOG},   {".jsonl", RESULT_FORMAT_LOG},
    };

    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
        if (result_ends_with(file_name, endings[i].ending))
            return endings[i].format;
    return RESULT_FORMAT_NONE;
}

bool result_is_patch_name(const char *string)
{
    return string && *string != '\0' && strlen(string) <= FILE_NAME_LIMIT && !strchr(string, '/') &&
           result_format(string) == RESULT_FORMAT_NONE && result_name_seen(string);
}

/*
 * What the keys about Slurm may be.
 */

#include "config/schema.h"

#include "common/memory.h"

#include <string.h>

/* Options of sbatch that are refused: winnowd sets them itself, or they would make something else than one
 * job of ours, end it early, or lose its answer. sbatch takes each beginning of a long name as well. */
static const struct {
    const char *name;
    char letter;
} taken[] = {
    {"array", 'a'},
    {"chdir", 'D'},
    {"clusters", 'M'},
    {"error", 'e'},
    {"export", 0},
    {"export-file", 0},
    {"get-user-env", 0},
    {"help", 'h'},
    {"input", 'i'},
    {"job-name", 'J'},
    {"no-requeue", 0},
    {"output", 'o'},
    {"parsable", 0},
    {"requeue", 0},
    {"signal", 0},
    {"test-only", 0},
    {"time", 't'},
    {"usage", 0},
    {"version", 'V'},
    {"wait", 'W'},
    {"wrap", 0},
    {"open-mode", 0},
    {"wait-all-nodes", 0},
    {"time-min", 0},
    {"deadline", 0},
    {"uid", 0},
    {"gid", 0},
};

/* Short options without a value: others may follow in the same word. */
#define WITHOUT_VALUE "HIkKOQRsvX"

static const char *const launches[] = {"srun", "salloc", "sbatch"};

static const char *check_long(const char *name)
{
    size_t length = strcspn(name, "=");

    if (length == 0)
        return "an option of sbatch, such as --partition=gpu";
    if (length == strlen("exclude") && memcmp(name, "exclude", length) == 0 && name[length] != '=')
        return "--exclude=NODES in one word";
    for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++)
        if (strncmp(taken[i].name, name, length) == 0)
            return "an option that winnowd does not set itself";
    return NULL;
}

static const char *check_short(const char *letters)
{
    for (; *letters; letters++) {
        if (*letters == 'x')
            return "--exclude=NODES in one word";
        for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++)
            if (taken[i].letter && taken[i].letter == *letters)
                return "an option that winnowd does not set itself";
        if (!strchr(WITHOUT_VALUE, *letters))
            break;
    }
    return NULL;
}

const char *config_check_slurm_option(const char *text)
{
    if (!*text || strlen(text) > 1000)
        return "an option of sbatch, such as --partition=gpu";
    for (const char *at = text; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            return "an option of sbatch, without control characters";
    if (strncmp(text, "--", 2) == 0)
        return check_long(text + 2);
    if (strcmp(text, ":") == 0)
        return "the options of one job";
    return *text == '-' ? check_short(text + 1) : NULL;
}

/* The exit status of srun says nothing of the tests: it is 0 when the node dies. */
const char *config_check_launcher(const char *text)
{
    const char *slash = strrchr(text, '/');
    const char *name = slash ? slash + 1 : text;

    for (size_t i = 0; i < sizeof(launches) / sizeof(*launches); i++)
        if (strcmp(name, launches[i]) == 0)
            return "what runs inside of a job; for Slurm there is validation.engine";
    return config_check_argument(text);
}

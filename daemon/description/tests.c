#include "daemon/description/tests.h"

#include "daemon/description/escape.h"
#include "daemon/validation/verdict.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <string.h>

#define PATHS_SHOWN 5
#define PATH_LIMIT  200

/* The words for what a runner counts, if that is not single tests. */
static const struct {
    const char *runner;
    const char *what;
} counted[] = {
    {"go test", "Packages tested"},
    {"pre-commit", "Hooks run"},
};

static const char *what_is_counted(const struct test_count *count)
{
    for (size_t i = 0; i < sizeof(counted) / sizeof(*counted); i++)
        if (strcmp(counted[i].runner, count->runner) == 0)
            return counted[i].what;
    return "Tests run";
}

static void append_figure(struct text *text, const struct test_count *count)
{
    text_append_format(text, "%" PRIu64, count->ran);
    if (count->passed < count->ran)
        text_append_format(text, " (%" PRIu64 " of them passed)", count->passed);
}

void description_append_count(struct text *text, const struct description *description)
{
    if (!description->tests.known)
        return;
    text_append_format(text, " %s: ", what_is_counted(&description->tests));
    append_figure(text, &description->tests);
    if (description->base_tests.known) {
        text_append(text, " here, ");
        append_figure(text, &description->base_tests);
        text_append(text, " on the base");
    }
    text_append(text, ".");
}

/* One component of a path, up to its '/' or its end. */
static bool is_test_directory(const char *name, size_t length)
{
    static const char *const names[] = {"test", "tests", "testing", "__tests__", "spec", "specs"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strlen(names[i]) == length && strncmp(names[i], name, length) == 0)
            return true;
    return false;
}

bool description_is_test(const char *path)
{
    static const char *const names[] = {
        "test_*",  "*_test.*", "*_tests.*", "test.*",
        "tests.*", "*.test.*", "*.spec.*",  "conftest.py",
    };
    const char *slash;

    for (; (slash = strchr(path, '/')); path = slash + 1)
        if (is_test_directory(path, (size_t)(slash - path)))
            return true;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (fnmatch(names[i], path, 0) == 0)
            return true;
    return false;
}

static void append_touched(struct text *text, const struct description *description)
{
    size_t count = 0;

    for (size_t i = 0; i < description->file_count; i++) {
        const char *path = description->files[i].path;

        if (!description_is_test(path) || count++ >= PATHS_SHOWN)
            continue;
        text_append(text, count > 1 ? ", " : "\n**Changes tests:** ");
        escape_append_code(text, path, PATH_LIMIT);
    }
    if (count == 0)
        return;
    if (count > PATHS_SHOWN)
        text_append_format(text, " and %zu more", count - PATHS_SHOWN);
    text_append(text, ".");
    description_append_count(text, description);
    text_append(text, description->tests.known ? "\n" : " How many tests ran is not known.\n");
}

void description_append_tests(struct text *text, const struct description *description)
{
    if (test_count_fewer(&description->tests, &description->base_tests))
        text_append_format(
            text, "\n**Fewer tests ran than on the base:** %" PRIu64 " here, %" PRIu64 " there.\n",
            description->tests.ran, description->base_tests.ran);
    append_touched(text, description);
}

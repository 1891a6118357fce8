#pragma once

/*
 * Short ways to read a configuration, and to hold its problems against a text.
 */

#include "common/memory.h"
#include "common/text.h"
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LEAST "forge: {owner: o, repo: r}\nmetrics: {m: {direction: minimize}}\n"

static inline int clear_environment(void **state)
{
    unsetenv("GITEA_URL");
    unsetenv("GITEA_OWNER");
    unsetenv("GITEA_REPO");
    return 0;
}

static inline struct config *good(const char *yaml)
{
    struct config_problems problems;
    struct config *config = NULL;

    if (config_parse(&config, "f.yaml", yaml, strlen(yaml), &problems))
        for (size_t i = 0; i < problems.count; i++)
            print_error("%s\n", problems.items[i].message);
    assert_int_equal(problems.count, 0);
    assert_non_null(config);
    config_problems_free(&problems);
    return config;
}

/* All messages, each with a line end behind it; caller frees. */
static inline char *bad(const char *yaml)
{
    struct config_problems problems;
    struct config *config = NULL;
    struct text text = {0};

    assert_int_equal(config_parse(&config, "f.yaml", yaml, strlen(yaml), &problems), -1);
    assert_null(config);
    assert_true(problems.count > 0);
    for (size_t i = 0; i < problems.count; i++)
        text_append_format(&text, "%s\n", problems.items[i].message);
    config_problems_free(&problems);
    return text_take(&text);
}

static inline void assert_problems(const char *yaml, const char *expected)
{
    CLEANUP_FREE char *messages = bad(yaml);

    assert_string_equal(messages, expected);
}

/* Holds the only problem of the least configuration and `yaml` against `expected`. */
static inline void assert_refused(const char *yaml, const char *expected)
{
    CLEANUP_FREE char *whole = memory_format("%s\n" LEAST, yaml);
    CLEANUP_FREE char *line = memory_format("%s\n", expected);

    assert_problems(whole, line);
}

/* Promise: a pattern of the configuration means what git's :(top,glob) means. */

#include "daemon/repository/glob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static const struct {
    const char *pattern;
    const char *path;
    bool match;
} table[] = {
    {"tox.ini", "tox.ini", true},
    {"tox.ini", "sub/tox.ini", false},
    {"tox.ini", "tox.ini.bak", false},
    {"/tox.ini", "tox.ini", true},
    {"*.log", "a.log", true},
    {"*.log", ".log", true},
    {"*.log", "sub/a.log", false},
    {"?.py", "a.py", true},
    {"?.py", "/.py", false},
    {"a?b", "a/b", false},
    {"a*b", "a/b", false},
    {"[ab].py", "b.py", true},
    {"[!ab].py", "b.py", false},
    {"a[/]b", "a/b", false},
    {"\\*.py", "*.py", true},
    {"\\*.py", "a.py", false},
    {".github/**", ".github", true},
    {".github/**", ".github/workflows/ci.yml", true},
    {".github/**", ".githubx", false},
    {".github/**", "sub/.github/x", false},
    {"**/secret", "secret", true},
    {"**/secret", "a/b/secret", true},
    {"**/secret", "a/b/secret/c", false},
    {"a/**/b", "a/b", true},
    {"a/**/b", "a/x/y/b", true},
    {"a/**/b", "a/x/y/bc", false},
    {"a/**/b/**/c", "a/b/b/x/c", true},
    {"a/**/b/**/c", "a/c/c", false},
    {"**", "anything/at/all", true},
    {"**/*.py", "a.py", true},
    {"**/*.py", "x/y/a.py", true},
    {"x**y", "xaay", true},
    {"x**y", "xa/ay", false},
    {"data", "data", true},
    {"data", "data/x/y", true},
    {"data/", "data/x", true},
    {"data/", "database", false},
    {"dat?", "data/x", false},
    {"", "a", false},
    {"*", ".hidden", true},
};

static void test_table(void **state)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (glob_match(table[i].pattern, table[i].path) != table[i].match)
            fail_msg("\"%s\" against \"%s\" should be %d", table[i].pattern, table[i].path,
                     table[i].match);
    }
}

static void test_any(void **state)
{
    char file[] = "a.txt";
    char directory[] = "b/**";
    char *patterns[] = {file, directory, NULL};
    char *none[] = {NULL};

    assert_true(glob_match_any(patterns, "b/c"));
    assert_true(glob_match_any(patterns, "a.txt"));
    assert_false(glob_match_any(patterns, "c"));
    assert_false(glob_match_any(none, "c"));
}

/* Forty `**` against a path that fails at its very end must not try every way to split it. */
static void test_no_blowup(void **state)
{
    char pattern[256] = "";
    char path[512] = "";
    clock_t start = clock();

    for (int i = 0; i < 40; i++)
        strcat(pattern, "**/a/");
    strcat(pattern, "b");
    for (int i = 0; i < 200; i++)
        strcat(path, "a/");
    strcat(path, "c");
    assert_false(glob_match(pattern, path));
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 1.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_any),
        cmocka_unit_test(test_no_blowup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Promise: a change that touches what it may not, or leaves the tree, fails. */

/* Paths, links and modes are tried. */

#include "common/memory.h"
#include "daemon/repository/change.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ZERO "0000000000000000000000000000000000000000"
#define BLOB "1111111111111111111111111111111111111111"

static char results[] = "results.tsv";
static char automatic[] = ".auto/**";
static char logs[] = "data/*.log";
static char tox_ini[] = "tox.ini";
static char *const excluded[] = {results, automatic, logs, NULL};
static char tox_made[] = ".tox/**";
static char makefile[] = "Makefile";
static char pytest_ini[] = "**/pytest.ini";
static char *const protected[] = {tox_ini, tox_made, makefile, pytest_ini, NULL};

/* A list as git writes it, with '|' for NUL. */
static int parse(struct change *change, const char *list, struct error *error)
{
    CLEANUP_FREE char *bytes = memory_copy(list);
    size_t length = strlen(bytes);

    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == '|')
            bytes[i] = '\0';
    }
    return change_parse(change, bytes, length, error);
}

/* The error of one new file of a mode, or "". */
static const char *judge(const char *mode, const char *path)
{
    static char message[2048];
    CLEANUP_CHANGE struct change change = {0};
    CLEANUP_FREE char *list = memory_format(":000000 %s " ZERO " " BLOB " A|%s|", mode, path);
    struct error error = {0};

    message[0] = '\0';
    if (parse(&change, list, &error) < 0 || change_check(&change, protected, &error) < 0)
        strcpy(message, error.message);
    return message;
}

static void test_parse(void **state)
{
    CLEANUP_CHANGE struct change change = {0};
    struct error error = {0};

    assert_int_equal(parse(&change,
                           ":100644 100755 " BLOB " " BLOB " M|b\tc|"
                           ":100644 000000 " BLOB " " ZERO " D|a|"
                           "3\t4\tb\tc|-\t-\ta|",
                           &error),
                     0);
    assert_int_equal(change.count, 2);
    assert_string_equal(change.entries[0].path, "a");
    assert_int_equal(change.entries[0].added, -1);
    assert_int_equal(change.entries[0].new_mode, 0);
    assert_string_equal(change.entries[1].path, "b\tc");
    assert_int_equal(change.entries[1].new_mode, 0100755);
    assert_int_equal(change.entries[1].added, 3);
    assert_int_equal(change.entries[1].removed, 4);
}

static void test_parse_nonsense(void **state)
{
    static const char *const lists[] = {
        "x",
        "x|",
        ":100644|",
        ":100644 100644 " BLOB " " BLOB " M|",
        ":100644 100644 " BLOB " " BLOB " M||",
        ":100644 100644 " BLOB BLOB " " BLOB " M|a|",
        ":100644 100644 " BLOB " 11 M|a|",
        ":100644 100644 " BLOB " " BLOB " M|a|1\t2\tb|",
        ":100644 100644 " BLOB " " BLOB " M|a|1 2 a|",
        ":100644 100644 " BLOB " " BLOB " M|a|99999999999999999999\t2\ta|",
    };

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        CLEANUP_CHANGE struct change change = {0};
        struct error error = {0};

        if (parse(&change, lists[i], &error) == 0)
            fail_msg("accepted: %s", lists[i]);
        assert_int_equal(error.kind, ERROR_PERMANENT);
    }
}

static void test_paths(void **state)
{
    static const char *const good[] = {
        "a",
        "a/b",
        ".gitignore",
        ".github/x",
        "git",
        "a.git",
        ".gitattributes",
        "...",
        ".gi",
        ".git-blame-ignore-revs",
        ".gitxyz/config",
        "x/.gitkeep",
    };
    static const char *const bad[] = {
        ".git",
        ".git/config",
        "sub/.git/config",
        ".GIT/x",
        ".git ",
        ".git./x",
        ".git. . ./x",
        "git~1/x",
        "GIT~1",
        ".g\u200cit/config",
        "\u202e.git/hooks/x",
        ".git\ufeff",
        ".gi\u206ft",
        "a\\.git\\x",
        "../a",
        "a/../b",
        "./a",
        "a//b",
        ".git::$INDEX/x",
        "a/",
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_string_equal(judge("100644", good[i]), "");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (!strstr(judge("100644", bad[i]), "leads into .git"))
            fail_msg("accepted: %s", bad[i]);
    }
}

static void test_kinds(void **state)
{
    assert_string_equal(judge("100755", "a"), "");
    assert_string_equal(judge("120000", "a"), "");
    assert_non_null(strstr(judge("160000", "a"), "submodule: a"));
    assert_non_null(strstr(judge("040000", "a"), "unknown kind: a"));
    assert_non_null(strstr(judge("100644", "tox.ini"), "(change.protect): tox.ini"));
    assert_non_null(strstr(judge("120000", "tox.ini"), "(change.protect): tox.ini"));
    assert_non_null(strstr(judge("100755", ".tox/unit/bin/python"), "(change.protect): .tox/unit"));
    assert_non_null(strstr(judge("120000", ".tox"), "(change.protect): .tox"));
    assert_string_equal(judge("100644", "sub/tox.ini"), "");
    /* Those that a tool reads in place of a protected one. */
    assert_non_null(strstr(judge("100644", "GNUmakefile"), "(change.protect): GNUmakefile"));
    assert_non_null(strstr(judge("100644", "makefile"), "(change.protect): makefile"));
    assert_non_null(strstr(judge("100644", "sub/pytest.toml"), "(change.protect): sub/pytest"));
    assert_string_equal(judge("100644", "sub/GNUmakefile"), "");
    assert_string_equal(judge("100644", ".pytest.toml"), "");
}

static void test_exclude(void **state)
{
    CLEANUP_CHANGE struct change change = {0};
    struct error error = {0};

    assert_int_equal(parse(&change,
                           ":100644 100644 " BLOB " " BLOB " M|results.tsv|"
                           ":000000 100644 " ZERO " " BLOB " A|.auto/x|"
                           ":000000 100644 " ZERO " " BLOB " A|a|",
                           &error),
                     0);
    assert_int_equal(change_exclude(&change, excluded, &error), 0);
    assert_int_equal(change.count, 1);
    assert_string_equal(change.entries[0].path, "a");
    change_free(&change);
    assert_int_equal(change_check(&change, protected, &error), -1);
    assert_non_null(strstr(error.message, "empty on the base"));
}

/* A file cannot come where the base keeps a directory, because what is in it is excluded. */
static void test_exclude_beside(void **state)
{
    CLEANUP_CHANGE struct change change = {0};
    struct error error = {0};

    assert_int_equal(parse(&change,
                           ":000000 100644 " ZERO " " BLOB " A|data|"
                           ":100644 000000 " BLOB " " ZERO " D|data/x.log|",
                           &error),
                     0);
    assert_int_equal(change_exclude(&change, excluded, &error), -1);
    assert_non_null(strstr(error.message, "data/x.log"));
}

static void test_links(void **state)
{
    static const struct {
        const char *path;
        const char *target;
        bool good;
    } rows[] = {
        {"a", "b", true},
        {"a", "./b", true},
        {"a/b/c", "../../x", true},
        {"a/b/c", "../..", true},
        {"a", "b/", true},
        {"a", "", false},
        {"a", "/etc/passwd", false},
        {"a", "..", false},
        {"a/b", "../../x", false},
        {"a/b", "./../../x", false},
        {"a/b/c", "d/../x", false},
        {"a", ".git/config", false},
        {"a/b", "../.GIT", false},
        {"a", "..\\x", false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error error = {0};
        bool good = change_check_link(rows[i].path, rows[i].target, strlen(rows[i].target),
                                      &error) == 0;

        if (good != rows[i].good)
            fail_msg("%s -> %s should be %d", rows[i].path, rows[i].target, rows[i].good);
    }
}

static void test_names(void **state)
{
    CLEANUP_FILE_NAMES struct file_names names = {0};

    file_names_add(&names, "a\nb");
    file_names_add(&names, "\xff\u202e");
    for (int i = 0; i < 6; i++)
        file_names_add(&names, "x");
    assert_string_equal(file_names_string(&names), "aU+000Ab, \ufffdU+202E, x, x, x and 3 more");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),   cmocka_unit_test(test_parse_nonsense),
        cmocka_unit_test(test_paths),   cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_exclude), cmocka_unit_test(test_exclude_beside),
        cmocka_unit_test(test_links),   cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Promise: the token comes from where it is said to be, from a file that others cannot read. */

#include "config/credential.h"

#include "common/memory.h"
#include "common/secret.h"
#include "config/config.h"
#include "tests/unit/temporary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define LEAST "forge: {owner: o, repo: r}\nmetrics: {m: {direction: minimize}}\n"

static int clear_environment(void **state)
{
    unsetenv("GITEA_TOKEN");
    unsetenv("CREDENTIALS_DIRECTORY");
    secret_clear();
    return 0;
}

static struct config *good(const char *yaml)
{
    struct config_problems problems;
    struct config *config = NULL;

    assert_int_equal(config_parse(&config, "f.yaml", yaml, strlen(yaml), &problems), 0);
    config_problems_free(&problems);
    return config;
}

static char *make_file(char *path, const char *content, mode_t mode)
{
    int file = temporary_file(path);

    assert_true(file >= 0);
    assert_int_equal(write(file, content, strlen(content)), strlen(content));
    assert_int_equal(fchmod(file, mode), 0);
    close(file);
    return path;
}

static struct config *with_token_file(const char *path)
{
    CLEANUP_FREE char *yaml = memory_format("forge: {owner: o, repo: r, token_file: %s}\n"
                                            "metrics: {m: {direction: minimize}}\n",
                                            path);

    return good(yaml);
}

static void test_credential_file(void **state)
{
    char path[TEMPORARY_SIZE];
    CLEANUP(config_freep)
    struct config *config = with_token_file(make_file(path, " 0123abcd\r\n", 0600));
    CLEANUP_FREE char *token = NULL;
    struct error error;
    char line[] = "a 0123abcd b";

    assert_int_equal(credential_load(&token, config, &error), 0);
    assert_string_equal(token, "0123abcd");
    secret_scrub(line);
    assert_null(strstr(line, "0123abcd"));
    secret_clear();

    chmod(path, 0644);
    free(TAKE(token));
    assert_int_equal(credential_load(&token, config, &error), -1);
    assert_int_equal(error.kind, ERROR_PERMANENT);
    assert_non_null(strstr(error.message, path));
    assert_null(token);
    unlink(path);
    assert_int_equal(credential_load(&token, config, &error), -1);
    assert_non_null(strstr(error.message, path));
}

static void test_credential_contents(void **state)
{
    static const char *const contents[] = {"",          "\n",         "abc",
                                           "two words", "abcd\nefgh", "t\xc3\xb6ken"};

    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        char path[TEMPORARY_SIZE];
        CLEANUP(config_freep)
        struct config *config = with_token_file(make_file(path, contents[i], 0600));
        char *token = NULL;
        struct error error;

        assert_int_equal(credential_load(&token, config, &error), -1);
        assert_non_null(strstr(error.message, path));
        unlink(path);
    }
}

static void test_credential_order(void **state)
{
    CLEANUP(config_freep) struct config *config = good(LEAST);
    char directory[TEMPORARY_SIZE];
    CLEANUP_FREE char *path = NULL;
    CLEANUP_FREE char *token = NULL;
    struct error error;
    FILE *file;

    assert_int_equal(credential_load(&token, config, &error), -1);
    assert_non_null(strstr(error.message, "GITEA_TOKEN"));

    setenv("GITEA_TOKEN", "fromvariable", 1);
    assert_int_equal(credential_load(&token, config, &error), 0);
    assert_string_equal(token, "fromvariable");
    free(TAKE(token));

    assert_non_null(temporary_directory(directory));
    setenv("CREDENTIALS_DIRECTORY", directory, 1);
    setenv("GITEA_TOKEN", "fromvariable", 1);
    assert_int_equal(credential_load(&token, config, &error), 0);
    assert_string_equal(token, "fromvariable");
    free(TAKE(token));

    path = memory_format("%s/gitea-token", directory);
    file = fopen(path, "w");
    fputs("fromdirectory\n", file);
    fclose(file);
    chmod(path, 0440);
    setenv("GITEA_TOKEN", "fromvariable", 1);
    assert_int_equal(credential_load(&token, config, &error), 0);
    assert_string_equal(token, "fromdirectory");
    assert_null(getenv("GITEA_TOKEN"));
    free(TAKE(token));

    /* An obstacle to a credential is named; nothing else is taken in its place. */
    setenv("CREDENTIALS_DIRECTORY", path, 1);
    setenv("GITEA_TOKEN", "fromvariable", 1);
    assert_int_equal(credential_load(&token, config, &error), -1);
    assert_non_null(strstr(error.message, "cannot be read: Not a directory"));
    unlink(path);
    rmdir(directory);
}

static void test_credential_leaves_no_bytes(void **state)
{
    char *variable = memory_copy("GITEA_TOKEN=geheimgeheim");
    CLEANUP(config_freep) struct config *config = NULL;
    char *token = NULL;
    struct error error;

    config = good("forge: {kind: local, path: /x}\nmetrics: {m: {direction: minimize}}\n");
    putenv(
        variable); /* the bytes themselves are in the environment, as at the start of a process */
    assert_int_equal(credential_load(&token, config, &error), 0);
    assert_null(token);
    assert_null(getenv("GITEA_TOKEN"));
    for (size_t i = strlen("GITEA_TOKEN="); i < strlen("GITEA_TOKEN=geheimgeheim"); i++)
        assert_int_equal(variable[i], 0);
    free(variable);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_credential_file, clear_environment),
        cmocka_unit_test_setup(test_credential_contents, clear_environment),
        cmocka_unit_test_setup(test_credential_order, clear_environment),
        cmocka_unit_test_setup(test_credential_leaves_no_bytes, clear_environment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Promise: what tests may see and use is what the configuration says. */

#include "daemon/validation/sandbox.h"
#include "tests/unit/validation-fixture.h"

#include <sys/stat.h>

static void test_bubblewrap(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *validation = memory_format(
        "sandbox: bubblewrap, launcher: [env, LAUNCHED=yes], command: [sh, -c, '"
        "exec 2>&1; set -x; "
        "cat hello && echo x >hello && touch $HOME/x $TMPDIR/y /tmp/z || exit 1; "
        "test $LAUNCHED = yes || exit 2; "
        "touch /usr/x && exit 3; touch /etc/x && exit 4; "
        "test -e %s/spool/result.json && exit 5; test -e %s/state/repository.git && exit 6; "
        "test -e %s/project/hello && exit 7; "
        "kill -0 %d && exit 8; test $(ls -d /proc/[0-9]* | wc -l) -lt 20 || exit 9; "
        "test -z \"$(ls -A %s/state)\" || exit 10; test $PWD = /run/checkout/source || exit 11; "
        "exit 0']",
        fixture->directory, fixture->directory, fixture->directory, getpid(), fixture->directory);

    if (begin(fixture, validation)) {
        print_message("%s\n", fixture->error.message);
        assert_int_equal(fixture->error.kind, ERROR_PERMANENT);
        skip();
    }
    run(fixture);
    assert_outcome(fixture, VALIDATION_PASSED, 0);
    assert_non_null(strstr(validation_sandbox(fixture->validation), "bubblewrap"));
}

/* The mark tells a launcher that lacks its program from a command that does. */
static void test_starts_nothing(void **state)
{
    static const char *const cases[][2] = {
        {"launcher: [sh, -c, 'exit 127'], command: [sh]", "validation.launcher"},
        {"launcher: [env], command: [sh, -c, 'exit 127']", "validation.command"},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        CLEANUP_FREE char *validation = memory_format("sandbox: bubblewrap, %s", cases[i][0]);

        if (begin(fixture, validation))
            skip();
        run(fixture);
        assert_outcome(fixture, VALIDATION_FAILED, 127);
        assert_string_equal(fixture->outcome.unbegun, cases[i][1]);
        end(fixture);
    }
}

static void assert_hidden(char **arguments, const char *path)
{
    bool hidden = false;

    for (size_t i = 0; arguments[i]; i++)
        hidden = hidden || (!strcmp(arguments[i], "--tmpfs") && !strcmp(arguments[i + 1], path));
    if (!hidden)
        print_error("%s is not hidden\n", path);
    assert_true(hidden);
}

/* Each by itself, since here all of it lies below /tmp, which is hidden as a whole. */
static void test_hidden_places(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *parent = memory_format("%s/state/checkouts", fixture->directory);
    CLEANUP_FREE char *state_path = memory_format("%s/state", fixture->directory);
    CLEANUP_FREE char *spool = memory_format("%s/spool", fixture->directory);
    CLEANUP_FREE char *project = memory_format("%s/project", fixture->directory);
    CLEANUP_FREE char *credentials = memory_format("%s/credentials", fixture->directory);
    struct sandbox *sandbox = NULL;
    struct checkout checkout = checkout_name(parent, ID);
    char **arguments = NULL;
    int made;

    assert_int_equal(mkdir(credentials, 0700), 0);
    setenv("CREDENTIALS_DIRECTORY", credentials, 1);
    assert_int_equal(begin(fixture, "sandbox: auto"), 0);
    made = sandbox_new(&sandbox, fixture->config, &fixture->error);
    if (!made)
        arguments = sandbox_arguments(sandbox, &checkout, "/bin/sh");
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_int_equal(made, 0);
    if (strstr(arguments[0], "bwrap")) {
        assert_hidden(arguments, "/tmp");
        assert_hidden(arguments, state_path);
        assert_hidden(arguments, spool);
        assert_hidden(arguments, project);
        assert_hidden(arguments, credentials);
    }
    sandbox_free_arguments(arguments);
    sandbox_free(sandbox);
    checkout_free(&checkout);
}

/* One that holds another comes first: it would cover the other, which could not be closed then. */
static void test_hidden_places_in_each_other(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *validation = memory_format(
        "sandbox: bubblewrap}\nsources: [%s/project/.git, %s/project]\nqueue: {",
        fixture->directory, fixture->directory);

    if (begin(fixture, "sandbox: bubblewrap"))
        skip();
    end(fixture);
    assert_int_equal(begin(fixture, validation), 0);
}

/* Programs that the PATH names are in sight, though they lie in a hidden place. */
static void test_bubblewrap_shows_programs(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *old = memory_copy(getenv("PATH"));
    CLEANUP_FREE char *path = memory_format("%s/bin:%s", fixture->directory, old);
    int begun;

    assert_int_equal(shell("cd '%s' && mkdir bin lib && echo mine >lib/word && "
                           "printf '#!/bin/sh\\nmy-helper' >bin/my-tests && "
                           "printf '#!/bin/sh\\ncat %s/lib/word' >bin/my-helper && chmod +x bin/*",
                           fixture->directory, fixture->directory),
                     0);
    setenv("PATH", path, 1);
    begun = begin(fixture, "sandbox: bubblewrap, command: [my-tests]");
    if (!begun)
        run(fixture);
    setenv("PATH", old, 1);
    if (begun)
        skip();
    assert_outcome(fixture, VALIDATION_PASSED, 0);
    assert_string_equal(fixture->outcome.tail, "mine");
}

/* Whether the fixture begins where git is the only program there is. */
static int begin_with_git_only(struct fixture *fixture, const char *validation)
{
    CLEANUP_FREE char *old = memory_copy(getenv("PATH"));
    CLEANUP_FREE char *path = memory_format("%s/tools", fixture->directory);
    int begun;

    assert_int_equal(shell("mkdir -p '%s' && ln -sf \"$(command -v git)\" '%s'", path, path), 0);
    setenv("PATH", path, 1);
    begun = begin(fixture, validation);
    setenv("PATH", old, 1);
    return begun;
}

static void test_no_bubblewrap(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(begin_with_git_only(fixture, "sandbox: bubblewrap"), -1);
    assert_int_equal(fixture->error.kind, ERROR_PERMANENT);
    assert_non_null(strstr(fixture->error.message, "validation.sandbox"));
    end(fixture);

    assert_int_equal(begin_with_git_only(fixture, "sandbox: auto"), 0);
    assert_non_null(strstr(validation_sandbox(fixture->validation), "without a sandbox"));
    assert_non_null(strstr(validation_sandbox(fixture->validation), "bubblewrap does not work"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bubblewrap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_starts_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hidden_places, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hidden_places_in_each_other, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bubblewrap_shows_programs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_bubblewrap, setup, teardown),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

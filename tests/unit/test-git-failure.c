/* Promise: a failure of git that passes by itself is not taken for a final one. */

/* The tables say what the words of git mean, and what is shown of them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/secret.h"
#include "daemon/git/git.h"

#include <string.h>

static const struct {
    enum git_reach reach;
    const char *errors;
    enum error_kind kind;
    const char *shown;
} cases[] = {
    /* The machine is short of something, whoever is asked. */
    {GIT_LOCAL, "fatal: sha1 file 'scratch/index-1.lock' write error. Out of diskspace\n",
     ERROR_TRANSIENT, "sha1 file 'scratch/index-1.lock' write error. Out of diskspace"},
    {GIT_LOCAL, "error: unable to create temporary file: No space left on device\nfatal: failed\n",
     ERROR_TRANSIENT, "failed"},
    {GIT_LOCAL, "error: could not set 'core.repositoryformatversion' to '0'\n", ERROR_TRANSIENT,
     "could not set 'core.repositoryformatversion'"},
    {GIT_LOCAL, "error: unable to write file .git/HEAD\n", ERROR_TRANSIENT, "unable to write file"},
    {GIT_FORGE, "fatal: write error: Disk quota exceeded\n", ERROR_TRANSIENT, "write error"},
    {GIT_LOCAL, "fatal: open(x): Too many open files\n", ERROR_TRANSIENT, "Too many open files"},
    /* These faults stay. */
    {GIT_LOCAL, "error: patch failed: train.py:3\n", ERROR_PERMANENT, "patch failed: train.py:3"},
    {GIT_SOURCE, "fatal: not our ref 12345\n", ERROR_PERMANENT, "not our ref"},
    {GIT_SOURCE, "warning: rejected 12345 because shallow roots are not allowed to be updated\n",
     ERROR_PERMANENT, "it is a shallow clone, and lacks earlier commits: 'git fetch --unshallow'"},
    /* A forge that is there and not well, one that refuses, and words that nobody knows. */
    {GIT_FORGE, "fatal: unable to access 'http://x/': The requested URL returned error: 502\n",
     ERROR_TRANSIENT, "error: 502"},
    {GIT_FORGE, "fatal: unable to access 'http://x/': The requested URL returned error: 403\n",
     ERROR_PERMANENT, "error: 403"},
    {GIT_FORGE, "remote: declined by the hook\n ! [remote rejected]\n", ERROR_PERMANENT,
     "declined"},
    {GIT_FORGE, "fatal: Authentication failed for 'http://x/'\n", ERROR_PERMANENT,
     "the forge does not accept the token for git (forge.token_file)"},
    {GIT_FORGE, "fatal: something quite new\n", ERROR_TRANSIENT, "something quite new"},
};

static void test_words_have_a_meaning(void **state)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct process_result result = {
            .end = PROCESS_EXITED, .status = 128, .output = "", .errors = cases[i].errors};
        struct error error;

        assert_int_equal(git_failure(&error, &result, cases[i].reach, "working"), -1);
        if (error.kind != cases[i].kind || !strstr(error.message, cases[i].shown))
            fail_msg("%s: %s, \"%s\"", cases[i].errors, error_kind_name(error.kind), error.message);
    }
}

/* Who is to blame: the experiment, the installation if a check finds it, or the installation in any case. */
static void test_who_is_to_blame(void **state)
{
    static const struct {
        enum git_reach reach;
        const char *errors;
        bool installation, holds;
    } blamed[] = {
        {GIT_LOCAL, "error: patch failed: train.py:3\n", false, false},
        {GIT_SOURCE, "fatal: unable to read 45b983be36b73c0788dc9cbcb76cbb80fc7bb057\n", true,
         false},
        {GIT_SOURCE,
         "error: object 378a6a: zeroPaddedDate: x\nfatal: fsck error in packed object\n", false,
         false},
        {GIT_SOURCE, "fatal: Out of memory, malloc failed\n", false, false},
        {GIT_FORGE, "remote: declined by the hook\n ! [remote rejected]\n", false, false},
        {GIT_FORGE, "fatal: unable to access 'http://x/': The requested URL returned error: 403\n",
         true, true},
        {GIT_FORGE,
         "remote: \nremote: Forgejo: branch experiment/x is protected from unverified commit "
         "1f2e3d\n"
         "error: failed to push some refs to 'http://x/'\n",
         true, true},
        {GIT_FORGE,
         "remote: \nremote: Forgejo: Quota exceeded\nerror: failed to push some refs to "
         "'http://x/'\n",
         true, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(blamed) / sizeof(blamed[0]); i++) {
        struct process_result result = {
            .end = PROCESS_EXITED, .status = 128, .output = "", .errors = blamed[i].errors};
        struct error error;

        git_failure(&error, &result, blamed[i].reach, "working");
        if (error.installation != blamed[i].installation || error.holds != blamed[i].holds)
            fail_msg("%s: installation %d, holds %d", error.message, error.installation,
                     error.holds);
    }
}

/* Wherever the words are cut short: no half of a secret is left over. */
static void test_no_half_of_a_secret(void **state)
{
    static const char secret[] = "tooth-fairy-under-the-pillow";

    secret_add(secret);
    for (size_t before = 200; before < 320; before++) {
        char said[400] = "";
        struct process_result result = {
            .end = PROCESS_EXITED, .status = 1, .output = "", .errors = ""};
        struct error error;

        memset(said, 'x', before);
        strcat(said, secret);
        git_failure_said(&error, &result, GIT_FORGE, "working", said);
        assert_null(strstr(error.message, "too"));
    }
    secret_clear();
}

/* Why it was not started is said to the end, however long the names in it are. */
static void test_a_long_reason_is_whole(void **state)
{
    char problem[700] = "working directory /";
    struct process_result result = {
        .end = PROCESS_NOT_STARTED, .output = "", .errors = "", .problem = problem};
    struct error error;

    memset(problem + strlen(problem), 'x', sizeof(problem) - strlen(problem) - 40);
    strcat(problem, ": Too many open files");
    git_failure(&error, &result, GIT_LOCAL, "working");
    assert_int_equal(error.kind, ERROR_TRANSIENT);
    assert_non_null(
        strstr(error.message, "working: git could not be started: working directory /x"));
    assert_non_null(strstr(error.message, "x: Too many open files"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_have_a_meaning),
        cmocka_unit_test(test_who_is_to_blame),
        cmocka_unit_test(test_no_half_of_a_secret),
        cmocka_unit_test(test_a_long_reason_is_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Promise: only our own branch is pushed to and deleted, and only while it is where we left it. */

/* Looking, pushing, deleting and cloning, all against bare repositories. */

#include "git-fixture.h"

#include "common/secret.h"

static const char diff[] = "diff --git a/train.py b/train.py\n"
                           "--- a/train.py\n"
                           "+++ b/train.py\n"
                           "@@ -1,3 +1,3 @@\n"
                           "-1\n"
                           "+one\n"
                           " 2\n"
                           " 3\n";

static void on_look(void *data, const struct repository_refs *refs, const struct error *error)
{
    struct outcome *outcome = data;

    take_error(outcome, error);
    outcome->refs = *refs;
}

static void on_held(void *data, bool held, const struct error *error)
{
    struct outcome *outcome = data;

    take_error(outcome, error);
    outcome->held = held;
}

static void on_deleted(void *data, enum repository_deleted deleted, const char *points_at,
                       const struct error *error)
{
    struct outcome *outcome = data;

    take_error(outcome, error);
    outcome->deleted = deleted;
    strcpy(outcome->points_at, points_at);
}

static struct outcome look(struct fixture *fixture, const char *branch)
{
    struct outcome outcome = {0};

    repository_look(fixture->repository, branch, on_look, &outcome);
    assert_int_equal(outcome.fired, 0);
    finish(fixture, &outcome);
    return outcome;
}

static struct outcome push(struct fixture *fixture, const char *branch, const char *commit)
{
    struct outcome outcome = {0};

    repository_push(fixture->repository, branch, fixture->base, commit, on_done, &outcome);
    finish(fixture, &outcome);
    return outcome;
}

static struct outcome delete (struct fixture *fixture, const char *first, const char *second)
{
    const char *const expected[] = {first, second, NULL};
    struct outcome outcome = {0};

    repository_delete(fixture->repository, "experiment/x", expected, on_deleted, &outcome);
    finish(fixture, &outcome);
    return outcome;
}

static struct outcome held(struct fixture *fixture, const char *sha, const char *since)
{
    struct outcome outcome = {0};

    repository_base_had(fixture->repository, sha, since, on_held, &outcome);
    finish(fixture, &outcome);
    check_success(&outcome);
    return outcome;
}

/* Composes a change and says which commit it became; caller frees. */
static char *composed(struct fixture *fixture)
{
    struct outcome outcome;
    char *commit;

    compose_diff(fixture, diff, &outcome);
    check_success(&outcome);
    commit = memory_copy(outcome.change.commit);
    repository_change_clear(&outcome.change);
    return commit;
}

static void test_look(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome = look(fixture, "experiment/x");

    check_success(&outcome);
    assert_string_equal(outcome.refs.base, fixture->base);
    assert_string_equal(outcome.refs.branch, "");
    assert_int_equal(count_gits(fixture), 1);
    /* A name that only ends alike does not count. */
    RUN(fixture, "git -C forge.git update-ref refs/heads/refs/heads/experiment/x main");
    outcome = look(fixture, "experiment/x");
    assert_string_equal(outcome.refs.branch, "");
    RUN(fixture, "git -C forge.git update-ref refs/heads/experiment/x main");
    outcome = look(fixture, "experiment/x");
    assert_string_equal(outcome.refs.branch, fixture->base);
}

static void test_look_fails(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;

    RUN(fixture, "mv forge.git elsewhere.git");
    outcome = look(fixture, "experiment/x");
    check_error(&outcome, ERROR_PERMANENT, "does not appear to be a git repository");
    free(fixture->forge.git_url);
    fixture->forge.git_url = memory_copy("http://127.0.0.1:1/o/r.git");
    outcome = look(fixture, "experiment/x");
    check_error(&outcome, ERROR_TRANSIENT, "Failed to connect");
    free(fixture->forge.git_url);
    fixture->forge.git_url = memory_copy("ext::sh -c touch% evil");
    outcome = look(fixture, "experiment/x");
    check_error(&outcome, ERROR_PERMANENT, "not allowed");
}

/* A proxy that says "fine" and shows nothing is no proof that a branch is gone. */
static void test_nothing_shown(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;

    RUN(fixture, "echo 'case $1 in ls-remote) exit 0;; esac' >bin/before");
    outcome = look(fixture, "experiment/x");
    check_error(&outcome, ERROR_TRANSIENT, "no base branch \"main\"");
    outcome = delete (fixture, fixture->base, NULL);
    check_error(&outcome, ERROR_TRANSIENT, "no base branch \"main\"");
}

static void test_deadline(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;

    fixture->config.forge.timeout_ms = 100;
    RUN(fixture, "echo 'sleep 60' >bin/before");
    outcome = look(fixture, "experiment/x");
    check_error(&outcome, ERROR_TRANSIENT, "did not end within");
}

static struct operation *clone_to(struct fixture *fixture, const char *branch, const char *commit,
                                  const char *directory, struct outcome *outcome)
{
    const struct repository_checkout checkout = {
        .branch = branch,
        .commit = commit,
        .base = fixture->base,
        .directory = directory,
    };

    return repository_clone(fixture->repository, &checkout, on_done, outcome);
}

static void test_discard(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome = {0};

    operation_discard(repository_look(fixture->repository, "b", on_look, &outcome));
    operation_discard(clone_to(fixture, "b", fixture->base, "/nonexistent/x", &outcome));
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(outcome.fired, 0);
}

static void test_push(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *commit = composed(fixture);
    struct outcome outcome;

    RUN(fixture, "git -C forge.git branch experiment/x main");
    count_gits(fixture);
    outcome = push(fixture, "experiment/x", commit);
    check_success(&outcome);
    assert_int_equal(count_gits(fixture), 1);
    check_output(fixture, commit, "git -C forge.git rev-parse experiment/x");
    /* Again, as after a lost answer. */
    outcome = push(fixture, "experiment/x", commit);
    check_success(&outcome);
    /* Moved by somebody: kept. */
    RUN(fixture, "cd source; git commit -q --allow-empty -m other; "
                 "git push -q -f ../forge.git HEAD:experiment/x");
    outcome = push(fixture, "experiment/x", commit);
    check_error(&outcome, ERROR_PERMANENT, "somebody else moved");
    check_output(fixture, "same",
                 "test $(git -C forge.git rev-parse experiment/x) = $(git -C source rev-parse "
                 "HEAD) && echo same");
}

/* What a plain push would do without a word. */
static void test_push_only_from_where_it_was_left(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *commit = composed(fixture);
    struct outcome outcome;

    outcome = push(fixture, "experiment/x", commit); /* deleted: not made anew */
    check_error(&outcome, ERROR_PERMANENT, "somebody else deleted");
    check_output(fixture, "", "git -C forge.git for-each-ref refs/heads/experiment");
    RUN(fixture, "cd source; git commit -q --allow-empty -m theirs; "
                 "git push -q ../forge.git HEAD:refs/heads/experiment/x");
    outcome = push(fixture, "experiment/x", commit);
    check_error(&outcome, ERROR_PERMANENT, "somebody else moved");
}

/* With a lease a commit that does not descend from where the branch is would be a forced push. */
static void test_push_of_what_is_unrelated(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *commit = composed(fixture);
    struct outcome outcome;

    CLEANUP_FREE char *alone = NULL;

    RUN(fixture, "git -C forge.git branch experiment/x main");
    alone = sh(fixture,
               "cd state/repository.git; GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a GIT_COMMITTER_NAME=a "
               "GIT_COMMITTER_EMAIL=a git commit-tree -m alone %s^{tree}",
               commit);
    outcome = push(fixture, "experiment/x", alone);
    check_error(&outcome, ERROR_BUG, "does not descend from");
    check_output(fixture, fixture->base, "git -C forge.git rev-parse experiment/x");
}

static void test_push_refused(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *commit = composed(fixture);
    struct outcome outcome;

    RUN(fixture, "git -C forge.git branch experiment/x main");
    RUN(fixture, "cd forge.git/hooks; printf '#!/bin/sh\\necho not on a Sunday >&2; exit 1\\n' "
                 ">pre-receive; chmod +x pre-receive");
    outcome = push(fixture, "experiment/x", commit);
    check_error(&outcome, ERROR_PERMANENT, "not on a Sunday");
    RUN(fixture, "cd forge.git/hooks; printf '#!/bin/sh\\necho Gitea: Internal Server Error >&2; "
                 "exit 1\\n' >pre-receive");
    outcome = push(fixture, "experiment/x", commit);
    check_error(&outcome, ERROR_TRANSIENT, "Internal Server Error");
    outcome = push(fixture, "experiment/x", "0123456789012345678901234567890123456789");
    assert_int_equal(outcome.error.kind, ERROR_PERMANENT);
}

static void test_delete(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *other = sh(fixture, "cd source; git commit -q --allow-empty -m other; "
                                           "git push -q ../forge.git HEAD:other; "
                                           "git rev-parse HEAD");
    struct outcome outcome = delete (fixture, fixture->base, NULL);

    assert_int_equal(outcome.deleted, REPOSITORY_GONE);
    /* Either of two expected commits will do. */
    RUN(fixture, "git -C forge.git branch experiment/x main");
    outcome = delete (fixture, other, fixture->base);
    check_success(&outcome);
    assert_int_equal(outcome.deleted, REPOSITORY_DELETED);
    check_output(fixture, "gone",
                 "git -C forge.git rev-parse -q --verify experiment/x || echo gone");
    /* One that moved is kept. */
    RUN(fixture, "git -C forge.git branch experiment/x other");
    outcome = delete (fixture, fixture->base, NULL);
    check_success(&outcome);
    assert_int_equal(outcome.deleted, REPOSITORY_MOVED);
    assert_string_equal(outcome.points_at, other);
    check_output(fixture, other, "git -C forge.git rev-parse experiment/x");
}

/* The branch changes between the look and the delete: the lease holds, and it is looked again. */
static void test_delete_race(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;

    RUN(fixture, "cd source; git commit -q --allow-empty -m other; "
                 "git push -q ../forge.git HEAD:other");
    RUN(fixture, "git -C forge.git branch experiment/x main");
    RUN(fixture,
        "echo 'case $2 in push) (PATH=${PATH#*:}; git -C %s/forge.git branch -f "
        "experiment/x other);; esac' >bin/before",
        fixture->directory);
    outcome = delete (fixture, fixture->base, NULL);
    check_success(&outcome);
    assert_int_equal(outcome.deleted, REPOSITORY_MOVED);
    RUN(fixture, "git -C forge.git branch -f experiment/x main");
    RUN(fixture, "sed -i 's/branch -f experiment.x other/branch -D experiment\\/x/' bin/before");
    outcome = delete (fixture, fixture->base, NULL);
    check_success(&outcome);
    assert_int_equal(outcome.deleted, REPOSITORY_GONE);
}

static void test_delete_refused(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;

    RUN(fixture, "git -C forge.git branch experiment/x main; "
                 "git -C forge.git config receive.denyDeletes true");
    outcome = delete (fixture, fixture->base, NULL);
    check_error(&outcome, ERROR_PERMANENT, "deletion prohibited");
    RUN(fixture, "echo 'case $2 in push) echo fatal: the remote end hung up unexpectedly >&2; "
                 "exit 128;; esac' >bin/before");
    outcome = delete (fixture, fixture->base, NULL);
    check_error(&outcome, ERROR_TRANSIENT, "hung up");
}

static void test_held(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *middle = NULL;
    CLEANUP_FREE char *side = NULL;
    CLEANUP_FREE char *tip = NULL;

    middle = commit_in_source(fixture, "echo a >>train.py");
    side = commit_in_source(fixture, "git checkout -qb side; echo b >>sub/util.py");
    tip = sh(fixture, "cd source; git checkout -q main; git merge -q --no-ff -m merge side; "
                      "git push -q ../forge.git main; git rev-parse HEAD");
    assert_true(held(fixture, fixture->base, fixture->base).held);
    assert_true(held(fixture, tip, fixture->base).held);
    assert_true(held(fixture, middle, fixture->base).held);
    assert_false(held(fixture, side, fixture->base).held);
    assert_false(held(fixture, fixture->base, middle).held);
    assert_false(held(fixture, "0123456789012345678901234567890123456789", middle).held);
}

static void test_clone(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *commit = composed(fixture);
    CLEANUP_FREE char *directory = memory_format("%s/checkout", fixture->directory);
    CLEANUP_FREE char *wrong = memory_format("%s/wrong", fixture->directory);
    struct outcome outcome = {0};

    count_gits(fixture);
    fixture->config.validation.history = 1;
    clone_to(fixture, "experiment/x", commit, directory, &outcome);
    finish(fixture, &outcome);
    check_success(&outcome);
    assert_int_equal(count_gits(fixture), 2); /* describe, clone */
    check_output(fixture, commit, "git -C checkout rev-parse HEAD");
    check_output(fixture, fixture->base, "git -C checkout rev-parse HEAD^");
    check_output(fixture, "experiment/x", "git -C checkout branch --show-current");
    check_output(fixture, "one", "head -n1 checkout/train.py");
    check_output(fixture, "", "git -C checkout status --porcelain; git -C checkout remote");
    check_output(fixture, "refs/heads/experiment/x\nrefs/heads/main\nrefs/remotes/origin/main",
                 "git -C checkout for-each-ref --format='%(refname)'");
    check_output(fixture, fixture->base, "git -C checkout rev-parse main");
    check_output(fixture, "2", "git -C checkout rev-list --count HEAD");
    check_output(fixture, "", "grep -rl repository.git checkout/.git || :");
    check_output(fixture, "", "ls checkout/.git/hooks 2>/dev/null || :");
    outcome = (struct outcome){0};
    clone_to(fixture, "experiment/y", "0123456789012345678901234567890123456789", wrong, &outcome);
    finish(fixture, &outcome);
    assert_int_equal(outcome.error.kind, ERROR_PERMANENT);
    check_output(fixture, "", "ls state/repository.git/refs/heads/experiment | grep y || :");
}

static void base_is_tip_of_source(struct fixture *fixture)
{
    CLEANUP_FREE char *tip = sh(fixture, "git -C source rev-parse HEAD");

    assert_int_equal(strlen(tip), strlen(fixture->base));
    strcpy(fixture->base, tip);
}

static void clone_again(struct fixture *fixture, const char *commit, int gits)
{
    CLEANUP_FREE char *directory = memory_format("%s/checkout", fixture->directory);
    struct outcome outcome = {0};

    RUN(fixture, "rm -rf checkout");
    count_gits(fixture);
    clone_to(fixture, "experiment/x", commit, directory, &outcome);
    finish(fixture, &outcome);
    check_success(&outcome);
    assert_int_equal(count_gits(fixture), gits);
}

/* The history that the tags need is that of the base, and is measured once for all that is made on it. */
static void test_depth_is_known_for_a_base(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *first = NULL;
    struct outcome outcome;

    RUN(fixture,
        "cd source; git tag 1.0; for i in 1 2 3; do git commit -q --allow-empty -m $i; done; "
        "git push -q ../forge.git HEAD:main 1.0");
    base_is_tip_of_source(fixture);
    fixture->config.validation.history = 2;

    CLEANUP_FREE char *commit = composed(fixture);

    clone_again(fixture, commit,
                7); /* three times describe, rev-list, merge-base, rev-list, clone */
    check_output(fixture, "1.0-4", "git -C checkout describe --tags | cut -d- -f1,2");
    check_output(fixture, "5", "git -C checkout rev-list --count HEAD");
    clone_again(fixture, commit, 1);
    check_output(fixture, "5", "git -C checkout rev-list --count HEAD");
    /* A tag that comes with another base counts. */
    RUN(fixture, "cd source; git tag 1.1 HEAD^; git commit -q --allow-empty -m other; "
                 "git push -q ../forge.git HEAD:main 1.1");

    first = memory_copy(fixture->base);
    base_is_tip_of_source(fixture);
    compose_diff(fixture, diff, &outcome);
    check_success(&outcome);
    repository_change_clear(&outcome.change);
    strcpy(fixture->base, first);
    clone_again(fixture, commit, 7);
    check_output(fixture, "1.1-2", "git -C checkout describe --tags | cut -d- -f1,2");
    check_output(fixture, "3", "git -C checkout rev-list --count HEAD");
}

/* Which files are LFS's only a .gitattributes can say. */
static void test_attributes_are_looked_for(void **state)
{
    struct fixture *fixture = *state;

    RUN(fixture, "cd source; mkdir -p deep; echo '* text' >deep/.gitattributes; git add -A; "
                 "git commit -qm attributes; git push -q ../forge.git HEAD:main");
    base_is_tip_of_source(fixture);

    CLEANUP_FREE char *commit = composed(fixture);

    fixture->config.validation.history = 0;
    clone_again(fixture, commit, 2); /* clone, ls-files */
}

static void test_forget(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *commit = composed(fixture);

    check_output(fixture, commit, "git -C state/repository.git rev-parse experiment/x");
    repository_forget(fixture->repository, "experiment/x");
    repository_forget(fixture->repository, "experiment/x");
    check_output(fixture, "", "git -C state/repository.git for-each-ref refs/heads");
}

static void maintain_after(struct fixture *fixture, unsigned jobs)
{
    for (unsigned i = 0; i < jobs; i++)
        repository_forget(fixture->repository, "experiment/none");
    repository_maintain(fixture->repository);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
}

/* Every ref stays, with the objects that it keeps and those that are young. The others go, once there are many. */
static void test_maintain(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *commit = composed(fixture);

    RUN(fixture,
        "cd state/repository.git && seq 4000 | while read n; do echo blob; echo 'data <<.'; "
        "echo $n; echo .; done | git -c fastimport.unpackLimit=100000 fast-import --quiet\n"
        "find objects -type f -exec touch -d '2 hours ago' {} +\n"
        "echo young | git hash-object -w --stdin >../young; : >../../bin/log");
    maintain_after(fixture, 48);
    assert_int_equal(count_gits(fixture), 0);
    maintain_after(fixture, 1);
    check_output(fixture, "1", "grep -c '\\[gc\\] \\[--auto\\]' bin/log");
    check_output(fixture, commit,
                 "cd state/repository.git; test -f refs/heads/experiment/x; git cat-file -e $(cat "
                 "../young); git fsck >../fsck 2>&1; git rev-parse experiment/x");
    check_output(fixture, "few",
                 "test $(find state/repository.git/objects -type f | wc -l) -lt 20 "
                 "&& echo few");
    maintain_after(fixture, 49);
    assert_int_equal(count_gits(fixture), 1);
    RUN(fixture, "git -C forge.git branch experiment/x main");
    assert_int_equal(push(fixture, "experiment/x", commit).error.kind, ERROR_NONE);
}

/* The token is in the environment of those gits that talk to the forge, and in no argument. */
static void test_token(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;

    secret_add("s3cr3t-token");
    repository_free(fixture->repository);
    free(fixture->forge.git_url);
    fixture->forge.git_url = memory_copy("http://127.0.0.1:1/o/r.git");
    fixture->forge.token = memory_copy("s3cr3t-token");
    fixture->repository = NULL;
    open_repository(fixture);
    outcome = look(fixture, "experiment/x");
    check_error(&outcome, ERROR_TRANSIENT, "Failed to connect");
    check_output(fixture, "Authorization: Basic d2lubm93OnMzY3IzdC10b2tlbg==", "cat bin/secrets");
    check_output(fixture, "", "grep -E 's3cr3t|d2lubm93' bin/log state/gitconfig || :");
    RUN(fixture, "echo 'echo \"fatal: $GIT_CONFIG_VALUE_0 s3cr3t-token\" >&2; exit 128' "
                 ">bin/before; : >bin/secrets");
    outcome = look(fixture, "experiment/x");
    assert_null(strstr(outcome.error.message, "s3cr3t"));
    assert_null(strstr(outcome.error.message, "OnMzY3IzdC10b2tlbg"));
    secret_clear();
}

/* No git is asked to force anything, but for the leased delete, whose source is empty. */
static void test_nothing_forced(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *commit = composed(fixture);
    struct outcome outcome;

    RUN(fixture, "git -C forge.git branch experiment/x main");
    outcome = push(fixture, "experiment/x", commit);
    check_success(&outcome);
    outcome = delete (fixture, commit, fixture->base);
    check_success(&outcome);
    check_output(fixture, "2", "grep -c '\\[push\\]' bin/log");
    check_output(fixture, "",
                 "grep '\\[push\\]' bin/log | "
                 "grep -E '\\[(-f|--force|--mirror|--all|--prune|\\+.*)\\]' || :");
    check_output(fixture, "2", "grep -c force-with-lease bin/log");
    check_output(fixture, "1",
                 "grep force-with-lease bin/log | grep -c '\\[:refs/heads/experiment/x\\]$'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_look, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_look_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_shown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_deadline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_discard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_push, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_push_only_from_where_it_was_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_push_of_what_is_unrelated, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_push_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_delete, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_delete_race, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_delete_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_held, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_clone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_depth_is_known_for_a_base, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_attributes_are_looked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_forget, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_maintain, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_token, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_forced, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

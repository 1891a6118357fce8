/* Promise: a pull request is the whole change that was measured, or the job fails. */

/* One commit is made of a change on the base: from a diff, from a patch, from a measured commit. */

#include "git-fixture.h"

#define EDIT(file, old, new)                                                                       \
    "diff --git a/" file " b/" file "\n--- a/" file "\n+++ b/" file "\n@@ -1 +1 @@\n-" old         \
    "\n+" new "\n"
#define NEW(file, mode, content)                                                                   \
    "diff --git a/" file " b/" file "\nnew file mode " mode "\n--- /dev/null\n+++ b/" file         \
    "\n@@ -0,0 +1 @@\n+" content "\n"
#define LINK(file, target) NEW(file, "120000", target) "\\ No newline at end of file\n"
#define DELETE(file, content)                                                                      \
    "diff --git a/" file " b/" file "\ndeleted file mode 100644\n--- a/" file "\n+++ /dev/null"    \
    "\n@@ -1 +0,0 @@\n-" content "\n"
#define TRAIN                                                                                      \
    "diff --git a/train.py b/train.py\n--- a/train.py\n+++ b/train.py\n@@ -1,3 +1,3 @@\n-1\n+one"  \
    "\n 2\n 3\n"

/* Names and contents of the composed commit that matter here. */
static void check_files(struct fixture *fixture, const char *expected)
{
    check_output(fixture, expected,
                 "git -C state/repository.git diff-tree -r --name-status --no-renames "
                 "experiment/x^ experiment/x | tr '\\t\\n' ' ;'");
}

static void check_refused(struct fixture *fixture, const char *diff, const char *part)
{
    struct outcome outcome;

    compose_diff(fixture, diff, &outcome);
    check_error(&outcome, ERROR_PERMANENT, part);
    check_output(fixture, "", "git -C state/repository.git for-each-ref refs/heads");
    check_output(fixture, "", "ls state/scratch");
}

static void test_diff(void **state)
{
    struct fixture *fixture = *state;
    char first[GIT_HASH_SIZE];
    struct outcome outcome;

    compose_diff(fixture, TRAIN NEW("new.py", "100755", "x") DELETE("sub/util.py", "util"),
                 &outcome);
    check_success(&outcome);
    assert_int_equal(outcome.change.file_count, 3);
    assert_string_equal(outcome.change.files[0].path, "new.py");
    assert_int_equal(outcome.change.files[0].added, 1);
    assert_int_equal(outcome.change.files[1].removed, 1);
    assert_string_equal(outcome.change.files[2].path, "train.py");
    assert_string_equal(outcome.change.measured, "");
    assert_false(outcome.change.tree_is_measured);
    check_files(fixture, "A new.py;D sub/util.py;M train.py;");
    check_output(fixture, outcome.change.commit,
                 "git -C state/repository.git rev-parse experiment/x");
    check_output(fixture, fixture->base, "git -C state/repository.git rev-parse experiment/x^");
    check_output(fixture, "winnowd <winnowd@localhost> 1700000000 winnowd 1700000000 experiment: x",
                 "git -C state/repository.git log -1 --format='%an <%ae> %at %cn %ct %s' "
                 "experiment/x");
    check_output(fixture, "", "ls state/scratch; ls state/repository.git | grep crash || :");
    strcpy(first, outcome.change.commit);
    repository_change_clear(&outcome.change);
    /* fetch, read-tree, cat-file, apply, diff-index, fast-import; then the base is here. */
    assert_int_equal(count_gits(fixture), 6);
    compose_diff(fixture, TRAIN NEW("new.py", "100755", "x") DELETE("sub/util.py", "util"),
                 &outcome);
    check_success(&outcome);
    assert_int_equal(count_gits(fixture), 5);
    assert_string_equal(outcome.change.commit, first);
    repository_change_clear(&outcome.change);
    /* And another change in its place. */
    compose_diff(fixture, TRAIN, &outcome);
    check_success(&outcome);
    check_files(fixture, "M train.py;");
    repository_change_clear(&outcome.change);
}

static void test_patch(void **state)
{
    struct fixture *fixture = *state;
    /* As git format-patch writes it; the last line end is missing. */
    static const char patch[] = "From 0123 Mon Sep 17 00:00:00 2001\nFrom: A <a@b>\n"
                                "Subject: [PATCH] x\n\n---\n train.py | 2 +-\n\n" TRAIN;
    struct result result = {.change = RESULT_CHANGE_PATCH};
    struct repository_compose compose = {
        .base = fixture->base,
        .branch = "experiment/x",
        .result = &result,
        .patch = patch,
        .patch_length = sizeof(patch) - 2,
        .message = "m",
    };
    struct outcome outcome = {0};

    repository_compose(fixture->repository, &compose, on_composed, &outcome);
    finish(fixture, &outcome);
    check_success(&outcome);
    check_files(fixture, "M train.py;");
    repository_change_clear(&outcome.change);
}

static void test_refused_diffs(void **state)
{
    struct fixture *fixture = *state;

    check_refused(fixture, "hello\n", "no diff");
    check_refused(fixture, "\n", "no diff");
    check_refused(fixture, EDIT("sub/util.py", "other", "x"), "conflict in sub/util.py");
    check_refused(fixture, EDIT("gone.py", "other", "x") EDIT("sub/util.py", "y", "x"),
                  "conflict in sub/util.py; gone.py does not exist on the base");
    check_refused(fixture, NEW("sub/util.py", "100644", "x"), "sub/util.py exists on the base");
    check_refused(fixture, EDIT("tox.ini", "[tox]", "[tax]"), "(change.protect): tox.ini");
    check_refused(fixture, DELETE("tox.ini", "[tox]"), "(change.protect): tox.ini");
    check_refused(fixture,
                  "diff --git a/tox.ini b/other.ini\nsimilarity index 100%\n"
                  "rename from tox.ini\nrename to other.ini\n",
                  "(change.protect): tox.ini");
    check_refused(fixture, NEW(".git/config", "100644", "x"), "invalid path '.git/config'");
    check_refused(fixture, NEW("sub/.g\u200cit/config", "100644", "x"), ".gU+200Cit/config");
    check_refused(fixture, NEW("../x", "100644", "x"),
                  "../x (line 1 of the patch) is an invalid path");
    check_refused(fixture, LINK("l", "/etc/passwd"), "leaves the tree: l");
    check_refused(fixture, LINK("sub/l", "../../x"), "leaves the tree: sub/l");
    check_refused(fixture, LINK("l", "sub") NEW("l/x", "100644", "x"), "beyond a symbolic link");
    check_refused(fixture,
                  NEW("m", "160000", "Subproject commit 0123456789012345678901234567890123456789"),
                  "submodule: m");
    check_refused(fixture, EDIT("results.tsv", "commit\tbpb", "x"), "empty on the base");
    check_refused(fixture, TRAIN "Only in new: notes.txt\n", "Only in new: notes.txt");
    check_refused(fixture, DELETE("train.py", "1"), "train.py: removal patch leaves file contents");
}

static void test_links_inside(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;

    compose_diff(fixture, LINK("sub/l", "../train.py") LINK("m", "sub"), &outcome);
    check_success(&outcome);
    check_files(fixture, "A m;A sub/l;");
    repository_change_clear(&outcome.change);
}

/* Two layers alike, and a base that has got the second of them since the patch was made. */
static const char layers[] =
    "layer() { printf '# %s\\n#\\n#\\n#\\nclass L:\\n    p = 1\\n    q = 2\\n# end\\n' $1; }\n";

/* Where an index line names a known blob, the change is merged from it, renamed or not. */
static void test_merged_from_its_blob(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *diff = sh(
        fixture,
        "%scd source; layer old >m.py; cp m.py n.py; git add .; git commit -qm one\n"
        "git checkout -qb side; sed -i s/1/3/ m.py; git mv n.py r.py; "
        "sed -i s/2/4/ r.py; git add -A; git commit -qm two\n"
        "git diff -M HEAD^ HEAD; git checkout -q main; "
        "for f in m.py n.py; do { layer new; layer old; } >$f; done\n"
        "git commit -qam three; git push -q ../forge.git main",
        layers);
    CLEANUP_FREE char *base = sh(fixture, "git -C source rev-parse main");
    CLEANUP_FREE char *expected = sh(fixture,
                                     "%s{ layer new; layer old | sed s/1/3/; layer new; "
                                     "layer old | sed s/2/4/; }",
                                     layers);
    struct outcome outcome;

    strcpy(fixture->base, base);
    compose_diff(fixture, diff, &outcome);
    check_success(&outcome);
    check_files(fixture, "M m.py;D n.py;A r.py;");
    check_output(fixture, expected,
                 "git -C state/repository.git show experiment/x:m.py experiment/x:r.py");
    repository_change_clear(&outcome.change);
}

/* The blob may be in a source only; without any, the place is in doubt. */
static void test_blob_of_a_source(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *diff = sh(fixture,
                                 "%s{ layer new; layer old; } >source/m.py; cd source; git add .; "
                                 "git commit -qm one; git push -q ../forge.git main\n"
                                 "cd ..; git clone -q source second; cd second; layer old >m.py; "
                                 "git commit -qam two; sed -i s/1/3/ m.py; git diff",
                                 layers);
    CLEANUP_FREE char *base = sh(fixture, "git -C source rev-parse main");
    CLEANUP_FREE char *expected = sh(fixture, "%s{ layer new; layer old | sed s/1/3/; }", layers);
    struct outcome outcome;

    strcpy(fixture->base, base);
    check_refused(
        fixture,
        "--- a/m.py\n+++ b/m.py\n@@ -2,3 +2,3 @@\n class L:\n-    p = 1\n+    p = 3\n     q = 2\n",
        "fits at lines 5 and 13 of m.py");
    fixture->sources[1] = memory_format("%s/second", fixture->directory);
    fixture->config.sources.count = 2;
    compose_diff(fixture, diff, &outcome);
    check_success(&outcome);
    check_output(fixture, expected, "git -C state/repository.git show experiment/x:m.py");
    repository_change_clear(&outcome.change);
    check_output(fixture, "",
                 "git -C state/repository.git for-each-ref refs/remotes; "
                 "ls state/repository.git | grep FETCH_HEAD || :");
}

/* Composes what `git diff` with the option says of the work tree of the source, on its main. */
static void compose_work_tree(struct fixture *fixture, const char *option, struct outcome *outcome)
{
    CLEANUP_FREE char *base = sh(fixture, "git -C source rev-parse main");
    CLEANUP_FREE char *diff = sh(fixture, "git -C source diff %s main", option);
    CLEANUP_FREE char *whole = memory_format("%s\n", diff);

    strcpy(fixture->base, base);
    compose_diff(fixture, whole, outcome);
}

/* The index line shows that a patch leaves changes out, for certain if what was measured is known. */
static void test_left_out(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;

    RUN(fixture, "cd source; seq 40 >m.py; git add .; git commit -qm one; "
                 "git push -q ../forge.git main; sed -i 's/^3$/three/; s/^30$/ 30/' m.py");
    compose_work_tree(fixture, "-w", &outcome);
    check_success(&outcome);
    assert_string_equal(outcome.change.doubt,
                        "the index line of m.py (line 1 of the patch and on) names "
                        "another content than the patch makes");
    repository_change_clear(&outcome.change);
    compose_work_tree(fixture, "", &outcome);
    check_success(&outcome);
    assert_null(outcome.change.doubt);
    repository_change_clear(&outcome.change);
    /* The same in a commit of the source. */
    RUN(fixture, "cd source; git checkout -qb side; git commit -qam two");
    compose_work_tree(fixture, "-w", &outcome);
    check_error(&outcome, ERROR_PERMANENT, "the patch leaves changes out: what it makes of m.py");
    /* It differs in more than blanks: a person may have edited it. */
    RUN(fixture, "cd source; sed -i 's/^ 30$/30 more/' m.py; git commit -qam three");
    compose_work_tree(fixture, "-I ^30", &outcome);
    check_success(&outcome);
    assert_non_null(outcome.change.doubt);
    repository_change_clear(&outcome.change);
}

/* A patch of git diff --relative is for the file that has the blob, and not for its namesake at the top. */
static void test_namesake(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;
    CLEANUP_FREE char *base = NULL;
    CLEANUP_FREE char *below = sh(
        fixture, "cd source; seq 9 >sub/train.py; (seq 9; echo x) >train.py; git add .; "
                 "git commit -qm one; git push -q ../forge.git main; "
                 "sed -i s/2/two/ sub/train.py; cd sub; git diff --relative");
    CLEANUP_FREE char *whole = memory_format("%s\n", below);

    base = sh(fixture, "git -C source rev-parse main");
    strcpy(fixture->base, base);
    compose_diff(fixture, whole, &outcome);
    check_error(&outcome, ERROR_PERMANENT, "train.py may be meant, or sub/train.py: ");
    free(base);
    /* But the one at the top had that blob once, and the base has moved since. */
    base = sh(fixture, "cd source; git checkout -q .; seq 9 >train.py; git commit -qam two; "
                       "(seq 9; echo y) >train.py; git commit -qam three; "
                       "git push -q ../forge.git main; git rev-parse main");
    strcpy(fixture->base, base);
    compose_diff(fixture, whole, &outcome);
    check_success(&outcome);
    check_files(fixture, "M train.py;");
    repository_change_clear(&outcome.change);
}

/* A source that lacks the blob fetches nothing, and its command is not run. */
static void test_blob_of_a_hostile_promisor(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;

    RUN(fixture,
        "printf '#!/bin/sh\necho >%s/ran\n' >evil; chmod +x evil; cd source; "
        "git config extensions.partialClone origin; git config remote.origin.promisor true; "
        "git config remote.origin.url $PWD/../forge.git; "
        "git config remote.origin.uploadpack $PWD/../evil",
        fixture->directory);
    compose_diff(fixture,
                 "diff --git a/train.py b/train.py\n"
                 "index 0123456789012345678901234567890123456789..1 100644\n--- a/train.py\n"
                 "+++ b/train.py\n@@ -1,3 +1,3 @@\n-1\n+one\n 2\n 3\n",
                 &outcome);
    check_success(&outcome);
    repository_change_clear(&outcome.change);
    check_output(fixture, "", "ls ran 2>/dev/null || :");
}

/* Excluded files stay as they are on the base: changed, in conflict, made, or renamed away. */
static void test_excluded_in_diff(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;

    compose_diff(fixture,
                 EDIT("results.tsv", "commit\tbpb", "x") TRAIN NEW(".auto/log", "100644", "x"),
                 &outcome);
    check_success(&outcome);
    check_files(fixture, "M train.py;");
    assert_int_equal(outcome.change.file_count, 1);
    repository_change_clear(&outcome.change);
    count_gits(fixture);
    compose_diff(fixture, EDIT("results.tsv", "other", "x") TRAIN EDIT(".auto/log", "y", "x"),
                 &outcome);
    check_success(&outcome);
    check_files(fixture, "M train.py;");
    repository_change_clear(&outcome.change);
    assert_int_equal(count_gits(fixture), 5);
    compose_diff(
        fixture,
        "diff --git a/results.tsv b/r.tsv\nsimilarity index 100%\nrename from results.tsv\n"
        "rename to r.tsv\n"
        "diff --git a/sub/util.py b/.auto/util.py\nsimilarity index 100%\n"
        "rename from sub/util.py\nrename to .auto/util.py\n",
        &outcome);
    check_success(&outcome);
    check_files(fixture, "A r.tsv;D sub/util.py;");
    repository_change_clear(&outcome.change);
    compose_diff(fixture, EDIT("results.tsv", "other", "x") EDIT("sub/util.py", "other", "x"),
                 &outcome);
    check_error(&outcome, ERROR_PERMANENT, "conflict in sub/util.py");
    compose_diff(fixture, EDIT("results.tsv", "other", "x"), &outcome);
    check_error(&outcome, ERROR_PERMANENT, "empty on the base");
}

static void test_strange_names(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *commit = commit_in_source(
        fixture, "printf x >'a\"b\\c'; printf y >\"$(printf 'n\\nl')\"; "
                 "printf z >\"$(printf 'l\\351')\"; mkdir 'd e'; cp train.py 'd e/ '");
    struct outcome outcome;

    compose_commit(fixture, commit, &outcome);
    check_success(&outcome);
    assert_true(outcome.change.tree_is_measured);
    assert_int_equal(outcome.change.file_count, 4);
    repository_change_clear(&outcome.change);
}

static void test_commit(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *first = commit_in_source(fixture, "echo a >>train.py");
    CLEANUP_FREE char *second = commit_in_source(fixture, "echo b >>sub/util.py");
    CLEANUP_FREE char *digits = memory_copy_bytes(second, 7);
    CLEANUP_FREE char *message = memory_format("Measured-On: %s", second);
    struct outcome outcome;

    compose_commit(fixture, digits, &outcome);
    check_success(&outcome);
    assert_string_equal(outcome.change.measured, second);
    assert_true(outcome.change.tree_is_measured);
    assert_int_equal(outcome.change.contained_count, 1);
    assert_string_equal(outcome.change.contained[0], first);
    check_files(fixture, "M sub/util.py;M train.py;");
    check_output(fixture, message,
                 "git -C state/repository.git log -1 --format=%b experiment/x | sed '/^$/d'");
    /* fetch base, rev-parse, fetch commit, rev-list, diff-tree, fast-import */
    assert_int_equal(count_gits(fixture), 6);
    repository_change_clear(&outcome.change);
}

/* The base has moved since: the change is merged, and its tree is not the measured one. */
static void test_commit_beside_base(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *measured = commit_in_source(
        fixture, "git checkout -qb side; echo b >>sub/util.py; echo r >>results.tsv");
    CLEANUP_FREE char *base = commit_in_source(
        fixture, "git checkout -q main; echo a >>train.py; echo s >>results.tsv");
    struct outcome outcome;

    RUN(fixture, "cd source; git push -q ../forge.git main");
    strcpy(fixture->base, base);
    compose_commit(fixture, measured, &outcome);
    check_success(&outcome);
    assert_false(outcome.change.tree_is_measured);
    assert_int_equal(outcome.change.contained_count, 0);
    check_files(fixture, "M sub/util.py;");
    /* fetch base, rev-parse, fetch commit, rev-list, rev-list of the base, merge-tree, diff-tree,
     * fast-import */
    assert_int_equal(count_gits(fixture), 8);
    repository_change_clear(&outcome.change);
}

static void test_excluded_in_commit(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *measured = commit_in_source(
        fixture, "echo a >>train.py; echo r >>results.tsv; mkdir .auto; echo x >.auto/x");
    struct outcome outcome;

    compose_commit(fixture, measured, &outcome);
    check_success(&outcome);
    assert_false(outcome.change.tree_is_measured);
    check_files(fixture, "M train.py;");
    repository_change_clear(&outcome.change);
}

static void test_refused_commits(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *conflict = commit_in_source(
        fixture, "git checkout -qb side; echo b >sub/util.py; echo r >results.tsv");
    CLEANUP_FREE char *unrelated = sh(
        fixture, "cd source; git checkout -q --orphan alone; git commit -qm alone; "
                 "git rev-parse HEAD");
    CLEANUP_FREE char *base = commit_in_source(
        fixture, "git checkout -qf main; echo a >sub/util.py; echo s >results.tsv");
    CLEANUP_FREE char *tree = sh(fixture, "git -C source rev-parse HEAD^{tree}");
    CLEANUP_FREE char *blob = sh(fixture, "git -C source rev-parse HEAD:train.py");
    CLEANUP_FREE char *tag = sh(fixture, "cd source; git tag -am x tagged side; "
                                         "git rev-parse refs/tags/tagged");
    struct outcome outcome;

    RUN(fixture, "cd source; git push -q ../forge.git main; git tag abcdef0123 side");
    strcpy(fixture->base, base);
    compose_commit(fixture, conflict, &outcome);
    check_error(&outcome, ERROR_PERMANENT, "conflicts with the base in sub/util.py");
    compose_commit(fixture, unrelated, &outcome);
    check_error(&outcome, ERROR_PERMANENT, "unrelated histories");
    compose_commit(fixture, base, &outcome);
    check_error(&outcome, ERROR_PERMANENT, "empty on the base");
    compose_commit(fixture, tree, &outcome);
    check_error(&outcome, ERROR_PERMANENT, "which is a tree");
    compose_commit(fixture, blob, &outcome);
    check_error(&outcome, ERROR_PERMANENT, "which is a blob");
    compose_commit(fixture, tag, &outcome);
    check_error(&outcome, ERROR_PERMANENT, "which is a tag");
    compose_commit(fixture, "abcdef0123", &outcome);
    check_error(&outcome, ERROR_PERMANENT, "commit abcdef0123 is missing");
    compose_commit(fixture, "0123456789012345678901234567890123456789", &outcome);
    check_error(&outcome, ERROR_PERMANENT,
                "commit 0123456789012345678901234567890123456789 is missing");
}

static void test_source_named(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *measured = commit_in_source(fixture, "echo a >>train.py");
    char name[] = "second";
    char unknown[] = "third";
    struct result result = {.change = RESULT_CHANGE_COMMIT, .commit = measured, .repository = name};
    struct outcome outcome;

    RUN(fixture, "git clone -q source second; cd source; git reset -q --hard HEAD^; "
                 "git reflog expire --expire=now --all; git gc -q --prune=now");
    fixture->sources[1] = memory_format("%s/second", fixture->directory);
    fixture->config.sources.count = 2;
    compose(fixture, &result, "experiment/x", &outcome);
    check_success(&outcome);
    repository_change_clear(&outcome.change);
    result.repository = NULL;
    compose(fixture, &result, "experiment/x", &outcome);
    check_success(&outcome);
    repository_change_clear(&outcome.change);
    result.repository = unknown;
    compose(fixture, &result, "experiment/x", &outcome);
    check_error(&outcome, ERROR_PERMANENT, "none of `sources`");
    RUN(fixture, "rm -rf second/.git");
    result.repository = name;
    compose(fixture, &result, "experiment/x", &outcome);
    check_success(&outcome); /* it is here */
    repository_change_clear(&outcome.change);
    result.commit[0] = result.commit[0] == '0' ? '1' : '0';
    compose(fixture, &result, "experiment/x", &outcome);
    check_error(&outcome, ERROR_PERMANENT, "not a git repository");
}

/* The programs of a source's own configuration are not run. */
static void test_hostile_source(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *measured = commit_in_source(fixture, "echo a >>train.py");
    struct outcome outcome;

    RUN(fixture,
        "printf '#!/bin/sh\necho >%s/ran; exec \"$@\"\n' >evil; chmod +x evil; cd source; "
        "git config core.fsmonitor $PWD/../evil; git config core.pager $PWD/../evil; "
        "git config uploadpack.packObjectsHook $PWD/../evil; "
        "git config core.alternateRefsCommand $PWD/../evil; "
        "git config core.hooksPath $PWD/..; cp ../evil ../post-checkout",
        fixture->directory);
    compose_commit(fixture, measured, &outcome);
    check_success(&outcome);
    repository_change_clear(&outcome.change);
    check_output(fixture, "", "ls ran 2>/dev/null || :");
}

/* A source that is a shallow clone cannot give the whole history; that must not hurt ours. */
static void test_shallow_source(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *measured = sh(
        fixture, "for n in 1 2; do git -C source commit -q --allow-empty -m $n; done; "
                 "git clone -q --depth 1 file://$PWD/source shallow; cd shallow; "
                 "echo c >>train.py; git commit -qam c; git rev-parse HEAD");
    struct outcome outcome;

    free(fixture->sources[0]);
    fixture->sources[0] = memory_format("%s/shallow", fixture->directory);
    compose_commit(fixture, measured, &outcome);
    check_error(&outcome, ERROR_PERMANENT, "it is a shallow clone, and lacks earlier commits");
    compose_diff(fixture, TRAIN, &outcome);
    check_success(&outcome);
    repository_change_clear(&outcome.change);
    check_output(fixture, "", "ls state/repository.git/shallow 2>/dev/null || :");
}

/* Two at a time, with index files of their own. */
static void test_parallel(void **state)
{
    struct fixture *fixture = *state;
    char one[] = TRAIN;
    char two[] = DELETE("sub/util.py", "util");
    struct result results[2] = {{.change = RESULT_CHANGE_DIFF, .diff = one},
                                {.change = RESULT_CHANGE_DIFF, .diff = two}};
    const char *const branches[2] = {"experiment/x", "experiment/y"};
    struct outcome outcomes[2] = {0};

    for (int i = 0; i < 2; i++) {
        const struct repository_compose compose = {
            .base = fixture->base, .branch = branches[i], .result = &results[i], .message = "m"};

        repository_compose(fixture->repository, &compose, on_composed, &outcomes[i]);
    }
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(outcomes[i].fired, 1);
        check_success(&outcomes[i]);
        assert_int_equal(outcomes[i].change.file_count, 1);
        repository_change_clear(&outcomes[i].change);
    }
    check_files(fixture, "M train.py;");
}

/* Files of a git or a daemon that was killed do not stand in the way. */
static void test_leftovers(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;

    compose_diff(fixture, TRAIN, &outcome);
    check_success(&outcome);
    repository_change_clear(&outcome.change);
    RUN(fixture,
        "cd state/repository.git; : >index.lock; : >objects/pack/tmp_pack_abc; "
        ": >refs/heads/experiment/x.lock; : >HEAD.lock; : >packed-refs.lock; "
        "for i in 0 1 2; do touch ../scratch/index-%d-$i.lock; done",
        (int)getpid());
    repository_free(fixture->repository);
    open_repository(fixture);
    assert_int_equal(repository_sweep(fixture->repository, &(struct error){0}), 0);
    compose_diff(fixture, TRAIN, &outcome);
    check_success(&outcome);
    repository_change_clear(&outcome.change);
}

/* A repository that is half made is completed, one that is damaged is made anew. */
static void test_damage(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;

    RUN(fixture, "mkdir -p state/repository.git/objects; : >state/repository.git/config");
    compose_diff(fixture, TRAIN, &outcome);
    check_success(&outcome);
    repository_change_clear(&outcome.change);
    RUN(fixture, "cd state/repository.git; find objects -type f | xargs chmod u+w; "
                 "for f in $(find objects -type f); do : >$f; done");
    compose_diff(fixture, TRAIN, &outcome);
    assert_int_equal(outcome.error.kind, ERROR_TRANSIENT);
    compose_diff(fixture, TRAIN, &outcome);
    check_success(&outcome);
    repository_change_clear(&outcome.change);
    RUN(fixture, "rm -rf state/repository.git");
    compose_diff(fixture, TRAIN, &outcome);
    check_success(&outcome);
    repository_change_clear(&outcome.change);
}

static void test_discard(void **state)
{
    struct fixture *fixture = *state;
    char diff[] = TRAIN;
    struct result result = {.change = RESULT_CHANGE_DIFF, .diff = diff};
    const struct repository_compose compose = {
        .base = fixture->base, .branch = "experiment/x", .result = &result, .message = "m"};

    /* At every moment of its life, one turn of the loop later each time. */
    for (int turns = 0; turns < 60; turns++) {
        struct outcome outcome = {0};
        struct operation *operation = repository_compose(fixture->repository, &compose, on_composed,
                                                         &outcome);

        for (int i = 0; i < turns && !outcome.fired; i++)
            uv_run(&fixture->loop, UV_RUN_ONCE);
        if (!outcome.fired)
            operation_discard(operation);
        uv_run(&fixture->loop, UV_RUN_DEFAULT);
        repository_change_clear(&outcome.change);
    }
    check_output(fixture, "", "ls state/scratch");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_diff, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_patch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused_diffs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_links_inside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_merged_from_its_blob, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_blob_of_a_source, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_namesake, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_blob_of_a_hostile_promisor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_excluded_in_diff, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_strange_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_commit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_commit_beside_base, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_excluded_in_commit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused_commits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_source_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hostile_source, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_shallow_source, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_parallel, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_leftovers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_discard, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

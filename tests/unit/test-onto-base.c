/* Promise: what is on top of a merged experiment composes cleanly, and what a reviewer made of it stays. */

#include "common/loop.h"
#include "git-fixture.h"

/* Three experiments in a row that all change the same line, and the base as it is then; the commits'
 * names are in the files c1, c2 and c3. */
static void make_series(struct fixture *fixture)
{
    RUN(fixture, "cd source; git checkout -qb loop; for n in 1 2 3; do "
                 "sed -i \"10s/.*/line $n/; 12s/.*/$n/\" train.py; git commit -qam $n; "
                 "git rev-parse HEAD >../c$n; done; git checkout -q main");
}

/* Moves the base by a script in the source. */
static void move_base(struct fixture *fixture, const char *script)
{
    CLEANUP_FREE char *base = sh(fixture,
                                 "cd source; git checkout -q main; %s\ngit push -q ../forge.git "
                                 "main; git rev-parse main",
                                 script);

    strcpy(fixture->base, base);
}

/* What was merged, as the forge would tell: "<measured> <commit>", NULL: none. */
struct told {
    struct fixture *fixture;
    const char *measured; /* a file with the commit's name */
    const char *commit;   /* a revision of the source; "": not told */
    unsigned asked;
    repository_merged_callback callback;
    void *callback_data;
    struct operation operation;
};

static void told_discard(struct operation *operation)
{
    (void)operation;
}

static void tell(void *data)
{
    struct told *told = data;
    struct repository_merged merged = {0};
    CLEANUP_FREE char *measured = sh(told->fixture, "cat %s", told->measured);
    CLEANUP_FREE char *commit = sh(told->fixture, "[ -z '%s' ] || git -C source rev-parse '%s'",
                                   told->commit, told->commit);

    strcpy(merged.measured, measured);
    strcpy(merged.commit, commit);
    told->callback(told->callback_data, &merged, 1, NULL);
}

static struct operation *find_told(void *data, repository_merged_callback callback,
                                   void *callback_data)
{
    struct told *told = data;

    told->asked++;
    told->callback = callback;
    told->callback_data = callback_data;
    told->operation.discard = told_discard;
    loop_after(&told->fixture->loop, 0, tell, told);
    return &told->operation;
}

static void compose_told(struct fixture *fixture, const char *file, struct told *told,
                         const char *merge_base, struct outcome *outcome)
{
    CLEANUP_FREE char *commit = sh(fixture, "cat %s", file);
    struct result result = {.change = RESULT_CHANGE_COMMIT, .commit = commit};
    const struct repository_compose compose = {
        .base = fixture->base,
        .branch = "experiment/x",
        .result = &result,
        .message = "experiment: x\n\nMeasured-On: %M\n",
        .date = 1700000000,
        .find_merged = told ? find_told : NULL,
        .find_data = told,
        .merge_base = merge_base,
        .tip = *fixture->tip ? fixture->tip : NULL,
    };

    *outcome = (struct outcome){0};
    repository_compose(fixture->repository, &compose, on_composed, outcome);
    finish(fixture, outcome);
}

/* The composed commit's tree is the one that was measured, to the byte. */
static void check_measured_tree(struct fixture *fixture, const struct outcome *outcome,
                                const char *file)
{
    CLEANUP_FREE char *tree = sh(fixture, "git -C source rev-parse $(cat %s)^{tree}", file);

    check_success(outcome);
    assert_true(outcome->change.tree_is_measured);
    check_output(fixture, tree, "git -C state/repository.git rev-parse experiment/x^{tree}");
}

/* A trailer tells of it where the composed commit came in as it was, or with another parent. */
static void test_base_with_trailer(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;

    make_series(fixture);
    move_base(fixture, "git checkout -q -B pull main; git read-tree -um $(cat ../c1); "
                       "git commit -qm \"experiment: x\n\nMeasured-On: $(cat ../c1)\"; "
                       "git checkout -q main; git merge -q --no-ff -m merge pull");
    compose_told(fixture, "c3", NULL, NULL, &outcome);
    check_measured_tree(fixture, &outcome, "c3");
    /* The second is not merged yet. */
    assert_int_equal(outcome.change.contained_count, 1);
    check_output(fixture, outcome.change.contained[0], "cat c2");
    check_output(fixture, outcome.change.merge_base, "cat c1");
    repository_change_clear(&outcome.change);
    compose_told(fixture, "c1", NULL, NULL, &outcome);
    check_error(&outcome, ERROR_PERMANENT, "empty on the base, which has commit");
}

/* After a squash the forge says so. Nothing has to, as long as the base has nothing else. */
static void test_base_with_squash(void **state)
{
    struct fixture *fixture = *state;
    struct told told = {.fixture = fixture, .measured = "c2", .commit = "main"};
    struct outcome outcome;
    char first[GIT_HASH_SIZE];

    make_series(fixture);
    move_base(fixture, "git read-tree -um $(cat ../c2); git commit -qm squashed");
    compose_told(fixture, "c3", NULL, NULL, &outcome);
    check_measured_tree(fixture, &outcome, "c3");
    assert_int_equal(outcome.change.contained_count, 0);
    check_output(fixture, outcome.change.merge_base, "cat c2");
    repository_change_clear(&outcome.change);
    count_gits(fixture);
    compose_told(fixture, "c3", &told, NULL, &outcome);
    check_measured_tree(fixture, &outcome, "c3");
    assert_int_equal(told.asked, 1);
    assert_int_equal(outcome.change.contained_count, 0);
    /* rev-parse, fetch commit, rev-list; walk, cat-file, rev-list, merge-base; rev-list, cat-file,
     * fast-import, merge-tree; diff-tree, fast-import */
    assert_int_equal(count_gits(fixture), 13);
    strcpy(first, outcome.change.commit);
    repository_change_clear(&outcome.change);
    /* Known from before, it is not asked for again; and it is the same commit. */
    CLEANUP_FREE char *known = sh(fixture, "cat c2");

    compose_told(fixture, "c3", &told, known, &outcome);
    check_success(&outcome);
    assert_int_equal(told.asked, 1);
    assert_string_equal(outcome.change.commit, first);
    repository_change_clear(&outcome.change);
}

/* A result that was merged into a newer base than this one is not in it. */
static void test_base_before_the_merge(void **state)
{
    struct fixture *fixture = *state;
    struct told told = {.fixture = fixture, .measured = "c2", .commit = "later"};
    struct outcome outcome;

    make_series(fixture);
    RUN(fixture, "cd source; git checkout -q -b later main; git commit -q --allow-empty -m later");
    move_base(fixture, "git read-tree -um $(cat ../c2); echo other >other; git add other; "
                       "git commit -qm squashed");
    compose_told(fixture, "c3", &told, NULL, &outcome);
    check_error(&outcome, ERROR_PERMANENT, "conflicts with the base in train.py");
    told.commit = "";
    compose_told(fixture, "c3", &told, NULL, &outcome);
    check_success(&outcome);
    assert_false(outcome.change.tree_is_measured);
    check_output(fixture, outcome.change.merge_base, "cat c2");
    repository_change_clear(&outcome.change);
}

/* What was merged has the tree of a commit in the history, under another name; so has what is kept. */
static void test_base_with_a_twin(void **state)
{
    struct fixture *fixture = *state;
    struct told told = {.fixture = fixture, .measured = "twin", .commit = "main"};
    struct outcome outcome;

    make_series(fixture);
    RUN(fixture, "cd source; git checkout -q --detach main; git read-tree -um $(cat ../c1); "
                 "git commit -qm twin; git rev-parse HEAD >../twin");
    compose_told(fixture, "twin", NULL, NULL, &outcome);
    check_success(&outcome);
    repository_change_clear(&outcome.change);

    CLEANUP_FREE char *twin = sh(fixture, "cat twin");

    RUN(fixture, "git -C state/repository.git update-ref refs/winnowd/measured/twin $(cat twin)");
    compose_told(fixture, "c3", NULL, NULL, &outcome);
    check_measured_tree(fixture, &outcome, "c3");
    assert_int_equal(outcome.change.contained_count, 3);
    check_output(fixture, outcome.change.contained[0], "cat c2");
    check_output(fixture, outcome.change.contained[1], "cat c1");
    assert_string_equal(outcome.change.contained[2], twin);
    repository_change_clear(&outcome.change);

    move_base(fixture, "git read-tree -um $(cat ../c1); echo other >other; git add other; "
                       "git commit -qm squashed");
    compose_told(fixture, "c3", &told, NULL, &outcome);
    check_success(&outcome);
    check_output(fixture, outcome.change.merge_base, "cat c1");
    assert_int_equal(outcome.change.contained_count, 1);
    repository_change_clear(&outcome.change);
}

/* The later one was composed first, so it does not know that it contains the twin, whose pull request is open. */
static void test_base_with_what_contains_a_twin(void **state)
{
    struct fixture *fixture = *state;
    struct told told = {.fixture = fixture, .measured = "c3", .commit = "main"};
    struct outcome outcome;

    make_series(fixture);
    compose_told(fixture, "c3", NULL, NULL, &outcome);
    check_success(&outcome);
    repository_change_clear(&outcome.change);
    RUN(fixture, "cd source; git checkout -q --detach main; git read-tree -um $(cat ../c2); "
                 "git commit -qm twin; git rev-parse HEAD >../twin");
    compose_told(fixture, "twin", NULL, NULL, &outcome);
    check_success(&outcome);
    memcpy(fixture->tip, outcome.change.commit, sizeof(fixture->tip));
    repository_change_clear(&outcome.change);
    move_base(fixture, "git read-tree -um $(cat ../c3); echo other >other; git add other; "
                       "git commit -qm squashed");
    compose_told(fixture, "twin", &told, NULL, &outcome);
    check_error(&outcome, ERROR_PERMANENT, "empty on the base, which has commit");
    *fixture->tip = '\0';
    compose_told(fixture, "twin", &told, NULL, &outcome);
    check_error(&outcome, ERROR_PERMANENT, "conflicts with the base");
}

/* A loop that took back what was merged, and went on: that is part of its change. */
static void test_base_with_what_was_taken_back(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome;

    make_series(fixture);
    RUN(fixture,
        "cd source; git checkout -q --detach $(cat ../c2); git read-tree -um $(cat ../c1); "
        "git commit -qm back; echo more >>train.py; git commit -qam more; "
        "git rev-parse HEAD >../more");
    move_base(fixture, "git read-tree -um $(cat ../c1); git commit -qm squashed; "
                       "git read-tree -um $(cat ../c2); git commit -qm squashed; "
                       "echo other >other; git add other; git commit -qm other");
    compose_told(fixture, "more", NULL, NULL, &outcome);
    check_success(&outcome);
    check_output(fixture, outcome.change.merge_base, "cat c2");
    check_output(fixture, "",
                 "git -C state/repository.git diff $(cat more) experiment/x -- train.py");
    repository_change_clear(&outcome.change);
}

/* One that stands beside the merged commit, on what that one contains. */
static void test_base_with_sibling(void **state)
{
    struct fixture *fixture = *state;
    struct told told = {.fixture = fixture, .measured = "c2", .commit = "main"};
    struct outcome outcome;

    make_series(fixture);
    RUN(fixture, "cd source; git checkout -q $(cat ../c1); echo more >>train.py; "
                 "git commit -qam more; git rev-parse HEAD >../sibling");
    compose_told(fixture, "c2", NULL, NULL, &outcome);
    check_success(&outcome);
    repository_change_clear(&outcome.change);
    move_base(fixture, "git read-tree -um $(cat ../c2); git commit -qm squashed");
    compose_told(fixture, "sibling", &told, NULL, &outcome);
    check_success(&outcome);
    check_output(fixture, outcome.change.merge_base, "cat c1");
    check_output(fixture, "line 2 11 2 more",
                 "git -C state/repository.git show experiment/x:train.py | sed -n '10,12p;$p' | "
                 "paste -sd ' '");
    repository_change_clear(&outcome.change);
}

/* Changes of a reviewer while merging stay, and so does what was taken out later. */
static void test_base_with_a_reviewer(void **state)
{
    struct fixture *fixture = *state;
    struct told told = {.fixture = fixture, .measured = "c1", .commit = "main"};
    CLEANUP_FREE char *next = NULL;
    struct outcome outcome;

    make_series(fixture);
    next = sh(fixture, "cd source; git checkout -q $(cat ../c1); echo more >>train.py; "
                       "git commit -qam more; git rev-parse HEAD | tee ../next");
    move_base(fixture, "git read-tree -um $(cat ../c1); sed -i '10s/.*/his own/' train.py; "
                       "git commit -qam squashed");
    compose_told(fixture, "next", &told, NULL, &outcome);
    check_success(&outcome);
    assert_false(outcome.change.tree_is_measured);
    check_output(fixture, "his own 11 1 more",
                 "git -C state/repository.git show experiment/x:train.py | sed -n '10,12p;$p' | "
                 "paste -sd ' '");
    repository_change_clear(&outcome.change);
    told.commit = "main~1";
    move_base(fixture, "git read-tree -um main~1; git commit -qm reverted");
    compose_told(fixture, "next", &told, NULL, &outcome);
    check_success(&outcome);
    check_output(fixture, "10 11 12 more",
                 "git -C state/repository.git show experiment/x:train.py | sed -n '10,12p;$p' | "
                 "paste -sd ' '");
    repository_change_clear(&outcome.change);
}

/* What is open at the forge, as it was seen there. */
struct seen {
    struct fixture *fixture;
    unsigned fired;
    char base[GIT_HASH_SIZE];
    struct repository_branch branches[4]; /* without names; the base left out */
    size_t count;
    enum git_merge merges[4];
    struct error error;
};

static void on_branches(void *data, const char *base, const struct repository_branch *branches,
                        size_t count, const struct error *error)
{
    struct seen *seen = data;

    seen->fired++;
    seen->error = error ? *error : (struct error){0};
    if (error)
        return;
    strcpy(seen->base, base);
    for (size_t i = 0; i < count; i++) {
        if (strncmp(branches[i].name, "experiment/", 11) == 0)
            seen->branches[seen->count++] = branches[i];
    }
}

static void on_merges(void *data, const enum git_merge *merges, const struct error *error)
{
    struct seen *seen = data;

    seen->fired++;
    seen->error = error ? *error : (struct error){0};
    for (size_t i = 0; merges && i < seen->count; i++)
        seen->merges[i] = merges[i];
}

static void look_at_branches(struct seen *seen)
{
    repository_look_at_branches(seen->fixture->repository, on_branches, seen);
    uv_run(&seen->fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(seen->fired, 1);
}

static void check_merges(struct seen *seen)
{
    repository_check_merges(seen->fixture->repository, seen->base, seen->branches, seen->count,
                            on_merges, seen);
    uv_run(&seen->fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(seen->fired, 2);
    assert_string_equal(seen->error.message, "");
}

/* A branch that conflicts since another one was merged by a squash: what is composed anew is a merge of the base
 * into it, with the tree that was measured. */
static void test_a_branch_is_brought_onto_the_base(void **state)
{
    struct fixture *fixture = *state;
    struct seen seen = {.fixture = fixture}, after = {.fixture = fixture};
    struct told told = {.fixture = fixture, .measured = "c1", .commit = "main"};
    CLEANUP_FREE char *parents = NULL;
    struct outcome outcome;

    fixture->config.forge.branch_prefix = (char *)"experiment/";
    make_series(fixture);
    compose_told(fixture, "c3", NULL, NULL, &outcome);
    check_measured_tree(fixture, &outcome, "c3");
    repository_change_clear(&outcome.change);
    move_base(fixture, "git read-tree -um $(cat ../c1); git commit -qm squashed");
    RUN(fixture, "git -C state/repository.git push -q ../../forge.git experiment/x; "
                 "git -C forge.git branch experiment/y main; git -C forge.git branch other main; "
                 "git -C forge.git branch side/experiment/z main");
    look_at_branches(&seen);
    assert_string_equal(seen.base, fixture->base);
    assert_int_equal(seen.count, 2);
    check_output(fixture, seen.branches[0].tip, "git -C forge.git rev-parse experiment/x");
    count_gits(fixture);
    check_merges(&seen);
    assert_int_equal(seen.merges[0], GIT_CONFLICTS);
    assert_int_equal(seen.merges[1], GIT_CONTAINED);
    assert_int_equal(count_gits(fixture), 2); /* fetch, merge-tree */
    strcpy(fixture->tip, seen.branches[0].tip);
    compose_told(fixture, "c3", &told, NULL, &outcome);
    check_measured_tree(fixture, &outcome, "c3");
    repository_change_clear(&outcome.change);
    parents = memory_format("%s %s", fixture->tip, fixture->base);
    check_output(fixture, parents, "git -C state/repository.git log -1 --format=%P experiment/x");
    RUN(fixture, "git -C state/repository.git push -q ../../forge.git experiment/x");
    look_at_branches(&after);
    check_merges(&after);
    assert_int_equal(after.merges[0], GIT_MERGES);
    assert_int_equal(after.merges[1], GIT_CONTAINED);
}

struct shown {
    unsigned fired;
    char *diff;
};

static void on_difference(void *data, const char *diff, const struct error *error)
{
    struct shown *shown = data;

    assert_true(!diff == !!error);
    shown->fired++;
    shown->diff = memory_copy(diff);
}

static void check_difference(struct fixture *fixture, const char *older, const char *newer,
                             const char *part)
{
    struct shown shown = {0};

    repository_difference(fixture->repository, older, newer, on_difference, &shown);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(shown.fired, 1);
    if (!part)
        assert_null(shown.diff);
    else if (!shown.diff || !strstr(shown.diff, part))
        fail_msg("expected \"%s\", found \"%s\"", part, shown.diff);
    if (shown.diff)
        assert_null(strstr(shown.diff, "results.tsv"));
    free(shown.diff);
}

/* What one experiment has over another: its beginning, and nothing of excluded files. */
static void test_difference(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *one = commit_in_source(fixture, "echo r >>results.tsv; echo o >>train.py");
    CLEANUP_FREE char *two = commit_in_source(fixture,
                                              "echo s >>results.tsv; printf 'a\\351b' >>train.py");
    CLEANUP_FREE char *large = commit_in_source(fixture, "seq 1 1000 >large; echo t >>results.tsv");
    struct outcome outcome;

    compose_commit(fixture, large, &outcome);
    check_success(&outcome);
    repository_change_clear(&outcome.change);
    check_difference(fixture, one, two,
                     "\n o\n+a\xef\xbf\xbd"
                     "b\n");
    check_difference(fixture, two, large, "\n+190\n");
    check_difference(fixture, two, large, "\n(the first 200 lines)\n");
    check_difference(fixture, one, "0123456789012345678901234567890123456789", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_base_with_trailer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_base_with_squash, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_base_before_the_merge, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_base_with_a_twin, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_base_with_what_contains_a_twin, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_base_with_what_was_taken_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_base_with_sibling, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_base_with_a_reviewer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_branch_is_brought_onto_the_base, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_difference, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

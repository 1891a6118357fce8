/* Promise: a pull request is opened once, with its labels and reviewers, however Gitea lags. */

/* The Gitea client runs against the stand-in. */

#include "gitea-fixture.h"

static void test_pull_exists(void **state)
{
    begin("");
    open_pull_of(BRANCH);
    CALL(open_pull, BRANCH, outcome.sha, "again", "");
    assert_permanent("409");
    assert_true(outcome.reply.conflict);
}

/* The API shows the push from the third look on: a refusal, or the commit from before, is looked at
 * again. */
static void lagging(const char *how, int posts)
{
    CLEANUP_FREE char *sha = NULL;

    begin("");
    CALL(create_branch, BRANCH, "refs/heads/main");
    assert_success();
    tell("setattr(g, 'api_lag', 3600)");
    tell("setattr(g, 'lag_answer', '%s')", how);
    tell("g.faults.add('pass', path='/pulls', nth=2, at='after', call=caught_up)");
    sha = memory_copy(ask("push('" BRANCH "')"));
    CALL(open_pull, BRANCH, sha, "title", "");
    assert_success();
    assert_string_equal(outcome.sha, sha);
    assert_int_equal(requests("POST", "/pulls$"), posts);
    assert_int_equal(atoi(ask("len(g.pulls)")), 1);
}

static void test_lag_not_found(void **state)
{
    lagging("404", 3);
}

static void test_lag_no_changes(void **state)
{
    lagging("422", 3);
}

static void test_lag_stale_commit(void **state)
{
    lagging("stale", 1);
}

static void test_lag_empty_repository(void **state)
{
    lagging("empty", 3);
}

/* A later fault does not say that the pull request was not opened. */
static void test_opened_all_the_same(void **state)
{
    CLEANUP_FREE char *sha = NULL;

    begin("");
    CALL(create_branch, BRANCH, "refs/heads/main");
    tell("setattr(g, 'api_lag', 5)");
    sha = memory_copy(ask("push('" BRANCH "')"));
    tell("g.faults.add('unauthorized', method='GET', path='/pulls/1$', count=None)");
    CALL(open_pull, BRANCH, sha, "title", "");
    assert_transient("401");
    assert_false(outcome.reply.unauthorized);
    tell("g.faults.add('locked', method='POST', path='/branches$')");
    tell("g.faults.add('unauthorized', method='GET', path='/branches/', count=None)");
    CALL(create_branch, "experiment/other", "refs/heads/main");
    assert_transient("401");
}

static void on_refused(void *data, const struct forge_reply *reply, const struct error *error)
{
    assert_non_null(error);
    *(struct error *)data = *error;
}

/* Somebody else pushed, or there is no such branch: told after all looks, which take 10 s. */
static void test_what_stays_wrong_is_told(void **state)
{
    static const char sha[] = "0123456789012345678901234567890123456789";
    struct error refused = {0};

    begin("");
    free(pushed_branch(BRANCH));
    paused_ms = 0;
    fixture.forge->functions->open_pull(fixture.forge, "experiment/none", sha, "title", "",
                                        on_refused, &refused);
    CALL(open_pull, BRANCH, sha, "title", "");
    assert_success();
    assert_string_equal(outcome.sha, ask("g.git.tip('" BRANCH "')"));
    assert_int_equal(requests("GET", "/pulls/1$"), 5);
    while (refused.kind == ERROR_NONE)
        uv_run(&fixture.loop, UV_RUN_ONCE);
    assert_int_equal(refused.kind, ERROR_PERMANENT);
    assert_non_null(strstr(refused.message, "does not know branch experiment/none"));
    assert_int_equal(requests("POST", "/pulls$"), 7);
    assert_int_equal(paused_ms, 20000);
}

static void test_list_pages(void **state)
{
    int64_t number;

    begin("dialect='1.15'");
    number = open_pull_of(BRANCH);
    tell("g.make_branch('other')");
    tell("[g.open_pull('other') for i in range(120)]");
    tell("setattr(g, 'null_in_lists', 2)");
    tell("g.open_pull('" BRANCH "', base='other')");
    CALL(list_pulls, BRANCH);
    assert_success();
    assert_int_equal(outcome.reply.pull_count, 2);
    assert_int_equal(outcome.pulls[0].number, number);
    assert_true(outcome.pulls[1].number > number);
    assert_int_equal(requests("GET", "/pulls$"), 3);
}

static void test_list_for_a_bad_token(void **state)
{
    begin("bad_token='empty'");
    make_forge("another-token");
    CALL(list_pulls, BRANCH);
    assert_permanent("forge.token_file");
    assert_true(outcome.reply.unauthorized);
}

static void test_look(void **state)
{
    int64_t number;

    begin("");
    number = open_pull_of(BRANCH);
    tell("g.merge_pull(%" PRId64 ", delete_branch=True)", number);
    CALL(look_pull, number);
    assert_success();
    assert_int_equal(outcome.pulls[0].state, PULL_MERGED);
    CALL(look_pull, 99);
    assert_permanent("no pull request 99");
    tell("g.faults.add('lie', method='GET', path='/pulls/%" PRId64 "$', instead='/version')",
         number);
    CALL(look_pull, number);
    assert_transient("no pull request");
    CALL(close_pull, number); /* a merged one is closed */
    assert_success();
    CALL(close_pull, 99);
    assert_success();
}

static void test_closed_and_opened_again(void **state)
{
    int64_t number;

    begin("");
    number = open_pull_of(BRANCH);
    CALL(reopen_pull, number); /* it is open */
    assert_success();
    CALL(close_pull, number);
    assert_success();
    CALL(reopen_pull, number);
    assert_success();
    CALL(look_pull, number);
    assert_int_equal(outcome.pulls[0].state, PULL_OPEN);
    assert_int_equal(requests("PATCH", "/pulls/"), 3);
    tell("g.merge_pull(%" PRId64 ")", number);
    CALL(reopen_pull, number);
    assert_permanent("already merged");
    assert_true(outcome.reply.this_only);
    CALL(reopen_pull, 99);
    assert_permanent("not found");
}

static void test_edit(void **state)
{
    int64_t number;

    begin("");
    number = open_pull_of(BRANCH);
    tell("g.pulls[%" PRId64 "].__setattr__('body', 'as it was')", number);
    CALL(edit_pull, number, "Another title", NULL);
    assert_success();
    assert_string_equal(ask("g.pulls[%" PRId64 "].title", number), "Another title");
    assert_string_equal(ask("g.pulls[%" PRId64 "].body", number), "as it was");
    CALL(edit_pull, number, NULL, "other words");
    assert_success();
    assert_string_equal(ask("g.pulls[%" PRId64 "].title", number), "Another title");
    assert_string_equal(ask("g.pulls[%" PRId64 "].body", number), "other words");
    CALL(edit_pull, 99, "x", NULL);
    assert_permanent("not found");
}

/* Once, however often it is asked for: where an earlier try may have done it, it is looked first. */
static void test_comment(void **state)
{
    int64_t number;

    begin("");
    number = open_pull_of(BRANCH);
    CALL(comment_pull, number, "It is in *there*.", false);
    assert_success();
    assert_int_equal(requests("GET", "/comments$"), 0);
    CALL(comment_pull, number, "It is in *there*.", true);
    assert_success();
    CALL(comment_pull, number, "It is here.", true);
    assert_success();
    assert_string_equal(ask("[text for who, text in g.pulls[%" PRId64 "].comments]", number),
                        "['It is in *there*.', 'It is here.']");
    tell("g.faults.add(status=403, method='POST', path='/comments$',"
         " body='{\"message\":\"locked\"}')");
    CALL(comment_pull, number, "Once more.", false);
    assert_permanent("takes no comment");
    assert_true(outcome.reply.this_only);
    tell("g.faults.add('reset', method='POST', path='/comments$')");
    CALL(comment_pull, number, "Once more.", false);
    assert_transient("");
}

/* As the forge answers who has no right to pull requests, and who is not their author. */
static void test_refused_without_a_word(void **state)
{
    int64_t number;

    begin("");
    set_list(&fixture.config.forge.labels, fixture.labels, "experiment", NULL);
    make_forge(TOKEN);
    number = open_pull_of(BRANCH);
    tell("g.faults.add(status=403, body='', method='POST', path='/issues/', count=None)");
    tell("g.faults.add(status=403, body='', method='PATCH', path='/pulls/', count=None)");
    CALL(label_pull, number);
    assert_permanent("rights of its user");
    assert_true(outcome.reply.installation);
    CALL(edit_pull, number, NULL, "other words");
    assert_permanent("rights of its user");
    assert_true(outcome.reply.installation);
    CALL(close_pull, number);
    assert_permanent("rights of its user");
    assert_true(outcome.reply.installation);
    assert_false(outcome.reply.unauthorized);
}

static void test_labels_are_cached(void **state)
{
    begin("organisation=True");
    tell("[g.add_label('other-%%d' %% i) for i in range(70)]");
    tell("g.add_label('experiment')");
    tell("g.add_label('speed', organisation=True)");
    set_list(&fixture.config.forge.labels, fixture.labels, "experiment", "speed");
    make_forge(TOKEN);
    open_pull_of(BRANCH);
    open_pull_of("experiment/exp-2");
    CALL(label_pull, 1);
    assert_success();
    assert_int_equal(requests("GET", "/repos/lab/model/labels$"), 2);
    assert_int_equal(requests("GET", "/orgs/lab/labels$"), 1);
    assert_int_equal(requests("POST", "/lab/model/labels$"), 0);
    CALL(label_pull, 2);
    assert_success();
    assert_int_equal(requests("GET", "/labels$"), 3);
    assert_int_equal(requests("POST", "/issues/2/labels$"), 1);
    assert_string_equal(ask("len(g.pulls[2].labels)"), "2");

    /* Deleted and made again under another id: unknown ids are dropped without a word. */
    tell("g.labels.remove([l for l in g.labels if l.name == 'experiment'][0])");
    tell("g.add_label('experiment').id");
    tell("g.pulls[1].labels.clear()");
    CALL(label_pull, 1);
    assert_success();
    assert_string_equal(ask("len(g.pulls[1].labels)"), "2");
    tell("g.faults.add('answer', status=422, method='POST', path='/issues/1/labels$')");
    CALL(label_pull, 1);
    assert_success();
    tell("g.faults.add('answer', status=404, method='POST', path='/issues/1/labels$', count=2)");
    CALL(label_pull, 1);
    assert_permanent("forge.labels");
    assert_true(outcome.reply.installation);
}

static void test_status(void **state)
{
    CLEANUP_FREE char *sha = NULL;

    begin("");
    open_pull_of(BRANCH);
    sha = memory_copy(ask("g.git.tip('" BRANCH "')"));
    for (int i = 0; i < 2; i++) {
        CALL(set_status, 1, sha, "tox -e unit passed in 33.6 s");
        assert_success();
    }
    assert_string_equal(ask("[(s['sha'] == g.git.tip('" BRANCH "'), s['status'], s['context'], "
                            "s['description']) for s in g.statuses][-1]"),
                        "(True, 'success', 'winnowd', 'tox -e unit passed in 33.6 s')");
    CALL(set_status, 1, "0123456789012345678901234567890123456789", "passed");
    assert_permanent("forge.status");
    assert_true(outcome.reply.installation);
    tell("g.permissions.update(push=False)");
    CALL(set_status, 1, sha, "passed");
    assert_permanent("403");
    assert_true(outcome.reply.unauthorized);
}

static void test_labels_may_not_be_created(void **state)
{
    begin("");
    set_list(&fixture.config.forge.labels, fixture.labels, "experiment", NULL);
    fixture.config.forge.create_labels = false;
    make_forge(TOKEN);
    open_pull_of(BRANCH);
    CALL(label_pull, 1);
    assert_permanent("forge.labels: there is no label experiment, and forge.create_labels");
    assert_true(outcome.reply.installation);
    assert_int_equal(requests("POST", "/labels$"), 0);
}

/* Two at once find no label: it is created once. The first one is given up on the way. */
static void test_labels_side_by_side(void **state)
{
    struct operation *first, *second, *third;

    begin("");
    set_list(&fixture.config.forge.labels, fixture.labels, "experiment", "experiment");
    make_forge(TOKEN);
    open_pull_of(BRANCH);
    memset(&outcome, 0, sizeof(outcome));
    first = fixture.forge->functions->label_pull(fixture.forge, 1, on_answer, NULL);
    second = fixture.forge->functions->label_pull(fixture.forge, 1, on_answer, NULL);
    third = fixture.forge->functions->label_pull(fixture.forge, 1, on_answer, NULL);
    assert_non_null(second);
    assert_non_null(third);
    operation_discard(first);
    while (outcome.calls < 2)
        uv_run(&fixture.loop, UV_RUN_ONCE);
    assert_success();
    assert_string_equal(ask("[l.name for l in g.labels]"), "['experiment']");
    assert_int_equal(requests("POST", "/issues/1/labels$"), 2);
}

static void test_nothing_to_do(void **state)
{
    int before;

    begin("");
    before = requests("GET", "");
    CALL(label_pull, 1);
    assert_success();
    CALL(review_pull, 1);
    assert_success();
    assert_int_equal(requests("GET", ""), before);
    assert_int_equal(requests("POST", ""), 0);
}

static void test_reviewers(void **state)
{
    begin("users=('Timmy', 'Bob')");
    open_pull_of(BRANCH);
    set_list(&fixture.config.forge.reviewers, fixture.reviewers, "Nobody", "Timmy");
    CALL(review_pull, 1);
    assert_permanent("forge.reviewers: Nobody cannot be asked for a review");
    assert_true(outcome.reply.installation);
    assert_string_equal(ask("g.pulls[1].reviewers"), "['Timmy']");
    set_list(&fixture.config.forge.reviewers, fixture.reviewers, "winnowd", NULL);
    CALL(review_pull, 1);
    assert_permanent("forge.reviewers: winnowd cannot be asked");
    assert_true(outcome.reply.installation);
    assert_false(outcome.reply.unauthorized);
    set_list(&fixture.config.forge.reviewers, fixture.reviewers, "Bob", NULL);
    tell("g.approve(1, 'Bob')");
    tell("g.close_pull(1)");
    CALL(review_pull, 1);
    assert_permanent("not open any more");
    assert_false(outcome.reply.unauthorized || outcome.reply.installation);
}

/* No experiment is to blame for them. */
static void test_too_many_to_look_through(void **state)
{
    begin("");
    tell("g.faults.add('answer', path='/pulls', status=200, body='[null]', "
         "headers={'X-Total-Count': '20000', "
         "'Content-Type': 'application/json'}, count=None)");
    CALL(list_pulls, BRANCH);
    assert_permanent("more than 10000 open pull requests");
    assert_true(outcome.reply.installation);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_too_many_to_look_through),
        TEST(test_pull_exists),
        TEST(test_lag_not_found),
        TEST(test_lag_no_changes),
        TEST(test_lag_stale_commit),
        TEST(test_lag_empty_repository),
        TEST(test_opened_all_the_same),
        TEST(test_what_stays_wrong_is_told),
        TEST(test_list_pages),
        TEST(test_list_for_a_bad_token),
        TEST(test_look),
        TEST(test_closed_and_opened_again),
        TEST(test_edit),
        TEST(test_comment),
        TEST(test_refused_without_a_word),
        TEST(test_labels_are_cached),
        TEST(test_status),
        TEST(test_labels_may_not_be_created),
        TEST(test_labels_side_by_side),
        TEST(test_nothing_to_do),
        TEST(test_reviewers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

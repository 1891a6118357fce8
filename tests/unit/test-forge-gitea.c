/* Promise: branches and the check of the forge mean the same at a Gitea of either kind. */

/* The Gitea client runs against the stand-in. test_promotion.py has a whole promotion at the older kind. */

#include "gitea-fixture.h"

static void test_whole_life(void **state)
{
    CLEANUP_FREE char *tip = NULL, *sha = NULL;
    int64_t number;

    begin("dialect='1.25', organisation=True, sub_path='/git'");
    set_list(&fixture.config.forge.labels, fixture.labels, "experiment", "speed");
    set_list(&fixture.config.forge.reviewers, fixture.reviewers, "Timmy", "alice");
    make_forge(TOKEN);
    CALL(check);
    assert_success();

    tip = memory_copy(ask("g.git.tip('main')"));
    CALL(create_branch, BRANCH, "refs/heads/main");
    assert_success();
    assert_string_equal(outcome.sha, tip);
    sha = memory_copy(ask("push('" BRANCH "')"));
    CALL(list_pulls, BRANCH);
    assert_success();
    assert_int_equal(outcome.reply.pull_count, 0);
    CALL(open_pull, BRANCH, sha, "experiment: title", "The body <b>\n");
    assert_success();
    assert_int_equal(outcome.reply.pull_count, 1);
    assert_string_equal(outcome.sha, sha);
    assert_int_equal(outcome.pulls[0].state, PULL_OPEN);
    number = outcome.pulls[0].number;

    CALL(label_pull, number);
    assert_success();
    assert_string_equal(ask("sorted(l.name for l in g.pulls[%" PRId64 "].labels)", number),
                        "['experiment', 'speed']");
    CALL(review_pull, number);
    assert_success();
    CALL(review_pull, number);
    assert_success();
    assert_string_equal(ask("sorted(g.pulls[%" PRId64 "].reviewers)", number),
                        "['Alice', 'Timmy']");
    CALL(list_pulls, BRANCH);
    assert_success();
    assert_int_equal(outcome.reply.pull_count, 1);
    assert_int_equal(outcome.pulls[0].number, number);
    CALL(close_pull, number);
    assert_success();
    CALL(look_pull, number);
    assert_success();
    assert_int_equal(outcome.pulls[0].state, PULL_CLOSED);
    assert_string_equal(ask("g.violations('experiment/', 'main', ['" BRANCH "'])"), "[]");
}

static void test_urls(void **state)
{
    CLEANUP_FREE char *expected = NULL;

    begin("");
    expected = memory_format("%s/lab/model.git", fixture.config.forge.url);
    assert_string_equal(fixture.forge->git_url, expected);
    expected[strlen(expected) - 4] = '\0';
    assert_string_equal(fixture.forge->web_url, expected);
    assert_string_equal(fixture.forge->token, TOKEN);
    fixture.config.forge.git_url = (char *)"https://elsewhere/x.git";
    fixture.config.forge.owner = (char *)"a b/c";
    make_forge(TOKEN);
    assert_string_equal(fixture.forge->git_url, "https://elsewhere/x.git");
    assert_non_null(strstr(fixture.forge->web_url, "/a%20b%2Fc/model"));
}

static void branch_refusals(const char *dialect)
{
    begin(dialect);
    CALL(create_branch, BRANCH, "refs/heads/main");
    assert_success();
    CALL(create_branch, BRANCH, "refs/heads/main");
    assert_permanent("exists already");
    assert_true(outcome.reply.conflict);
    CALL(create_branch, BRANCH "/below", "refs/heads/main");
    assert_permanent("stands in its way");
    assert_false(outcome.reply.conflict);
    CALL(create_branch, "experiment/a..b", "refs/heads/main");
    assert_permanent("422");
    fixture.config.forge.base = (char *)"nope";
    CALL(create_branch, "experiment/other", "refs/heads/nope");
    assert_permanent("forge.base");
    fixture.config.forge.base = (char *)"main";
    tell("g.faults.add('locked', method='POST', path='/branches$')");
    CALL(create_branch, "experiment/other", "refs/heads/main");
    assert_transient("database table is locked");
    tell("g.faults.add('double_body', method='POST', path='/branches$', at='after')");
    CALL(create_branch, "experiment/double", "refs/heads/main");
    assert_transient("no JSON");
    tell("g.archive()");
    CALL(create_branch, "experiment/other", "refs/heads/main");
    assert_permanent("archived");
}

static void test_branch_refusals_old(void **state)
{
    branch_refusals("dialect='1.15'");
}

static void test_branch_refusals_new(void **state)
{
    branch_refusals("dialect='1.25'");
}

static void test_blocked_prefix(void **state)
{
    begin("");
    tell("g.make_branch('experiment')");
    CALL(create_branch, BRANCH, "refs/heads/main");
    assert_permanent("forge.branch_prefix");
    assert_false(outcome.reply.conflict);
    CALL(check);
    assert_permanent("forge.branch_prefix: a branch experiment exists");
}

static void test_faults_are_transient(void **state)
{
    static const char *const faults[] = {
        "'locked'", "'bad_gateway'", "'reset'",       "'close'",
        "'cut'",    "'garbage'",     "'double_body'", "'hang', seconds=1, then='close'",
    };
    int64_t number;

    begin("");
    number = open_pull_of(BRANCH);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        tell("g.faults.add(%s, method='GET', path='/pulls/', count=None)", faults[i]);
        CALL(look_pull, number);
        if (!outcome.failed)
            fail_msg("no error: %s", faults[i]);
        assert_transient("/pulls/");
        assert_int_equal(outcome.reply.retry_after_ms, -1);
        tell("g.faults.clear()");
    }
    tell("g.faults.add('too_many', path='/pulls/')");
    CALL(look_pull, number);
    assert_transient("slow down");
    assert_int_equal(outcome.reply.retry_after_ms, 1000);
    tell("g.faults.add('answer', status=500, body='{\"message\":\"" TOKEN "\"}')");
    CALL(look_pull, number);
    assert_transient("500: ***");
    tell("g.down()");
    CALL(look_pull, number);
    assert_transient("127.0.0.1");
}

static void test_bad_tokens(void **state)
{
    static const char *const moods[] = {
        "dialect='1.15', bad_token='404'",
        "dialect='1.15', bad_token='empty'",
        "dialect='1.25', bad_token='401'",
        "dialect='1.25', private=False",
    };

    for (size_t i = 0; i < sizeof(moods) / sizeof(moods[0]); i++) {
        begin(moods[i]);
        make_forge("another-token");
        CALL(check);
        assert_permanent("forge.token_file");
        assert_true(outcome.reply.unauthorized);
        CALL(create_branch, BRANCH, "refs/heads/main");
        assert_permanent("token");
        assert_true(outcome.reply.unauthorized);
        /* Gone it seems, but it is not to be taken for gone. */
        CALL(close_pull, 1);
        assert_permanent("token");
        assert_true(outcome.reply.unauthorized);
        assert_int_equal(end(NULL), 0);
    }
}

/* What every promotion would meet at its end. */
static void test_check_asks_for_readers_and_labels(void **state)
{
    begin("organisation=True");
    tell("g.add_user('Bob', collaborator=False)");
    set_list(&fixture.config.forge.reviewers, fixture.reviewers, "Bob", NULL);
    CALL(check);
    assert_permanent("forge.reviewers: Bob may not read the repository lab/model");
    /* The list lacks the forge's administrators, who may read everything. */
    tell("setattr(g.users['bob'], 'administrator', True)");
    CALL(check);
    assert_success();
    tell("g.add_user('Bob')");
    tell("g.add_user('lab')");
    set_list(&fixture.config.forge.reviewers, fixture.reviewers, "lab", NULL);
    CALL(check);
    assert_permanent("forge.reviewers: lab is an organisation");
    set_list(&fixture.config.forge.reviewers, fixture.reviewers, "Bob", NULL);
    fixture.config.forge.create_labels = false;
    set_list(&fixture.config.forge.labels, fixture.labels, "no-such", NULL);
    CALL(check);
    assert_permanent("forge.labels: there is no label no-such, and forge.create_labels");
    /* All of it at once, in one sentence. */
    set_list(&fixture.config.forge.reviewers, fixture.reviewers, "Nobody", "lab");
    fixture.config.forge.base = (char *)"nope";
    CALL(check);
    assert_permanent("forge.base: the repository lab/model has no branch nope; forge.reviewers: "
                     "there is no user Nobody at the forge; forge.reviewers: lab is an "
                     "organisation, which cannot review; forge.labels: there is no label no-such");
    set_list(&fixture.config.forge.reviewers, fixture.reviewers, "Bob", NULL);
    fixture.config.forge.base = (char *)"main";
    tell("g.add_label('no-such', organisation=True)");
    CALL(check);
    assert_success();
}

static void test_check_names_the_key(void **state)
{
    begin("");
    set_list(&fixture.config.forge.reviewers, fixture.reviewers, "Timmy", "Nobody");
    CALL(check);
    assert_permanent("forge.reviewers: there is no user Nobody");
    tell("g.faults.add('answer', path='/users/Timmy$', status=301, body='', "
         "headers={'Location': '/api/v1/users/Tim'})");
    CALL(check);
    assert_permanent("forge.reviewers: Timmy has another name at the forge now; forge.reviewers: "
                     "there is no user Nobody");
    set_list(&fixture.config.forge.reviewers, fixture.reviewers, "WINNOWD", NULL);
    CALL(check);
    assert_permanent("forge.reviewers: WINNOWD is the token's own user");
    set_list(&fixture.config.forge.reviewers, fixture.reviewers, NULL, NULL);
    fixture.config.forge.base = (char *)"nope";
    CALL(check);
    assert_permanent("forge.base: the repository lab/model has no branch nope");
    fixture.config.forge.base = (char *)"main";
    tell("g.permissions.update(push=False)");
    CALL(check);
    assert_permanent("may not be pushed to");
    tell("g.permissions.update(push=True)");
    tell("g.archive()");
    CALL(check);
    assert_permanent("is archived");
    tell("g.archive(False)");
    tell("g.rename('renamed')");
    CALL(check);
    assert_permanent("moved to /api/v1/repos/lab/renamed");
    CALL(look_pull, 1); /* not to be taken for gone */
    assert_permanent("moved to /api/v1/repos/lab/renamed/pulls/1");
    assert_true(outcome.reply.unauthorized);
    tell("g.delete_repository()");
    CALL(check);
    assert_permanent("forge.owner");
    assert_false(outcome.reply.unauthorized);
    CALL(look_pull, 1);
    assert_permanent("forge.owner");
    assert_true(outcome.reply.unauthorized);
    fixture.config.forge.url[strlen(fixture.config.forge.url) - 1] ^= 1; /* another port */
    make_forge(TOKEN);
    CALL(check);
    assert_transient("127.0.0.1");
}

static void test_check_of_another_server(void **state)
{
    CLEANUP_FREE char *whole = NULL;

    begin("sub_path='/git'");
    whole = fixture.config.forge.url;
    fixture.config.forge.url = memory_copy_bytes(whole, strlen(whole) - 4);
    make_forge(TOKEN);
    CALL(check);
    assert_permanent("forge.url");
}

/* As a proxy has it while the forge is replaced. */
static void test_check_at_a_page(void **state)
{
    begin("");
    tell("g.faults.add('answer', path='/version$', status=405, body='<title>Soon back</title>')");
    CALL(check);
    assert_transient("Soon back");
}

static void test_scopes(void **state)
{
    begin("scopes=['read:repository', 'read:issue']");
    set_list(&fixture.config.forge.labels, fixture.labels, "experiment", NULL);
    make_forge(TOKEN);
    CALL(check);
    assert_permanent("write:repository");
    assert_true(outcome.reply.unauthorized);
    CALL(create_branch, BRANCH, "refs/heads/main");
    assert_permanent("write:repository");
    assert_true(outcome.reply.unauthorized);
    CALL(label_pull, 1);
    assert_permanent("write:issue");
    tell("g.server.api.scopes.__setitem__(0, 'write:repository')");
    CALL(check);
    assert_permanent("write:issue");
    set_list(&fixture.config.forge.labels, fixture.labels, NULL, NULL);
    CALL(check); /* comments need it, too */
    assert_permanent("write:issue");
}

/* A right that is not needed is no fault: it is said that nobody looked at it. */
static void test_what_cannot_be_checked(void **state)
{
    begin("organisation=True, scopes=['write:repository', 'write:issue']");
    set_list(&fixture.config.forge.labels, fixture.labels, "experiment", NULL);
    set_list(&fixture.config.forge.reviewers, fixture.reviewers, "Timmy", NULL);
    make_forge(TOKEN);
    CALL(check);
    assert_success();
    assert_non_null(strstr(outcome.unchecked, "read:user"));
    assert_non_null(strstr(outcome.unchecked, "read:organization"));
    tell("g.server.api.scopes.extend(['read:user', 'read:organization'])");
    CALL(check);
    assert_success();
    assert_string_equal(outcome.unchecked, "");
}

static void test_a_page_is_not_the_forges_word(void **state)
{
    static const char *const pages[] = {
        "status=403, body='<html><head><title>Are you a bot?</title></head></html>'",
        "status=404, body='404 page not found'",
        "status=404, body=''",
        "status=403, body=''",
        "status=401, body='{\"error\": \"sign in\"}'",
    };
    int64_t number;

    begin("");
    number = open_pull_of(BRANCH);
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        tell("g.faults.add('answer', path='/pulls/', count=None, %s)", pages[i]);
        CALL(look_pull, number);
        assert_transient("not by the forge");
        assert_false(outcome.reply.gone);
        CALL(close_pull, number);
        assert_transient("not by the forge");
        tell("g.faults.clear()");
    }
    CALL(look_pull, 99);
    assert_permanent("there is no pull request 99");
    assert_true(outcome.reply.gone);
    tell("g.turn_pulls(False)");
    CALL(look_pull, number);
    assert_permanent("are out of reach");
    assert_false(outcome.reply.gone);
    assert_true(outcome.reply.unauthorized);
    CALL(close_pull, number);
    assert_permanent("are out of reach");
    CALL(check);
    assert_permanent("pull requests turned off");
}

/* Two exclusive labels of one scope, and one that is written with other letters. */
static void test_labels_that_are_there(void **state)
{
    begin("");
    tell("g.add_label('size/small', exclusive=True)");
    tell("g.add_label('size/large', exclusive=True)");
    tell("g.add_label('Experiment')");
    set_list(&fixture.config.forge.labels, fixture.labels, "size/small", "size/large");
    make_forge(TOKEN);
    open_pull_of(BRANCH);
    CALL(check);
    assert_permanent("forge.labels: size/small and size/large exclude each other");
    CALL(label_pull, 1);
    assert_permanent("forge.labels: size/small and size/large exclude each other");
    assert_true(outcome.reply.installation);
    set_list(&fixture.config.forge.labels, fixture.labels, "experiment", "size/small");
    CALL(check);
    assert_success();
    CALL(label_pull, 1);
    assert_success();
    assert_string_equal(ask("sorted(l.name for l in g.pulls[1].labels)"),
                        "['Experiment', 'size/small']");
    assert_int_equal(requests("POST", "/lab/model/labels$"), 0);
}

static void test_lagging_base(void **state)
{
    begin("");
    tell("g.faults.add('answer', status=404, path='/branches/main$', count=2)");
    CALL(check);
    assert_success();
}

/* Nothing fires, leaks or is waited for, wherever a call was. */
static void test_discard(void **state)
{
    const struct forge_functions *functions;
    struct operation *operations[5];

    begin("");
    set_list(&fixture.config.forge.labels, fixture.labels, "experiment", NULL);
    make_forge(TOKEN);
    functions = fixture.forge->functions;
    tell("g.faults.add('hang', seconds=5, path='/(user|pulls|labels)$', count=None)");
    memset(&outcome, 0, sizeof(outcome));
    operations[0] = functions->check(fixture.forge, on_answer, NULL);
    operations[1] = functions->list_pulls(fixture.forge, BRANCH, on_answer, NULL);
    operations[2] = functions->label_pull(fixture.forge, 1, on_answer, NULL);
    operations[3] = functions->label_pull(fixture.forge, 2, on_answer, NULL);
    operations[4] = functions->review_pull(fixture.forge, 1, on_answer, NULL);
    operation_clear(&operations[4]);
    while (requests("GET", "/user$") == 0)
        uv_run(&fixture.loop, UV_RUN_NOWAIT);
    for (int i = 0; i < 4; i++)
        operation_clear(&operations[i]);
    assert_int_equal(outcome.calls, 0);
}

static void test_tokens_that_cannot_be(void **state)
{
    struct error error = {0};
    struct forge *forge;

    begin("");
    assert_int_equal(forge_new(&forge, &fixture.loop, &fixture.config, fixture.http, NULL, &error),
                     -1);
    assert_int_equal(error.kind, ERROR_PERMANENT);
    assert_int_equal(
        forge_new(&forge, &fixture.loop, &fixture.config, fixture.http, "two\r\nlines", &error),
        -1);
    assert_null(strstr(error.message, "two"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_whole_life),
        TEST(test_urls),
        TEST(test_branch_refusals_old),
        TEST(test_branch_refusals_new),
        TEST(test_blocked_prefix),
        TEST(test_faults_are_transient),
        TEST(test_bad_tokens),
        TEST(test_check_names_the_key),
        TEST(test_check_asks_for_readers_and_labels),
        TEST(test_check_of_another_server),
        TEST(test_check_at_a_page),
        TEST(test_scopes),
        TEST(test_what_cannot_be_checked),
        TEST(test_a_page_is_not_the_forges_word),
        TEST(test_labels_that_are_there),
        TEST(test_lagging_base),
        TEST(test_discard),
        TEST(test_tokens_that_cannot_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

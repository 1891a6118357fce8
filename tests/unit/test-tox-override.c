/* Promise: variables reach the tests of tox 4 in each layout of a project, and none that an environment passes is lost. */

#include "common/memory.h"
#include "daemon/validation/tox-override.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WORDS_MOST 8
#define EVERYWHERE "testenv.pass_env+=A;env_run_base.pass_env+=A;tool.tox.env_run_base.pass_env+=A"
#define UNIT       "testenv:unit.pass_env+=A;env.unit.pass_env+=A;tool.tox.env.unit.pass_env+=A;"

#define TOX "tox", "-e", "unit"

static const struct row {
    const char *settings;
    const char *override;
    const char *command[WORDS_MOST];
} rows[] = {
    /* Nothing is passed on: wherever an environment may look. */
    {"", UNIT EVERYWHERE, {TOX}},
    {"", EVERYWHERE, {"tox"}},
    {"", EVERYWHERE, {"make", "unit", "-e", "unit"}},
    {"", EVERYWHERE, {"tox", "--", "-e", "unit"}},
    {"", UNIT EVERYWHERE, {"hatch", "-e", "other", "run", "tox", "-eunit"}},
    {"", UNIT EVERYWHERE, {"tox", "-e", ",unit,;"}},
    {"", UNIT EVERYWHERE, {"tox", "-re", "unit"}},
    {"", UNIT EVERYWHERE, {"tox", "run", "-vvqeunit"}},
    {"", EVERYWHERE, {"tox", "-ce", "unit"}}, /* a file of that name */
    {"[testenv:unit]\ncommands = pass_env\n",
     "testenv:unit.pass_env+=A;env.unit.pass_env+=A;tool.tox.env.unit.pass_env+=A;" EVERYWHERE,
     {TOX}},
    {"[testenv:other]\n", "testenv:other.pass_env+=A;" EVERYWHERE, {"tox"}},
    /* What all inherit: what has none of its own must not get one. */
    {"[testenv]\npass_env = X\n[testenv:unit]\n", "testenv.pass_env+=A", {TOX}},
    {"[testenv]\r\npassenv:X\r\n", "testenv.passenv+=A", {TOX}},
    {"[common]\npassenv = X\n[testenv:unit]\nbase = common\n", "common.passenv+=A", {TOX}},
    {"[env_run_base]\n  pass_env=[]\n[env.unit]\n", "env_run_base.pass_env+=A", {TOX}},
    {"[tool.tox]\nenv_run_base.pass_env = []\nx = 1\n", "tool.tox.env_run_base.pass_env+=A", {TOX}},
    {"[tool.tox]\nlegacy_tox_ini = '''\n[testenv]\npassenv = X", "testenv.passenv+=A", {TOX}},
    /* One's own. */
    {"[testenv]\npassenv = X\n[testenv:unit]\npass_env = X\n",
     "testenv.passenv+=A;testenv:unit.pass_env+=A",
     {TOX}},
    {"[testenv:unit]\npassenv = X\n",
     "testenv:unit.passenv+=A;env.unit.pass_env+=A;tool.tox.env.unit.pass_env+=A;" EVERYWHERE,
     {TOX}},
    {"[env.\"py3.11\"]\npass_env = []\n", "env.py3.11.pass_env+=A;" EVERYWHERE, {"tox"}},
    {"env.unit.pass_env = []\n", "env.unit.pass_env+=A;" EVERYWHERE, {"tox"}},
    /* Several at once. */
    {"[testenv]\npass_env = X\n[testenv:{unit,b}]\npassenv = X\n",
     "testenv.pass_env+=A;testenv:{unit,b}.passenv+=A;"
     "testenv:unit.passenv+=A;env.unit.passenv+=A;tool.tox.env.unit.passenv+=A",
     {TOX}},
    /* What is none. */
    {"[testenv]\n# pass_env = X\n pass_env = X\npass_envs = X\nxpass_env = X\npass_env\n[x\n",
     EVERYWHERE,
     {"tox"}},
    {"pass_env = X\n[testenv:a;b]\npass_env = X\n[a=b]\npass_env = X\n", EVERYWHERE, {"tox"}},
    {"[testenv]\n[]\npass_env = X", EVERYWHERE, {"tox"}},
};

static char *override_of(const struct row *row, const char *const *names)
{
    struct config_list command = {.items = (char **)(uintptr_t)row->command};

    while (row->command[command.count])
        command.count++;
    return tox_override(row->settings, &command, names);
}

static void test_one(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CLEANUP_FREE char *override = override_of(&rows[i], (const char *const[]){"A", NULL});

        assert_string_equal(override, rows[i].override);
    }
    (void)state;
}

static void test_two(void **state)
{
    const struct row row = {"[testenv]\npass_env = X\n", "", {"tox"}};
    CLEANUP_FREE char *override = override_of(&row, (const char *const[]){"A", "B", NULL});

    assert_string_equal(override, "testenv.pass_env+=A;testenv.pass_env+=B;testenv.pass_env+=A,B");
    (void)state;
}

/* A process cannot be started with a larger variable. */
static void test_bounded(void **state)
{
    enum { SECTIONS = 4000 };
    static const char section[] = "[testenv:a]\npass_env = X\n";
    CLEANUP_FREE char *settings = memory_new_array(SECTIONS * sizeof(section), 1);
    const struct row row = {settings, "", {"tox"}};
    CLEANUP_FREE char *override = NULL;

    for (size_t i = 0; i < SECTIONS; i++)
        memcpy(settings + i * strlen(section), section, strlen(section));
    override = override_of(&row, (const char *const[]){"A", "B", NULL});
    assert_true(strlen(override) < 70000);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one),
        cmocka_unit_test(test_two),
        cmocka_unit_test(test_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

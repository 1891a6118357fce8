/* Promise: an error says whether it may pass, in a sentence. */

#include "common/error.h"

#include "common/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_set(void **state)
{
    struct error error = {0};

    assert_int_equal(error_set(&error, ERROR_TRANSIENT, "port %d is closed", 3000), -1);
    assert_int_equal(error.kind, ERROR_TRANSIENT);
    assert_string_equal(error.message, "port 3000 is closed");
}

static void test_wrap(void **state)
{
    struct error error;

    error_set(&error, ERROR_PERMANENT, "no such file");
    assert_int_equal(error_wrap(&error, "cannot read %s", "a"), -1);
    assert_int_equal(error.kind, ERROR_PERMANENT);
    assert_string_equal(error.message, "cannot read a: no such file");
}

/* What a caller treats apart stays beside the sentence, however that is wrapped. */
static void test_a_key(void **state)
{
    struct error error;

    assert_int_equal(error_set_key(&error, ERROR_PERMANENT, "forge.base", "no %s", "branch"), -1);
    error.installation = error.needless = true;
    error_wrap(&error, "now");
    assert_string_equal(error.message, "now: forge.base: no branch");
    assert_string_equal(error.key, "forge.base");
    assert_true(error.installation && error.needless);
    error_wrap_key(&error, "sources");
    assert_string_equal(error.message, "sources: now: forge.base: no branch");
    assert_string_equal(error.key, "sources");
    error_set(&error, ERROR_TRANSIENT, "another");
    assert_null(error.key);
    assert_false(error.installation || error.needless);
}

static void test_own_message_as_argument(void **state)
{
    struct error error;

    error_set(&error, ERROR_BUG, "inner");
    error_set(&error, ERROR_BUG, "outer (%s)", error.message);
    assert_string_equal(error.message, "outer (inner)");
}

static void test_places(void **state)
{
    static const struct {
        uint64_t line;
        unsigned column;
        const char *message;
    } rows[] = {
        {3, 5, "line 3, column 5: a sentence"},
        {UINT64_MAX, 0, "line 18446744073709551615: a sentence"},
        {0, 0, "a sentence"},
    };
    struct error error;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(error_set_at(&error, rows[i].line, rows[i].column, "a %s", "sentence"),
                         -1);
        assert_string_equal(error.message, rows[i].message);
        assert_string_equal(error.message + error.sentence, "a sentence");
        assert_int_equal(error.line, rows[i].line);
        assert_int_equal(error.column, rows[i].column);
    }
}

/* Two bytes a character: the limit falls into the middle of one for one of the two lengths. */
static void test_cut_between_characters(void **state)
{
    char umlauts[2 * 600 + 1] = "";
    struct error error;

    for (size_t i = 0; i < 600; i++)
        strcat(umlauts, "\xc3\xa4");
    for (int i = 0; i < 2; i++) {
        error_set(&error, ERROR_BUG, "%s%s", i > 0 ? "x" : "", umlauts);
        assert_true(utf8_valid(error.message, strlen(error.message), NULL));
        assert_in_range(strlen(error.message), sizeof(error.message) - 2,
                        sizeof(error.message) - 1);
        assert_null(strchr(error.message, '?'));
    }
}

static void test_foreign_bytes(void **state)
{
    struct error error;

    error_set(&error, ERROR_BUG, "git said \xff\xc0\xafx");
    assert_string_equal(error.message, "git said ???x");
    error_set(&error, ERROR_BUG, "git said \xe2\x82");
    assert_string_equal(error.message, "git said ??");
}

static void test_kind_names(void **state)
{
    assert_string_equal(error_kind_name(ERROR_NONE), "none");
    assert_string_equal(error_kind_name(ERROR_TRANSIENT), "transient");
    assert_string_equal(error_kind_name(ERROR_PERMANENT), "permanent");
    assert_string_equal(error_kind_name(ERROR_BUG), "bug");
}

static void test_kind_of_errno(void **state)
{
    static const int passing[] = {EMFILE, ENFILE, ENOMEM, ENOSPC, EDQUOT, EAGAIN,
                                  EINTR,  EIO,    ESTALE, EROFS,  EBUSY,  ETIMEDOUT};
    static const int lasting[] = {ENOENT, EACCES, EPERM,        ENOTDIR, EISDIR,
                                  ELOOP,  ENXIO,  ENAMETOOLONG, EEXIST,  EINVAL};

    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
        assert_int_equal(error_kind_of_errno(passing[i]), ERROR_TRANSIENT);
    for (size_t i = 0; i < sizeof(lasting) / sizeof(lasting[0]); i++)
        assert_int_equal(error_kind_of_errno(lasting[i]), ERROR_PERMANENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set),           cmocka_unit_test(test_wrap),
        cmocka_unit_test(test_a_key),         cmocka_unit_test(test_own_message_as_argument),
        cmocka_unit_test(test_places),        cmocka_unit_test(test_cut_between_characters),
        cmocka_unit_test(test_foreign_bytes), cmocka_unit_test(test_kind_names),
        cmocka_unit_test(test_kind_of_errno),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

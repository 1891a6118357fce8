/* Promise: a secret is hidden in all that is said, in each form in which it travels. */

#include "common/secret.h"

#include "common/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TOKEN "0f1e2d3c4b5a69788796a5b4c3d2e1f001122334"

static int forget(void **state)
{
    secret_clear();
    return 0;
}

static void assert_scrubbed(const char *string, const char *expected)
{
    CLEANUP_FREE char *copy = memory_copy(string);

    secret_scrub(copy);
    assert_string_equal(copy, expected);
}

static void test_nothing_known(void **state)
{
    assert_scrubbed("token " TOKEN, "token " TOKEN);
    assert_scrubbed("", "");
}

static void test_itself(void **state)
{
    secret_add(TOKEN);
    assert_scrubbed("a " TOKEN " b " TOKEN, "a **************************************** b "
                                            "****************************************");
    assert_scrubbed(TOKEN "x", "****************************************x");
    assert_scrubbed("no secret here", "no secret here");
}

static void test_bytes_with_nul(void **state)
{
    char bytes[] = "x\0abcd\0y";

    secret_add("abcd");
    secret_scrub_bytes(bytes, sizeof(bytes));
    assert_memory_equal(bytes, "x\0****\0y", sizeof(bytes));
}

/* "user:secret" for users of one to six letters, so that every alignment occurs; as python3's base64
 * module writes it. At most the two characters that the neighbours have a part in may stay. */
static void test_basic_authentication(void **state)
{
    static const char *const encoded[] = {
        "dzpzM2NyZXQrdG9rZW4vdmFsdWU=",     "d2k6czNjcmV0K3Rva2VuL3ZhbHVl",
        "d2luOnMzY3JldCt0b2tlbi92YWx1ZQ==", "d2lubjpzM2NyZXQrdG9rZW4vdmFsdWU=",
        "d2lubm86czNjcmV0K3Rva2VuL3ZhbHVl", "d2lubm93OnMzY3JldCt0b2tlbi92YWx1ZQ==",
    };

    secret_add("s3cret+token/value");
    for (size_t i = 0; i < sizeof(encoded) / sizeof(encoded[0]); i++) {
        CLEANUP_FREE char *copy = memory_copy(encoded[i]);
        size_t stars = 0;

        secret_scrub(copy);
        for (const char *at = copy; *at != '\0'; at++)
            stars += *at == '*';
        assert_true(stars >= 23);
    }
}

static void test_basic_authentication_without_user(void **state)
{
    secret_add("s3cret+token/value");
    assert_scrubbed("Basic OnMzY3JldCt0b2tlbi92YWx1ZQ== x", "Basic **************************== x");
}

static void test_percent(void **state)
{
    secret_add("a b/c?d");
    assert_scrubbed("https://x:a%20b%2Fc%3Fd@host/", "https://x:*************@host/");
}

/* Whichever is added first: no end of the longer one is left over. */
static void test_one_inside_another(void **state)
{
    secret_add("abcd");
    secret_add("abcdefgh");
    assert_scrubbed("abcdefgh abcd", "******** ****");
    secret_clear();
    secret_add("abcdefgh");
    secret_add("abcd");
    assert_scrubbed("abcdefgh abcd", "******** ****");
}

static void test_too_short(void **state)
{
    secret_add("");
    secret_add("abc");
    assert_scrubbed("abc", "abc");
}

/* Reading the configuration again adds the same token again. */
static void test_same_again(void **state)
{
    for (int i = 0; i < 100; i++)
        secret_add(TOKEN);
    for (char i = 0; i < 7; i++) {
        char other[] = "another?";

        other[7] = (char)('0' + i);
        secret_add(other);
    }
    assert_scrubbed("another0 another6", "******** ********");
}

static void test_clear(void **state)
{
    secret_add(TOKEN);
    secret_clear();
    assert_scrubbed(TOKEN, TOKEN);
    secret_clear();
}

static void test_wipe(void **state)
{
    char buffer[8] = "secret";

    secret_wipe(buffer, sizeof(buffer));
    assert_memory_equal(buffer, "\0\0\0\0\0\0\0", sizeof(buffer));
    secret_wipe(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_nothing_known, forget),
        cmocka_unit_test_teardown(test_itself, forget),
        cmocka_unit_test_teardown(test_bytes_with_nul, forget),
        cmocka_unit_test_teardown(test_basic_authentication, forget),
        cmocka_unit_test_teardown(test_basic_authentication_without_user, forget),
        cmocka_unit_test_teardown(test_percent, forget),
        cmocka_unit_test_teardown(test_one_inside_another, forget),
        cmocka_unit_test_teardown(test_too_short, forget),
        cmocka_unit_test_teardown(test_same_again, forget),
        cmocka_unit_test_teardown(test_clear, forget),
        cmocka_unit_test(test_wipe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

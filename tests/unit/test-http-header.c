/* Promise: header fields mean what they say, and no server breaks a bound with them. */

/* Some are as servers write them, others as nobody should. */

#include "common/http-header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define NOW ((int64_t)1769832306) /* Sat, 31 Jan 2026 04:05:06 GMT */
#define DAY 86400000

static int64_t retry_after(const char *value)
{
    return http_retry_after(value, NOW);
}

static void test_retry_after_in_both_forms(void **state)
{
    assert_int_equal(retry_after("7"), 7000);
    assert_int_equal(retry_after("0"), 0);
    assert_int_equal(retry_after("86399"), DAY - 1000);
    assert_int_equal(retry_after("86401"), DAY);
    assert_int_equal(retry_after("99999999999999999999999"), DAY);
    assert_int_equal(retry_after("Sat, 31 Jan 2026 04:06:46 GMT"), 100000);
    assert_int_equal(retry_after("Saturday, 31-Jan-26 04:06:46 GMT"), 100000);
    assert_int_equal(retry_after("Sat Jan 31 04:06:46 2026"), 100000);
    assert_int_equal(retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), 0);
    assert_int_equal(retry_after("Sat, 21 Oct 2090 07:28:00 GMT"), DAY);
    assert_int_equal(retry_after("soon"), -1);
    assert_int_equal(retry_after("-5"), -1);
    assert_int_equal(retry_after("7 s"), -1);
    assert_int_equal(retry_after(""), -1);
    assert_int_equal(retry_after(NULL), -1);
}

static void test_paging(void **state)
{
    assert_true(http_link_has_next("<http://h/?page=2>; rel=\"next\",<http://h/>; rel=\"last\""));
    assert_true(
        http_link_has_next("<http://h/?a=1,2;rel=x>; title=\"a, \\\"b\"; REL=\"last  Next\""));
    assert_true(http_link_has_next("<x>;rel=first , <y> ; rel = next"));
    assert_false(http_link_has_next("<http://h/?page=1>; rel=\"first\",<http://h/>; rel=\"prev\""));
    assert_false(http_link_has_next("<http://h/;rel=next>; rel=last"));
    assert_false(http_link_has_next("<x>; rel=nextish"));
    assert_false(http_link_has_next("<x>; rel=nex"));
    assert_false(http_link_has_next("<x>; title=\"rel=next; rel=next\""));
    assert_false(http_link_has_next("<x>; xrel=next"));
    assert_false(http_link_has_next("<x>; rel"));
    assert_false(http_link_has_next("<x>; rel=\"nex"));
    assert_false(http_link_has_next("<x; rel=next"));
    assert_false(http_link_has_next("rel=next"));
    assert_false(http_link_has_next("<>;;;,,<>"));
    assert_false(http_link_has_next(""));
}

static void test_counts_are_digits(void **state)
{
    assert_int_equal(http_count("123"), 123);
    assert_int_equal(http_count("0"), 0);
    assert_int_equal(http_count("1000000000000000000"), 1000000000000000000);
    assert_int_equal(http_count("99999999999999999999"), -1);
    assert_int_equal(http_count("12a"), -1);
    assert_int_equal(http_count("-1"), -1);
    assert_int_equal(http_count(""), -1);
    assert_int_equal(http_count(NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retry_after_in_both_forms),
        cmocka_unit_test(test_paging),
        cmocka_unit_test(test_counts_are_digits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Promise: header fields mean what they say, and no server breaks a bound with them. */

/*
 * Header fields as servers write them, and as they should not.
 */

#include "common/http-header.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW ((int64_t)1769832306) /* Sat, 31 Jan 2026 04:05:06 GMT */
#define DAY 86400000

static struct http_headers headers;

static void take(const char *line)
{
    http_headers_add(&headers, line, strlen(line), NOW);
}

static int64_t retry_after(const char *value)
{
    char line[128];

    snprintf(line, sizeof(line), "retry-after: \t%s \r\n", value);
    http_headers_reset(&headers);
    take(line);
    return headers.retry_after_ms;
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

static void test_several_links_are_one(void **state)
{
    http_headers_reset(&headers);
    take("Link: <x>; rel=last\r\n");
    assert_false(headers.has_next);
    take("Link: <y>; rel=next\r\n");
    take("Link: <z>; rel=first\r\n");
    assert_true(headers.has_next);
}

static int64_t total_count(const char *line)
{
    http_headers_reset(&headers);
    take(line);
    return headers.total_count;
}

static void test_counts_are_digits(void **state)
{
    assert_int_equal(total_count("X-Total-Count: 123"), 123);
    assert_int_equal(total_count("x-total-count:0\r\n"), 0);
    assert_int_equal(total_count("X-Total-Count: 1000000000000000000"), 1000000000000000000);
    assert_int_equal(total_count("X-Total-Count: 99999999999999999999"), -1);
    assert_int_equal(total_count("X-Total-Count: 12a"), -1);
    assert_int_equal(total_count("X-Total-Count: -1"), -1);
    assert_int_equal(total_count("X-Total-Count:"), -1);
    assert_int_equal(total_count("X-Total-Counts: 1"), -1);
}

static void test_location_is_text(void **state)
{
    http_headers_reset(&headers);
    take("Location: /first\r\n");
    take("Location: /x\377\r\n");
    assert_string_equal(headers.location, "/x\xef\xbf\xbd");
    take("no colon at all");
    take("");
    http_headers_reset(&headers);
    assert_null(headers.location);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retry_after_in_both_forms), cmocka_unit_test(test_paging),
        cmocka_unit_test(test_several_links_are_one),     cmocka_unit_test(test_counts_are_digits),
        cmocka_unit_test(test_location_is_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

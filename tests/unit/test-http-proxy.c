/* Promise: what is private goes through no proxy, and no secret goes through one that could read it. */

#include "common/http-proxy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void check(const char *const *hosts, bool private)
{
    char url[200];

    for (; *hosts; hosts++) {
        snprintf(url, sizeof url, "https://%s:3000/a/b", *hosts);
        if (http_proxy_passed_by(url, false) != private ||
            http_proxy_passed_by(url, true) != private)
            fail_msg("%s is taken for %s", *hosts, private ? "public" : "private");
        snprintf(url, sizeof url, "http://%s", *hosts);
        if (http_proxy_passed_by(url, false) != private || !http_proxy_passed_by(url, true))
            fail_msg("%s over plain http", *hosts);
    }
}

static void test_private_hosts(void **state)
{
    static const char *const hosts[] = {
        "localhost",
        "LOCALHOST",
        "localhost.",
        "gitea.localhost",
        "gitea",
        "gitea.",
        "gitea.lan",
        "GITEA.LAN",
        "a.b.home.arpa",
        "gitea.internal",
        "printer.local",
        "x.corp",
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "2130706433",
        "0x7f000001",
        "10.255.255.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "169.254.1.1",
        "100.64.0.1",
        "100.127.255.255",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[fd12:3456::1]",
        "[fc00::1]",
        "[::ffff:10.0.0.1]",
        "[::ffff:127.0.0.1]",
        NULL,
    };

    (void)state;
    check(hosts, true);
}

static void test_public_hosts(void **state)
{
    static const char *const hosts[] = {
        "git.example.org",
        "git.example.org.",
        "localhost.example.org",
        "lan.example.org",
        "notlocal.xlan",
        "mylan.de",
        "internal.net",
        "128.0.0.1",
        "11.0.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.169.0.1",
        "100.63.0.1",
        "100.128.0.1",
        "169.253.1.1",
        "8.8.8.8",
        "[2001:db8::1]",
        "[fe00::1]",
        "[::ffff:8.8.8.8]",
        NULL,
    };

    (void)state;
    check(hosts, false);
}

static void test_other_secrets(void **state)
{
    (void)state;
    assert_true(http_proxy_passed_by("http://me:secret@git.example.org/", false));
    assert_false(http_proxy_passed_by("https://me:secret@git.example.org/", false));
    assert_true(http_proxy_passed_by("no URL at all", false));
    assert_true(http_proxy_passed_by("", true));
}

/* Public hosts that no_proxy names, and those that it does not. */
static void test_no_proxy(void **state)
{
    static const struct {
        const char *no_proxy, *url;
        bool passed_by;
    } cases[] = {
        {"git.example.org", "https://git.example.org/x", true},
        {"git.example.org", "https://GIT.example.org./x", true},
        {"other.org, git.example.org:3000", "https://git.example.org:3000/x", true},
        {"git.example.org:3000", "https://git.example.org/x", false},
        {"git.example.org:443", "https://git.example.org/x", true},
        {"git.example.org:80", "https://git.example.org/x", false},
        {"git.example.org:43", "https://git.example.org/x", false},
        {"*.example.org", "https://git.example.org/x", true},
        {"*.Example.org:443", "https://git.example.org/x", true},
        {".example.org", "https://a.git.example.org/x", true},
        {"example.org", "https://git.example.org/x", true},
        {"example.org", "https://myexample.org/x", false},
        {"*.example.org", "https://example.org.net/x", false},
        {"*", "https://git.example.org/x", true},
        {"*:443", "https://git.example.org/x", true},
        {"8.8.8.8:443", "https://8.8.8.8/x", true},
        {"[2001:db8::1]:3000", "https://[2001:db8::1]:3000/x", true},
        {"[2001:db8::1]", "https://[2001:db8::1]/x", true},
        {"", "https://git.example.org/x", false},
        {",, .,:443", "https://git.example.org/x", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        setenv("NO_PROXY", "*", 1); /* the other one counts */
        setenv("no_proxy", cases[i].no_proxy, 1);
        if (http_proxy_passed_by(cases[i].url, false) != cases[i].passed_by)
            fail_msg("no_proxy=%s, %s", cases[i].no_proxy, cases[i].url);
    }
    unsetenv("no_proxy");
    assert_true(http_proxy_passed_by("https://git.example.org/x", false));
    unsetenv("NO_PROXY");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_private_hosts),
        cmocka_unit_test(test_public_hosts),
        cmocka_unit_test(test_other_secrets),
        cmocka_unit_test(test_no_proxy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

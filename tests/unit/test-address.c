/* Promise: a submodule comes from the forge's own host, however its address is written, and from nowhere else. */

#include "common/memory.h"
#include "daemon/repository/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char root[] = "http://127.0.0.1:3000/git";
static const char project[] = "http://127.0.0.1:3000/git/lab/model.git";
static const char web[] = "https://forge.example.org/code";

/* NULL: a foreign one, or none at all. */
static const struct {
    const char *url;
    const char *address;
} addresses[] = {
    {"../lib.git", "http://127.0.0.1:3000/git/lab/lib.git"},
    {"../../other/lib", "http://127.0.0.1:3000/git/other/lib"},
    {"./inner.git", "http://127.0.0.1:3000/git/lab/model.git/inner.git"},
    {"http://127.0.0.1:3000/git/lab/lib.git", "http://127.0.0.1:3000/git/lab/lib.git"},
    {"https://Forge.example.org/code/lab/lib.git", "http://127.0.0.1:3000/git/lab/lib.git"},
    {"https://ada@forge.example.org:443/code/lab/lib", "http://127.0.0.1:3000/git/lab/lib"},
    {"git@forge.example.org:lab/lib.git", "http://127.0.0.1:3000/git/lab/lib.git"},
    {"ssh://git@forge.example.org:2222/lab/lib.git", "http://127.0.0.1:3000/git/lab/lib.git"},
    {"https://forge.example.org.evil.example/lab/lib.git", NULL},
    {"https://forge.example.org@evil.example/lab/lib.git", NULL},
    {"https://evil.example/forge.example.org/lib.git", NULL},
    {"evil.example:lab/lib.git", NULL},
    {"/srv/git/lib.git", NULL},
    {"file:///srv/git/lib.git", NULL},
    {"../../../../../../x", NULL},
    {"https://forge.example.org/code/../lab/lib.git", NULL},
    {"https://forge.example.org", NULL},
    {"ext::sh -c id", NULL},
    {"", NULL},
};

static void test_gitea(void **state)
{
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        CLEANUP_FREE char *address = NULL;
        struct error error = {0};
        int found = address_of(&address, addresses[i].url, project, root, web, &error);

        print_message("%s\n", addresses[i].url);
        assert_int_equal(found, addresses[i].address ? 0 : -1);
        if (addresses[i].address) {
            assert_string_equal(address, addresses[i].address);
        } else {
            assert_null(address);
            assert_int_equal(error.kind, ERROR_PERMANENT);
            assert_true(error.installation);
        }
    }
}

static void test_local(void **state)
{
    CLEANUP_FREE char *beside = NULL;
    CLEANUP_FREE char *absolute = NULL;
    CLEANUP_FREE char *foreign = NULL;
    struct error error = {0};

    assert_int_equal(
        address_of(&beside, "../lib.git", "/srv/git/model.git", "/srv/git/model.git", NULL, &error),
        0);
    assert_string_equal(beside, "/srv/git/lib.git");
    assert_int_equal(address_of(&absolute, "file:///srv/lib.git", "/srv/git/model.git",
                                "/srv/git/model.git", NULL, &error),
                     0);
    assert_string_equal(absolute, "/srv/lib.git");
    assert_int_equal(address_of(&foreign, "https://example.org/lib.git", "/srv/git/model.git",
                                "/srv/git/model.git", NULL, &error),
                     -1);
    assert_null(foreign);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gitea),
        cmocka_unit_test(test_local),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Promise: a digest is that of SHA-256, for content of any length. */

/* The examples of FIPS 180-4, and lengths around the ends of a block. */

#include "common/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_digest(const void *bytes, size_t length, const char *expected)
{
    /* In one piece, and in pieces of every length up to more than a block. */
    for (size_t piece = 0; piece <= 70; piece++) {
        struct digest digest;
        char hex[DIGEST_HEX_SIZE];
        size_t step = piece > 0 ? piece : length;

        digest_begin(&digest);
        for (size_t at = 0; at < length; at += step)
            digest_update(&digest, (const char *)bytes + at,
                          length - at < step ? length - at : step);
        digest_end(&digest, hex);
        assert_string_equal(hex, expected);
    }
}

static void test_published(void **state)
{
    static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";

    assert_digest("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_digest("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_digest(two_blocks, strlen(two_blocks),
                  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

/* Checked against coreutils' sha256sum. */
static void test_padding(void **state)
{
    static const struct {
        size_t length;
        const char *expected;
    } cases[] = {
        {55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"},
        {56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"},
        {63, "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34"},
        {64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"},
        {65, "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0"},
        {119, "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb"},
        {120, "2f3d335432c70b580af0e8e1b3674a7c020d683aa5f73aaaedfdc55af904c21c"},
        {128, "6836cf13bac400e9105071cd6af47084dfacad4e5e302c94bfed24e013afb73e"},
        {200, "c2a908d98f5df987ade41b5fce213067efbcc21ef2240212a41e54b5e7c28ae5"},
    };
    char bytes[200];

    memset(bytes, 'a', sizeof(bytes));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_digest(bytes, cases[i].length, cases[i].expected);
}

static void test_million(void **state)
{
    struct digest digest;
    char hex[DIGEST_HEX_SIZE];
    char bytes[1000];

    memset(bytes, 'a', sizeof(bytes));
    digest_begin(&digest);
    for (int i = 0; i < 1000; i++)
        digest_update(&digest, bytes, sizeof(bytes));
    digest_end(&digest, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published),
        cmocka_unit_test(test_padding),
        cmocka_unit_test(test_million),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

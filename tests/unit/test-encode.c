/* Promise: what is put into an address, a header or JSON comes out of it again as it was. */

#include "common/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_percent(void **state)
{
    CLEANUP_TEXT struct text text = {0};

    encode_append_percent(&text, "experiment/a b+c&d=%ä~-._Z9", "");
    assert_string_equal(text.data, "experiment%2Fa%20b%2Bc%26d%3D%25%C3%A4~-._Z9");
    text_reset(&text);
    encode_append_percent(&text, "/var/a b#?", "/");
    assert_string_equal(text.data, "/var/a%20b%23%3F");
    text_reset(&text);
    encode_append_percent(&text, "", "");
    assert_string_equal(text_string(&text), "");
}

/* The vectors of RFC 4648. */
static void test_base64(void **state)
{
    static const char *const table[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};

    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        CLEANUP_TEXT struct text text = {0};

        encode_append_base64(&text, table[i][0], strlen(table[i][0]));
        assert_string_equal(text_string(&text), table[i][1]);
    }
}

static void test_json(void **state)
{
    CLEANUP_TEXT struct text text = {0};

    encode_append_json(&text, 0x1f);
    encode_append_json(&text, 0x1f600);
    assert_string_equal(text.data, "\\u001f\\ud83d\\ude00");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_percent),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

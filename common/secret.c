#include "common/secret.h"

#include "common/encode.h"
#include "common/memory.h"
#include "common/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRETS_MAX     8
#define SECRET_MIN      4
#define BASE64_MIN      8 /* a shorter piece of base64 could be part of innocent text */
#define FORMS_PER_VALUE 6 /* itself, percent-encoded, base64 of ":secret" and in 3 alignments */

struct form {
    char *bytes;
    size_t length;
};

static char *secrets[SECRETS_MAX];
static size_t secret_count;
static struct form forms[SECRETS_MAX * FORMS_PER_VALUE]; /* the longest first */
static size_t form_count;

void secret_wipe(void *memory, size_t length)
{
    if (length > 0)
        explicit_bzero(memory, length);
}

static void wipe_text(struct text *text)
{
    secret_wipe(text->data, text->capacity);
    text_free(text);
}

/* The longest come first. So a secret that contains another one is overwritten as a whole. */
static void add_form(const char *bytes, size_t length)
{
    size_t at = form_count++;

    while (at > 0 && forms[at - 1].length < length) {
        forms[at] = forms[at - 1];
        at--;
    }
    forms[at] = (struct form){.bytes = memory_copy_bytes(bytes, length), .length = length};
}

/* Appends base64 without padding: the last characters may have bits that the input did not have. */
static void append_base64(struct text *text, const char *bytes, size_t length)
{
    encode_append_base64(text, bytes, length);
    while (text->length > 0 && text->data[text->length - 1] == '=')
        text->data[--text->length] = '\0';
}

/* HTTP's basic authentication sends base64 of "user:secret". The secret looks different there, by the
 * number of bytes before it, modulo three. So all three alignments are remembered, each without the
 * characters that also depend on the bytes beside the secret. */
static void add_base64(const char *secret)
{
    CLEANUP(wipe_text) struct text plain = {0};
    CLEANUP(wipe_text) struct text encoded = {0};
    size_t length = strlen(secret);

    text_append_format(&plain, "  :%s", secret);
    append_base64(&encoded, plain.data + 2, length + 1);
    add_form(encoded.data, encoded.length);
    for (size_t before = 0; before < 3; before++) {
        size_t first = (before * 8 + 5) / 6;
        size_t last = (before + length) * 8 / 6;

        text_reset(&encoded);
        append_base64(&encoded, plain.data + 3 - before, before + length);
        if (last - first >= BASE64_MIN)
            add_form(encoded.data + first, last - first);
    }
}

static void add_percent(const char *secret)
{
    CLEANUP(wipe_text) struct text encoded = {0};

    encode_append_percent(&encoded, secret, "");
    if (strcmp(text_string(&encoded), secret) != 0)
        add_form(text_string(&encoded), encoded.length);
}

void secret_add(const char *secret)
{
    if (strlen(secret) < SECRET_MIN)
        return;
    for (size_t i = 0; i < secret_count; i++) {
        if (strcmp(secrets[i], secret) == 0)
            return;
    }
    if (secret_count == SECRETS_MAX) {
        fputs("level=error msg=\"too many secrets, ending\"\n", stderr);
        abort();
    }
    secrets[secret_count++] = memory_copy(secret);
    add_form(secret, strlen(secret));
    add_percent(secret);
    add_base64(secret);
}

void secret_scrub_bytes(char *bytes, size_t length)
{
    for (size_t i = 0; i < form_count; i++) {
        char *end = bytes + length;
        char *at = bytes;

        while ((at = memmem(at, (size_t)(end - at), forms[i].bytes, forms[i].length))) {
            memset(at, '*', forms[i].length);
            at += forms[i].length;
        }
    }
}

void secret_scrub(char *string)
{
    secret_scrub_bytes(string, strlen(string));
}

void secret_clear(void)
{
    for (size_t i = 0; i < secret_count; i++) {
        secret_wipe(secrets[i], strlen(secrets[i]));
        memory_freep(&secrets[i]);
    }
    for (size_t i = 0; i < form_count; i++) {
        secret_wipe(forms[i].bytes, forms[i].length);
        memory_freep(&forms[i].bytes);
    }
    secret_count = 0;
    form_count = 0;
}

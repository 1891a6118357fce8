#include "common/encode.h"

#include "common/memory.h"

#include <openssl/evp.h>
#include <string.h>

void encode_append_percent(struct text *text, const char *string, const char *more)
{
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789-._~";

    for (; *string; string++) {
        if (strchr(unreserved, *string) || strchr(more, *string))
            text_append_bytes(text, string, 1);
        else
            text_append_format(text, "%%%02X", (unsigned char)*string);
    }
}

/* Encodes group by group on the stack: the bytes may be a secret, and nobody would wipe a copy on the heap. */
void encode_append_base64(struct text *text, const void *bytes, size_t length)
{
    const unsigned char *from = bytes;

    while (length > 0) {
        size_t group = length < 3 ? length : 3;
        unsigned char encoded[5];

        EVP_EncodeBlock(encoded, from, (int)group);
        text_append_bytes(text, encoded, 4);
        from += group;
        length -= group;
    }
}

void encode_append_json(struct text *text, uint32_t code_point)
{
    if (code_point >= 0x10000) {
        text_append_format(text, "\\u%04x", 0xd800 + ((code_point - 0x10000) >> 10));
        code_point = 0xdc00 + ((code_point - 0x10000) & 0x3ff);
    }
    text_append_format(text, "\\u%04x", code_point);
}

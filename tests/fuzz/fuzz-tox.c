/* Promise: orders to tox that a change brings are seen, whatever else the file holds. */

/*
 * Any bytes as a pyproject.toml and a setup.cfg that a change alters: whatever stands in the file,
 * orders for tox that are written into it are seen.
 */

#include "daemon/repository/tox.h"

#include "common/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_LIMIT 20000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool differ(const char *path, const struct text *old, const struct text *new)
{
    return tox_orders_differ(path, text_string(old), old->length, text_string(new), new->length);
}

static void put_behind(struct text *file, const char *bytes, size_t size, const char *orders)
{
    text_append_bytes(file, bytes, size);
    text_append_format(file, "\n%s", orders);
}

/* `orders` and `others` are the same but for what tox is told. */
static void check(const char *path, const char *orders, const char *others, const char *bytes,
                  size_t size)
{
    CLEANUP_TEXT struct text file = {0};
    CLEANUP_TEXT struct text behind = {0};
    CLEANUP_TEXT struct text altered = {0};
    CLEANUP_TEXT struct text before = {0};
    CLEANUP_TEXT struct text only = {0};

    text_append_bytes(&file, bytes, size);
    require(!differ(path, &file, &file));
    put_behind(&behind, bytes, size, orders);
    require(differ(path, &file, &behind) && differ(path, &behind, &file));
    put_behind(&altered, bytes, size, others);
    require(differ(path, &behind, &altered));
    text_append_format(&before, "%s\n", orders);
    text_append_bytes(&before, bytes, size);
    require(differ(path, &file, &before) && differ(path, &before, &file));
    text_append(&only, orders);
    require(tox_orders_differ(path, NULL, 0, only.data, only.length));
    /* A file that is no more took its orders with it, or had none. */
    require(tox_orders_differ(path, file.data, file.length, NULL, 0) ==
            tox_orders_differ(path, NULL, 0, file.data, file.length));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t length = size < SIZE_LIMIT ? size : SIZE_LIMIT;
    CLEANUP_FREE char *bytes = memory_copy_bytes(data, length);

    check("pyproject.toml", "[tool.tox]\nx = \"[tox]\"\n", "[tool.tox]\nx = \"[tax]\"\n", bytes,
          length);
    check("setup.cfg", "[tox:tox]\nskipsdist = true\n", "[tox:tox]\nskipsdist = false\n", bytes,
          length);
    return 0;
}

/* Promise: whatever a project writes into the files that tox reads, reading them is bounded, and so is what tox is told. */

/*
 * Any bytes as the settings of a project. What comes out fits into a variable, and is a list of SECTION.KEY+=NAMES in
 * which every name is one of ours.
 */

#include "common/memory.h"
#include "daemon/validation/tox-override.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool ends_with(const char *string, size_t length, const char *end)
{
    size_t wanted = strlen(end);

    return length >= wanted && memcmp(string + length - wanted, end, wanted) == 0;
}

static void check_entry(const char *entry)
{
    size_t length = strcspn(entry, "=");
    const char *added = entry + length + 1;

    require(ends_with(entry, length, ".pass_env+") || ends_with(entry, length, ".passenv+"));
    require(!strcmp(added, "ONE") || !strcmp(added, "TWO") || !strcmp(added, "ONE,TWO"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char tox[] = "tox", option[] = "-e", environments[] = "unit,py311";
    static char *command[] = {tox, option, environments, NULL};
    static const char *const names[] = {"ONE", "TWO", NULL};
    const struct config_list list = {.items = command, .count = 3};
    CLEANUP_FREE char *settings = memory_copy_bytes((const char *)data, size);
    CLEANUP_FREE char *override = tox_override(settings, &list, names);
    char *rest = override, *entry;

    require(strlen(override) <= TOX_OVERRIDE_LIMIT);
    while (*override && (entry = strsep(&rest, ";")))
        check_entry(entry);
    return 0;
}

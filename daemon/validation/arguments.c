#include "daemon/validation/arguments.h"

#include "common/memory.h"

#include <string.h>

void arguments_append_copies(struct config_list *arguments, const char *const *strings)
{
    for (; *strings; strings++)
        config_list_append(arguments, memory_copy(*strings));
}

bool arguments_have(const struct config_list *arguments, const char *string)
{
    for (size_t i = 0; i < arguments->count; i++)
        if (!strcmp(arguments->items[i], string))
            return true;
    return false;
}

#include "daemon/validation/arguments.h"

#include "common/memory.h"

#include <string.h>

void arguments_append(struct config_list *arguments, char *string)
{
    arguments->items = memory_resize(arguments->items, (arguments->count + 2) * sizeof(char *));
    arguments->items[arguments->count++] = string;
    arguments->items[arguments->count] = NULL;
}

void arguments_append_copies(struct config_list *arguments, const char *const *strings)
{
    for (; *strings; strings++)
        arguments_append(arguments, memory_copy(*strings));
}

bool arguments_have(const struct config_list *arguments, const char *string)
{
    for (size_t i = 0; i < arguments->count; i++)
        if (!strcmp(arguments->items[i], string))
            return true;
    return false;
}

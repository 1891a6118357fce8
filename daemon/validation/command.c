#include "daemon/validation/command.h"

#include "common/memory.h"
#include "common/text.h"
#include "daemon/validation/tox-report.h"

#include <stdlib.h>
#include <string.h>

#define OPTION "--result-json"

void command_append_quoted(struct text *text, const char *argument)
{
    static const char harmless[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                   "_-./=:,@%+";

    if (*argument && !argument[strspn(argument, harmless)]) {
        text_append(text, argument);
        return;
    }
    text_append(text, "'");
    for (; *argument; argument++)
        if (*argument == '\'')
            text_append(text, "'\\''");
        else
            text_append_bytes(text, argument, 1);
    text_append(text, "'");
}

char *command_line(const struct config *config)
{
    const struct config_list *parts[] = {&config->validation.launcher, &config->validation.command};
    struct text text = {0};

    for (size_t part = 0; part < 2; part++)
        for (size_t i = 0; i < parts[part]->count; i++) {
            text_append(&text, text.length ? " " : "");
            command_append_quoted(&text, parts[part]->items[i]);
        }
    return text_take(&text);
}

char **command_ask_tox(char **arguments, const struct config_list *command, const char *path)
{
    size_t count = 0;
    size_t at;

    while (arguments[count])
        count++;
    at = count - command->count + (size_t)tox_report_place(command->items) + 1;
    arguments = memory_resize(arguments, (count + 3) * sizeof(*arguments));
    memmove(arguments + at + 2, arguments + at, (count - at + 1) * sizeof(*arguments));
    arguments[at] = memory_copy(OPTION);
    arguments[at + 1] = memory_copy(path);
    return arguments;
}

void command_drop_report(char **arguments, const char *path)
{
    size_t from = 0;
    size_t to = 0;

    for (; arguments[from]; from++) {
        const char *equals = strncmp(arguments[from], OPTION "=", strlen(OPTION "=")) == 0
                                 ? arguments[from] + strlen(OPTION "=")
                                 : NULL;

        if (equals && strcmp(equals, path) == 0) {
            free(arguments[from]);
        } else if (strcmp(arguments[from], OPTION) == 0 && arguments[from + 1] &&
                   strcmp(arguments[from + 1], path) == 0) {
            free(arguments[from]);
            free(arguments[++from]);
        } else {
            arguments[to++] = arguments[from];
        }
    }
    arguments[to] = NULL;
}

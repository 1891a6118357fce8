#include "daemon/git/environment.h"

#include "common/memory.h"
#include "common/secret.h"

#include <stdlib.h>
#include <string.h>

/* GIT_NO_LAZY_FETCH: the configuration of where missing objects are could name a command to run. */
static const char *const constants[] = {
    "LC_ALL=C",
    "GIT_CONFIG_NOSYSTEM=1",
    "GIT_ATTR_NOSYSTEM=1",
    "GIT_TERMINAL_PROMPT=0",
    "GIT_ASKPASS=/bin/false",
    "SSH_ASKPASS=/bin/false",
    "GIT_ALLOW_PROTOCOL=file:http:https",
    "GIT_NO_LAZY_FETCH=1",
    "GIT_NO_REPLACE_OBJECTS=1",
    "GIT_OPTIONAL_LOCKS=0",
    NULL,
};

void git_environment_add(struct git_environment *environment, char *entry)
{
    environment->entries[environment->count++] = entry;
}

void git_environment_close(struct git_environment *environment, const char *configuration)
{
    const char *path = getenv("PATH");

    for (size_t i = 0; constants[i]; i++)
        git_environment_add(environment, memory_copy(constants[i]));
    git_environment_add(environment, memory_format("PATH=%s", path ? path : "/usr/bin:/bin"));
    git_environment_add(environment, memory_format("GIT_CONFIG_GLOBAL=%s", configuration));
}

void git_environment_pass(struct git_environment *environment, const char *const *names)
{
    for (; *names; names++) {
        const char *value = getenv(*names);

        if (value)
            git_environment_add(environment, memory_format("%s=%s", *names, value));
    }
}

void git_environment_free(struct git_environment *environment)
{
    for (size_t i = 0; i < environment->count; i++) {
        secret_wipe(environment->entries[i], strlen(environment->entries[i]));
        free(environment->entries[i]);
    }
    environment->count = 0;
}

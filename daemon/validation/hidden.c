#include "daemon/validation/hidden.h"

#include "common/file.h"
#include "common/memory.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void hide(struct config_list *hidden, const char *path)
{
    CLEANUP_FREE char *real = realpath(path, NULL);
    struct stat status;

    if (real && strcmp(real, "/") != 0 && !stat(real, &status) && S_ISDIR(status.st_mode))
        config_list_append(hidden, TAKE(real));
}

static void name(struct config_list *names, const char *path)
{
    if (path && *path == '/')
        config_list_append(names, memory_copy(path));
}

/* Hides the user's own home, whatever HOME says. A system user may have one that is part of the system. */
static void name_home(struct config_list *names)
{
    const struct passwd *user = getpwuid(geteuid());
    struct stat status;

    name(names, getenv("HOME"));
    if (geteuid() && user && !stat(user->pw_dir, &status) && status.st_uid == geteuid())
        name(names, user->pw_dir);
}

static int compare_places(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

struct config_list hidden_names(const struct config *config)
{
    /* Logs and mail are protected by groups that the daemon's user may be in. Core
     * dumps are protected by their user. */
    const char *const places[] = {
        "/home",
        "/root",
        "/tmp",
        "/var/tmp",
        "/run",
        "/var/log",
        "/var/mail",
        "/var/spool",
        "/var/backups",
        "/var/crash",
        "/var/lib/systemd/coredump",
        "/etc/ssl/private",
        "/etc/credstore",
        "/etc/credstore.encrypted",
        (WINNOWD_SYSCONFDIR "/winnowd"),
        "/etc/winnowd",
    };
    struct config_list names = {0};

    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        name(&names, places[i]);
    for (size_t i = 0; i < config->sources.count; i++)
        name(&names, config->sources.items[i]);
    name_home(&names);
    name(&names, getenv("CREDENTIALS_DIRECTORY"));
    name(&names, config->state);
    name(&names, config->validation.directory);
    name(&names, config->spool);
    name(&names, config->forge.outbox);
    name(&names, config->forge.kind == FORGE_LOCAL ? config->forge.path : NULL);
    return names;
}

struct config_list hidden_places(const struct config *config)
{
    CLEANUP(config_list_clear) struct config_list names = hidden_names(config);
    struct config_list hidden = {0};

    for (size_t i = 0; i < names.count; i++)
        hide(&hidden, names.items[i]);
    if (hidden.count)
        qsort(hidden.items, hidden.count, sizeof(char *), compare_places);
    return hidden;
}

bool hidden_has(const struct config_list *hidden, const char *path)
{
    for (size_t i = 0; i < hidden->count; i++)
        if (file_is_in(path, hidden->items[i]))
            return true;
    return false;
}

const char *hidden_below(const struct config_list *hidden, const char *path)
{
    for (size_t i = 0; i < hidden->count; i++)
        if (file_is_in(hidden->items[i], path))
            return hidden->items[i];
    return NULL;
}

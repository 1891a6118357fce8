#include "daemon/validation/leftover.h"

#include "common/file.h"
#include "common/memory.h"
#include "common/proc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PASSES            100 /* each finds what the one before has missed */
#define END_WITHIN_MS     5000
#define ENVIRONMENT_LIMIT (256 * 1024)

struct group {
    int id;
    uint64_t began; /* when its leader began, in clock ticks since boot */
};

struct leftover {
    char *parent;
    char *boot;
    char *variable;    /* NULL: none */
    char *environment; /* of the process that is looked at; room for ENVIRONMENT_LIMIT and an end */
    struct group *groups;
    size_t count;
};

static char *boot_id(void)
{
    struct error error;
    char *boot;
    size_t length;

    if (file_read(&boot, &length, AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &error) < 0)
        return memory_copy("unknown");
    boot[strcspn(boot, "\n")] = '\0';
    return boot;
}

struct leftover *leftover_new(const char *parent)
{
    struct leftover *leftover = memory_new(sizeof *leftover);

    leftover->parent = memory_copy(parent);
    leftover->boot = boot_id();
    return leftover;
}

void leftover_freep(struct leftover **leftover)
{
    if (!*leftover)
        return;
    free((*leftover)->parent);
    free((*leftover)->boot);
    free((*leftover)->variable);
    free((*leftover)->environment);
    free((*leftover)->groups);
    free(*leftover);
}

char *leftover_describe(int id)
{
    CLEANUP_FREE char *boot = boot_id();
    struct proc_status status = {0};

    proc_read_status(id, &status);
    return memory_format("group %d began %" PRIu64 " boot %s\n", id, status.began, boot);
}

void leftover_add(struct leftover *leftover, const char *line)
{
    struct group group;
    char boot[65];

    if (sscanf(line, "group %d began %" SCNu64 " boot %64s", &group.id, &group.began, boot) != 3 ||
        group.id <= 1 || strcmp(boot, leftover->boot) != 0)
        return;
    leftover->groups = memory_resize(leftover->groups,
                                     (leftover->count + 1) * sizeof *leftover->groups);
    leftover->groups[leftover->count++] = group;
}

void leftover_add_variable(struct leftover *leftover, const char *variable)
{
    free(leftover->variable);
    leftover->variable = memory_copy(variable);
}

static bool is_below(const char *parent, const char *path)
{
    size_t length = strlen(parent);

    return !strncmp(path, parent, length) && path[length] == '/';
}

static bool is_home_below(const struct leftover *leftover, const char *entry)
{
    return !strncmp(entry, "HOME=", 5) && is_below(leftover->parent, entry + 5);
}

static bool is_variable(const struct leftover *leftover, const char *entry)
{
    return leftover->variable && !strcmp(entry, leftover->variable);
}

/* Our own variables in the environment of a process. */
struct signs {
    bool home;
    bool variable;
};

static struct signs signs_of(struct leftover *leftover, int id)
{
    struct signs signs = {0};
    ssize_t length;

    if (!leftover->environment)
        leftover->environment = memory_new(ENVIRONMENT_LIMIT + 1);
    length = proc_read(id, "environ", leftover->environment, ENVIRONMENT_LIMIT);
    for (const char *at = leftover->environment; at - leftover->environment < length;
         at += strlen(at) + 1) {
        signs.home |= is_home_below(leftover, at);
        signs.variable |= is_variable(leftover, at);
    }
    return signs;
}

/* Whether its working directory is below the checkouts. Tests have no terminal: a process with one is a
 * person who looks around, and is left alone. */
static bool works_below(const struct leftover *leftover, int id, const struct proc_status *status)
{
    CLEANUP_FREE char *path = memory_format("/proc/%d/cwd", id);
    char target[4096];
    ssize_t length = readlink(path, target, sizeof target - 1);

    if (length < 0 || status->terminal)
        return false;
    target[length] = '\0';
    return is_below(leftover->parent, target);
}

/* Whether the group is one of those that were noted. A number stays taken while the group has members.
 * If its leader is gone, it is the noted group. If there is a leader, it must be the same process. */
static bool is_noted(const struct leftover *leftover, const struct proc_status *status)
{
    for (size_t i = 0; i < leftover->count; i++) {
        struct proc_status leader;

        if (leftover->groups[i].id == status->group)
            return !proc_read_status(status->group, &leader) ||
                   leader.began == leftover->groups[i].began;
    }
    return false;
}

static bool is_leftover(struct leftover *leftover, int id)
{
    CLEANUP_FREE char *path = memory_format("/proc/%d", id);
    struct proc_status status;
    struct stat owner;
    struct signs signs;

    if (id == getpid() || stat(path, &owner) || owner.st_uid != geteuid())
        return false;
    if (!proc_read_status(id, &status) || status.state == 'Z' || status.session == getsid(0))
        return false;
    if (is_noted(leftover, &status) || works_below(leftover, id, &status))
        return true;
    signs = signs_of(leftover, id);
    return signs.home || signs.variable;
}

/* Sends a signal (0: none) through a descriptor and waits. Returns whether the process has ended. */
static bool end_by(int process, int number)
{
    struct pollfd ended = {.fd = process, .events = POLLIN};
    int ready;

    syscall(SYS_pidfd_send_signal, process, number, NULL, 0);
    do
        ready = poll(&ended, 1, END_WITHIN_MS);
    while (ready < 0 && errno == EINTR);
    return ready != 0;
}

/* Checks the process again through a descriptor, which cannot become another process's, and then kills it. A
 * git may end by itself, which it soon does as nobody reads from it: interrupted, it may leave a lock. */
static int kill_one(struct leftover *leftover, int id, struct error *error)
{
    int process = (int)syscall(SYS_pidfd_open, id, 0);
    bool ended = true;

    if (process < 0 && errno == ESRCH)
        return 0; /* it has ended by itself */
    if (process < 0)
        return error_set(error, ERROR_TRANSIENT,
                         "process %d, left by an earlier daemon, cannot be opened: %s", id,
                         strerror(errno));
    if (is_leftover(leftover, id))
        ended = (signs_of(leftover, id).variable && end_by(process, 0)) || end_by(process, SIGKILL);
    close(process);
    if (!ended)
        return error_set(error, ERROR_TRANSIENT,
                         "process %d, left by an earlier daemon, does not end when killed", id);
    return 0;
}

/* Kills what /proc shows now. `*killed` says whether there was anything. */
static int kill_visible(struct leftover *leftover, bool *killed, struct error *error)
{
    DIR *processes = opendir("/proc");
    const struct dirent *entry;
    int result = 0;

    *killed = false;
    if (!processes)
        return error_set(error, error_kind_of_errno(errno), "/proc: %s", strerror(errno));
    while (!result && (entry = readdir(processes))) {
        int id = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;

        if (id > 1 && is_leftover(leftover, id)) {
            *killed = true;
            result = kill_one(leftover, id, error);
        }
    }
    closedir(processes);
    return result;
}

int leftover_kill(struct leftover *leftover, struct error *error)
{
    bool killed = true;

    for (int pass = 0; killed && pass < PASSES; pass++)
        if (kill_visible(leftover, &killed, error))
            return -1;
    if (killed)
        return error_set(error, ERROR_TRANSIENT,
                         "processes of an earlier validation start new ones faster than they can "
                         "be killed");
    return 0;
}

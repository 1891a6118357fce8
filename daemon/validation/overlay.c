#include "daemon/validation/overlay.h"

#include "common/file.h"
#include "common/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { LOWER = 1, UPPER, WORK, PLACE, PROGRAM };

static int fail(const char *what)
{
    fprintf(stderr, "an overlay: %s: %s\n", what, strerror(errno));
    return OVERLAY_FAILED;
}

static bool write_map(const char *path, const char *text)
{
    CLEANUP_DESCRIPTOR int file = open(path, O_WRONLY | O_CLOEXEC);

    return file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text);
}

/* Each number means itself, so that files have the same owners inside and outside. */
static bool map_ids(uid_t user, gid_t group)
{
    CLEANUP_FREE char *users = memory_format("%u %u 1\n", user, user);
    CLEANUP_FREE char *groups = memory_format("%u %u 1\n", group, group);

    return write_map("/proc/self/setgroups", "deny") && write_map("/proc/self/uid_map", users) &&
           write_map("/proc/self/gid_map", groups);
}

/* The directories are named by descriptors, since commas, colons and backslashes mean something in the
 * options. The descriptors have to be opened in the new name space. */
static bool mount_overlay(char **argv)
{
    CLEANUP_DESCRIPTOR int lower = open(argv[LOWER], O_PATH | O_DIRECTORY | O_CLOEXEC);
    CLEANUP_DESCRIPTOR int upper = open(argv[UPPER], O_PATH | O_DIRECTORY | O_CLOEXEC);
    CLEANUP_DESCRIPTOR int work = open(argv[WORK], O_PATH | O_DIRECTORY | O_CLOEXEC);
    CLEANUP_FREE char *options = memory_format(
        "lowerdir=/proc/self/fd/%d,upperdir=/proc/self/fd/%d,workdir=/proc/self/fd/%d,userxattr",
        lower, upper, work);

    return lower >= 0 && upper >= 0 && work >= 0 &&
           mount("overlay", argv[PLACE], "overlay", MS_NOSUID | MS_NODEV, options) == 0;
}

int overlay_main(int argc, char **argv)
{
    uid_t user = geteuid();
    gid_t group = getegid();

    if (argc <= PROGRAM) {
        errno = EINVAL;
        return fail(OVERLAY_PROGRAM);
    }
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        return fail("name spaces");
    if (!map_ids(user, group))
        return fail("user numbers");
    /* Mounts from outside appear here, and none from here appears outside. */
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
        return fail("mounts of its own");
    if (!mount_overlay(argv))
        return fail("mount");
    /* The kernel clears it when rights change. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_DFL);
    execv(argv[PROGRAM], argv + PROGRAM);
    return fail(argv[PROGRAM]);
}

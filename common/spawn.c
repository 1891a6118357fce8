#include "common/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK_SIZE ((size_t)32768) /* of the child, until it is the program */
#define STANDARD   3               /* descriptors */
/* The next child begins on the same stack, and no function that used it has returned. */
#define ON_THE_STACK __attribute__((no_sanitize("address")))

struct birth {
    const struct spawn_options *options;
    pid_t parent;
    int failure; /* of the child, an errno */
};

/* A handler of ours must not run in the child, and an ignored signal would stay ignored in the program. */
ON_THE_STACK static void forget_signals(void)
{
    struct sigaction usual = {.sa_handler = SIG_DFL};

    for (int number = 1; number < NSIG; number++)
        sigaction(number, &usual, NULL);
}

/* None of the given descriptors is 0, 1 or 2, so none is overwritten. */
static bool connect(const int descriptors[static STANDARD])
{
    for (int i = 0; i < STANDARD; i++)
        if (dup2(descriptors[i], i) < 0)
            return false;
    /* Ours are all close-on-exec. This is for those that whoever started the daemon left open. */
    close_range(STANDARD, ~0U, CLOSE_RANGE_CLOEXEC);
    return true;
}

/* Files and what they are mapped to, such as packs, do not count. The limit is never above our own, which only
 * root may raise. */
ON_THE_STACK static bool limit_memory(uint64_t bytes)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_DATA, &limit) < 0)
        return false;
    if (bytes < limit.rlim_max)
        limit.rlim_max = bytes;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_DATA, &limit) == 0;
}

/* If we ended before the child asked to be told so, it ends here. */
static bool end_with_parent(const struct birth *birth)
{
    if (prctl(PR_SET_PDEATHSIG, birth->options->death_signal) < 0)
        return false;
    if (getppid() == birth->parent)
        return true;
    errno = ESRCH;
    return false;
}

/* In the child. All that it writes to is its own stack, errno and `failure`. */
ON_THE_STACK static int become(void *data)
{
    struct birth *birth = data;
    const struct spawn_options *options = birth->options;
    sigset_t none;

    forget_signals();
    sigemptyset(&none);
    if (setsid() >= 0 && (!options->death_signal || end_with_parent(birth)) &&
        (!options->memory || limit_memory(options->memory)) &&
        (!options->directory || chdir(options->directory) == 0) && connect(options->descriptors) &&
        sigprocmask(SIG_SETMASK, &none, NULL) == 0)
        execve(options->path, (char **)options->arguments, (char **)options->environment);
    birth->failure = errno;
    return 127;
}

/* Returns 0 once the child is the program, else -errno. */
static int give_birth(pid_t *pid, int *descriptor, struct birth *birth)
{
    alignas(16) static char stack[STACK_SIZE]; /* one child at a time uses it: we wait for it */
    int flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD;
    sigset_t all;
    sigset_t before;
    int failure;

    *descriptor = -1; /* a kernel before 5.2 gives none */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    *pid = clone(become, stack + sizeof stack, flags, birth, descriptor);
    failure = *pid < 0 ? errno : birth->failure;
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (*pid > 0 && failure) {
        waitpid(*pid, NULL, 0);
        close(*descriptor);
    }
    return -failure;
}

int spawn(pid_t *pid, int *descriptor, const struct spawn_options *options)
{
    struct spawn_options complete = *options;
    struct birth birth = {.options = &complete, .parent = getpid()};
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    int status;

    if (nothing < 0)
        return -errno;
    for (int i = 0; i < STANDARD; i++)
        if (complete.descriptors[i] < 0)
            complete.descriptors[i] = nothing;
    status = give_birth(pid, descriptor, &birth);
    close(nothing);
    return status;
}

/*
 * Runs a program and writes down what it took: stands on the PATH under the program's name, and runs
 * what the link .NAME beside it names, else /usr/bin/NAME. Into the file .children beside it:
 *
 *     NAME BEGIN END PROCESSOR MEMORY
 *
 * in nanoseconds of the monotonic clock, microseconds of processor, and KiB resident at most. This
 * program is small, so that the last figure is not that of whoever started it: a process begins with
 * the peak of its parent.
 */

#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char directory[4096];

static void find_directory(void)
{
    char path[3072];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

    if (length < 0)
        _exit(127);
    path[length] = '\0';
    snprintf(directory, sizeof(directory), "%s", dirname(path));
}

static long long now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* No variable says where to: children of the daemon have a clean environment. */
static void write_down(const char *name, long long begin, const struct rusage *usage)
{
    char line[256], path[8192];
    long long processor = (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000LL +
                          usage->ru_utime.tv_usec + usage->ru_stime.tv_usec;
    int length = snprintf(line, sizeof(line), "%.100s %lld %lld %lld %ld\n", name, begin, now(),
                          processor, usage->ru_maxrss);
    int file;

    snprintf(path, sizeof(path), "%s/.children", directory);
    file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || write(file, line, (size_t)length) != length)
        perror(path);
    close(file);
}

static void run(const char *name, char **argv)
{
    char real[8192];

    snprintf(real, sizeof(real), "%s/.%s", directory, name);
    if (access(real, X_OK) < 0)
        snprintf(real, sizeof(real), "/usr/bin/%s", name);
    execv(real, argv);
    perror(real);
    _exit(127);
}

int main(int argc, char **argv)
{
    const char *name = argc > 0 && strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
    long long begin = now();
    struct rusage usage;
    int status = 0;
    pid_t child;

    find_directory();
    child = fork();
    if (child == 0)
        run(name, argv);
    if (child < 0 || wait4(child, &status, 0, &usage) < 0) {
        perror(name);
        return 127;
    }
    write_down(name, begin, &usage);
    if (WIFSIGNALED(status))
        raise(WTERMSIG(status));
    return WEXITSTATUS(status);
}

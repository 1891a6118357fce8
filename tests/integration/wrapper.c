/*
 * A program in front of a real one: counts the calls, and kills the daemon at one of them. It stands
 * under the real one's name in a directory of its own; there are also, beside it,
 *
 *     .NAME     a link to the real program
 *     .calls    a line for each call so far
 *     .command   "before 3" or "after 3": the daemon dies then; may be missing
 *     .pid      the daemon's process number
 *
 * Where it may not write, as in the sandbox, it is the real program and no more. It is linked statically:
 * the tests go through it some ten thousand times.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

static void fail(const char *what)
{
    perror(what);
    exit(125);
}

/* Adds a line to the calls. Gives back its number, from 1; 0 where nothing can be written. */
static int count_call(int directory, char **arguments)
{
    int calls = openat(directory, ".calls", O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    char bytes[8192];
    int number = 1;
    ssize_t got;
    FILE *file;

    if (calls < 0 && errno == EROFS)
        return 0;
    if (calls < 0 || flock(calls, LOCK_EX))
        fail(".calls");
    while ((got = read(calls, bytes, sizeof bytes)) > 0)
        for (ssize_t i = 0; i < got; i++)
            number += bytes[i] == '\n';
    file = fdopen(calls, "a");
    for (char **argument = arguments; *argument; argument++) {
        if (argument != arguments)
            putc(' ', file);
        for (const char *c = *argument; *c; c++)
            putc(*c == '\n' ? ' ' : *c, file);
    }
    putc('\n', file);
    if (fclose(file))
        fail(".calls");
    return number;
}

/* When the daemon is to die at this call; "" if it is not. */
static void read_command(int directory, int number, char when[static 16])
{
    int command = openat(directory, ".command", O_RDONLY | O_CLOEXEC);
    char line[64] = "";
    int at = 0;

    when[0] = '\0';
    if (command < 0)
        return;
    if (read(command, line, sizeof line - 1) < 0 || sscanf(line, "%15s %d", when, &at) != 2)
        fail(".command");
    close(command);
    if (at != number)
        when[0] = '\0';
}

static void kill_daemon(int directory)
{
    int file = openat(directory, ".pid", O_RDONLY | O_CLOEXEC);
    char line[32] = "";

    if (file < 0 || read(file, line, sizeof line - 1) <= 0 || atoi(line) <= 1)
        fail(".pid");
    kill(atoi(line), SIGKILL);
}

static int run(const char *program, char **arguments)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        execv(program, arguments);
        fail(program);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int count, char **arguments)
{
    char self[PATH_MAX] = "";
    char link[NAME_MAX] = ".";
    char program[PATH_MAX] = "";
    char when[16];
    char *name;
    int directory;
    int status;

    (void)count;
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0 || !(name = strrchr(self, '/')))
        fail("/proc/self/exe");
    *name++ = '\0';
    strncat(link, name, sizeof link - 2);
    directory = open(self, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0 || readlinkat(directory, link, program, sizeof program - 1) < 0)
        fail(link);
    arguments[0] = name;
    read_command(directory, count_call(directory, arguments), when);
    arguments[0] = program;
    if (!strcmp(when, "before")) {
        kill_daemon(directory);
        return 1;
    }
    if (!strcmp(when, "")) {
        execv(program, arguments);
        fail(program);
    }
    status = run(program, arguments);
    kill_daemon(directory);
    return status;
}

#include "daemon/validation/sandbox.h"

#include "common/memory.h"
#include "common/program.h"
#include "common/text.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROBE_WITHIN_MS 10000
#define SCRATCH_BYTES   "1073741824" /* of each writable place that is memory */

struct sandbox {
    const struct config *config;
    char *program;   /* bubblewrap's; NULL: no sandbox */
    bool proc_bound; /* a proc file system of its own was refused */
    bool nested;     /* user name spaces inside of it could not be switched off */
    char *limiter;   /* prlimit's program */
    struct config_list hidden;
    char *sentence;
};

static void append(struct config_list *list, char *string)
{
    list->items = memory_resize(list->items, (list->count + 2) * sizeof(char *));
    list->items[list->count++] = string;
    list->items[list->count] = NULL;
}

static void append_copies(struct config_list *list, const char *const *strings)
{
    for (; *strings; strings++)
        append(list, memory_copy(*strings));
}

void sandbox_free_arguments(char **arguments)
{
    for (char **argument = arguments; argument && *argument; argument++)
        free(*argument);
    free(arguments);
}

/* Hides a directory. The name without symbolic links, which would lead bubblewrap out of the new
 * root; what is not there or is no directory needs no hiding. */
static void hide(struct sandbox *sandbox, const char *path)
{
    CLEANUP_FREE char *real = path && *path == '/' ? realpath(path, NULL) : NULL;
    struct stat status;

    if (real && strcmp(real, "/") != 0 && !stat(real, &status) && S_ISDIR(status.st_mode))
        append(&sandbox->hidden, TAKE(real));
}

/* The user's own, whatever HOME says; a system user may have one that is part of the system. */
static void hide_home(struct sandbox *sandbox)
{
    const struct passwd *user = getpwuid(geteuid());
    struct stat status;

    hide(sandbox, getenv("HOME"));
    if (geteuid() && user && !stat(user->pw_dir, &status) && status.st_uid == geteuid())
        hide(sandbox, user->pw_dir);
}

static int compare_places(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* As it is now: a place may have been made since the last run. */
static void hide_all(struct sandbox *sandbox)
{
    const struct config *config = sandbox->config;
    /* Logs and mail are guarded by groups that the daemon's user may be in, and what a process that
     * crashed had in its memory by a user number. */
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

    sandbox_free_arguments(sandbox->hidden.items);
    sandbox->hidden = (struct config_list){0};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        hide(sandbox, places[i]);
    for (size_t i = 0; i < config->sources.count; i++)
        hide(sandbox, config->sources.items[i]);
    hide_home(sandbox);
    hide(sandbox, getenv("CREDENTIALS_DIRECTORY"));
    hide(sandbox, config->state); /* checkouts, too: the one of a run comes back on top */
    hide(sandbox, config->spool);
    hide(sandbox, config->forge.outbox);
    hide(sandbox, config->forge.kind == FORGE_LOCAL ? config->forge.path : NULL);
    /* What lies in another place comes behind it: it would be covered, and could not be closed. */
    qsort(sandbox->hidden.items, sandbox->hidden.count, sizeof(char *), compare_places);
}

/* Whether a path is the place or lies in it. */
static bool is_in(const char *path, const char *place)
{
    size_t length = strlen(place);

    return !strncmp(path, place, length) && (path[length] == '/' || !path[length]);
}

static bool is_hidden(const struct sandbox *sandbox, const char *path)
{
    for (size_t i = 0; i < sandbox->hidden.count; i++)
        if (is_in(path, sandbox->hidden.items[i]))
            return true;
    return false;
}

static bool holds_hidden(const struct sandbox *sandbox, const char *path)
{
    for (size_t i = 0; i < sandbox->hidden.count; i++)
        if (is_in(sandbox->hidden.items[i], path))
            return true;
    return false;
}

/* Whether it lies in something that was brought back already. */
static bool is_shown(const struct config_list *arguments, const char *path)
{
    for (size_t i = 0; i + 2 < arguments->count; i++)
        if (!strcmp(arguments->items[i], "--ro-bind") && is_in(path, arguments->items[i + 2]))
            return true;
    return false;
}

/* Brings a hidden file or directory back, to be read, but nothing that would uncover a whole hidden
 * place: where it is, and under the name that it goes by. A name that is in sight is left as it is: it
 * may be a link, and bubblewrap cannot put anything there. */
static void show(const struct sandbox *sandbox, struct config_list *arguments, const char *path)
{
    CLEANUP_FREE char *real = realpath(path, NULL);
    const char *const names[] = {real, path};

    if (!real || holds_hidden(sandbox, real))
        return;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (is_hidden(sandbox, names[i]) && !is_shown(arguments, names[i]))
            append_copies(arguments, (const char *const[]){"--ro-bind", real, names[i], NULL});
}

static bool is_bin(const char *directory)
{
    size_t length = strlen(directory);

    return length >= 4 && !strcmp(directory + length - 4, "/bin");
}

/* A directory of programs, and beside one called `bin` what they are made of: an interpreter or a
 * virtual environment is nothing without its library. */
static void show_programs(const struct sandbox *sandbox, struct config_list *arguments,
                          const char *directory)
{
    static const char *const beside[] = {"lib", "lib64", "libexec", "include", "pyvenv.cfg"};
    size_t length = strlen(directory);

    show(sandbox, arguments, directory);
    if (!is_bin(directory))
        return;
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
        CLEANUP_FREE char *other = memory_format("%.*s/%s", (int)(length - 4), directory,
                                                 beside[i]);

        show(sandbox, arguments, other);
    }
}

static void show_path(const struct sandbox *sandbox, struct config_list *arguments)
{
    CLEANUP_FREE char *path = memory_copy(getenv("PATH"));
    char *rest = NULL;

    for (char *entry = path ? strtok_r(path, ":", &rest) : NULL; entry;
         entry = strtok_r(NULL, ":", &rest))
        if (*entry == '/')
            show_programs(sandbox, arguments, entry);
}

/* Where a program of a virtual environment really lies, and where the environment's python does. What
 * lies beside a program elsewhere may be anything, a whole home: then the program alone is shown. */
static void show_origin(const struct sandbox *sandbox, struct config_list *arguments,
                        const char *program, unsigned depth)
{
    CLEANUP_FREE char *real = realpath(program, NULL);
    CLEANUP_FREE char *python = NULL;
    char *slash = real ? strrchr(real, '/') : NULL;

    if (!slash || slash == real || !is_hidden(sandbox, real))
        return;
    *slash = '\0';
    if (!is_bin(real))
        return;
    show_programs(sandbox, arguments, real);
    python = memory_format("%s/python3", real);
    if (depth)
        show_origin(sandbox, arguments, python, depth - 1);
}

/* What computes on this machine may be needed by tests, and is guarded by its own permissions. */
static void show_devices(struct config_list *arguments)
{
    static const char *const patterns[] = {"/dev/nvidia*", "/dev/dri", "/dev/kfd"};
    glob_t found = {0};

    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        glob(patterns[i], i ? GLOB_APPEND : 0, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++)
        append_copies(arguments, (const char *const[]){"--dev-bind", found.gl_pathv[i],
                                                       found.gl_pathv[i], NULL});
    globfree(&found);
}

/* One that lies where something else was shown. */
static void hide_file(struct config_list *arguments, const char *path)
{
    CLEANUP_FREE char *real = path ? realpath(path, NULL) : NULL;

    if (real)
        append_copies(arguments, (const char *const[]){"--ro-bind", "/dev/null", real, NULL});
}

/* What is memory has a bound, and what nobody needs to write to is read-only. */
static void hide_places(const struct sandbox *sandbox, struct config_list *arguments)
{
    for (size_t i = 0; i < sandbox->hidden.count; i++)
        append_copies(arguments, (const char *const[]){"--size", SCRATCH_BYTES, "--tmpfs",
                                                       sandbox->hidden.items[i], NULL});
}

static void close_places(const struct sandbox *sandbox, struct config_list *arguments)
{
    for (size_t i = 0; i < sandbox->hidden.count; i++)
        if (strcmp(sandbox->hidden.items[i], "/tmp") != 0 &&
            strcmp(sandbox->hidden.items[i], "/var/tmp") != 0)
            append_copies(arguments,
                          (const char *const[]){"--remount-ro", sandbox->hidden.items[i], NULL});
}

/* bubblewrap covers what can be written to in a proc file system of its own, but tries the directory
 * and not the files in it: to root these are open, in a name space of its own as well. */
static void enclose_proc(const struct sandbox *sandbox, struct config_list *arguments)
{
    static const char *const places[] = {"/proc/sys", "/proc/sysrq-trigger", "/proc/irq",
                                         "/proc/bus"};

    if (sandbox->proc_bound) {
        append_copies(arguments, (const char *const[]){"--ro-bind", "/proc", "/proc", NULL});
        return;
    }
    append_copies(arguments, (const char *const[]){"--proc", "/proc", NULL});
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        append_copies(arguments,
                      (const char *const[]){"--ro-bind-try", places[i], places[i], NULL});
}

/* The last thing that bubblewrap does, so that a sandbox that could not be made is told from tests that
 * fail. It makes the directory on which it then mounts something; that cannot be removed inside. */
static void mark_begun(struct config_list *arguments, const struct checkout *checkout)
{
    append_copies(arguments, (const char *const[]){"--size", "4096", "--tmpfs", checkout->begun,
                                                   "--remount-ro", checkout->begun, NULL});
}

/* The prefix that makes the sandbox; `checkout` is NULL for the probe, which has none. */
static void enclose(const struct sandbox *sandbox, struct config_list *arguments,
                    const struct checkout *checkout, const char *program)
{
    append_copies(arguments,
                  (const char *const[]){sandbox->program, "--die-with-parent", "--new-session",
                                        "--unshare-user", "--unshare-pid", "--unshare-ipc",
                                        "--unshare-uts", "--cap-drop", "ALL", "--ro-bind", "/", "/",
                                        "--dev", "/dev", "--size", SCRATCH_BYTES, "--tmpfs",
                                        "/dev/shm", NULL});
    if (!sandbox->nested)
        append(arguments, memory_copy("--disable-userns"));
    show_devices(arguments);
    append_copies(arguments, (const char *const[]){"--remount-ro", "/dev", NULL});
    enclose_proc(sandbox, arguments);
    hide_places(sandbox, arguments);
    /* The name server's address lies in /run where systemd-resolved is used. */
    append_copies(arguments, (const char *const[]){"--ro-bind-try", "/run/systemd/resolve",
                                                   "/run/systemd/resolve", NULL});
    show_path(sandbox, arguments);
    if (program) {
        show(sandbox, arguments, program);
        show_origin(sandbox, arguments, program, 1);
    }
    hide_file(arguments, sandbox->config->forge.token_file);
    hide_file(arguments, sandbox->config->file);
    if (checkout)
        append_copies(arguments,
                      (const char *const[]){"--bind", checkout->directory, checkout->directory,
                                            "--chdir", checkout->source, NULL});
    close_places(sandbox, arguments);
    if (checkout)
        mark_begun(arguments, checkout);
    append(arguments, memory_copy("--"));
}

/* Nobody may ask for more than the daemon has itself. A process that used up its time is told so by
 * a signal of its own, one second before it is killed. */
static void append_limit(struct config_list *arguments, const char *name, int resource,
                         uint64_t value)
{
    struct rlimit ours;
    rlim_t soft = value, hard = value + (resource == RLIMIT_CPU);

    if (!value && resource != RLIMIT_CORE)
        return;
    if (!getrlimit((__rlimit_resource_t)resource, &ours)) {
        soft = soft < ours.rlim_max ? soft : ours.rlim_max;
        hard = hard < ours.rlim_max ? hard : ours.rlim_max;
    }
    append(arguments, memory_format("--%s=%llu:%llu", name, (unsigned long long)soft,
                                    (unsigned long long)hard));
}

/* Behind bubblewrap, where processes are counted by themselves, and before the command. */
static void limit(const struct sandbox *sandbox, struct config_list *arguments)
{
    const struct config *config = sandbox->config;

    append(arguments, memory_copy(sandbox->limiter));
    append_limit(arguments, "core", RLIMIT_CORE, 0);
    append_limit(arguments, "as", RLIMIT_AS, config->validation.limits.memory);
    append_limit(arguments, "nproc", RLIMIT_NPROC, config->validation.limits.processes);
    append_limit(arguments, "fsize", RLIMIT_FSIZE, config->validation.limits.file_size);
    append_limit(arguments, "cpu", RLIMIT_CPU,
                 (config->validation.limits.cpu_time_ms + 999) / 1000);
    append(arguments, memory_copy("--"));
}

/* Waits for a probe to end by itself, no longer than it may take, and keeps what it said. */
static bool probe_ended(pid_t child, int errors, struct text *said)
{
    struct pollfd ready = {.fd = errors, .events = POLLIN};
    char buffer[512];
    ssize_t got = 0;
    int status = -1;

    while (poll(&ready, 1, PROBE_WITHIN_MS) > 0 && (got = read(errors, buffer, sizeof buffer)) > 0)
        if (said->length < sizeof buffer)
            text_append_repaired(said, buffer, (size_t)got);
    /* At its end, or out of time: then this ends it. */
    if (got != 0)
        kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Whether the sandbox can be made here and now. Where not, `why` gets what bubblewrap says. */
static bool probe(struct sandbox *sandbox, char **why)
{
    struct config_list arguments = {0};
    CLEANUP_TEXT struct text said = {0};
    CLEANUP_TEXT struct text line = {0};
    posix_spawn_file_actions_t actions;
    int ends[2];
    pid_t child;
    bool works = false;

    hide_all(sandbox);
    enclose(sandbox, &arguments, NULL, NULL);
    append(&arguments, memory_copy("/bin/true"));
    posix_spawn_file_actions_init(&actions);
    if (!pipe2(ends, O_CLOEXEC)) {
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
        if (!posix_spawn(&child, sandbox->program, &actions, NULL, arguments.items, environ)) {
            close(ends[1]);
            ends[1] = -1;
            works = probe_ended(child, ends[0], &said);
        }
        close(ends[0]);
        if (ends[1] >= 0)
            close(ends[1]);
    }
    posix_spawn_file_actions_destroy(&actions);
    sandbox_free_arguments(arguments.items);
    text_append_line(&line, said.length ? text_string(&said) : "it could not be started", 200);
    free(*why);
    *why = works ? NULL : text_take(&line);
    return works;
}

/* Finds bubblewrap and the tightest way in which it works; NULL in `program` and a reason if there is
 * none. In a user name space of its own a process is root to much of the kernel that it would not reach
 * otherwise, so there are none in the sandbox; but a bubblewrap before 0.8 knows no such thing, and one
 * that may not write to /proc/sys cannot do it. A hardened unit refuses a proc file system of one's own
 * as well; then the one there is must do, in which the daemon is to be seen, but nothing inside of it. */
static void find_bubblewrap(struct sandbox *sandbox, char **why)
{
    struct error error;

    if (program_find(&sandbox->program, "bwrap", (const char *const *)environ, NULL, &error)) {
        *why = memory_copy(error.message);
        return;
    }
    for (unsigned way = 0; way < 4; way++) {
        sandbox->proc_bound = way & 2;
        sandbox->nested = way & 1;
        if (!probe(sandbox, why))
            continue;
        if (sandbox->proc_bound)
            prctl(PR_SET_DUMPABLE, 0);
        return;
    }
    free(TAKE(sandbox->program));
}

/* Part of every Debian, as setpriv is; a PATH that does not name it is not to switch limits off. */
static int find_limiter(struct sandbox *sandbox, struct error *error)
{
    static const char *const usual[] = {"PATH=/usr/bin:/bin", NULL};
    struct error unusual;

    if (!program_find(&sandbox->limiter, "prlimit", usual, NULL, &unusual) ||
        !program_find(&sandbox->limiter, "prlimit", (const char *const *)environ, NULL, error))
        return 0;
    return error_wrap(error, "validation.limits");
}

static void describe(struct sandbox *sandbox, const char *why)
{
    if (sandbox->program)
        sandbox->sentence = memory_format(
            "tests run in bubblewrap: the system is read-only to them, homes, state, spool, "
            "sources, logs, configuration and credentials are out of sight, nothing that they "
            "start outlives them; the network is shared, abstract sockets included%s",
            sandbox->nested ? "; name spaces of their own are open to them" : "");
    else
        sandbox->sentence = memory_format(
            "tests run without a sandbox: they can read and change whatever the daemon's user can, "
            "its state and its credentials included, and what hides may outlive them; held are "
            "their environment, limits, deadline and output%s%s",
            why ? "; bubblewrap does not work here: " : "", why ? why : "");
}

/* Keys of the session in which the daemon was started, a login's, are open to all that comes from it, name
 * spaces or not. The daemon has no use for them; where the kernel knows of none, that is just as well. */
static void leave_keys(void)
{
    syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
}

int sandbox_new(struct sandbox **sandboxp, const struct config *config, struct error *error)
{
    CLEANUP(sandbox_freep) struct sandbox *sandbox = memory_new(sizeof *sandbox);
    CLEANUP_FREE char *why = NULL;

    sandbox->config = config;
    leave_keys();
    if (find_limiter(sandbox, error))
        return -1;
    if (config->validation.sandbox != SANDBOX_NONE)
        find_bubblewrap(sandbox, &why);
    if (!sandbox->program && config->validation.sandbox == SANDBOX_BUBBLEWRAP)
        return error_set(error, ERROR_PERMANENT,
                         "validation.sandbox: bubblewrap does not work here: %s", why);
    describe(sandbox, why);
    *sandboxp = TAKE(sandbox);
    return 0;
}

void sandbox_free(struct sandbox *sandbox)
{
    if (!sandbox)
        return;
    sandbox_free_arguments(sandbox->hidden.items);
    free(sandbox->program);
    free(sandbox->limiter);
    free(sandbox->sentence);
    free(sandbox);
}

void sandbox_freep(struct sandbox **sandbox)
{
    sandbox_free(*sandbox);
}

char **sandbox_arguments(struct sandbox *sandbox, const struct checkout *checkout,
                         const char *program)
{
    const struct config *config = sandbox->config;
    struct config_list arguments = {0};

    /* The launcher stays outside: it may need what the sandbox hides, or carry it elsewhere. */
    append_copies(&arguments, (const char *const *)config->validation.launcher.items);
    if (sandbox->program) {
        hide_all(sandbox);
        enclose(sandbox, &arguments, checkout, program);
    }
    limit(sandbox, &arguments);
    append_copies(&arguments, (const char *const *)config->validation.command.items);
    return arguments.items;
}

bool sandbox_is_there(const struct sandbox *sandbox)
{
    return sandbox->program != NULL;
}

const char *sandbox_sentence(const struct sandbox *sandbox)
{
    return sandbox->sentence;
}

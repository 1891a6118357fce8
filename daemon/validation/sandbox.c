#include "daemon/validation/sandbox.h"

#include "common/memory.h"
#include "common/program.h"
#include "common/spawn.h"
#include "common/text.h"
#include "daemon/validation/arguments.h"
#include "daemon/validation/hidden.h"
#include "daemon/validation/reach.h"
#include "daemon/validation/wrapper.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <signal.h>
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
#define SCRATCH_BYTES   "1073741824" /* bytes of each writable place in memory */

struct sandbox {
    const struct config *config;
    char *program;   /* path of bubblewrap; NULL: no sandbox */
    bool proc_bound; /* a proc file system of its own was refused */
    bool nested;     /* user name spaces inside could not be switched off */
    char *limiter;   /* path of prlimit */
    struct config_list hidden;
    char *sentence;
};

void sandbox_free_arguments(char **arguments)
{
    for (char **argument = arguments; argument && *argument; argument++)
        free(*argument);
    free(arguments);
}

/* Tests may need devices that compute, which have permissions of their own. */
static void show_devices(struct config_list *arguments)
{
    static const char *const patterns[] = {"/dev/nvidia*", "/dev/dri", "/dev/kfd"};

    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        glob_t found = {0};

        if (glob(patterns[i], 0, NULL, &found) == 0) {
            for (size_t j = 0; j < found.gl_pathc; j++)
                arguments_append_copies(arguments,
                                        (const char *const[]){"--dev-bind", found.gl_pathv[j],
                                                              found.gl_pathv[j], NULL});
        }
        globfree(&found);
    }
}

/* Hides a file in a place that is shown. */
static void hide_file(struct config_list *arguments, const char *path)
{
    CLEANUP_FREE char *real = path ? realpath(path, NULL) : NULL;

    if (real)
        arguments_append_copies(arguments,
                                (const char *const[]){"--ro-bind", "/dev/null", real, NULL});
}

/* Looks up the hidden places again, since some may be new. */
static void hide_all(struct sandbox *sandbox)
{
    config_list_clear(&sandbox->hidden);
    sandbox->hidden = hidden_places(sandbox->config);
}

/* The program may only start another one, which is shown as well. */
static void show_wrapped(const struct sandbox *sandbox, struct config_list *arguments)
{
    CLEANUP(config_list_clear)
    struct config_list names = wrapper_programs(&sandbox->config->validation.command);

    for (size_t i = 1; i < names.count; i++) {
        if (names.items[i][0] == '/')
            reach_show_programs(&sandbox->hidden, arguments, "", names.items[i]);
    }
}

static void show_places(const struct sandbox *sandbox, struct config_list *arguments,
                        const char *program)
{
    const struct config_list *read_only = &sandbox->config->validation.read_only;
    const char *path = getenv("PATH");

    for (size_t i = 0; i < read_only->count; i++)
        reach_show(&sandbox->hidden, arguments, read_only->items[i]);
    reach_show_programs(&sandbox->hidden, arguments, path ? path : "", program);
    show_wrapped(sandbox, arguments);
}

/* Places in memory are limited, and a place that nobody has to write to is read-only. */
static void hide_places(const struct sandbox *sandbox, struct config_list *arguments)
{
    for (size_t i = 0; i < sandbox->hidden.count; i++)
        arguments_append_copies(arguments, (const char *const[]){"--size", SCRATCH_BYTES, "--tmpfs",
                                                                 sandbox->hidden.items[i], NULL});
}

static void close_places(const struct sandbox *sandbox, struct config_list *arguments)
{
    for (size_t i = 0; i < sandbox->hidden.count; i++)
        if (strcmp(sandbox->hidden.items[i], "/tmp") != 0 &&
            strcmp(sandbox->hidden.items[i], "/var/tmp") != 0)
            arguments_append_copies(
                arguments, (const char *const[]){"--remount-ro", sandbox->hidden.items[i], NULL});
}

/* bubblewrap covers what is writable in a proc file system of its own. But it checks the directory and
 * not the files in it, which root can write to, also in a name space of its own. */
static void enclose_proc(const struct sandbox *sandbox, struct config_list *arguments)
{
    static const char *const places[] = {"/proc/sys", "/proc/sysrq-trigger", "/proc/irq",
                                         "/proc/bus"};

    if (sandbox->proc_bound) {
        arguments_append_copies(arguments,
                                (const char *const[]){"--ro-bind", "/proc", "/proc", NULL});
        return;
    }
    arguments_append_copies(arguments, (const char *const[]){"--proc", "/proc", NULL});
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        arguments_append_copies(arguments,
                                (const char *const[]){"--ro-bind-try", places[i], places[i], NULL});
}

static void cover(struct config_list *arguments, const char *directory)
{
    arguments_append_copies(arguments, (const char *const[]){"--size", "4096", "--tmpfs", directory,
                                                             "--remount-ro", directory, NULL});
}

/* The same place for each run, so that caches and editable installs also work in the next one. It is
 * short, since the name of a socket has 107 characters at most. */
static struct checkout place_inside(const struct sandbox *sandbox, const struct checkout *checkout)
{
    char *slash = strrchr(checkout->directory, '/');
    struct checkout inside;

    if (sandbox->program && hidden_has(&sandbox->hidden, CHECKOUT_INSIDE_PARENT))
        return checkout_name(CHECKOUT_INSIDE_PARENT, CHECKOUT_INSIDE_NAME);
    *slash = '\0';
    inside = checkout_name(checkout->directory, slash + 1);
    *slash = '/';
    return inside;
}

static void enclose_checkout(const struct sandbox *sandbox, struct config_list *arguments,
                             const struct checkout *checkout)
{
    struct checkout inside = place_inside(sandbox, checkout);

    arguments_append_copies(arguments,
                            (const char *const[]){"--bind", checkout->directory, inside.directory,
                                                  "--chdir", inside.source, NULL});
    /* The written part of the cache is only seen at its place. */
    if (access(checkout->layers, F_OK) == 0)
        cover(arguments, inside.layers);
    close_places(sandbox, arguments);
    /* The last thing that bubblewrap does, so that a sandbox that could not be made is told from tests that
     * fail. bubblewrap makes the directory and mounts something on it, so it cannot be removed inside. */
    cover(arguments, inside.begun);
    checkout_free(&inside);
}

/* Appends what makes the sandbox. `checkout` is NULL for the probe, which has none. */
static void enclose(const struct sandbox *sandbox, struct config_list *arguments,
                    const struct checkout *checkout, const char *program)
{
    arguments_append_copies(
        arguments,
        (const char *const[]){sandbox->program, "--die-with-parent", "--new-session",
                              "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts",
                              "--cap-drop", "ALL", "--ro-bind", "/", "/", "--dev", "/dev", "--size",
                              SCRATCH_BYTES, "--tmpfs", "/dev/shm", NULL});
    if (!sandbox->nested)
        config_list_append(arguments, memory_copy("--disable-userns"));
    if (sandbox->config->validation.network == NETWORK_NONE)
        config_list_append(arguments, memory_copy("--unshare-net"));
    show_devices(arguments);
    arguments_append_copies(arguments, (const char *const[]){"--remount-ro", "/dev", NULL});
    enclose_proc(sandbox, arguments);
    hide_places(sandbox, arguments);
    /* The name server's address may be in /run; with systemd-resolved its socket is there as well. */
    arguments_append_copies(arguments,
                            (const char *const[]){"--ro-bind-try", "/run/systemd/resolve",
                                                  "/run/systemd/resolve", NULL});
    reach_show(&sandbox->hidden, arguments, "/etc/resolv.conf");
    show_places(sandbox, arguments, program);
    hide_file(arguments, sandbox->config->forge.token_file);
    hide_file(arguments, sandbox->config->file);
    if (checkout)
        enclose_checkout(sandbox, arguments, checkout);
    else
        close_places(sandbox, arguments);
    config_list_append(arguments, memory_copy("--"));
}

/* Nobody may set a limit above the daemon's own. A process that has used up its time gets a signal of
 * its own one second before it is killed. */
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
    config_list_append(arguments, memory_format("--%s=%llu:%llu", name, (unsigned long long)soft,
                                                (unsigned long long)hard));
}

void sandbox_append_limits(struct config_list *arguments, const struct config *config)
{
    append_limit(arguments, "core", RLIMIT_CORE, 0);
    append_limit(arguments, "as", RLIMIT_AS, config->validation.limits.memory);
    append_limit(arguments, "nproc", RLIMIT_NPROC, config->validation.limits.processes);
    append_limit(arguments, "fsize", RLIMIT_FSIZE, config->validation.limits.file_size);
    append_limit(arguments, "cpu", RLIMIT_CPU,
                 (config->validation.limits.cpu_time_ms + 999) / 1000);
    config_list_append(arguments, memory_copy("--"));
}

/* After bubblewrap, where processes are counted by themselves, and before the command. */
static void limit(const struct sandbox *sandbox, struct config_list *arguments)
{
    config_list_append(arguments, memory_copy(sandbox->limiter));
    sandbox_append_limits(arguments, sandbox->config);
}

/* Waits until a probe ends, at most for its time, and keeps what it said. */
static bool probe_ended(pid_t child, int errors, struct text *said)
{
    struct pollfd ready = {.fd = errors, .events = POLLIN};
    char buffer[512];
    ssize_t got = 0;
    int status = -1;

    while (poll(&ready, 1, PROBE_WITHIN_MS) > 0 && (got = read(errors, buffer, sizeof buffer)) > 0)
        if (said->length < sizeof buffer)
            text_append_repaired(said, buffer, (size_t)got);
    /* The probe has ended, or its time is up: then it is killed. */
    if (got != 0)
        kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Whether the sandbox can be made now. If not, `why` gets what bubblewrap says. */
static bool probe(struct sandbox *sandbox, char **why)
{
    struct config_list arguments = {0};
    CLEANUP_TEXT struct text said = {0};
    CLEANUP_TEXT struct text line = {0};
    struct spawn_options options = {
        .path = sandbox->program,
        .environment = (const char *const *)environ,
        .death_signal = SIGKILL,
    };
    int ends[2], ended;
    pid_t child;
    bool works = false;

    hide_all(sandbox);
    enclose(sandbox, &arguments, NULL, NULL);
    config_list_append(&arguments, memory_copy("/bin/true"));
    options.arguments = (const char *const *)arguments.items;
    if (!pipe2(ends, O_CLOEXEC)) {
        bool started;

        memcpy(options.descriptors, (int[]){-1, -1, ends[1]}, sizeof options.descriptors);
        started = spawn(&child, &ended, &options) == 0;
        close(ends[1]);
        if (started) {
            works = probe_ended(child, ends[0], &said);
            close(ended);
        }
        close(ends[0]);
    }
    sandbox_free_arguments(arguments.items);
    text_append_line(&line, said.length ? text_string(&said) : "it could not be started", 200);
    free(*why);
    *why = works ? NULL : text_take(&line);
    return works;
}

/* Finds bubblewrap and the strictest way in which it works. If there is none, `program` is NULL and
 * there is a reason. In a user name space of its own, a process is root to parts of the kernel that it
 * could not reach otherwise. So user name spaces are switched off in the sandbox, if bubblewrap is 0.8
 * or later and may write to /proc/sys. A hardened unit also refuses a proc file system of its own. Then
 * the existing one is used, in which the daemon is seen, but nothing inside of it. */
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

/* prlimit is part of every Debian. A PATH without it must not switch limits off. */
static int find_limiter(struct sandbox *sandbox, struct error *error)
{
    static const char *const usual[] = {"PATH=/usr/bin:/bin", NULL};
    struct error unusual;

    if (!program_find(&sandbox->limiter, "prlimit", usual, NULL, &unusual) ||
        !program_find(&sandbox->limiter, "prlimit", (const char *const *)environ, NULL, error))
        return 0;
    return error_wrap_key(error, "validation.limits");
}

static void describe(struct sandbox *sandbox, const char *why)
{
    if (sandbox->program)
        sandbox->sentence = memory_format(
            "tests run in bubblewrap: the system is read-only to them, homes, state, spool, "
            "sources, logs, configuration and credentials are out of sight, nothing that they "
            "start outlives them; %s%s",
            sandbox->config->validation.network == NETWORK_NONE
                ? "there is no network but a loopback of their own"
                : "the network is shared, abstract sockets included",
            sandbox->nested ? "; name spaces of their own are open to them" : "");
    else
        sandbox->sentence = memory_format(
            "tests run without a sandbox: they can read and change whatever the daemon's user can, "
            "its state and its credentials included, and processes that hide may outlive them; "
            "limited are "
            "their environment, limits, deadline and output%s%s",
            why ? "; bubblewrap does not work here: " : "", why ? why : "");
}

/* The keys of the session in which the daemon was started, such as a login, are open to all its
 * processes, whatever name spaces they have. The daemon does not need them, so it leaves them. If the
 * kernel has no keys, that is fine. */
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
        return error_set_key(error, ERROR_PERMANENT, "validation.sandbox",
                             "bubblewrap does not work here: %s", why);
    if (!sandbox->program && config->validation.network == NETWORK_NONE)
        return error_set_key(error, ERROR_PERMANENT, "validation.network",
                             "none needs bubblewrap%s%s", why ? ": " : "", why ? why : "");
    describe(sandbox, why);
    *sandboxp = TAKE(sandbox);
    return 0;
}

void sandbox_free(struct sandbox *sandbox)
{
    if (!sandbox)
        return;
    config_list_clear(&sandbox->hidden);
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
    const struct config_list *command = &config->validation.command;
    struct config_list arguments = {0};

    /* The launcher stays outside: it may need what the sandbox hides, or start it elsewhere. */
    arguments_append_copies(&arguments, (const char *const *)config->validation.launcher.items);
    if (sandbox->program) {
        hide_all(sandbox);
        enclose(sandbox, &arguments, checkout, program);
    }
    limit(sandbox, &arguments);
    /* By its path, since a shim may change PATH so that another program of that name comes first. With a
     * launcher and without a sandbox the name is used: it may be on another machine. */
    config_list_append(&arguments, memory_copy(sandbox->program ? program : command->items[0]));
    arguments_append_copies(&arguments, (const char *const *)command->items + 1);
    return arguments.items;
}

char **sandbox_trial_arguments(struct sandbox *sandbox, const char *program,
                               const struct config_list *question)
{
    struct config_list arguments = {0};

    if (sandbox->program) {
        hide_all(sandbox);
        enclose(sandbox, &arguments, NULL, program);
    }
    limit(sandbox, &arguments);
    arguments_append_copies(&arguments, (const char *const *)question->items);
    return arguments.items;
}

struct checkout sandbox_inside(struct sandbox *sandbox, const struct checkout *checkout)
{
    hide_all(sandbox);
    return place_inside(sandbox, checkout);
}

int sandbox_check_read_only(const struct config *config, size_t item, struct error *error)
{
    CLEANUP(config_list_clear) struct config_list hidden = hidden_places(config);
    const char *path = config->validation.read_only.items[item];
    CLEANUP_FREE char *real = realpath(path, NULL);
    const char *place = real ? hidden_below(&hidden, real) : NULL;
    struct stat status;

    if (config->validation.sandbox == SANDBOX_NONE)
        return 0;
    if (!real || stat(real, &status) < 0)
        return error_set_key(error, ERROR_PERMANENT, "validation.read_only", "%s: %s", path,
                             strerror(errno));
    if (!S_ISDIR(status.st_mode))
        return error_set_key(error, ERROR_PERMANENT, "validation.read_only",
                             "%s is not a directory", path);
    if (place)
        return error_set_key(error, ERROR_PERMANENT, "validation.read_only",
                             "%s would uncover %s, which is hidden as a whole; "
                             "name the directories in it that the tests need",
                             path, place);
    return 0;
}

bool sandbox_is_there(const struct sandbox *sandbox)
{
    return sandbox->program != NULL;
}

const char *sandbox_sentence(const struct sandbox *sandbox)
{
    return sandbox->sentence;
}

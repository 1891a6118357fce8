/*
 * The life of a child:
 *
 *     running ──▶ exited, its group killed ──▶ pipes at their end ──▶ callback
 *        │ deadline                 │ 500 ms
 *        ▼                          ▼
 *     SIGTERM, grace, SIGKILL    what is in the pipes read once more, pipes dropped
 *
 * One timer is enough, since only one of these waits is under way at a time. The memory lives until libuv has
 * closed the last handle. After a discard the child's handle stays open until the child is reaped, so that no
 * zombie is left.
 *
 * The output comes through pipes, not through libuv's socket pairs: a script cannot open /dev/stderr if that
 * is a socket. uv_spawn() is not used: it forks, which copies the daemon's page tables each time, and it
 * cannot set a death signal. spawn.h does without the first and with the second.
 */

#include "common/process.h"

#include "common/activity.h"
#include "common/capture.h"
#include "common/memory.h"
#include "common/program.h"
#include "common/spawn.h"
#include "common/text.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ERRORS_KEPT ((size_t)8192)
#define DRAIN_MS    500
#define CHUNK       65536
#define PIPE_ROOM   ((size_t)1024 * 1024) /* Linux gives 64 KiB, and a child may ask for this */
#define LINES_CHUNK 4096
#define LOOKS       10 /* at what it does, before it is found stalled */

struct process {
    struct operation operation; /* first */
    process_callback callback;  /* NULL once discarded */
    void *data;

    uv_poll_t child;
    uv_pipe_t input;
    uv_pipe_t output;
    uv_pipe_t errors;
    uv_timer_t timer;
    unsigned handles; /* that libuv still knows */
    unsigned readers; /* output pipes that have not ended */

    int pid;        /* 0: never started */
    int descriptor; /* of the child, which can be read once it has ended */
    bool running;   /* not reaped yet */
    bool ending;    /* was told to end */
    enum process_manner manner;
    uint64_t began;
    uint64_t deadline_ms;
    uint64_t grace_ms;
    uint64_t stall_ms;
    struct activity activity; /* with stall_ms: up to the time when it last did something, */
    uint64_t active_at;       /* by uv_hrtime() */
    size_t output_limit;
    uv_write_t write;
    char *input_bytes;
    struct text output_bytes;
    struct text errors_bytes;
    struct capture *capture; /* NULL: stdout and stderr are kept apart, in memory */
    void (*printed)(void *data, const char *bytes, size_t length);
    struct error error; /* why it was not started */
    struct process_result result;
};

static void process_free(struct process *process)
{
    capture_free(process->capture);
    text_free(&process->output_bytes);
    text_free(&process->errors_bytes);
    free(process->input_bytes);
    free(process);
}

static void on_closed(uv_handle_t *handle)
{
    struct process *process = handle->data;

    if (--process->handles == 0)
        process_free(process);
}

static void close_handle(void *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, on_closed);
}

static void close_child(struct process *process)
{
    close_handle(&process->child);
    close(process->descriptor);
}

static void close_all_but_child(struct process *process)
{
    close_handle(&process->input);
    close_handle(&process->output);
    close_handle(&process->errors);
    close_handle(&process->timer);
}

static uint64_t elapsed_ms(const struct process *process)
{
    return (uv_hrtime() - process->began) / 1000000;
}

/* The loop's time may be old if a callback took long, and a deadline must not come early. */
static void start_timer(struct process *process, uv_timer_cb callback, uint64_t delay_ms)
{
    uv_update_time(process->timer.loop);
    uv_timer_start(&process->timer, callback, delay_ms, 0);
}

/* Appends what was kept of stderr, from the first whole character on. */
static void append_errors(struct text *shown, const struct text *errors)
{
    const char *bytes = text_string(errors);
    size_t length = errors->length;

    if (length > ERRORS_KEPT) {
        bytes += length - ERRORS_KEPT;
        length = ERRORS_KEPT;
        for (int i = 0; i < 3 && ((unsigned char)*bytes & 0xc0) == 0x80; i++) {
            bytes++;
            length--;
        }
    }
    text_append_repaired(shown, bytes, length);
}

/* Handles are closed after the callback has run, so everything that the result points to is valid in it. */
static void complete(struct process *process)
{
    struct process_result *result = &process->result;
    CLEANUP_TEXT struct text errors = {0};
    CLEANUP_FREE char *tail = NULL;

    append_errors(&errors, &process->errors_bytes);
    result->errors = text_string(&errors);
    result->output = text_string(&process->output_bytes);
    result->output_length = process->output_bytes.length;
    result->tail = "";
    if (process->capture) {
        capture_end(process->capture);
        result->tail = tail = capture_tail(process->capture);
        result->log_bytes = capture_bytes(process->capture);
        result->problem = capture_problem(process->capture);
    }
    if (result->end == PROCESS_NOT_STARTED)
        result->problem = process->error.message;
    close_all_but_child(process);
    process->callback(process->data, result);
}

static void on_not_started(uv_timer_t *timer)
{
    complete(timer->data);
}

static void on_drained(uv_timer_t *timer);

/* The group's number stays taken while a member lives, also after the leader was reaped. If all of them
 * are gone, it could be another group's only after the system has used all process numbers since. */
static void signal_group(const struct process *process, int number)
{
    kill(-process->pid, number);
}

static void on_grace_over(uv_timer_t *timer)
{
    signal_group(timer->data, SIGKILL);
}

static void tell_to_end(struct process *process, enum process_end end, uint64_t allowed_ms)
{
    process->ending = true;
    process->result.end = end;
    process->result.allowed_ms = allowed_ms;
    if (process->grace_ms == 0) {
        signal_group(process, SIGKILL);
        return;
    }
    signal_group(process, SIGTERM);
    signal_group(process, SIGCONT); /* a stopped process would not see the first signal */
    start_timer(process, on_grace_over, process->grace_ms);
}

static void on_deadline(uv_timer_t *timer)
{
    struct process *process = timer->data;

    if (!process->ending)
        tell_to_end(process, PROCESS_TIMED_OUT, process->deadline_ms);
}

static void wait_for_end(struct process *process);

/* Looks often enough that it is told to end soon after it stalled. */
static void on_look(uv_timer_t *timer)
{
    struct process *process = timer->data;
    struct activity now;

    if (process->ending)
        return;
    if (process->deadline_ms > 0 && elapsed_ms(process) >= process->deadline_ms) {
        tell_to_end(process, PROCESS_TIMED_OUT, process->deadline_ms);
        return;
    }
    now = activity_of(process->pid);
    if (!activity_is_none(&process->activity, &now)) {
        process->activity = now;
        process->active_at = uv_hrtime();
    } else if ((uv_hrtime() - process->active_at) / 1000000 >= process->stall_ms) {
        tell_to_end(process, PROCESS_STALLED, process->stall_ms);
        return;
    }
    wait_for_end(process);
}

static void wait_for_end(struct process *process)
{
    if (process->stall_ms > 0)
        start_timer(process, on_look, process->stall_ms / LOOKS);
    else if (process->deadline_ms > 0)
        start_timer(process, on_deadline, process->deadline_ms);
}

static void take_end(struct process *process, const siginfo_t *end)
{
    bool exited = end->si_code == CLD_EXITED;

    process->running = false;
    if (process->manner == PROCESS_KILLED || process->ending)
        signal_group(process, SIGKILL);
    close_child(process);
    if (!process->callback)
        return;
    process->result.duration_ms = elapsed_ms(process);
    process->result.status = exited ? end->si_status : 0;
    process->result.signal = exited ? 0 : end->si_status;
    if (!exited && process->result.end == PROCESS_EXITED)
        process->result.end = PROCESS_SIGNALLED;
    if (process->readers == 0)
        complete(process);
    else
        start_timer(process, on_drained, DRAIN_MS);
}

static void on_child_end(uv_poll_t *child, int status, int events)
{
    struct process *process = child->data;
    siginfo_t end = {0};

    if (waitid(P_PID, (id_t)process->pid, &end, WEXITED | WNOHANG) == 0 && end.si_pid)
        take_end(process, &end);
}

static void keep_output(struct process *process, const char *bytes, size_t length)
{
    size_t room = process->output_limit - process->output_bytes.length;

    if (length <= room) {
        text_append_bytes(&process->output_bytes, bytes, length);
        return;
    }
    text_append_bytes(&process->output_bytes, bytes, room);
    if (process->result.end != PROCESS_TIMED_OUT && process->result.end != PROCESS_STALLED)
        process->result.end = PROCESS_OVERFLOWED;
    process->ending = true;
    if (process->running)
        signal_group(process, SIGKILL);
}

/* Has room for twice what is kept and one read, so that bytes are seldom moved. */
static void keep_errors(struct text *errors, const char *bytes, size_t length)
{
    if (errors->length > 2 * ERRORS_KEPT) {
        memmove(errors->data, errors->data + errors->length - ERRORS_KEPT, ERRORS_KEPT);
        errors->length = ERRORS_KEPT;
    }
    text_append_bytes(errors, bytes, length);
}

static void keep(struct process *process, const uv_pipe_t *pipe, const char *bytes, size_t length)
{
    if (process->capture) {
        capture_append(process->capture, bytes, length);
        if (process->printed)
            process->printed(process->data, bytes, length);
    } else if (pipe == &process->output) {
        keep_output(process, bytes, length);
    } else {
        keep_errors(&process->errors_bytes, bytes, length);
    }
}

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
    struct process *process = stream->data;

    if (length >= 0) {
        keep(process, (const uv_pipe_t *)stream, buffer->base, (size_t)length);
        return;
    }
    uv_read_stop(stream);
    if (--process->readers == 0 && !process->running)
        complete(process);
}

/* One buffer for all children: libuv asks for it right before each read and passes it to on_read() right
 * after, and there is one thread. libuv fills it up to 32 times in a turn of the loop. Where each line is read
 * as it comes, that must not take long. */
static char chunk[CHUNK];

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    const struct process *process = handle->data;

    *buffer = uv_buf_init(chunk, process->printed ? LINES_CHUNK : sizeof(chunk));
}

/* Takes what is in a pipe now: all that the child wrote, and no more than a pipe has room for. */
static void read_rest(struct process *process, const uv_pipe_t *pipe)
{
    size_t room = PIPE_ROOM;
    ssize_t length = 0;
    uv_os_fd_t file;

    if (uv_fileno((const uv_handle_t *)pipe, &file) < 0)
        return;
    while (room > 0 && (length = read(file, chunk, room < CHUNK ? room : CHUNK)) > 0) {
        keep(process, pipe, chunk, (size_t)length);
        room -= (size_t)length;
    }
}

/* The time is over. But if the loop was blocked, nobody has looked into the pipes yet. */
static void on_drained(uv_timer_t *timer)
{
    struct process *process = timer->data;

    read_rest(process, &process->output);
    if (!process->capture)
        read_rest(process, &process->errors);
    complete(process);
}

static void read_output(struct process *process, uv_pipe_t *pipe)
{
    if (uv_read_start((uv_stream_t *)pipe, on_allocate, on_read) == 0)
        process->readers++;
}

/* Closes the child's stdin. The child may have closed its end before it read everything. */
static void on_fed(uv_write_t *write, int status)
{
    close_handle(write->handle);
}

static void feed_input(struct process *process, size_t length)
{
    uv_buf_t buffer = uv_buf_init(process->input_bytes, (unsigned)length);

    if (length == 0 ||
        uv_write(&process->write, (uv_stream_t *)&process->input, &buffer, 1, on_fed))
        close_handle(&process->input);
}

/* Makes a pipe, keeps our end, and returns the child's end or a libuv error. `reading`: we read from it. */
static int open_pipe(uv_pipe_t *pipe, bool reading)
{
    uv_file ends[2];
    int status = uv_pipe(ends, reading ? UV_NONBLOCK_PIPE : 0, reading ? 0 : UV_NONBLOCK_PIPE);

    if (status < 0)
        return status;
    status = uv_pipe_open(pipe, ends[reading ? 0 : 1]);
    if (status < 0) {
        close(ends[0]);
        close(ends[1]);
        return status;
    }
    return ends[reading ? 1 : 0];
}

/* Opens the child's descriptors 0, 1 and 2; -1 stands for /dev/null. */
static int open_pipes(struct process *process, int descriptors[static 3])
{
    if (process->input_bytes && (descriptors[0] = open_pipe(&process->input, false)) < 0)
        return descriptors[0];
    if ((descriptors[1] = open_pipe(&process->output, true)) < 0)
        return descriptors[1];
    if (!process->capture && (descriptors[2] = open_pipe(&process->errors, true)) < 0)
        return descriptors[2];
    return 0;
}

/* The file of this program, even if it was replaced or removed since. (Under valgrind /proc/self/exe
 * would be valgrind.) */
static char *this_program(void)
{
    char path[4096];
    size_t size = sizeof(path);

    if (uv_exepath(path, &size) < 0 || access(path, X_OK) < 0)
        return memory_copy("/proc/self/exe");
    return memory_copy(path);
}

/* Free the array only; the strings are borrowed. */
static const char **arguments_of(const char *path, const struct process_options *options)
{
    const char **arguments;
    size_t count = 0;

    while (options->argv[count])
        count++;
    arguments = memory_new_array(count + 1, sizeof(*arguments));
    memcpy(arguments, options->argv, count * sizeof(*arguments));
    if (!options->this_program)
        arguments[0] = path;
    return arguments;
}

/* The signal that ends a child when the daemon is killed. */
static int death_signal(enum process_manner manner)
{
    switch (manner) {
    case PROCESS_KILLED:
        return SIGKILL;
    case PROCESS_ASKED:
    case PROCESS_ASKED_ALL:
        return SIGTERM;
    case PROCESS_LEFT:
    case PROCESS_OUTLIVES:
        break;
    }
    return 0;
}

/* Has the loop wait for the child's end. */
static int watch(struct process *process)
{
    int status = uv_poll_init(process->timer.loop, &process->child, process->descriptor);

    if (status == 0) {
        process->child.data = process;
        process->handles++;
        status = uv_poll_start(&process->child, UV_READABLE, on_child_end);
        if (status < 0)
            close_handle(&process->child);
    }
    return status;
}

/* The child that cannot be watched is none. */
static int start_child(struct process *process, const struct process_options *options,
                       const char *path, const int descriptors[static 3])
{
    static const char *const nothing[] = {NULL};
    CLEANUP_FREE const char **arguments = arguments_of(path, options);
    struct spawn_options spawning = {
        .path = path,
        .arguments = arguments,
        .environment = options->environment ? options->environment : nothing,
        .directory = options->directory,
        .descriptors = {descriptors[0], descriptors[1],
                        process->capture ? descriptors[1] : descriptors[2]},
        .death_signal = death_signal(options->manner),
        .memory = options->memory,
    };
    int status = spawn(&process->pid, &process->descriptor, &spawning);

    if (status < 0)
        return status;
    status = watch(process);
    if (status < 0) {
        signal_group(process, SIGKILL);
        waitpid(process->pid, NULL, 0);
        close(process->descriptor);
        process->pid = 0;
    }
    return status;
}

static int start(struct process *process, const struct process_options *options)
{
    int descriptors[3] = {-1, -1, -1};
    CLEANUP_FREE char *path = NULL;
    const char *name = options->argv[0] ? options->argv[0] : "";
    int status;

    if (options->this_program)
        path = this_program();
    else if (program_find(&path, name, options->environment, options->directory, &process->error) <
             0)
        return -1;
    status = open_pipes(process, descriptors);
    if (status == 0)
        status = start_child(process, options, path, descriptors);
    for (int i = 0; i < 3; i++)
        if (descriptors[i] >= 0)
            close(descriptors[i]);
    if (status < 0)
        return error_set(&process->error, ERROR_TRANSIENT, "%s: %s", name, uv_strerror(status));
    return 0;
}

static void run(struct process *process, const struct process_options *options)
{
    process->running = true;
    read_output(process, &process->output);
    if (!process->capture)
        read_output(process, &process->errors);
    if (process->input_bytes)
        feed_input(process, options->input_length);
    process->active_at = uv_hrtime();
    wait_for_end(process);
}

static void process_discard(struct operation *operation)
{
    struct process *process = (struct process *)operation;

    process->callback = NULL;
    if (process->running && process->manner == PROCESS_KILLED)
        signal_group(process, SIGKILL);
    if (process->running && process->manner == PROCESS_ASKED)
        kill(process->pid, SIGTERM);
    if (process->running && process->manner == PROCESS_ASKED_ALL)
        signal_group(process, SIGTERM);
    if (process->manner == PROCESS_OUTLIVES && process->running)
        close_child(process);
    close_all_but_child(process);
}

static struct process *process_new(uv_loop_t *loop, const struct process_options *options)
{
    struct process *process = memory_new(sizeof(*process));
    uv_pipe_t *pipes[] = {&process->input, &process->output, &process->errors};

    process->operation.discard = process_discard;
    process->deadline_ms = options->deadline_ms;
    process->grace_ms = options->grace_ms;
    process->stall_ms = options->stall_ms;
    process->manner = options->manner;
    process->output_limit = options->output_limit;
    process->printed = options->printed;
    for (size_t i = 0; i < 3; i++) {
        uv_pipe_init(loop, pipes[i], 0);
        pipes[i]->data = process;
    }
    uv_timer_init(loop, &process->timer);
    process->timer.data = process;
    process->handles = 4;
    if (options->input)
        process->input_bytes = memory_copy_bytes(options->input, options->input_length);
    if (options->log_path)
        capture_new(&process->capture, &(struct capture_options){
                                           .path = options->log_path,
                                           .limit = options->log_limit,
                                           .lines = options->tail_lines,
                                           .line_limit = options->tail_line_limit,
                                       });
    return process;
}

struct operation *process_start(uv_loop_t *loop, const struct process_options *options,
                                process_callback callback, void *data)
{
    struct process *process = process_new(loop, options);

    process->callback = callback;
    process->data = data;
    process->began = uv_hrtime();
    if (start(process, options) == 0) {
        run(process, options);
    } else {
        process->result.end = PROCESS_NOT_STARTED;
        start_timer(process, on_not_started, 0);
    }
    return &process->operation;
}

void process_end_now(struct operation *operation)
{
    struct process *process = (struct process *)operation;

    if (process->running && !process->ending)
        tell_to_end(process, PROCESS_TIMED_OUT, elapsed_ms(process));
}

int process_id(const struct operation *operation)
{
    return ((const struct process *)operation)->pid;
}

bool process_exited(const struct process_result *result, int status)
{
    return result->end == PROCESS_EXITED && result->status == status;
}

bool process_succeeded(const struct process_result *result)
{
    return process_exited(result, 0);
}

void process_describe(char *buffer, size_t size, const struct process_result *result)
{
    switch (result->end) {
    case PROCESS_EXITED:
        snprintf(buffer, size, "exited with status %d", result->status);
        break;
    case PROCESS_SIGNALLED:
        snprintf(buffer, size, "was killed by signal %d (%s)", result->signal,
                 strsignal(result->signal));
        break;
    case PROCESS_TIMED_OUT:
        snprintf(buffer, size, "did not end within %.10g s", (double)result->allowed_ms / 1000);
        break;
    case PROCESS_STALLED:
        snprintf(buffer, size, "did nothing for %.10g s", (double)result->allowed_ms / 1000);
        break;
    case PROCESS_OVERFLOWED:
        snprintf(buffer, size, "was killed because it printed more than %zu bytes",
                 result->output_length);
        break;
    case PROCESS_NOT_STARTED:
        snprintf(buffer, size, "could not be started: %s", result->problem);
        break;
    }
}

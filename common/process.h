#pragma once

/*
 * A child process on the loop: clean environment, deadline, limited output, the whole group killed.
 *
 * Every child is started as spawn.h says, and does not outlive a daemon that is killed. A trusted child may
 * end in another manner (enum process_manner). The result says what ended a child: its exit, a signal, the
 * deadline, a standstill, too much output; or that it never started. When the child has ended its group is
 * killed. An output pipe that a process still has open is read for a short while and then closed.
 *
 * The program must ignore SIGPIPE: a child may close its stdin before it has read all of it.
 */

#include "common/error.h"
#include "common/operation.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/* What happens to a child when its operation is discarded, or the daemon is killed. */
enum process_manner {
    PROCESS_KILLED,    /* SIGKILL to the child, then to its whole group */
    PROCESS_ASKED,     /* trusted: SIGTERM to the child only, which ends what it started */
    PROCESS_ASKED_ALL, /* trusted: SIGTERM to its whole group */
    PROCESS_LEFT,      /* trusted and short: not interrupted, ends by itself */
    PROCESS_OUTLIVES,  /* likewise, and a daemon that stops does not wait for it */
};

struct process_options {
    const char *const
        *argv;         /* NULL-terminated; argv[0] is looked up on the PATH of `environment` */
    bool this_program; /* run this program instead, under the name argv[0] */
    const char *const *environment; /* NULL-terminated "NAME=value"; the child gets nothing else */
    const char *directory;          /* working directory; NULL: the daemon's */
    enum process_manner manner;
    const void *input; /* written to stdin, which is then closed; copied; NULL: /dev/null */
    size_t input_length;
    /* After this time SIGTERM to the group, and SIGKILL `grace_ms` later; 0: never. */
    uint64_t deadline_ms;
    /* The same, if it and what it started have done nothing for this time (activity.h); 0: never. */
    uint64_t stall_ms;
    uint64_t grace_ms;    /* 0: SIGKILL at once */
    uint64_t memory;      /* bytes that each of its processes may allocate; 0: no limit */
    size_t output_limit;  /* bytes of stdout kept; a child that prints more is killed */
    const char *log_path; /* stdout and stderr go to this file instead, which is truncated first */
    size_t log_limit;     /* bytes of output in the file at most: both ends (capture.h) */
    /* With log_path: gets all of the output, piece by piece as it comes; NULL: nobody looks. */
    void (*printed)(void *data, const char *bytes, size_t length);
    unsigned tail_lines;    /* with log_path: last lines that are kept, 0 to 10,000 */
    size_t tail_line_limit; /* bytes that are kept of each line, "…" for the rest; 0: 4096 */
};

enum process_end {
    PROCESS_EXITED,      /* see status */
    PROCESS_SIGNALLED,   /* see signal */
    PROCESS_TIMED_OUT,   /* the deadline passed, whatever the exit status */
    PROCESS_STALLED,     /* it did nothing for too long, whatever the exit status */
    PROCESS_OVERFLOWED,  /* it printed more than output_limit */
    PROCESS_NOT_STARTED, /* see problem */
};

struct process_result {
    enum process_end end;
    int status;
    int signal;
    uint64_t duration_ms;
    uint64_t allowed_ms; /* timed out: how long it ran; stalled: how long it did nothing */
    const char *output;  /* without log_path: stdout, ends in a NUL that is not counted */
    size_t output_length;
    const char *errors; /* without log_path: the last 8 KiB of stderr, as valid UTF-8 */
    const char *tail;   /* with log_path: the last lines as valid UTF-8, '\n' between them */
    uint64_t log_bytes; /* with log_path: how many bytes the child printed in all */
    /* Why it was not started, or what went wrong with the log file; else NULL. */
    const char *problem;
};

typedef void (*process_callback)(void *data, const struct process_result *result);

/* Starts a child. Returns the operation; to discard it ends the child as its manner says. */
struct operation *process_start(uv_loop_t *loop, const struct process_options *options,
                                process_callback callback, void *data);

/* Ends a child now, as if its deadline had passed. */
void process_end_now(struct operation *operation);

/* Returns the child's process id, which is also its group's; 0 if it was not started. */
int process_id(const struct operation *operation);

/* Returns whether the child exited by itself with this status. */
bool process_exited(const struct process_result *result, int status);

/* Returns whether the child exited by itself with status 0. */
bool process_succeeded(const struct process_result *result);

/* Bytes that are enough for any sentence of process_describe(). */
#define PROCESS_DESCRIPTION_SIZE 1100

/* Writes how the child ended: "exited with status 1", "was killed by signal 9 (Killed)", "did not end within
 * 30 s", "did nothing for 10 s", "could not be started: no such file". */
void process_describe(char *buffer, size_t size, const struct process_result *result);

#pragma once

/*
 * A child process on the loop: clean environment, deadline, whole process group killed, output
 * bounded.
 *
 * Every child leads a session and process group of its own and is started through
 * `setpriv --pdeathsig KILL` where that program exists, so that it does not outlive a killed daemon; for
 * trusted ones there are other manners.
 * What ended it is told apart: exit status, signal, deadline, never started. When the direct child
 * has ended, so is the group, and an output pipe that something still holds open is read for a
 * short while more and then dropped: no grandchild can hold the work up.
 *
 * Children start with default signal dispositions, an empty mask and no descriptor but 0, 1 and 2.
 * The program itself must ignore SIGPIPE: a child may close its stdin before all of it was fed.
 */

#include "common/error.h"
#include "common/operation.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/* How a child ends that nobody waits for any more: it was discarded, or the daemon was killed. */
enum process_manner {
    PROCESS_KILLED,    /* by SIGKILL, and its whole group when it has ended */
    PROCESS_ASKED,     /* trusted: by SIGTERM to itself alone; what it started notices that */
    PROCESS_ASKED_ALL, /* trusted: by SIGTERM to its whole group, where some of it would not notice */
    PROCESS_LEFT,      /* trusted, soon over and not to be interrupted: by itself */
    PROCESS_OUTLIVES, /* the same, but a daemon that ends does not wait for it either */
};

struct process_options {
    const char *const *argv; /* NULL-terminated; argv[0] is looked up on the PATH below */
    bool this_program;       /* instead: it is the running program, and argv[0] a name for it */
    const char *const *environment; /* NULL-terminated "NAME=value", the whole of it */
    const char *directory;          /* working directory; NULL: the daemon's */
    enum process_manner manner;
    const void *input; /* fed to stdin, which is then closed; copied; NULL: /dev/null */
    size_t input_length;
    uint64_t deadline_ms; /* then SIGTERM to the group, `grace_ms` later SIGKILL; 0: none */
    uint64_t grace_ms;    /* 0: SIGKILL at once */
    size_t output_limit;  /* bytes of stdout kept; a child that prints more is killed */
    const char *log_path; /* stdout and stderr together go to this file instead (truncated first) */
    size_t log_limit;     /* bytes written to the file at most; the rest is counted, not kept */
    void (*printed)(void *data, const char *bytes,
                    size_t length); /* with log_path: each piece as it
                                                                      comes, whole; NULL: nobody looks */
    unsigned tail_lines;            /* with log_path: the last lines kept in memory, 0 to 10,000 */
    size_t tail_line_limit; /* bytes kept of each such line, the rest replaced by "…"; 0: 4096 */
};

enum process_end {
    PROCESS_EXITED,      /* see status */
    PROCESS_SIGNALLED,   /* see signal */
    PROCESS_TIMED_OUT,   /* the deadline passed, whatever the child said afterwards */
    PROCESS_OVERFLOWED,  /* printed more than output_limit */
    PROCESS_NOT_STARTED, /* see problem */
};

struct process_result {
    enum process_end end;
    int status;
    int signal;
    uint64_t duration_ms;
    uint64_t allowed_ms; /* timed out: how long it ran before it was told to end */
    const char *output;  /* stdout (without log_path), NUL behind it; owned by the process */
    size_t output_length;
    const char *errors; /* the last 8 KiB of stderr (without log_path), repaired UTF-8 */
    const char *tail;   /* with log_path: the last lines, repaired UTF-8, '\n' between them */
    uint64_t log_bytes; /* with log_path: how much the child printed in all */
    const char
        *problem; /* why it was not started, or what went wrong with the log file; else NULL */
};

/* The result and all it points to are valid only inside the callback. */
typedef void (*process_callback)(void *data, const struct process_result *result);

/* Starts a child. Discarding the operation ends it in its manner. */
struct operation *process_start(uv_loop_t *loop, const struct process_options *options,
                                process_callback callback, void *data);

/* Asks a child that is under way to end now: as if its deadline had passed. */
void process_end_now(struct operation *operation);

/* The child's process id (its group's id too); 0 if it was not started. */
int process_id(const struct operation *operation);

/* Room for any sentence of process_describe(): the longest holds an error's. */
#define PROCESS_DESCRIPTION_SIZE 1100

/* A sentence for how it ended: "exited with status 1", "was killed by signal 9 (Killed)",
 * "did not end within 30 s", "could not be started: no such file". */
void process_describe(char *buffer, size_t size, const struct process_result *result);

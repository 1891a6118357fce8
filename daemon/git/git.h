#pragma once

/*
 * git as a child process, with a closed environment, and what its failures mean.
 *
 * git sees <state>/gitconfig as its only configuration, besides that of the repository it works in: no
 * prompts, no helpers, no transport but files and HTTP. Hooks are switched off in our own repository,
 * but not in a local forge, which may have its say about a push. Only a git that talks to the forge
 * gets the token, as a header for the forge's own address, in its environment and not in its arguments.
 */

#include "common/error.h"
#include "common/operation.h"
#include "common/process.h"
#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct git;

/* Whom a git talks to. This decides what it may see, and how its failures are taken. */
enum git_reach {
    GIT_LOCAL,  /* nobody: our own repository */
    GIT_SOURCE, /* a repository under `sources`, which experiments write to */
    GIT_FORGE,  /* the forge; over the network, perhaps */
};

/* What a git may allocate that works on what an experiment made: a patch of 4 MiB unpacks to gigabytes if
 * it is packed well, one that copies makes more of what is there, and a few kilobytes of trees that name
 * each other again and again hold more files than any memory. */
#define GIT_MEMORY_LIMIT ((uint64_t)1024 * 1024 * 1024)

struct git_command {
    const char *const *arguments; /* behind "git", NULL-terminated; all of these are copied */
    enum git_reach reach;
    const char *index; /* the index file to work on; NULL: none */
    const void *input; /* for its stdin; NULL: nothing */
    size_t input_length;
    size_t output_limit; /* bytes */
    unsigned
        patience; /* GIT_FORGE: its deadline as a multiple of forge.timeout; GIT_LOCAL: of two minutes, 0: once */
    bool idle;       /* nobody waits for it: it gives way to everything else */
    uint64_t memory; /* bytes that it may allocate, where there is a prlimit; 0: no limit, but
                            for GIT_FORGE, which always has one */
};

/* NAME=VALUE, which every git of ours has in its environment and nothing else; caller frees. */
char *git_marker(const struct config *config);

/* Writes <state>/gitconfig. `url` is the forge's repository, without credentials; `token` is for git over
 * HTTP, NULL if none is needed; both are copied. `config` must outlive it. On 0 `*git` is the caller's. */
int git_new(struct git **git, uv_loop_t *loop, const struct config *config, const char *url,
            const char *token, struct error *error);
void git_free(struct git *git); /* NULL-safe */
void git_freep(struct git **git);

/* The forge as git reaches it, of which the repository at `url` is one: its owner and name taken off where it is
 * asked for by HTTP. The token is for all that lies below. The caller frees it. */
char *git_root(const char *url);

/* Starts a git. Fires `callback` as process_start() does. */
struct operation *git_start(struct git *git, const struct git_command *command,
                            process_callback callback, void *data);

/* Whether it exited with status 0. */
bool git_succeeded(const struct process_result *result);

/* Whether it exited by itself with this status. */
bool git_exited(const struct process_result *result, int status);

/* What it exceeded, as words for "the change … to apply": "takes too long" or "takes too much memory".
 * NULL if neither. With foreign content neither passes by itself, so that it is no reason to try again. */
const char *git_exceeded(const struct process_result *result);

/* Turns a failure into an error that names `what` was tried and the essence of what git said: visible
 * characters only, bounded, without secrets. Returns -1. */
int git_failure(struct error *error, const struct process_result *result, enum git_reach reach,
                const char *what);

/* The same where git told the essence elsewhere, e.g. push on its stdout. */
int git_failure_said(struct error *error, const struct process_result *result, enum git_reach reach,
                     const char *what, const char *said);

/* Whether a failed git of GIT_LOCAL complains about the repository itself, not about what it was
 * asked: a half-made one, a damaged object. Not to be asked of a git that reads foreign text. */
bool git_found_damage(const struct process_result *result);

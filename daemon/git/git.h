#pragma once

/*
 * git as a child process with a closed environment, and what its failures mean.
 *
 * Besides the configuration of the repository, git sees <state>/gitconfig only: no prompts, no helpers, no
 * transports but files and HTTP. Hooks are off in our own repository. In a local forge they are on, as they
 * may refuse a push. Only a git that talks to the forge gets the token: as a header for the forge's
 * address, in its environment and not in its arguments.
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

/* What git talks to. This decides what it may see and what its failures mean. */
enum git_reach {
    GIT_LOCAL,  /* our own repository only */
    GIT_SOURCE, /* a repository under `sources`, which experiments write to */
    GIT_FORGE,  /* the forge, perhaps over the network */
};

/* Bytes that a git may allocate that works on what an experiment made. A patch of 4 MiB may unpack to
 * gigabytes, or copy a file many times. A few kilobytes of trees that name each other again and again may
 * have more files than fit into any memory. */
#define GIT_MEMORY_LIMIT ((uint64_t)1024 * 1024 * 1024)

struct git_command {
    const char *const *arguments; /* after "git", NULL-terminated; all of these are copied */
    enum git_reach reach;
    /* GIT_SOURCE: the directory of the source that it works in; NULL: `arguments` say where. */
    const char *source;
    const char *index; /* the index file to work on; NULL: none */
    const void *input; /* for its stdin; NULL: nothing */
    size_t input_length;
    size_t output_limit; /* bytes */
    /* GIT_FORGE: its deadline in multiples of forge.timeout; GIT_LOCAL: in multiples of two minutes, 0:
     * one. */
    unsigned patience;
    bool idle;       /* run it at the lowest priority: nobody waits for it */
    uint64_t memory; /* bytes that it may allocate; 0: no limit; GIT_FORGE has one anyway */
};

/* Returns NAME=VALUE, a variable that all of our gits have in their environment and no other process
 * has. The caller frees it. */
char *git_marker(const struct config *config);

/* Writes <state>/gitconfig. `url` is the forge's repository without credentials. `token` is for git over
 * HTTP; NULL: none is needed. Both are copied. `config` must outlive it.
 * Fails if the file cannot be written. */
int git_new(struct git **git, uv_loop_t *loop, const struct config *config, const char *url,
            const char *token, struct error *error);
void git_free(struct git *git); /* NULL-safe */
void git_freep(struct git **git);

/* Returns the address of the forge to which the repository at `url` belongs: over HTTP, without its
 * owner and name. The token is for everything below it. The caller frees it. */
char *git_root(const char *url);

/* Starts git. It calls back as process_start() does. A git in a source, or one that fetches from it, is ended
 * when it stalls: the source's file system does not answer. For the same reason only a child may look into a
 * source: nobody could end us. */
struct operation *git_start(struct git *git, const struct git_command *command,
                            process_callback callback, void *data);

/* Returns the limit that git exceeded, as words for "the change … to apply": "takes too long" or "takes too
 * much memory"; NULL: none. It is static. With foreign content it would be the same the next time, so do not
 * try again. */
const char *git_exceeded(const struct process_result *result);

/* What a source is that lacks some of its history, and what completes it. */
#define GIT_IS_PARTIAL                                                                             \
    "it is a partial clone, and lacks some of it: 'git fetch --refetch --no-filter' in it "        \
    "fetches the rest"
#define GIT_IS_SHALLOW                                                                             \
    "it is a shallow clone, and lacks earlier commits: 'git fetch --unshallow' in it fetches the " \
    "rest"

/* Returns whether a fetch took all that was asked for. A commit whose history a shallow source cuts off before
 * any commit that is here comes without it: git warns of that, and ends with 0. */
bool git_fetched(const struct process_result *result);

/* Turns a failure into an error: `what` was tried, and what git said, in visible characters, shortened,
 * without secrets. Returns -1. */
int git_failure(struct error *error, const struct process_result *result, enum git_reach reach,
                const char *what);

/* Does the same with words that git said elsewhere, such as push on its stdout. Returns -1. */
int git_failure_said(struct error *error, const struct process_result *result, enum git_reach reach,
                     const char *what, const char *said);

/* Returns whether a failed git of GIT_LOCAL complains about the repository itself: part of it is missing or
 * damaged. Not for a git that reads foreign text. */
bool git_found_damage(const struct process_result *result);

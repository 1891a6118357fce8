#pragma once

/*
 * What the files of the repository share.
 */

#include "common/process.h"
#include "daemon/git/git.h"
#include "daemon/repository.h"

#define REPOSITORY_BASES 16
#define REPOSITORY_MADE  64

/* A commit that was made here, and its only parent. */
struct repository_made {
    char commit[GIT_HASH_SIZE];
    char parent[GIT_HASH_SIZE];
};

struct repository {
    uv_loop_t *loop;
    const struct config *config;
    const struct forge *forge;
    struct git *git;
    char *directory; /* <state>/repository.git */
    char *lender;    /* another repository, see repository_borrow(); NULL: none */
    char *scratch;   /* <state>/scratch: index files; emptied at every start */
    char *git_dir;   /* "--git-dir=<directory>" */
    uint64_t next_name;
    uint64_t generation; /* how often the repository was made again */
    /* the latest commits that were fetched from the forge */
    char bases[REPOSITORY_BASES][GIT_HASH_SIZE];
    unsigned next_base;
    struct repository_made made[REPOSITORY_MADE]; /* the latest ones since the start */
    unsigned next_made;
    char measured[GIT_HASH_SIZE]; /* the commit whose history depth.c measured last; "": none */
    unsigned measured_depth;      /* what it found */
    unsigned forgotten;           /* commits that were dropped since the last maintenance */
    struct operation *maintenance;
};

/* An operation of several steps, one after the other. It is the first member of each operation's own
 * struct. */
struct git_sequence {
    struct operation operation;
    struct repository *repository;
    struct operation *step; /* the child or timer that is under way; NULL inside its callback */
    uint64_t generation;    /* of the repository when the operation began */
};

/* Fills in a new sequence. */
void git_sequence_begin(struct git_sequence *sequence, struct repository *repository,
                        void (*discard)(struct operation *operation));

/* Makes the bare repository, for object names as long as `hash`, if it is missing or not whole.
 * Fails (permanent) or (transient) as the disk does. */
int repository_prepare(struct repository *repository, const char *hash, struct error *error);

/* Moves a repository away that git found damaged, unless that was done since the sequence began. The next
 * operation makes a new one. The error becomes transient. */
void repository_discard_damaged(const struct git_sequence *sequence, struct error *error);

/* Returns a new path in <state>/scratch; the caller frees it. */
char *repository_scratch(struct repository *repository, const char *what);

/* Removes an index file at such a path, and git's lock of it. NULL-safe. */
void repository_remove_index(const char *index);

/* Points a ref of our repository ("refs/heads/x") at a commit. Fails if it cannot be written. */
int repository_set_ref(struct repository *repository, const char *ref, const char *hash,
                       struct error *error);

/* Reads a ref of the repository in `directory`. Returns false if it is missing or points at no commit. */
bool repository_read_ref(const char *directory, const char *ref, char commit[static GIT_HASH_SIZE]);

/* Keeps this commit of an experiment, in place of any other (see repository_find_kept()). Fails if its ref
 * cannot be written. */
int repository_keep(struct repository *repository, enum repository_kept kept,
                    const char *experiment_id, const char *commit, struct error *error);

/* Asks the forge for the base and one branch (NULL: none) by their full names; repository_read_look() reads
 * the answer. Fails (transient) if the forge shows no base. */
struct operation *repository_start_look(struct repository *repository, const char *branch,
                                        process_callback callback, void *data);
int repository_read_look(const struct repository *repository, const struct process_result *result,
                         const char *branch, struct repository_refs *refs, struct error *error);

/* The arguments of every fetch into our repository. The address and the names of the commits follow
 * FETCH_END. */
#define FETCH_WORDS                                                                                \
    "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules",           \
        "--no-auto-maintenance"
#define FETCH_END "--end-of-options"

/* Fetches a commit of the base from the forge, and its tags. Afterwards repository_fetched() checks the
 * result, remembers the commit, and keeps it by a ref. */
struct operation *repository_fetch(struct repository *repository, const char *hash,
                                   process_callback callback, void *data);

/* Does the same for several commits. The first one is of the base. */
struct operation *repository_fetch_all(struct repository *repository, char (*hashes)[GIT_HASH_SIZE],
                                       size_t count, process_callback callback, void *data);

/* Takes the result of such a fetch. Fails if the fetch did. */
int repository_fetched(struct repository *repository, const char *hash,
                       const struct process_result *result, struct error *error);

/* Fetches objects by their full names from the source of that number. Only git's protocol 2 can ask for
 * a blob by its name. */
struct operation *repository_fetch_source(struct repository *repository, size_t source,
                                          char (*hashes)[GIT_HASH_SIZE], size_t count,
                                          process_callback callback, void *data);

/* Returns whether a commit of the base is here already. */
bool repository_has_base(const struct repository *repository, const char *hash);

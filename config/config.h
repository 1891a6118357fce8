#pragma once

/*
 * Reads winnowd.yaml into a struct.
 *
 * A table (schema.h) says what the value of each key has to be. All mistakes of a file are reported at once.
 * Without mistakes there is a struct. After that only a reload changes it: it exchanges the values in place
 * (config_exchange()). So read a value when you need it, and it is the one in force. A part that keeps a copy
 * is told in reload() of daemon/winnowd.c. A pointer into the struct is valid until the callback returns.
 */

#include "common/error.h"
#include "common/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config_list {
    char **items; /* NULL-terminated; never NULL in a configuration */
    size_t count;
};

/* Returns a copy, for a list that has to outlive a callback, since a reload may come. The caller frees it
 * with config_list_clear(). */
struct config_list config_list_copy(const struct config_list *list);
void config_list_clear(struct config_list *list);

/* Appends a string, which the list then owns. The list may be all zero. */
void config_list_append(struct config_list *list, char *item);

enum forge_kind { FORGE_GITEA, FORGE_LOCAL };
enum metric_direction { METRIC_MINIMIZE, METRIC_MAXIMIZE };
enum metric_reference { METRIC_REFERENCE_BEST, METRIC_REFERENCE_FRONTIER, METRIC_REFERENCE_BEFORE };
enum sandbox_kind { SANDBOX_AUTO, SANDBOX_BUBBLEWRAP, SANDBOX_NONE };
enum engine_kind { ENGINE_LOCAL, ENGINE_SLURM };
enum network_kind { NETWORK_HOST, NETWORK_NONE };
/* When the tests are run on a commit of the base. */
enum base_runs { BASE_RUNS_ONCE, BASE_RUNS_ON_FAILURE, BASE_RUNS_NEVER };
enum queue_order { QUEUE_ORDER_ARRIVAL, QUEUE_ORDER_BEST };
enum pulls_refresh { PULLS_REFRESH_CONFLICTED, PULLS_REFRESH_ALWAYS, PULLS_REFRESH_NEVER };

struct config_metric {
    char *name;
    enum metric_direction direction;
    double min_delta;
    double min_relative;
    bool has_baseline;
    double baseline;
    enum metric_reference reference;
};

/* How a log of many experiments is read, as far as it does not say so itself. */
struct config_log {
    char *path; /* absolute: the log is followed; a name: settings for dropped logs of that name */
    char *repository; /* one of `sources`; NULL if not given; so are the texts below */
    char *metric;
    struct {
        char *metric; /* the name of a column, or its number from 1; likewise below */
        char *status;
        char *commit;
        char *hypothesis;
    } columns;
    struct {
        struct config_list keep; /* words of the log, besides the known ones */
        struct config_list discard;
        struct config_list crash;
    } status;
    struct config_list only;      /* "COLUMN=value"; other rows are left out */
    struct config_list baselines; /* numbers of lines */
    char *experiment_prefix;
};

struct config {
    char *file;  /* the file that it was read from */
    char *spool; /* this and `state`: absolute, without a slash at the end */
    char *state;

    struct {
        enum forge_kind kind;
        char *url;        /* without a slash at the end; gitea only */
        char *owner;      /* gitea only */
        char *repo;       /* gitea only */
        char *token_file; /* this, ca_file and git_url: NULL if not given */
        char *ca_file;
        char *git_url; /* NULL: <url>/<owner>/<repo>.git */
        char *path;    /* local only: the bare repository */
        char *outbox;  /* local only; never NULL there */
        char *base;
        char *branch_prefix; /* never empty; may or may not end in '/' */
        struct config_list labels;
        bool create_labels;
        bool status;
        struct config_list reviewers;
        uint64_t timeout_ms;
        uint64_t poll_ms; /* 0: never */
    } forge;

    struct config_list sources;

    struct config_log *logs;
    size_t log_count;

    struct {
        struct config_list protect;
        struct config_list exclude;
        char *author_name;
        char *author_email;
    } change;

    struct config_metric *metrics;
    size_t metric_count;
    struct config_stated *stated; /* metrics."*"; NULL: not given */

    struct {
        struct config_list command;
        enum engine_kind engine;
        char *directory; /* of the runs; NULL: the state; never NULL for Slurm */
        struct {
            struct config_list options; /* for sbatch */
            uint64_t poll_ms;
        } slurm;
        struct config_list launcher;
        uint64_t timeout_ms;
        unsigned output_lines;
        struct config_list environment; /* "NAME=value" */
        struct config_list pass_environment;
        enum base_runs base;
        char *expect; /* a POSIX extended regular expression; NULL: none */
        enum sandbox_kind sandbox;
        bool cache;
        uint64_t cache_limit; /* bytes */
        struct config_list read_only;
        unsigned history; /* commits; 0: all */
        enum network_kind network;
        struct config_list requires;
        struct {
            uint64_t memory;      /* bytes of address space, of one process */
            unsigned processes;   /* threads are counted as well */
            uint64_t file_size;   /* bytes, of one file */
            uint64_t cpu_time_ms; /* of one process */
        } limits;                 /* 0: none */
    } validation;

    struct {
        unsigned parallel;
        unsigned max_open_pulls; /* 0: no limit */
        enum queue_order order;
        uint64_t retry_for_ms;
    } queue;

    struct {
        enum pulls_refresh refresh;
        bool supersede;
    } pulls;

    struct {
        uint64_t validation_logs_ms; /* 0: for ever, as for the next two */
        uint64_t archive_ms;
        uint64_t rejected_ms;
    } keep;

    struct {
        enum log_level level;
        enum log_format format;
        uint64_t status_every_ms; /* 0: never */
    } log;

    struct {
        char *textfile; /* file for node_exporter's textfile collector; NULL: none */
    } status;
};

/* A mistake in a configuration: its place, its key, what was expected and what was found. */
struct config_problem {
    unsigned line; /* from 1; 0: no place in the file (an environment variable, a missing key) */
    unsigned column;
    char *key;     /* dotted, e.g. "metrics.val_bpb.direction"; "" for the file as a whole */
    char *message; /* "FILE:LINE:COLUMN: key: sentence", ready to print */
};

struct config_problems {
    struct config_problem *items;
    size_t count;
};

/* Reads and checks a file. GITEA_URL, GITEA_OWNER and GITEA_REPO in the environment override it. Returns 0,
 * or -1 with at least one problem. A file that cannot be read is a problem as well. The caller frees
 * `*config` (on 0) and the problems (always). */
int config_load(struct config **config, const char *path, struct config_problems *problems);

/* Does the same with bytes in memory, for tests and fuzzing, and returns the same. `name` is the file's name
 * in messages. */
int config_parse(struct config **config, const char *name, const char *bytes, size_t length,
                 struct config_problems *problems);

void config_free(struct config *config); /* NULL-safe */
void config_freep(struct config **config);
void config_problems_free(struct config_problems *problems);

/* Returns the metric of that name; NULL: there is none. It belongs to the configuration. */
const struct config_metric *config_metric(const struct config *config, const char *name);

/* Returns the metric of that name with the direction that a log states and the settings of metrics."*". NULL:
 * that is not given, no metric can have the name, or there are too many. It belongs to the configuration. */
const struct config_metric *config_metric_stated(const struct config *config, const char *name,
                                                 enum metric_direction direction);

/* Returns the settings of metrics."*"; NULL: they are not given. They belong to the configuration. */
const struct config_metric *config_any_metric(const struct config *config);

/* Returns how many bytes the name of a branch may have at a forge of that kind, prefix included. */
size_t config_branch_limit(enum forge_kind kind);

/* Returns the entry of `logs:` for a log that was dropped under that name; NULL: there is none. It belongs to
 * the configuration. */
const struct config_log *config_log(const struct config *config, const char *file_name);

/* Returns the first key of the configuration in a sentence about a problem: a dotted key anywhere, or any key
 * before a colon at the beginning. NULL: it names none. It is static. */
const char *config_key_named(const char *sentence);

/* Appends what a configuration means, one key per line, defaults included. */
struct text;
void config_explain(const struct config *config, struct text *text);

/* For a reload: exchanges the values of `running` and `fresh`, except those of keys that need a restart.
 * Appends the names of such keys whose values differ to `restart`, dotted and comma-separated. `fresh` then
 * has the old values; the caller frees it. */
void config_exchange(struct config *running, struct config *fresh, struct text *restart);

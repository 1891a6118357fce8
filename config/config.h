#pragma once

/*
 * winnowd.yaml into one const struct.
 *
 * The raw tree (common/yaml.h) is read against one table that holds, for every key, its type, its
 * default, its bounds, its environment override and the words that explain it. All errors of a file
 * are reported in one go; the struct comes into being only when there are none. From then on nothing
 * changes it but a reload, which exchanges values in place (config_exchange). So who reads a value when
 * it is needed has the one in force; who keeps a number or a copy may have to be told (see reload() in
 * daemon/winnowd.c); and a pointer into the struct is good until the callback returns, no longer.
 */

#include "common/error.h"
#include "common/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config_list {
    char **items; /* NULL-terminated; never NULL */
    size_t count;
};

/* A copy, for who needs a list beyond a callback: a reload may come between. config_list_clear()
 * frees it. */
struct config_list config_list_copy(const struct config_list *list);
void config_list_clear(struct config_list *list);

enum forge_kind { FORGE_GITEA, FORGE_LOCAL };
enum metric_direction { METRIC_MINIMIZE, METRIC_MAXIMIZE };
enum metric_reference { METRIC_REFERENCE_BEST, METRIC_REFERENCE_FRONTIER, METRIC_REFERENCE_BEFORE };
enum sandbox_kind { SANDBOX_AUTO, SANDBOX_BUBBLEWRAP, SANDBOX_NONE };
enum network_kind { NETWORK_HOST, NETWORK_NONE };
enum queue_order { QUEUE_ORDER_ARRIVAL, QUEUE_ORDER_BEST };

struct config_metric {
    char *name;
    enum metric_direction direction;
    double min_delta;
    double min_relative;
    bool has_baseline;
    double baseline;
    enum metric_reference reference;
};

struct config {
    char *file;  /* what it was read from */
    char *spool; /* absolute, without a slash at the end; so is `state` */
    char *state;

    struct {
        enum forge_kind kind;
        char *url;        /* without a slash at the end; gitea only */
        char *owner;      /* gitea only */
        char *repo;       /* gitea only */
        char *token_file; /* NULL if not given; so are ca_file, git_url */
        char *ca_file;
        char *git_url; /* NULL: <url>/<owner>/<repo>.git */
        char *path;    /* local only: the bare repository */
        char *outbox;  /* local only; filled in with <state>/outbox */
        char *base;
        char *branch_prefix; /* ends in '/' or not, as configured; never empty */
        struct config_list labels;
        bool create_labels;
        bool status;
        struct config_list reviewers;
        uint64_t timeout_ms;
        uint64_t poll_ms; /* 0: never */
    } forge;

    struct config_list sources;

    struct {
        struct config_list protect;
        struct config_list exclude;
        char *author_name;
        char *author_email;
    } change;

    struct config_metric *metrics;
    size_t metric_count;

    struct {
        struct config_list command;
        struct config_list launcher;
        uint64_t timeout_ms;
        unsigned output_lines;
        struct config_list environment; /* "NAME=value" */
        struct config_list pass_environment;
        char *expect; /* a POSIX extended regular expression; NULL: none */
        enum sandbox_kind sandbox;
        struct config_list read_only;
        enum network_kind network;
        struct config_list requires;
        struct {
            uint64_t memory;      /* bytes of address space, of one process */
            unsigned processes;   /* threads count, too */
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
        uint64_t validation_logs_ms; /* 0: for ever; likewise below */
        uint64_t archive_ms;
        uint64_t rejected_ms;
    } keep;

    struct {
        enum log_level level;
        enum log_format format;
        uint64_t status_every_ms; /* 0: never */
    } log;

    struct {
        char *textfile; /* for node_exporter's textfile collector; NULL: none */
    } status;
};

/* One thing wrong with a configuration: where, which key, what was expected and what was found. */
struct config_problem {
    unsigned line; /* 0: not about a place in the file (an environment variable, a missing key) */
    unsigned column;
    char *key;     /* dotted, e.g. "metrics.val_bpb.direction"; "" for the file as a whole */
    char *message; /* "FILE:LINE:COLUMN: key: sentence", ready to print */
};

struct config_problems {
    struct config_problem *items;
    size_t count;
};

/* Reads and checks a file, with the overrides of the environment (GITEA_URL, GITEA_OWNER,
 * GITEA_REPO). On 0 `*config` is the caller's (config_free). On -1 there is at least one problem;
 * one that could not be read is a problem, too. `problems` is the caller's in both cases. */
int config_load(struct config **config, const char *path, struct config_problems *problems);

/* The same from bytes in memory; `name` stands for the file in messages. For tests and fuzzing. */
int config_parse(struct config **config, const char *name, const char *bytes, size_t length,
                 struct config_problems *problems);

void config_free(struct config *config);
void config_freep(struct config **config);
void config_problems_free(struct config_problems *problems);

/* The metric of that name, or NULL. */
const struct config_metric *config_metric(const struct config *config, const char *name);

/* Says in lines of text what a configuration means, defaults included; appended to `text`. */
struct text;
void config_explain(const struct config *config, struct text *text);

/* A reload: exchanges the values of all keys between `running` and `fresh`, but for those whose row says
 * that they need a restart. Where such a one differs it is named in `restart`: dotted keys,
 * comma-separated, appended; nothing if there is none. What was in force is in `fresh` then, which stays
 * the caller's to free. */
void config_exchange(struct config *running, struct config *fresh, struct text *restart);

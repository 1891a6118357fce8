#pragma once

/*
 * The table of the configuration: one row for every key. Private to config/.
 *
 * A row says where in the struct the value is, its shape, default and bounds, the variable that overrides the
 * key, and the words that explain it. A default is written as in a file; the items of a list are separated by
 * blanks. config.c checks the rules for several keys at once, such as those for a kind of forge.
 * daemon/README.md lists who else has to know a new key.
 */

#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>

enum config_shape {
    CONFIG_TEXT,      /* char *; NULL if not given and without a default */
    CONFIG_WORD,      /* an enum, by its word in `words` */
    CONFIG_BOOL,      /* bool */
    CONFIG_COUNT,     /* unsigned */
    CONFIG_NUMBER,    /* double; if `other` is not 0, a bool there says whether it was given */
    CONFIG_DURATION,  /* uint64_t, milliseconds */
    CONFIG_SIZE,      /* uint64_t, bytes */
    CONFIG_AUTHOR,    /* char * at `offset` for the name and at `other` for the address */
    CONFIG_LIST,      /* struct config_list */
    CONFIG_VARIABLES, /* struct config_list of NAME=value, from an object */
};

enum config_flag {
    CONFIG_REQUIRED = 1 << 0,    /* there is no default */
    CONFIG_RESTART = 1 << 1,     /* a running daemon cannot change it */
    CONFIG_STRIP_SLASH = 1 << 2, /* slashes at the end are dropped */
    CONFIG_NOT_EMPTY = 1 << 3,   /* a list of at least one item */
    CONFIG_ZERO = 1 << 4,        /* a duration or size may be 0, whatever its minimum */
    CONFIG_HIDE_VALUES = 1 << 5, /* --check-config shows the names only: values may be secret */
};

struct config_key {
    const char *name; /* dotted; a metric's key is without "metrics.NAME." */
    enum config_shape shape;
    unsigned flags;
    size_t offset;
    size_t other;
    const char *fallback;                   /* NULL: none */
    const char *(*check)(const char *text); /* for a text or each item: see config_check_path() */
    double minimum, maximum;                /* of a count, number, duration (ms) or size */
    const char *const *words;               /* NULL-terminated, in the order of the enum */
    const char *environment;                /* the variable that overrides it, or NULL */
    const char *help;                       /* a few words for --check-config */
};

extern const struct config_key config_keys[];        /* of struct config; ends with a NULL name */
extern const struct config_key config_metric_keys[]; /* of struct config_metric; likewise */

extern const struct config_key
    *const config_stated_metric_keys; /* those of metrics."*": neither direction nor baseline */
extern const struct config_key config_log_keys[]; /* of struct config_log; likewise */

/* Check the text of a row (config/check.c). Return NULL if it is right, else the words after "expected" in a
 * message. They are static. */
const char *config_check_path(const char *text);
const char *config_check_url(const char *text);
const char *config_check_server(const char *text);
const char *config_check_git_url(const char *text);
const char *config_check_name(const char *text);
const char *config_check_label(const char *text);
const char *config_check_branch(const char *text);
const char *config_check_prefix(const char *text);
const char *config_check_glob(const char *text);
const char *config_check_argument(const char *text);
const char *config_check_launcher(const char *text);
const char *config_check_slurm_option(const char *text);
const char *config_check_variable(const char *text);
const char *config_check_expression(const char *text);
const char *config_check_metric(const char *text);
const char *config_check_text(const char *text);
const char *config_check_cell(const char *text);
const char *config_check_line(const char *text);
const char *config_check_experiment_prefix(const char *text);

/* Splits "Name <email>" into two strings; the caller frees them. Returns false if it has another form. */
bool config_split_author(const char *text, char **name, char **email);

/* Reads the values of rows and collects the problems with them (config/value.c). */
struct config_reader {
    const char *file;     /* its name, for messages */
    const char *variable; /* the variable whose value is being read; NULL: none */
    struct config_problems *problems;
};

struct json_object;
struct text;
struct yaml_position;

/* Reads a node of the tree, of any type, into the row's place in the struct at `base`. `name` is the whole
 * dotted key. A null node changes nothing. Mistakes become problems of the reader. */
void config_read(struct config_reader *reader, const struct config_key *key, const char *name,
                 void *base, struct json_object *node);

/* Does the same with one string: a default, or a variable of the environment. */
void config_read_string(struct config_reader *reader, const struct config_key *key,
                        const char *name, void *base, const char *string);

/* Adds a problem. `key` is the whole dotted key; "" is the file as a whole. */
void config_problem(struct config_reader *reader, struct yaml_position at, const char *key,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Returns the node of a dotted key; NULL: there is none (config/group.c). `at` is set to the nearest place in
 * the file. */
struct json_object *config_find(struct json_object *root, const char *name,
                                struct yaml_position *at);

/* Reads all rows of a table from a group of the tree, from the environment or from the default. Reports
 * unknown keys of the group. `above` is put before the keys in messages ("metrics.NAME."). `parent` is the
 * place at which a missing key is reported. `node` may be NULL. */
void config_read_group(struct config_reader *reader, const struct config_key *keys, void *base,
                       struct json_object *node, const char *above, struct yaml_position parent);

/* Reads `metrics:` into the configuration (config/metrics.c). */
void config_read_metrics(struct config_reader *reader, struct config *config,
                         struct json_object *root);
void config_free_metrics(struct config *config);

/* Reads `logs:` into the configuration, and checks each entry against the others (config/logs.c). */
void config_read_logs(struct config_reader *reader, struct config *config,
                      struct json_object *root);
void config_free_logs(struct config_log *logs, size_t count);

/* Appends the value of a row in the struct at `base`, as a file would have it. */
void config_render(const struct config_key *key, const void *base, struct text *text);

/* Appends `string` in quotes as a message shows it: cut if it is long, and without a password. */
void config_show(struct text *text, const char *string);

/* Frees what a row owns in the struct at `base`. */
void config_release(const struct config_key *key, void *base);

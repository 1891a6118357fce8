#pragma once

/*
 * What the store knows of logs of many experiments.
 *
 * Its functions fail as those of store.h do.
 */

#include "daemon/store.h"

#include <stdbool.h>
#include <stdint.h>

/* A log as a whole. */
struct store_log {
    int64_t id;          /* 0: it is not known yet */
    unsigned copy;       /* 1; 2 and more if another log has, or had, its name */
    uint64_t last_line;  /* of its known rows; 0: none */
    int64_t modified_ns; /* the latest arrival of its rows */
    int decision;        /* the column that says what was kept, from 0; -1: not known */
};

/* What tells a log from another one of its name: its header and its first row. */
struct store_log_key {
    const char *stem;   /* what the ids of its rows begin with */
    const char *name;   /* of its file */
    const char *header; /* a digest; "": it has none */
    const char *first;  /* a digest */
};

/* Reads the log of that key. A new log gets its copy, and 0 for its id. */
int store_find_log(struct store *store, const struct store_log_key *key, struct store_log *log,
                   struct error *error);

/* Adds a log that store_find_log() did not know, and sets its id. */
int store_add_log(struct store *store, const struct store_log_key *key, struct store_log *log,
                  struct error *error);

/* Writes the log as it is now. */
int store_save_log(struct store *store, const struct store_log *log, struct error *error);

/* How far a followed log was read. */
struct store_place {
    struct store_log log;
    uint64_t inode;
    uint64_t offset;              /* in bytes, after the last line that was read */
    uint64_t line;                /* of the last line that was read */
    char digest[DIGEST_HEX_SIZE]; /* of all lines that were read */
    char *settings;               /* the settings by which they were read */
    char *reader;                 /* the state of the reader, as JSON */
};

/* Frees what it owns. */
void store_place_clear(struct store_place *place);

/* Finds the place in the log at a path; `place->settings` is NULL if there is none. The caller clears it
 * with store_place_clear(). */
int store_find_place(struct store *store, const char *path, struct store_place *place,
                     struct error *error);

/* Writes the place in the log at a path, in place of the one before. */
int store_save_place(struct store *store, const char *path, const struct store_place *place,
                     struct error *error);

/* Reads the row of that line; `*row` is NULL if there is none. The caller frees it. */
int store_find_row(struct store *store, int64_t log, uint64_t line, struct store_result **row,
                   struct error *error);

/* Finds the line of the first row before this one in its log that was kept or is a baseline, and names the
 * same commit, in a shorter or longer form; 0: none. */
int store_find_named(struct store *store, const struct store_result *row, uint64_t *line,
                     struct error *error);

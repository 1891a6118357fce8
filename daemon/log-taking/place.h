#pragma once

/*
 * How far a followed log was read. The store keeps this place, with a digest of all lines before it. So only
 * later lines are read, even after a restart. If the lines before it have changed, the log is read from its
 * beginning.
 *
 * The digest is of the lines as they were when they were read. A later change is found by the next
 * comparison.
 */

#include "common/digest.h"
#include "common/lines.h"
#include "daemon/result-log.h"
#include "daemon/store/log.h"

struct log_place {
    struct store *store;
    const char *path;         /* not owned */
    struct store_place known; /* its settings are NULL: none */
    struct digest digest;     /* of the lines so far */
    char *settings;           /* the settings by which the log is read now */
};

/* Finds the place. It can be used if the log is at least that long, and is read by the same settings. The
 * caller clears `place`. Fails if the store does. */
int log_place_begin(struct log_place *place, struct store *store, const char *path,
                    const struct config *config, const struct config_log *settings,
                    struct error *error);
void log_place_clear(struct log_place *place);

/* Returns whether there is a place to go on from, provided that the lines before it are unchanged. */
bool log_place_is_known(const struct log_place *place);

/* Adds a line to the digest. */
void log_place_pass(struct log_place *place, const struct line *line);

/* Returns whether the lines so far are those before the known place. If so, restores the state of the reader. */
bool log_place_resumes(struct log_place *place, const struct lines *lines,
                       struct result_log *reader);

/* Forgets the place: the log is read from its first line. */
void log_place_forget(struct log_place *place);

/* Writes the place into the store. Fails if the store does. */
int log_place_save(const struct log_place *place, const struct store_log *log, uint64_t inode,
                   const struct lines *lines, const struct result_log *reader, struct error *error);

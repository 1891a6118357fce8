#pragma once

/*
 * How far a followed log was read: kept in the store, with a digest of all that was read. So only what was
 * written behind that is read, also after a restart. Where what was read is not there any more as it was,
 * the log is read from its beginning.
 *
 * The digest is of the lines as they were read. A change in between is found at the next comparison.
 */

#include "common/digest.h"
#include "common/lines.h"
#include "daemon/result-log.h"
#include "daemon/store/log.h"

struct log_place {
    struct store *store;
    const char *path;         /* not owned */
    struct store_place known; /* its settings are NULL: none */
    struct digest digest;     /* of the lines that were passed */
    char *settings;           /* by which the log is read now */
};

/* Finds the place. It can be used if the log is at least that long, and is read by the same settings. Fails
 * if the store does. */
int log_place_begin(struct log_place *place, struct store *store, const char *path,
                    const struct config *config, const struct config_log *settings,
                    struct error *error);
void log_place_clear(struct log_place *place);

/* Returns whether there is a place to go on from, if what was read is as it was. */
bool log_place_is_known(const struct log_place *place);

/* Adds a line to what was read. */
void log_place_pass(struct log_place *place, const struct line *line);

/* Returns whether the lines up to here are those that were read up to the known place. If so, the reader
 * knows again what it knew there. */
bool log_place_resumes(struct log_place *place, const struct lines *lines,
                       struct result_log *reader);

/* Begins anew: the log is read from its first line. */
void log_place_forget(struct log_place *place);

/* Writes the place into the store. Fails if the store does. */
int log_place_save(const struct log_place *place, const struct store_log *log, uint64_t inode,
                   const struct lines *lines, const struct result_log *reader, struct error *error);

#pragma once

/*
 * What the store knows of the runs on Slurm.
 *
 * Its functions fail as those of store.h do.
 */

#include "daemon/store.h"

#include <stdbool.h>
#include <stddef.h>

/* Reads the record of an experiment's last run, as slurm-record.h writes it; `*record` is NULL if there is
 * none. The caller frees it. */
int store_find_run(struct store *store, const char *experiment_id, char **record,
                   struct error *error);

/* Writes the record, in place of an earlier one. `over`: nothing is left of the run. */
int store_set_run(struct store *store, const char *experiment_id, const char *record, bool over,
                  struct error *error);

/* Lists the experiments that have a run left but no job under way. */
int store_list_left_runs(struct store *store, char ***ids, size_t *count, struct error *error);
void store_left_runs_free(char **ids, size_t count);

/* Finds whether there was ever a run. */
int store_any_run(struct store *store, bool *any, struct error *error);

#define STORE_RUN_ID_SIZE 17

/* Reads the id that tells the runs of this store from those of others. It never changes. */
int store_run_id(struct store *store, char id[static STORE_RUN_ID_SIZE], struct error *error);

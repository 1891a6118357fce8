#pragma once

/*
 * The engine that runs the tests as jobs of a Slurm cluster.
 *
 * A run is a directory that this machine and the nodes see at the same path, and a job of Slurm whose name is
 * never used twice. Its files say how it ended (slurm-script.h). Slurm's word can take a verdict away and
 * never gives one. Each step is in the run's record before it is taken (slurm-record.h). So runs go on
 * without the daemon, and the next daemon takes them up by their names.
 *
 *     <directory>/ID-ATTEMPT/    the files of one attempt
 */

#include "config/config.h"
#include "daemon/store.h"
#include "daemon/validation/engine.h"

#include <uv.h>

/* Asks sbatch whether a job with validation.slurm.options could run, without submitting it. Fails (permanent)
 * naming the key if it could not, (transient) if Slurm does not answer, or if nodes that are down or drained
 * could be why. */
struct operation *slurm_try(uv_loop_t *loop, const struct config *config,
                            void (*callback)(void *data, const struct error *error), void *data);

/* Sets the error, a fault of the installation, that says why validation.directory cannot be used. `code` is
 * an errno. */
void slurm_directory_away(struct error *error, const struct config *config, int code);

/* Makes the engine, and the directory if there was no run yet. `config` and `store` must outlive it. Fails if
 * the directory cannot be made, or if the store does. */
int slurm_engine_new(struct engine **engine, uv_loop_t *loop, const struct config *config,
                     struct store *store, struct error *error);

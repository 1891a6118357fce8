#pragma once

/*
 * What protects the machine from the code under test.
 *
 * bubblewrap gives the code user, process, IPC and host name spaces of its own, a read-only system, and an
 * empty /tmp of limited size. Home directories, /run (with the buses), logs, mail, sources, and the daemon's
 * state, spool, configuration and credentials are empty. Only the checkout can be written to. It is at one
 * short path, the same for each run. When the command ends, or the daemon dies, all that it started ends as
 * well. It cannot make name spaces of its own, if bubblewrap can prevent that.
 *
 * The network is shared, since tests talk to model servers and package indexes. So are abstract sockets,
 * which no file system can hide. validation.network can switch the network off. In hidden places, tests still
 * see what PATH and the command's program lead to (reach.h), and validation.read_only, unless that would show
 * a hidden place as a whole.
 *
 * A mark in the checkout says that the sandbox was made and the command began. Without the mark there is no
 * verdict, whatever the exit status of bubblewrap or of a launcher.
 *
 * With and without bubblewrap, the tests get none of the keys of the daemon's session, and prlimit sets
 * validation.limits. Processes are counted for the sandbox alone; without one for the user, and never for
 * root.
 */

#include "common/error.h"
#include "config/config.h"
#include "daemon/validation/checkout.h"

#include <stdbool.h>

struct sandbox;

/* Makes the sandbox that the configuration asks for, and runs it once to see whether it works, which blocks.
 * The calling thread, and what it starts, get a session keyring of their own. `config` must outlive it. Fails
 * (permanent) if bubblewrap is required and does not work, or if there is no prlimit. */
int sandbox_new(struct sandbox **sandbox, const struct config *config, struct error *error);
void sandbox_free(struct sandbox *sandbox); /* NULL-safe */
void sandbox_freep(struct sandbox **sandbox);

/* Returns the checkout's paths as the tests see them. The caller frees it with checkout_free(). */
struct checkout sandbox_inside(struct sandbox *sandbox, const struct checkout *checkout);

/* Returns the arguments that run the configured command in the checkout, after those of the launcher,
 * NULL-terminated. The caller frees them with sandbox_free_arguments(). `program` is the path of the
 * command's program. Hidden places are looked up again. */
char **sandbox_arguments(struct sandbox *sandbox, const struct checkout *checkout,
                         const char *program);

/* Returns the arguments that run another command, `question`, without a checkout. `program` is visible to it.
 * The caller frees them with sandbox_free_arguments(). */
char **sandbox_trial_arguments(struct sandbox *sandbox, const char *program,
                               const struct config_list *question);
void sandbox_free_arguments(char **arguments); /* NULL-safe */

/* Appends the arguments of prlimit for validation.limits, and `--`. */
void sandbox_append_limits(struct config_list *arguments, const struct config *config);

/* Checks that one of validation.read_only, by its place, can be shown. Fails (permanent), naming the key, if it
 * does not exist, is no directory, or contains a hidden place. */
int sandbox_check_read_only(const struct config *config, size_t item, struct error *error);

/* Returns whether there is a sandbox, and not only limits. */
bool sandbox_is_there(const struct sandbox *sandbox);

/* Returns a sentence for the log: which sandbox there is, or what is not limited without one. It belongs to
 * the sandbox. */
const char *sandbox_sentence(const struct sandbox *sandbox);

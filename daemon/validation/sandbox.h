#pragma once

/*
 * What stands between the code under test and the machine.
 *
 * With bubblewrap: user, process, IPC and host name spaces of its own, the whole system read-only, an
 * empty /tmp of bounded size, and in the place of home directories, /run (with it the buses), logs,
 * mail, sources, the daemon's state, its spool, its configuration and its credentials nothing at all.
 * Only the checkout can be written to; it lies at one short path, the same for each run. When the command ends, or the daemon dies, so does all that it
 * started. Name spaces of its own it cannot make, where bubblewrap can see to that.
 *
 * The network is shared, since tests talk to model servers and package indexes; with it come abstract
 * sockets, which no file system can hide. validation.network can shut it off. Even where they lie in a
 * hidden place, these stay in sight: what PATH and the command's program lead to (see reach), and
 * validation.read_only. What would uncover a hidden place as a whole does not.
 *
 * In the checkout a mark says that the sandbox was made and the command begun: without it there is no
 * verdict, whatever the exit status of bubblewrap or of a launcher in front of it.
 *
 * With and without it the keys of the daemon's session are left behind, and validation.limits hold, by
 * prlimit. Processes are counted for the sandbox alone where there is one, else for the user; for root
 * not at all.
 */

#include "common/error.h"
#include "config/config.h"
#include "daemon/validation/checkout.h"

#include <stdbool.h>

struct sandbox;

/* Looks which sandbox the configuration asks for and whether it works here, by running it once;
 * blocks for that. The calling thread, and what it starts, get a session keyring of their own. On 0
 * `*sandbox` is the caller's. Permanent error where bubblewrap is demanded and does not work, or there
 * is no prlimit. `config` must outlive it. */
int sandbox_new(struct sandbox **sandbox, const struct config *config, struct error *error);
void sandbox_free(struct sandbox *sandbox); /* NULL-safe */
void sandbox_freep(struct sandbox **sandbox);

/* The checkout's paths as the tests see them. Free with checkout_free(). */
struct checkout sandbox_inside(struct sandbox *sandbox, const struct checkout *checkout);

/* The arguments that run the configured command, launcher in front, in the checkout: NULL-terminated.
 * `program` is where the command's program was found. What is hidden is looked up anew. Array and
 * strings are the caller's. */
char **sandbox_arguments(struct sandbox *sandbox, const struct checkout *checkout,
                         const char *program);

/* Those that run another command, `question`, where there is no checkout; `program` is shown as above. */
char **sandbox_trial_arguments(struct sandbox *sandbox, const char *program,
                               const struct config_list *question);
void sandbox_free_arguments(char **arguments); /* NULL-safe */

/* Whether each of validation.read_only can be shown. Permanent error, naming the key, for one that is not there,
 * is no directory, or holds a hidden place. */
int sandbox_check_read_only(const struct config *config, struct error *error);

/* Whether there is more between tests and machine than limits. */
bool sandbox_is_there(const struct sandbox *sandbox);

/* One sentence for the log: what there is, or what is not held without. */
const char *sandbox_sentence(const struct sandbox *sandbox);

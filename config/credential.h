#pragma once

/*
 * The forge's token: where it is read, and how it is kept secret.
 *
 * It is read from forge.token_file, else from $CREDENTIALS_DIRECTORY/gitea-token, else from GITEA_TOKEN. A
 * file that every user can read is refused. The variable is overwritten in memory, so that /proc/PID/environ
 * does not show it. The token is registered with common/secret.h, which keeps it out of the log.
 */

#include "common/error.h"
#include "config/config.h"

/* Reads the token. `*token` is NULL for the local forge, which needs none; else the caller wipes it with
 * secret_wipe() and frees it. Fails (permanent) naming the file, or what was looked for. */
int credential_load(char **token, const struct config *config, struct error *error);

/* Removes GITEA_TOKEN from the environment and overwrites its bytes. Commands that need no token call this as
 * well. */
void credential_hide_environment(void);

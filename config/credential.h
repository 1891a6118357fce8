#pragma once

/*
 * The forge's token: where it comes from, and that it stays where it belongs.
 *
 * Looked for in this order: forge.token_file, $CREDENTIALS_DIRECTORY/gitea-token, GITEA_TOKEN. A
 * file that others can read is refused. The variable is overwritten in the process's memory as soon
 * as it was read, so that /proc/PID/environ does not show it either. The token is registered with
 * common/secret.h, which keeps it out of every log line.
 */

#include "common/error.h"
#include "config/config.h"

/* On 0 `*token` is the caller's (secret_wipe and free), or NULL for the local forge, which needs
 * none. On -1 the error is permanent and names the file or what was looked for. */
int credential_load(char **token, const struct config *config, struct error *error);

/* Takes GITEA_TOKEN out of the environment, bytes overwritten; for commands that need no token, too. */
void credential_hide_environment(void);

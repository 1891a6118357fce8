#include "daemon/forge/kinds.h"

#include "daemon/forge/gitea.h"
#include "daemon/forge/local.h"

int forge_new(struct forge **forge, uv_loop_t *loop, const struct config *config, struct http *http,
              const char *token, struct error *error)
{
    switch (config->forge.kind) {
    case FORGE_GITEA:
        return forge_gitea_new(forge, loop, config, http, token, error);
    case FORGE_LOCAL:
        return forge_local_new(forge, loop, config, error);
    }
    return error_set(error, ERROR_BUG, "forge.kind: unknown kind %d", (int)config->forge.kind);
}

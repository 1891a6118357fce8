#include "daemon/forge.h"

#include "common/loop.h"
#include "common/memory.h"
#include "common/secret.h"

#include <stdlib.h>
#include <string.h>

#define LOST_ANSWER_MS 10000

/* Gitea and Forgejo keep it in a column of that size; git below, in a file name, to which ".lock" is added. */
size_t forge_branch_limit(enum forge_kind kind)
{
    static const size_t limits[] = {[FORGE_GITEA] = 100, [FORGE_LOCAL] = 200};

    return limits[kind];
}

bool forge_hash_valid(const char *string)
{
    size_t length = string ? strspn(string, "0123456789abcdef") : 0;

    return (length == 40 || length == 64) && !string[length];
}

bool forge_may_still_appear(int64_t *posted_ms)
{
    int64_t now = clock_now_ms();

    if (*posted_ms > now)
        *posted_ms = now;
    return now - *posted_ms < LOST_ANSWER_MS;
}

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

void forge_free(struct forge *forge)
{
    if (!forge)
        return;
    free(forge->git_url);
    free(forge->web_url);
    if (forge->token)
        secret_wipe(forge->token, strlen(forge->token));
    free(forge->token);
    forge->functions->free(forge);
}

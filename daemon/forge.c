#include "daemon/forge.h"

#include "common/loop.h"
#include "common/secret.h"

#include <stdlib.h>
#include <string.h>

#define LOST_ANSWER_MS 10000

bool forge_may_still_appear(int64_t *posted_ms)
{
    int64_t now = clock_now_ms();

    if (*posted_ms > now)
        *posted_ms = now;
    return now - *posted_ms < LOST_ANSWER_MS;
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

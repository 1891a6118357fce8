#include "daemon/log-taking/named.h"

#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

struct named_commit {
    char *commit;
    uint64_t line;
};

void named_commits_add(struct named_commits *named, const char *commit, uint64_t line)
{
    if ((named->count & (named->count + 1)) == 0)
        named->items = memory_resize(named->items, 2 * (named->count + 1) * sizeof(*named->items));
    named->items[named->count++] = (struct named_commit){memory_copy(commit), line};
}

uint64_t named_commits_find(const struct named_commits *named, const char *commit)
{
    size_t length = strlen(commit);

    for (size_t i = 0; i < named->count; i++) {
        size_t other = strlen(named->items[i].commit);

        if (strncmp(named->items[i].commit, commit, other < length ? other : length) == 0)
            return named->items[i].line;
    }
    return 0;
}

void named_commits_clear(struct named_commits *named)
{
    for (size_t i = 0; i < named->count; i++)
        free(named->items[i].commit);
    free(named->items);
    *named = (struct named_commits){0};
}

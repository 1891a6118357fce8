#include "common/memory.h"
#include "daemon/repository.h"

#include <stdlib.h>

void repository_change_copy(struct repository_change *copy, const struct repository_change *change)
{
    *copy = *change;
    copy->files = memory_new_array(change->file_count, sizeof(*copy->files));
    for (size_t i = 0; i < change->file_count; i++) {
        copy->files[i] = change->files[i];
        copy->files[i].path = memory_copy(change->files[i].path);
    }
    copy->own_diff = memory_copy(change->own_diff);
    copy->notes = memory_copy(change->notes);
    copy->doubt = memory_copy(change->doubt);
    copy->contained = memory_new_array(change->contained_count, sizeof(*copy->contained));
    for (size_t i = 0; i < change->contained_count; i++)
        copy->contained[i] = memory_copy(change->contained[i]);
}

void repository_change_clear(struct repository_change *change)
{
    for (size_t i = 0; i < change->file_count; i++)
        free(change->files[i].path);
    for (size_t i = 0; i < change->contained_count; i++)
        free(change->contained[i]);
    free(change->files);
    free(change->contained);
    free(change->own_diff);
    free(change->notes);
    free(change->doubt);
    *change = (struct repository_change){0};
}

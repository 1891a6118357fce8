#include "config/config.h"

#include "common/text.h"
#include "config/schema.h"

#include <string.h>

/* The size of a value at its place, and at the second place that some shapes have. */
static const struct {
    size_t size, other;
} extents[] = {
    [CONFIG_TEXT] = {sizeof(char *), 0},
    [CONFIG_WORD] = {sizeof(int), 0},
    [CONFIG_BOOL] = {sizeof(bool), 0},
    [CONFIG_COUNT] = {sizeof(unsigned), 0},
    [CONFIG_NUMBER] = {sizeof(double), sizeof(bool)},
    [CONFIG_DURATION] = {sizeof(uint64_t), 0},
    [CONFIG_SIZE] = {sizeof(uint64_t), 0},
    [CONFIG_AUTHOR] = {sizeof(char *), sizeof(char *)},
    [CONFIG_LIST] = {sizeof(struct config_list), 0},
    [CONFIG_VARIABLES] = {sizeof(struct config_list), 0},
};

static void exchange(void *a, void *b, size_t offset, size_t size)
{
    unsigned char kept[sizeof(struct config_list)];

    memcpy(kept, (char *)a + offset, size);
    memcpy((char *)a + offset, (char *)b + offset, size);
    memcpy((char *)b + offset, kept, size);
}

static bool differs(const struct config_key *key, const struct config *a, const struct config *b)
{
    CLEANUP_TEXT struct text left = {0};
    CLEANUP_TEXT struct text right = {0};

    config_render(key, a, &left);
    config_render(key, b, &right);
    return strcmp(text_string(&left), text_string(&right)) != 0;
}

void config_exchange(struct config *running, struct config *fresh, struct text *restart)
{
    size_t before = restart->length;

    for (const struct config_key *key = config_keys; key->name; key++) {
        if (!(key->flags & CONFIG_RESTART)) {
            exchange(running, fresh, key->offset, extents[key->shape].size);
            if (key->other)
                exchange(running, fresh, key->other, extents[key->shape].other);
        } else if (differs(key, running, fresh)) {
            text_append_format(restart, "%s%s", restart->length > before ? ", " : "", key->name);
        }
    }
    exchange(running, fresh, offsetof(struct config, metrics), sizeof(running->metrics));
    exchange(running, fresh, offsetof(struct config, metric_count), sizeof(running->metric_count));
    exchange(running, fresh, offsetof(struct config, stated), sizeof(running->stated));
    exchange(running, fresh, offsetof(struct config, logs), sizeof(running->logs));
    exchange(running, fresh, offsetof(struct config, log_count), sizeof(running->log_count));
}

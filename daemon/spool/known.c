#include "daemon/spool/known.h"

#include "common/memory.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 64
#define CROWD       4096 /* with more entries, memory is given back afterwards */

/* FNV-1a. A writer to the spool chooses the names, and could make a scan slow with them. So could many files. */
static uint64_t hash_of(const char *name)
{
    uint64_t hash = 0xcbf29ce484222325;

    for (const char *c = name; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3;
    return hash;
}

void spool_known_forget_wait(struct spool_entry *entry)
{
    if (entry->wait)
        free(entry->wait->patch);
    free(entry->wait);
    entry->wait = NULL;
    entry->delayed = false;
}

static void free_entry(struct spool_entry *entry)
{
    spool_known_forget_wait(entry);
    free(entry);
}

void spool_known_free(struct spool_known *known)
{
    for (size_t i = 0; i < known->bucket_count; i++) {
        struct spool_entry *entry = known->buckets[i];

        while (entry) {
            struct spool_entry *next = entry->next;

            free_entry(entry);
            entry = next;
        }
    }
    free(known->buckets);
    free(known->heap);
    *known = (struct spool_known){0};
}

static void resize(struct spool_known *known, size_t bucket_count)
{
    struct spool_entry **buckets = memory_new_array(bucket_count, sizeof(*buckets));

    for (size_t i = 0; i < known->bucket_count; i++) {
        struct spool_entry *entry = known->buckets[i];

        while (entry) {
            struct spool_entry *next = entry->next;
            struct spool_entry **bucket = &buckets[entry->hash & (bucket_count - 1)];

            entry->next = *bucket;
            *bucket = entry;
            entry = next;
        }
    }
    free(known->buckets);
    known->buckets = buckets;
    known->bucket_count = bucket_count;
}

struct spool_entry *spool_known_find(const struct spool_known *known, const char *name)
{
    uint64_t hash = hash_of(name);
    struct spool_entry *entry;

    if (known->bucket_count == 0)
        return NULL;
    entry = known->buckets[hash & (known->bucket_count - 1)];
    while (entry && (entry->hash != hash || strcmp(entry->name, name) != 0))
        entry = entry->next;
    return entry;
}

struct spool_entry *spool_known_get(struct spool_known *known, const char *name)
{
    struct spool_entry *entry = spool_known_find(known, name);
    struct spool_entry **bucket;
    size_t size = strlen(name) + 1;

    if (entry)
        return entry;
    if (known->count >= known->bucket_count)
        resize(known, known->bucket_count == 0 ? BUCKETS_MIN : known->bucket_count * 2);
    entry = memory_new(sizeof(*entry) + size);
    memcpy(entry->name, name, size);
    entry->hash = hash_of(name);
    bucket = &known->buckets[entry->hash & (known->bucket_count - 1)];
    entry->next = *bucket;
    *bucket = entry;
    known->count++;
    return entry;
}

void spool_known_remove(struct spool_known *known, struct spool_entry *entry)
{
    struct spool_entry **link = &known->buckets[entry->hash & (known->bucket_count - 1)];

    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    free_entry(entry);
    known->count--;
}

void spool_known_sweep(struct spool_known *known, unsigned round)
{
    for (size_t i = 0; i < known->bucket_count; i++) {
        struct spool_entry **link = &known->buckets[i];

        while (*link) {
            struct spool_entry *entry = *link;

            if (entry->queued || entry->round == round) {
                link = &entry->next;
                continue;
            }
            *link = entry->next;
            free_entry(entry);
            known->count--;
        }
    }
}

void spool_known_forget_events(struct spool_known *known)
{
    for (size_t i = 0; i < known->bucket_count; i++) {
        for (struct spool_entry *entry = known->buckets[i]; entry; entry = entry->next) {
            entry->created = false;
            entry->written = false;
            entry->touched = true;
        }
    }
}

void spool_known_each(struct spool_known *known,
                      void (*callback)(void *data, struct spool_entry *entry), void *data)
{
    for (size_t i = 0; i < known->bucket_count; i++)
        for (struct spool_entry *entry = known->buckets[i]; entry; entry = entry->next)
            callback(data, entry);
}

static bool before(const struct spool_entry *a, const struct spool_entry *b)
{
    if (a->arrived_ns != b->arrived_ns)
        return a->arrived_ns < b->arrived_ns;
    return strcmp(a->name, b->name) < 0;
}

void spool_known_push(struct spool_known *known, struct spool_entry *entry)
{
    size_t at = known->heap_count++;

    if (known->heap_count > known->heap_capacity) {
        known->heap_capacity = known->heap_capacity == 0 ? BUCKETS_MIN : known->heap_capacity * 2;
        known->heap = memory_resize(known->heap,
                                    known->heap_capacity * sizeof(struct spool_entry *));
    }
    while (at > 0 && before(entry, known->heap[(at - 1) / 2])) {
        known->heap[at] = known->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    known->heap[at] = entry;
    entry->queued = true;
}

struct spool_entry *spool_known_first(const struct spool_known *known)
{
    return known->heap_count == 0 ? NULL : known->heap[0];
}

struct spool_entry *spool_known_pop(struct spool_known *known)
{
    struct spool_entry *first = spool_known_first(known);
    struct spool_entry *last;
    size_t at = 0;

    if (!first)
        return NULL;
    first->queued = false;
    last = known->heap[--known->heap_count];
    for (;;) {
        size_t child = 2 * at + 1;

        if (child + 1 < known->heap_count && before(known->heap[child + 1], known->heap[child]))
            child++;
        if (child >= known->heap_count || !before(known->heap[child], last))
            break;
        known->heap[at] = known->heap[child];
        at = child;
    }
    if (known->heap_count > 0)
        known->heap[at] = last;
    return first;
}

void spool_known_shrink(struct spool_known *known)
{
    if (known->heap_capacity <= CROWD || known->heap_count > 0)
        return;
    free(known->heap);
    known->heap = NULL;
    known->heap_capacity = 0;
    if (known->count <= CROWD)
        resize(known, CROWD);
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

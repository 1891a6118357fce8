#pragma once

/*
 * The names in the spool's directory, what is known of each, and the order in which they are due.
 *
 * An entry lives from the first event or listing with its name until its file was moved or is gone. The table
 * owns the entries. The queue is a heap of pointers to some of them. So the oldest can be taken one by one,
 * without a sort that would block the loop.
 */

#include "daemon/spool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A file that the taker has put off. */
struct spool_wait {
    uint64_t since_ms[SPOOL_DELAY_COUNT]; /* 0: not for this cause */
    uint64_t again_at_ms;
    char *patch; /* the file that it waits for; NULL: none */
};

struct spool_entry {
    struct spool_entry *next; /* in its bucket */
    uint64_t hash;

    /* The file as it was last seen, and since when it has looked like this. */
    uint64_t modified;  /* in nanoseconds, only to compare looks; may wrap */
    int64_t arrived_ns; /* likewise, or when the file was found if that cannot be true */
    int64_t size;
    uint64_t inode;
    mode_t mode;
    uint64_t looked_ms; /* 0: not looked at yet */
    uint64_t seen_ms;   /* of the last look */
    uint64_t met_ms;    /* of the first look */

    unsigned round;          /* of the last listing that had it */
    unsigned told;           /* how many events came, to compare two moments */
    struct spool_wait *wait; /* NULL: never put off */

    bool stray;   /* logged as a file that no result names */
    bool delayed; /* put off, and not handed on again since */
    bool queued;  /* in the heap */
    bool handed;  /* handed on and not moved yet */
    bool touched; /* an event came since it was handed on */
    bool created; /* events: made, and neither written to nor closed since */
    bool written; /* events: written to, and not closed since */
    bool closed;  /* events: closed by a writer, or moved here */
    char name[];
};

struct spool_known {
    struct spool_entry **buckets;
    size_t bucket_count; /* 0 or a power of two */
    size_t count;

    struct spool_entry **heap;
    size_t heap_count;
    size_t heap_capacity;
};

/* Frees all entries; a zeroed table is empty. */
void spool_known_free(struct spool_known *known);

/* Returns the entry of that name, or NULL. */
struct spool_entry *spool_known_find(const struct spool_known *known, const char *name);

/* Returns the entry of that name; makes it if there is none. */
struct spool_entry *spool_known_get(struct spool_known *known, const char *name);

/* Forgets that a file was put off, since it is another file now. */
void spool_known_forget_wait(struct spool_entry *entry);

/* Forgets an entry; it must not be queued. */
void spool_known_remove(struct spool_known *known, struct spool_entry *entry);

/* Forgets entries that are not queued and were not in listing `round`. */
void spool_known_sweep(struct spool_known *known, unsigned round);

/* Events were lost: forgets what they said of files that are being written. */
void spool_known_forget_events(struct spool_known *known);

/* Calls back for every entry. */
void spool_known_each(struct spool_known *known,
                      void (*callback)(void *data, struct spool_entry *entry), void *data);

/* Queues an entry that is not queued. The order is arrival, then name. */
void spool_known_push(struct spool_known *known, struct spool_entry *entry);

/* Return the first entry of the queue; NULL: it is empty. pop removes it. */
struct spool_entry *spool_known_first(const struct spool_known *known);
struct spool_entry *spool_known_pop(struct spool_known *known);

/* After many entries: gives memory back to the system. Else does nothing. */
void spool_known_shrink(struct spool_known *known);

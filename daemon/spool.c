/*
 * Scans the spool and hands files on.
 *
 * A pass lists the directory once, and then takes the files, oldest first. Passes follow each other until one
 * hands on nothing. Listing and taking go in slices of some milliseconds, one in each turn of the loop.
 */

#include "daemon/spool.h"

#include "common/json.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "common/text.h"
#include "daemon/events.h"
#include "daemon/result.h"
#include "daemon/spool/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SLICE_FILES  256
#define SLICE_GROUP  64 /* files that are opened and asked for before the first of them is read */
#define SLICE_BYTES  (1024u * 1024) /* or one file: each MiB takes the taker some 20 ms */
#define SLICE_NS     8000000u       /* for listing or reading */
#define NAMES_A_LOOK 64             /* names that are listed between two looks at the clock */
#define NS_PER_MS    1000000
#define STRAYS_NAMED 8
#define STRAY_SHOWN  100 /* characters */

static const struct log_event event_unlistable = {
    .message = "the spool cannot be listed now",
    .level = LOG_LEVEL_WARNING,
};

struct slice {
    struct spool_slot slots[SLICE_FILES];
    struct spool_file files[SLICE_FILES];
    size_t count;
    size_t bytes;
};

/* ---- what a file looks like ------------------------------------------------------------------- */

static bool is_whole_json(const struct spool_slot *slot)
{
    struct error error;

    return slot->file.bytes && result_format(slot->entry->name) == RESULT_FORMAT_JSON &&
           json_check(slot->file.bytes, slot->file.length, &result_limits, &error) == 0;
}

/* Whether there may be more than was read: a new event has come since. */
static bool is_stale(const struct spool *spool, const struct spool_slot *slot)
{
    const struct spool_entry *entry = slot->entry;
    struct stat status;

    if (slot->told == entry->told)
        return false;
    return (!slot->file.bytes && !slot->file.problem && !spool_is_log(slot)) ||
           fstatat(spool->directory, entry->name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
           !spool_looks_the_same(entry, &status);
}

static bool is_complete(const struct spool *spool, const struct spool_slot *slot)
{
    const struct spool_entry *entry = slot->entry;

    if (is_stale(spool, slot))
        return false;
    if (!S_ISREG(entry->mode) || entry->closed || slot->file.faulty)
        return true;
    if (spool_being_written(entry))
        return false;
    return spool_is_steady(spool, entry) || is_whole_json(slot);
}

/* ---- listing ---------------------------------------------------------------------------------- */

static void rest(struct spool *spool)
{
    uv_idle_stop(&spool->turn);
    spool->phase = SPOOL_RESTING;
}

static void begin_pass(struct spool *spool)
{
    if (spool_watch_list(spool) < 0) {
        log_event(&event_unlistable, LOG_TEXT("path", spool->path),
                  LOG_TEXT("reason", strerror(errno)));
        rest(spool);
        spool_look_in(spool, spool->steady_ms);
        return;
    }
    spool->dirty = false;
    spool->listed_ns = clock_now_ms() * NS_PER_MS;
    spool->handed_any = false;
    spool->any_waits = false;
    spool->wants_patch = false;
    spool->puts_off = false;
    spool->round++;
    spool->phase = SPOOL_LISTING;
}

/* Whether it is time to hand on a file again that was put off. */
static bool is_due(struct spool *spool, const struct spool_entry *entry)
{
    uint64_t now = spool_now_ms();
    uint64_t left = entry->wait->again_at_ms - now;

    if (entry->wait->again_at_ms <= now ||
        (entry->wait->patch && spool_patch_ready(spool, entry->wait->patch)))
        return true;
    spool->puts_off = true;
    if (entry->wait->patch) {
        spool->wants_patch = true;
        left = left < spool->steady_ms ? left : spool->steady_ms;
    }
    spool_look_in(spool, left);
    return false;
}

/* Other files are remembered while they are there. */
static void meet_beside(struct spool *spool, const struct dirent *item)
{
    struct spool_entry *entry;

    if (item->d_type == DT_DIR)
        return;
    entry = spool_known_get(&spool->known, item->d_name);
    entry->round = spool->round;
    if (entry->met_ms == 0)
        entry->met_ms = spool_now_ms();
}

/* Takes a name of the listing: queues it, unless it was handed on as it is. */
static void meet(struct spool *spool, const struct dirent *item)
{
    enum spool_name kind = spool_name(item->d_name);
    struct spool_entry *entry;
    struct stat status;
    bool seen, same;

    if (kind == SPOOL_NAME_BESIDE)
        meet_beside(spool, item);
    if (kind != SPOOL_NAME_TAKEN)
        return;
    entry = spool_known_get(&spool->known, item->d_name);
    entry->round = spool->round;
    if (entry->queued)
        return;
    /* Saves looking at each of many files that wait to be moved. */
    if (entry->handed && !entry->touched && entry->inode == item->d_ino)
        return;
    seen = fstatat(spool->directory, entry->name, &status, AT_SYMLINK_NOFOLLOW) == 0;
    if (!seen && errno == ENOENT) {
        spool_known_remove(&spool->known, entry);
        return;
    }
    same = !seen || spool_looks_the_same(entry, &status);
    if (entry->delayed && same && !is_due(spool, entry)) {
        spool->any_waits = true;
        return;
    }
    if (entry->handed && same) {
        entry->touched = false;
        return;
    }
    entry->delayed = false;
    entry->handed = false;
    if (seen) /* else the taker is told why not */
        spool_look(spool, entry, &status);
    spool_known_push(&spool->known, entry);
}

static void list_slice(struct spool *spool)
{
    uint64_t deadline_ns = uv_hrtime() + SLICE_NS;

    do {
        for (int i = 0; i < NAMES_A_LOOK; i++) {
            const struct dirent *item = readdir(spool->listing);

            if (item) {
                meet(spool, item);
                continue;
            }
            closedir(spool->listing);
            spool->listing = NULL;
            spool_known_sweep(&spool->known, spool->round);
            spool->phase = SPOOL_TAKING;
            return;
        }
    } while (uv_hrtime() < deadline_ns);
}

/* ---- taking ----------------------------------------------------------------------------------- */

struct strays {
    const struct spool *spool;
    struct text names;
    unsigned count;
};

/* A file that was put off may name it: it waits for its patch, or cannot be read because of a fault. */
static void add_stray(void *data, struct spool_entry *entry)
{
    struct strays *strays = data;
    CLEANUP_TEXT struct text name = {0};

    if (entry->stray || entry->round != strays->spool->round ||
        spool_name(entry->name) != SPOOL_NAME_BESIDE)
        return;
    if (!spool_name_shouted(entry->name) &&
        (strays->spool->puts_off || spool_now_ms() - entry->met_ms < strays->spool->stray_ms))
        return;
    entry->stray = true;
    if (strays->count++ >= STRAYS_NAMED)
        return;
    text_append_repaired(&name, entry->name, strlen(entry->name));
    text_append(&strays->names, strays->count > 1 ? ", " : "");
    text_append_line(&strays->names, text_string(&name), STRAY_SHOWN);
}

/* Logs each file once, in one line for all of a pass: there may be very many. */
static void tell_strays(struct spool *spool)
{
    struct strays strays = {.spool = spool};

    spool_known_each(&spool->known, add_stray, &strays);
    if (strays.count)
        log_event(&event_stray_files, LOG_TEXT("files", text_string(&strays.names)),
                  LOG_INTEGER("count", strays.count));
    text_free(&strays.names);
}

static void finish_pass(struct spool *spool)
{
    bool waits = spool->any_waits;

    if (spool->dirty || spool->handed_any) {
        begin_pass(spool);
        return;
    }
    rest(spool);
    tell_strays(spool);
    spool_known_shrink(&spool->known);
    spool->idle(spool->data, waits);
}

/* Stops taking until the steady timer or an event. */
static void wait_for(struct spool *spool, uint64_t in_ms)
{
    spool->phase = SPOOL_WAITING;
    uv_idle_stop(&spool->turn);
    spool_look_in(spool, in_ms);
}

/* The file at the head of the queue is not complete. Later files wait for it, but not for long. */
static void make_wait(struct spool *spool, struct spool_entry *entry)
{
    uint64_t now = spool_now_ms();
    uint64_t waited = now - entry->met_ms;
    uint64_t same_for = now - entry->looked_ms;

    if (waited >= spool->steady_ms) {
        spool_known_pop(&spool->known);
        spool->any_waits = true;
    } else {
        wait_for(spool, spool->steady_ms - waited);
    }
    if (!spool_being_written(entry))
        spool_look_in(spool, same_for < spool->steady_ms ? spool->steady_ms - same_for : 0);
}

/* Puts back what was not handed on, from slot `from` on. */
static void put_back(struct spool *spool, struct slice *slice, size_t from)
{
    for (size_t i = from; i < slice->count; i++) {
        spool_known_push(&spool->known, slice->slots[i].entry);
        spool_slot_drop(&slice->slots[i]);
    }
    slice->count = from;
}

/* Whether the file need not be read, since it would have to wait whatever its content. */
static bool is_held_unread(const struct spool *spool, const struct spool_entry *entry)
{
    return S_ISREG(entry->mode) && !entry->closed &&
           (spool_being_written(entry) ||
            (!spool_is_steady(spool, entry) && result_format(entry->name) != RESULT_FORMAT_JSON));
}

/* Takes the oldest files from the queue and opens them, up to one that has to wait. */
static void open_group(struct spool *spool, struct slice *slice)
{
    size_t until = slice->count + SLICE_GROUP;
    struct spool_entry *entry;

    while (slice->count < until && (entry = spool_known_first(&spool->known))) {
        struct spool_slot *slot = &slice->slots[slice->count];

        if (slice->count > 0 && is_held_unread(spool, entry))
            return;
        *slot = (struct spool_slot){
            .entry = spool_known_pop(&spool->known), .descriptor = -1, .told = entry->told};
        if (spool_slot_open(spool, slot) == 0) {
            /* Probably there are no descriptors left: those that are open go first. */
            if (slot->file.faulty && slice->count > 0) {
                spool_slot_drop(slot);
                spool_known_push(&spool->known, entry);
                return;
            }
            slice->count++;
            continue;
        }
        spool_slot_drop(slot);
        spool_known_remove(&spool->known, entry);
    }
}

/* Reads the group that begins with slot `from`, as far as memory allows, and puts back the rest. Returns
 * whether another group may follow. */
static bool read_group(struct spool *spool, struct slice *slice, size_t from)
{
    for (size_t i = from; i < slice->count; i++) {
        struct spool_slot *slot = &slice->slots[i];
        size_t size = slot->descriptor < 0 || spool_is_log(slot) ? 0 : (size_t)slot->entry->size;

        if (i > 0 && slice->bytes + size > SLICE_BYTES) {
            put_back(spool, slice, i);
            return false;
        }
        slice->bytes += size;
        if (i == 0 && is_held_unread(spool, slot->entry))
            continue;
        spool_slot_read(slot);
    }
    return slice->count == from + SLICE_GROUP && slice->count < SLICE_FILES;
}

static void read_slice(struct spool *spool, struct slice *slice)
{
    uint64_t deadline_ns = uv_hrtime() + SLICE_NS;
    size_t from;

    do {
        from = slice->count;
        open_group(spool, slice);
    } while (read_group(spool, slice, from) && uv_hrtime() < deadline_ns);
}

/* Returns how many of the slice are complete, from the first. */
static size_t count_complete(const struct spool *spool, const struct slice *slice)
{
    size_t count = 0;

    while (count < slice->count && is_complete(spool, &slice->slots[count]))
        count++;
    return count;
}

/* Tells the taker for how long a file has been put off. */
static void tell_delays(const struct spool_entry *entry, struct spool_file *file)
{
    for (int i = 0; entry->wait && i < SPOOL_DELAY_COUNT; i++) {
        if (entry->wait->since_ms[i])
            file->delayed_ms[i] = spool_now_ms() - entry->wait->since_ms[i];
    }
}

static void put_off(struct spool *spool, struct spool_entry *entry, struct spool_file *file)
{
    uint64_t now = spool_now_ms();
    struct spool_wait *wait;

    if (!entry->wait)
        entry->wait = memory_new(sizeof(*entry->wait));
    wait = entry->wait;
    if (wait->since_ms[file->delay] == 0)
        wait->since_ms[file->delay] = now - file->delayed_ms[file->delay];
    wait->again_at_ms = now + file->again_ms;
    free(wait->patch);
    wait->patch = TAKE(file->patch);
    spool->wants_patch = spool->wants_patch || wait->patch;
    spool->puts_off = true;
    entry->handed = false;
    entry->delayed = true;
}

static void hand_on(struct spool *spool, struct slice *slice)
{
    size_t taken;

    for (size_t i = 0; i < slice->count; i++) {
        struct spool_slot *slot = &slice->slots[i];

        slot->entry->handed = true;
        slot->entry->touched = false;
        slot->file.name = memory_copy(slot->entry->name);
        slot->file.modified_ns = slot->entry->arrived_ns;
        slot->file.inode = slot->entry->inode;
        slot->file.log = spool_is_log(slot) ? slot->descriptor : -1;
        tell_delays(slot->entry, &slot->file);
        slice->files[i] = slot->file;
    }
    spool->handing_on = true;
    taken = spool->take(spool->data, slice->files, slice->count);
    spool->handing_on = false;
    spool_close_places(spool);
    /* An entry that was taken may be gone now: moved. */
    for (size_t i = 0; i < slice->count; i++) {
        free(slice->slots[i].file.name);
        if (i >= taken) {
            slice->slots[i].entry->handed = false;
            continue;
        }
        if (slice->files[i].delay != SPOOL_DELAY_NONE)
            put_off(spool, slice->slots[i].entry, &slice->files[i]);
        spool_slot_drop(&slice->slots[i]);
    }
    if (taken < slice->count)
        put_back(spool, slice, taken);
    spool->handed_any = spool->handed_any || taken > 0;
    if (taken == 0 && !spool->stopped) {
        spool->phase = SPOOL_PAUSED;
        uv_idle_stop(&spool->turn);
    }
}

static void take_slice(struct spool *spool)
{
    CLEANUP_FREE struct slice *slice = memory_new(sizeof(*slice));
    size_t complete;

    if (spool->directory < 0) {
        rest(spool);
        return;
    }
    if (!spool_known_first(&spool->known)) {
        finish_pass(spool);
        return;
    }
    read_slice(spool, slice);
    /* If a file was written to while it was read, the event has come by now. */
    spool_watch_drain(spool);
    if (spool->directory < 0) {
        for (size_t i = 0; i < slice->count; i++)
            spool_slot_drop(&slice->slots[i]);
        return;
    }
    complete = count_complete(spool, slice);
    if (complete < slice->count) {
        /* A file that was closed after it was read is read again in the next turn. */
        bool again = slice->slots[complete].entry->closed;

        put_back(spool, slice, complete);
        if (complete == 0 && !again)
            make_wait(spool, spool_known_first(&spool->known));
    }
    if (complete > 0)
        hand_on(spool, slice);
}

static void on_turn(uv_idle_t *turn)
{
    struct spool *spool = turn->data;

    if (spool->phase == SPOOL_RESTING && spool_is_due(spool))
        begin_pass(spool);
    else if (spool->phase == SPOOL_RESTING)
        rest(spool);
    else if (spool->phase == SPOOL_LISTING)
        list_slice(spool);
    else
        take_slice(spool);
}

/* ---- timers, beginning and end ---------------------------------------------------------------- */

/* Both timers: the steady timer and that of the regular scan. */
static void on_timer(uv_timer_t *timer)
{
    struct spool *spool = timer->data;

    spool_watch_check(spool);
    spool->dirty = true;
    spool_wake(spool);
}

int spool_new(struct spool **spool, uv_loop_t *loop, const struct spool_options *options,
              struct error *error)
{
    struct spool *local = memory_new(sizeof(*local));

    local->loop = loop;
    local->path = memory_copy(options->path);
    local->scan_every_ms = options->scan_every_ms;
    local->steady_ms = options->steady_ms;
    local->stray_ms = options->stray_ms;
    local->take = options->take;
    local->idle = options->idle;
    local->data = options->data;
    local->on_turn = on_turn;
    local->on_timer = on_timer;
    local->directory = -1;
    local->listed_ns = clock_now_ms() * NS_PER_MS;
    local->events = -1;
    uv_idle_init(loop, &local->turn);
    uv_timer_init(loop, &local->scan);
    uv_timer_init(loop, &local->steady);
    local->turn.data = local;
    local->scan.data = local;
    local->steady.data = local;
    local->open_handles = 3;
    if (spool_watch_open(local, error) < 0) {
        spool_free(local);
        return -1;
    }
    spool_wake(local);
    uv_timer_start(&local->scan, on_timer, local->scan_every_ms, local->scan_every_ms);
    *spool = local;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct spool *spool = handle->data;

    if (--spool->open_handles > 0)
        return;
    spool_known_free(&spool->known);
    free(spool->path);
    free(spool);
}

void spool_free(struct spool *spool)
{
    if (!spool)
        return;
    spool_stop(spool);
    spool_watch_close(spool);
    uv_close((uv_handle_t *)&spool->turn, on_closed);
    uv_close((uv_handle_t *)&spool->scan, on_closed);
    uv_close((uv_handle_t *)&spool->steady, on_closed);
}

void spool_resume(struct spool *spool)
{
    if (spool->stopped)
        return;
    spool->dirty = true;
    if (spool->phase == SPOOL_PAUSED) {
        spool->phase = SPOOL_TAKING;
        uv_idle_start(&spool->turn, spool->on_turn);
    }
    spool_wake(spool);
}

void spool_stop(struct spool *spool)
{
    spool->stopped = true;
    uv_idle_stop(&spool->turn);
    uv_timer_stop(&spool->scan);
    uv_timer_stop(&spool->steady);
}

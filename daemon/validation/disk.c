#include "daemon/validation/disk.h"

#include <sys/statvfs.h>

#define EVERY_MS         1000
#define FULL_BELOW_BYTES (1024 * 1024)
#define LOW_BELOW_BYTES  (64 * 1024 * 1024)

/* Returns how many bytes are free; 0 if no file can be made. If the disk cannot be asked, it counts as
 * free. */
static uint64_t bytes_free(const struct disk *disk)
{
    struct statvfs status;

    if (statvfs(disk->path, &status) < 0)
        return UINT64_MAX;
    return status.f_files && !status.f_favail ? 0 : (uint64_t)status.f_bavail * status.f_frsize;
}

static void look(void *data)
{
    struct disk *disk = data;
    uint64_t low = disk->before / 16 < LOW_BELOW_BYTES ? disk->before / 16 : LOW_BELOW_BYTES;

    disk->watch = loop_after(disk->loop, EVERY_MS, look, disk);
    if (bytes_free(disk) >= low)
        return;
    disk->low = true;
    disk->filled(disk->data);
}

void disk_watch(struct disk *disk, uv_loop_t *loop, const char *path, loop_callback filled,
                void *data)
{
    *disk = (struct disk){.loop = loop, .path = path, .filled = filled, .data = data};
    disk->before = bytes_free(disk);
    disk->watch = loop_after(loop, EVERY_MS, look, disk);
}

void disk_leave(struct disk *disk)
{
    if (!disk->watch)
        return;
    operation_clear(&disk->watch);
    disk->after = bytes_free(disk);
}

bool disk_is_full(const struct disk *disk)
{
    return disk->low || disk->after < FULL_BELOW_BYTES;
}

uint64_t disk_filled_by_tests(const struct disk *disk)
{
    uint64_t now = bytes_free(disk);

    return now > disk->after && now - disk->after >= disk->before / 2 ? now - disk->after : 0;
}

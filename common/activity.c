#include "common/activity.h"

#include "common/proc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define PROCESSES_LIMIT 64  /* a git has three or four; of more than these nothing is known */
#define WORDS_LIMIT     512 /* bytes: git tells the other end every few seconds that it is there */
#define LINE_LIMIT      4096

static void add_ticks(struct activity *activity, int process)
{
    struct proc_status status;

    if (proc_read_status(process, &status))
        activity->ticks += status.ticks;
}

/* Without these bytes, a process that waits for a slow disk would seem to do nothing. `first` is not reaped
 * yet, so its file is there. */
static void add_bytes(struct activity *activity, int process, bool first)
{
    char line[LINE_LIMIT + 1];
    uint64_t in, out;

    if (proc_read(process, "io", line, LINE_LIMIT) >= 0 &&
        sscanf(line, "rchar: %" SCNu64 " wchar: %" SCNu64, &in, &out) == 2)
        activity->bytes += in + out;
    else if (first)
        activity->known = false;
}

/* Appends the children of a process. A process that has ended has none, which the sums show. */
static void add_children(struct activity *activity, int *processes, size_t *count, size_t parent)
{
    char line[LINE_LIMIT + 1] = "", name[64];
    char *at = line, *end;

    snprintf(name, sizeof(name), "task/%d/children", processes[parent]);
    if (proc_read(processes[parent], name, line, LINE_LIMIT) < 0)
        activity->known = activity->known && parent > 0;
    for (long child; (child = strtol(at, &end, 10)) > 0; at = end) {
        if (*count == PROCESSES_LIMIT) {
            activity->known = false;
            return;
        }
        processes[(*count)++] = (int)child;
    }
}

struct activity activity_of(int process)
{
    int processes[PROCESSES_LIMIT] = {process};
    struct activity activity = {.known = true};
    size_t count = 1;

    for (size_t i = 0; i < count; i++) {
        add_ticks(&activity, processes[i]);
        add_bytes(&activity, processes[i], i == 0);
        add_children(&activity, processes, &count, i);
    }
    return activity;
}

bool activity_is_none(const struct activity *before, const struct activity *after)
{
    /* Less than before: one of them has ended, which counts as activity. */
    return before->known && after->known && after->ticks == before->ticks &&
           after->bytes >= before->bytes && after->bytes - before->bytes < WORDS_LIMIT;
}

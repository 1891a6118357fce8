#include "daemon/background.h"

#include "daemon/keep.h"
#include "daemon/store.h"
#include "daemon/validation/cache-child.h"
#include "daemon/validation/overlay.h"
#include "daemon/validation/remover.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NICE           10
#define IO_WHO_PROCESS 1
#define IO_CLASS_IDLE  (3 << 13)

static const struct {
    const char *name;
    int (*work)(int argc, char **argv);
    bool awaited; /* a run of the tests waits for it, or is what it becomes */
} works[] = {
    {REMOVER_PROGRAM, remover_main, false},         {KEEP_PROGRAM, keep_main, false},
    {STORE_CHECK_PROGRAM, store_check_main, false}, {CACHE_PROGRAM, cache_main, true},
    {OVERLAY_PROGRAM, overlay_main, true},
};

/* Lowers the priority. If that is forbidden, the work is done all the same. */
static void stand_back(void)
{
    setpriority(PRIO_PROCESS, 0, NICE);
    syscall(SYS_ioprio_set, IO_WHO_PROCESS, 0, IO_CLASS_IDLE);
}

int background_main(int argc, char **argv)
{
    for (size_t i = 0; argc > 0 && i < sizeof works / sizeof *works; i++) {
        if (strcmp(argv[0], works[i].name) != 0)
            continue;
        signal(SIGPIPE, SIG_IGN); /* whoever reads the output may be gone */
        if (!works[i].awaited)
            stand_back();
        return works[i].work(argc, argv);
    }
    return -1;
}

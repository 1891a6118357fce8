#pragma once

/*
 * Reads tox's report from its file, off the loop: the output of all commands is in it, so it may be large.
 */

#include "common/operation.h"
#include "daemon/validation/test-report.h"

#include <uv.h>

/* `report` has what tox_report_end() fills in. `report->tox` is REPORT_MISSING where there is no such file, and
 * REPORT_UNUSABLE where it is no regular file, cannot be read, or has more than REPORT_FILE_LIMIT bytes. */
typedef void (*report_file_callback)(void *data, const struct test_report *report);

#define REPORT_FILE_LIMIT (1024 * 1024 * 1024)

/* Starts to read. `path` is copied. Never fails; discarding stops it at the next piece. */
struct operation *report_file_read(uv_loop_t *loop, const char *path, report_file_callback callback,
                                   void *data);

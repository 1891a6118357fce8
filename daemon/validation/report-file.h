#pragma once

/*
 * Reads tox's report from its file, off the loop: it contains the output of all commands, so it may be large.
 */

#include "common/operation.h"
#include "daemon/validation/test-report.h"

#include <uv.h>

/* `report` has what tox_report_end() fills in. `report->tox` is REPORT_MISSING if there is no such file, and
 * REPORT_UNUSABLE if it is no regular file, cannot be read, or has more than REPORT_FILE_LIMIT bytes. */
typedef void (*report_file_callback)(void *data, const struct test_report *report);

#define REPORT_FILE_LIMIT (1024 * 1024 * 1024)

/* Reads the file at `path`. A line of what the commands printed may match `expect`; NULL: none has to. Both are
 * copied. Never fails. To discard the operation stops it at the next piece. */
struct operation *report_file_read(uv_loop_t *loop, const char *path, const char *expect,
                                   report_file_callback callback, void *data);

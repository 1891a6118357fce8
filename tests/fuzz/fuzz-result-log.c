/* Promise: no log of many experiments, whatever its bytes, breaks a bound or is refused without a reason. */

/*
 * Any bytes as a log in both forms. What is taken as a row is text and finite numbers; and what the reader
 * has learned, taken out and put back after each line, reads the rest in the same way.
 */

#include "common/memory.h"
#include "common/text.h"
#include "daemon/result-log.h"
#include "daemon/result.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char yaml[] =
    "forge: {owner: lab, repo: model}\n"
    "metrics: {val_bpb: {direction: minimize}}\n"
    "logs: [{path: log.tsv, status: {keep: [adopted]}, baselines: [3], only: {kind: a}}]\n";

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_text(const char *string)
{
    require(!string || utf8_valid(string, strlen(string), NULL));
}

static void check_row(const struct result_log_row *row, uint64_t number)
{
    CLEANUP_FREE char *id = result_log_id(NULL, "log.tsv", 1, row->line);

    require(row->line == number && row->metric && row->details && row->claim.status_word);
    require(!row->claim.after.count || isfinite(row->claim.after.mean));
    require(!row->claim.before.count || isfinite(row->claim.before.mean));
    require(row->baseline <= number);
    require(!row->commit || (strlen(row->commit) >= 7 && strlen(row->commit) <= 64));
    check_text(row->claim.status_word);
    check_text(row->hypothesis);
    check_text(json_object_to_json_string(row->details));
    require(result_id_valid(id));
}

static struct result_log *take_up_again(struct result_log *log, enum result_log_kind kind,
                                        const struct config *config)
{
    struct json_object *learned = result_log_state(log);
    struct result_log *again = result_log_new(kind, config, config_log(config, "log.tsv"));

    require(result_log_restore(again, learned) == 0);
    result_log_free(log);
    json_object_put(learned);
    return again;
}

static void check_same(struct result_log *log, struct result_log *other, uint64_t number,
                       const char *line, size_t length)
{
    struct result_log_row row = {0}, other_row = {0};
    struct error error, other_error;
    enum result_log_line kind = result_log_read(log, number, line, length, &row, &error);

    require(result_log_read(other, number, line, length, &other_row, &other_error) == kind);
    if (kind == RESULT_LOG_BAD)
        require(*error.message && !strcmp(error.message, other_error.message));
    if (kind != RESULT_LOG_ROW)
        return;
    check_row(&row, number);
    require(row.claim.status == other_row.claim.status && row.baseline == other_row.baseline &&
            row.segment == other_row.segment && row.unfinished == other_row.unfinished);
    result_log_row_clear(&row);
    result_log_row_clear(&other_row);
}

static int survey(struct result_log *log, const char *bytes, size_t size)
{
    struct error error = {0};
    int end = 0;

    for (uint64_t number = 1; size > 0 && end == 0; number++) {
        const char *line_end = memchr(bytes, '\n', size);
        size_t length = line_end ? (size_t)(line_end - bytes) : size;

        end = result_log_survey(log, number, bytes, length, &error);
        length += line_end != NULL;
        bytes += length;
        size -= length;
    }
    if (end == 0)
        end = result_log_end_survey(log, true, &error);
    require(end == 0 || (end == -1 && *error.message));
    return end;
}

static void try_as(enum result_log_kind kind, const struct config *config, const char *bytes,
                   size_t size)
{
    struct result_log *log = result_log_new(kind, config, config_log(config, "log.tsv"));
    struct result_log *other = NULL;

    if (survey(log, bytes, size) == 0) {
        other = take_up_again(result_log_new(kind, config, config_log(config, "log.tsv")), kind,
                              config);
        require(survey(other, bytes, size) == 0);
        for (uint64_t number = 1; size > 0; number++) {
            const char *line_end = memchr(bytes, '\n', size);
            size_t length = line_end ? (size_t)(line_end - bytes) : size;

            other = take_up_again(other, kind, config);
            check_same(log, other, number, bytes, length);
            length += line_end != NULL;
            bytes += length;
            size -= length;
        }
    }
    result_log_free(log);
    result_log_free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct config *config;
    struct config_problems problems;

    if (!config)
        require(config_parse(&config, "fuzz", yaml, strlen(yaml), &problems) == 0);
    try_as(RESULT_LOG_TSV, config, (const char *)data, size);
    try_as(RESULT_LOG_JSONL, config, (const char *)data, size);
    return 0;
}

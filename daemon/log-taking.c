#include "common/digest.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/text.h"
#include "daemon/log-taking/internal.h"
#include "daemon/store/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#define SLICE_ROWS    1024
#define SLICE_LEAST   128 /* lines that are taken however long it takes, up to so many bytes: */
#define SLICE_BYTES   ((size_t)1024 * 1024)
#define LINES_A_LOOK  64 /* lines between two looks at the clock, in the first pass */
#define METRICS_SHOWN 200

/* ---- life --------------------------------------------------------------------------------------- */

static int find_place(struct log_taking *taking, struct error *error)
{
    const struct log_taking_options *options = &taking->options;

    if (!options->store || !options->path)
        return 0;
    if (log_place_begin(&taking->place, options->store, options->path, options->config,
                        options->settings, error) < 0)
        return -1;
    if (log_place_is_known(&taking->place))
        taking->phase = COMPARING;
    return 0;
}

int log_taking_new(struct log_taking **taking, const struct log_taking_options *options,
                   struct error *error)
{
    const struct config_log *settings = options->settings;
    int descriptor = fcntl(options->descriptor, F_DUPFD_CLOEXEC, 0);
    struct log_taking *made;

    if (descriptor < 0)
        return error_set(error, ERROR_TRANSIENT, "%s: %s", options->file_name, strerror(errno));
    made = memory_new(sizeof(*made));
    made->options = *options;
    made->descriptor = descriptor;
    made->file_name = memory_copy(options->file_name);
    made->name = memory_copy(options->path ? options->path : options->file_name);
    made->stem = result_log_stem(settings ? settings->experiment_prefix : NULL, made->file_name);
    made->reader = result_log_new(result_log_kind(made->file_name), options->config, settings);
    made->judge = (struct row_judge){.config = options->config, .store = options->store};
    made->slice = memory_new_array(SLICE_ROWS, sizeof(*made->slice));
    made->phase = SURVEYING;
    made->log.decision = -1;
    if (lines_begin(&made->lines, descriptor, RESULT_LOG_LINE_LIMIT, 0, 0, error) < 0 ||
        find_place(made, error) < 0) {
        log_taking_free(made);
        return -1;
    }
    *taking = made;
    return 0;
}

static void slice_clear(struct log_taking *taking)
{
    for (size_t i = 0; i < taking->slice_count; i++) {
        result_log_row_clear(&taking->slice[i].row);
        assessment_clear(&taking->slice[i].assessment);
    }
    taking->slice_count = 0;
}

void log_taking_free(struct log_taking *taking)
{
    if (!taking)
        return;
    slice_clear(taking);
    free(taking->slice);
    lane_memory_clear(&taking->judge.lane);
    named_commits_clear(&taking->named);
    lines_clear(&taking->lines);
    log_place_clear(&taking->place);
    result_log_free(taking->reader);
    free(taking->counts.foreign_metrics);
    free(taking->scope);
    free(taking->stem);
    free(taking->name);
    free(taking->file_name);
    close(taking->descriptor);
    free(taking);
}

const struct log_counts *log_taking_counts(const struct log_taking *taking)
{
    return &taking->counts;
}

const struct result_log *log_taking_reader(const struct log_taking *taking)
{
    return taking->reader;
}

const char *log_taking_name(const struct log_taking *taking)
{
    return taking->file_name;
}

uint64_t log_taking_inode(const struct log_taking *taking)
{
    return taking->options.inode;
}

int64_t log_taking_modified(const struct log_taking *taking)
{
    return taking->options.modified_ns;
}

/* Computes the digest of a line as it is read: without a byte order mark, and without the CR at its end. */
static void digest_line(const struct line *line, char hex[static DIGEST_HEX_SIZE])
{
    const char *bytes = line->bytes;
    size_t length = line->kept;
    struct digest digest;

    if (line->number == 1 && length >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0) {
        bytes += 3;
        length -= 3;
    }
    if (length > 0 && bytes[length - 1] == '\r')
        length--;
    digest_begin(&digest);
    digest_update(&digest, bytes, length);
    digest_end(&digest, hex);
}

/* ---- what was read before ----------------------------------------------------------------------- */

/* Goes on after the lines that were read before, or from the first line. */
static int begin_survey(struct log_taking *taking, struct error *error)
{
    struct log_place *place = &taking->place;
    const struct log_taking_options *options = &taking->options;

    taking->phase = SURVEYING;
    if (log_place_resumes(place, &taking->lines, taking->reader)) {
        taking->begin = taking->end = taking->lines.offset;
        taking->begin_line = taking->lines.number;
        taking->log = place->known.log;
        if (taking->log.modified_ns < options->modified_ns)
            taking->log.modified_ns = options->modified_ns;
        taking->identified = taking->counts.resumed = true;
        return 0;
    }
    taking->counts.replaced = place->known.inode != options->inode;
    log_place_forget(place);
    result_log_free(taking->reader);
    taking->reader = result_log_new(result_log_kind(taking->file_name), options->config,
                                    options->settings);
    return lines_begin(&taking->lines, taking->descriptor, RESULT_LOG_LINE_LIMIT, 0, 0, error);
}

static enum log_progress compare(struct log_taking *taking, uint64_t until_ns, struct error *error)
{
    uint64_t offset = taking->place.known.offset;
    struct line line;
    int got;

    do {
        size_t bytes = 0;

        for (int i = 0; i < LINES_A_LOOK && bytes < SLICE_BYTES; i++, bytes += line.length) {
            got = taking->lines.offset < offset ? lines_next(&taking->lines, &line, error) : 0;
            if (got < 0 || (got == 0 && begin_survey(taking, error) < 0))
                return LOG_PROGRESS_FAILED;
            if (got == 0)
                return LOG_PROGRESS_MORE;
            log_place_pass(&taking->place, &line);
        }
    } while (uv_hrtime() < until_ns);
    return LOG_PROGRESS_MORE;
}

/* ---- the first pass ----------------------------------------------------------------------------- */

/* Ends the first pass. A followed log may not have enough rows yet to be read. */
static enum log_progress end_survey(struct log_taking *taking, struct error *error)
{
    const struct store_log_key key = {taking->stem, taking->name, taking->header, taking->first};
    struct store_log known = {.decision = -1};
    int ended;

    if (taking->options.store && *taking->first) {
        if (store_find_log(taking->options.store, &key, &known, error) < 0)
            return LOG_PROGRESS_FAILED;
        result_log_keep_decision(taking->reader, known.decision);
    }
    ended = result_log_end_survey(taking->reader, !taking->options.path, error);
    if (ended != 0)
        return ended < 0 ? LOG_PROGRESS_REFUSED : LOG_PROGRESS_DONE;
    taking->phase = TAKING;
    return lines_begin(&taking->lines, taking->descriptor, RESULT_LOG_LINE_LIMIT, taking->begin,
                       taking->begin_line, error) < 0
               ? LOG_PROGRESS_FAILED
               : LOG_PROGRESS_MORE;
}

/* Notes what tells a table from another one: its header and its first row. */
static void note_beginning(struct log_taking *taking, const struct line *line)
{
    if (taking->identified || *taking->first)
        return;
    if (result_log_header(taking->reader) == line->number && !*taking->header)
        digest_line(line, taking->header);
    if (result_log_surveyed_rows(taking->reader) == 1)
        digest_line(line, taking->first);
}

static enum log_progress survey(struct log_taking *taking, uint64_t until_ns, struct error *error)
{
    struct line line;
    int got;

    do {
        size_t bytes = 0;

        for (int i = 0; i < LINES_A_LOOK && bytes < SLICE_BYTES; i++, bytes += line.length) {
            got = lines_next(&taking->lines, &line, error);
            if (got < 0)
                return LOG_PROGRESS_FAILED;
            /* In a followed log, a last line without its line end is still being written. */
            if (got == 0 || (taking->options.path && !line.whole))
                return end_survey(taking, error);
            if (result_log_survey(taking->reader, line.number, line.bytes, line.length, error) < 0)
                return LOG_PROGRESS_REFUSED;
            note_beginning(taking, &line);
            taking->end = taking->lines.offset;
        }
    } while (uv_hrtime() < until_ns);
    return LOG_PROGRESS_MORE;
}

/* ---- a row -------------------------------------------------------------------------------------- */

/* Finds which log it is, by its first row. */
static int identify(struct log_taking *taking, const char *first, struct error *error)
{
    const struct store_log_key key = {taking->stem, taking->name, taking->header, first};

    taking->identified = true;
    taking->log.copy = 1;
    if (!taking->options.store)
        return 0;
    if (store_find_log(taking->options.store, &key, &taking->log, error) < 0)
        return -1;
    /* New rows come after all known ones, whatever time the file has. */
    if (taking->log.modified_ns < taking->options.modified_ns)
        taking->log.modified_ns = taking->options.modified_ns;
    if (taking->log.id)
        return 0;
    taking->counts.anew = taking->log.copy > 1 ? taking->log.copy : 0;
    return store_add_log(taking->options.store, &key, &taking->log, error);
}

/* ---- lines -------------------------------------------------------------------------------------- */

static void note_foreign(struct log_taking *taking)
{
    const char *metric = result_log_segment_metric(taking->reader);
    struct log_counts *counts = &taking->counts;
    CLEANUP_TEXT struct text names = {0};

    counts->foreign++;
    if (!metric || (counts->foreign_metrics && (strstr(counts->foreign_metrics, metric) ||
                                                strlen(counts->foreign_metrics) > METRICS_SHOWN)))
        return;
    if (counts->foreign_metrics)
        text_append_format(&names, "%s, ", counts->foreign_metrics);
    text_append_line(&names, metric, METRICS_SHOWN);
    free(counts->foreign_metrics);
    counts->foreign_metrics = text_take(&names);
}

static void note_prose(struct log_taking *taking, const struct line *line)
{
    if (taking->counts.prose++ == 0)
        taking->counts.prose_line = line->number;
}

static bool is_data(enum result_log_line kind)
{
    return kind == RESULT_LOG_ROW || kind == RESULT_LOG_BAD || kind == RESULT_LOG_OUTSIDE ||
           kind == RESULT_LOG_FOREIGN;
}

static int take_line(struct log_taking *taking, const struct line *line, struct error *error)
{
    struct result_log_row row = {0};
    char digest[DIGEST_HEX_SIZE];
    struct error bad;
    enum result_log_line kind = result_log_read(taking->reader, line->number, line->bytes,
                                                line->length, &row, &bad);

    if (is_data(kind) || (kind == RESULT_LOG_HEADER && !taking->identified))
        digest_line(line, digest);
    if (kind == RESULT_LOG_HEADER && !taking->identified && !*taking->header)
        memcpy(taking->header, digest, sizeof(digest));
    if (is_data(kind) && !taking->identified && identify(taking, digest, error) < 0) {
        result_log_row_clear(&row);
        return -1;
    }
    taking->counts.outside += kind == RESULT_LOG_OUTSIDE;
    if (kind == RESULT_LOG_FOREIGN)
        note_foreign(taking);
    else if (kind == RESULT_LOG_PROSE)
        note_prose(taking, line);
    else if (kind == RESULT_LOG_ROW)
        return log_take_row(taking, line, digest, &row, NULL, error);
    else if (kind == RESULT_LOG_BAD)
        return log_take_row(taking, line, digest, &row, bad.message, error);
    return 0;
}

/* ---- the second pass ---------------------------------------------------------------------------- */

static void tell_slice(struct log_taking *taking)
{
    log_begin_batch();
    for (size_t i = 0; i < taking->slice_count; i++)
        taking->options.decided(taking->options.data, &taking->slice[i].row,
                                &taking->slice[i].assessment);
    log_end_batch();
    slice_clear(taking);
}

/* Returns 1 if there is more. */
static int take_lines(struct log_taking *taking, uint64_t until_ns, struct error *error)
{
    struct line line = {0};
    unsigned count = 0;
    size_t bytes = 0;
    int got = 1;

    if (taking->options.store)
        lane_memory_clear(&taking->judge.lane); /* jobs may have ended since */
    do {
        if (taking->lines.offset >= taking->end)
            got = 0;
        else
            got = lines_next(&taking->lines, &line, error);
        if (got > 0 && taking->place.store)
            log_place_pass(&taking->place, &line);
        if (got > 0 && take_line(taking, &line, error) < 0)
            got = -1;
        bytes += line.length;
    } while (got > 0 && taking->slice_count < SLICE_ROWS &&
             ((++count < SLICE_LEAST && bytes < SLICE_BYTES) || uv_hrtime() < until_ns));
    return got;
}

static int save_log(struct log_taking *taking, struct error *error)
{
    const struct config_log *settings = taking->options.settings;

    if (!taking->log.id)
        return 0;
    if (!settings || !settings->columns.status)
        taking->log.decision = result_log_decision(taking->reader);
    if (store_save_log(taking->options.store, &taking->log, error) < 0)
        return -1;
    return taking->place.store ? log_place_save(&taking->place, &taking->log, taking->options.inode,
                                                &taking->lines, taking->reader, error)
                               : 0;
}

static int take_in_transaction(struct log_taking *taking, uint64_t until_ns, struct error *error)
{
    struct store *store = taking->options.store;
    int got;

    if (!store)
        return take_lines(taking, until_ns, error);
    if (store_begin(store, error) < 0)
        return -1;
    got = take_lines(taking, until_ns, error);
    return store_end(store, got < 0 ? -1 : save_log(taking, error), error) < 0 ? -1 : got;
}

static enum log_progress go_on(struct log_taking *taking, uint64_t until_ns, struct error *error)
{
    int got;

    if (taking->phase == COMPARING)
        return compare(taking, until_ns, error);
    if (taking->phase == SURVEYING)
        return survey(taking, until_ns, error);
    got = take_in_transaction(taking, until_ns, error);
    if (got < 0)
        return LOG_PROGRESS_FAILED;
    tell_slice(taking);
    if (got > 0)
        return LOG_PROGRESS_MORE;
    if (taking->log.last_line > taking->lines.number)
        taking->counts.missing = taking->log.last_line - taking->lines.number;
    return LOG_PROGRESS_DONE;
}

enum log_progress log_taking_go_on(struct log_taking *taking, uint64_t for_ns, struct error *error)
{
    enum log_progress progress = go_on(taking, uv_hrtime() + for_ns, error);

    return progress == LOG_PROGRESS_FAILED && taking->lines.failed ? LOG_PROGRESS_UNREAD : progress;
}

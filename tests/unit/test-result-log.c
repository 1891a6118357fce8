/* Promise: the logs that autoresearch loops write are read as they are, row by row, and nothing is guessed. */

/* Each row of the table is the text of a log, what each of its lines is, and what its rows say. */

#include "common/memory.h"
#include "common/text.h"
#include "daemon/log-taking/row.h"
#include "daemon/result-log.h"
#include "daemon/result.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define HEADER "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"

/* A letter for each kind of line, in the order of the enum. */
static const char letters[] = "B#HPOxFR!";

struct log_case {
    const char *about;
    const char *file; /* its ending says what it is */
    const char *settings;
    const char *text;
    const char *lines; /* a letter each; NULL: the log is refused */
    const char
        *rows; /* "LINE STATUS VALUE COMMIT SEGMENT/BASELINE" each; or the reason of a refusal */
};

static const struct log_case cases[] = {
    {"as autoresearch writes it", "a.tsv", "",
     HEADER "a1b2c3d\t0.9979\t44.0\tkeep\tbaseline\nb2c3d4e\t1.005\t44.1\tdiscard\tGeLU\n"
            "c3d4e5f\t0.000\t0.0\tcrash\tout of memory\n",
     "HRRR", "2 ok 0.9979 a1b2c3d 0/0\n3 discarded 1.005 b2c3d4e 0/0\n4 crashed 0 c3d4e5f 0/0\n"},
    {"a byte order mark, CRLF, blanks around cells", "a.tsv", "",
     "\xEF\xBB\xBF"
     "commit\tval_bpb\tstatus\r\nABCDEF1\t 0.5 \t keep \r\n\r\n\t\t\r\n",
     "HRBB", "2 ok 0.5 abcdef1 0/0\n"},
    {"comments, prose and a header in the middle", "a.tsv", "",
     "# metric_direction: lower_is_better\n" HEADER "a1b2c3d\t1\t1\tkeep\tx\nTraceback:\n" HEADER
     "b2c3d4e\t0.5\t1\tkeep\ty\n",
     "#HRPHR", "3 ok 1 a1b2c3d 0/0\n6 ok 0.5 b2c3d4e 0/0\n"},
    {"hashes of digits, and hashes like numbers", "a.tsv", "",
     HEADER "1234567\t1\t1\tkeep\tx\n12e4567\t0.5\t1\tkeep\ty\nHEAD\t0.4\t1\tkeep\tz\n", "HRRR",
     "2 ok 1 1234567 0/0\n3 ok 0.5 12e4567 0/0\n4 ok 0.4 - 0/0\n"},
    {"no end at the last line", "a.tsv", "", "sha\tval_bpb\tstatus\na1b2c3d\t1\tkeep", "HR",
     "2 ok 1 a1b2c3d 0/0\n"},
    {"numbers as people write them", "a.tsv", "",
     "val_bpb\tstatus\n+1.5\tkeep\n.5\tkeep\n45%\tkeep\n1e-3\tkeep\nn/"
     "a\tkeep\n0x10\tkeep\nnan\tkeep\n"
     "1e-400\tkeep\n",
     "HRRRRRRRR",
     "2 ok 1.5 - 0/0\n3 ok 0.5 - 0/0\n4 ok 45 - 0/0\n5 ok 0.001 - 0/0\n6 ok none - 0/0\n"
     "7 ok none - 0/0\n8 ok none - 0/0\n9 ok none - 0/0\n"},
    {"too many cells, too few cells, tabs as letters", "a.tsv", "",
     HEADER
     "a1b2c3d\t1\t1\tkeep\tone\ttwo\nb2c3d4e\t1\t1\tkeep\nc3d4e5f\t1\nd4e5f6a\\t1\\t1\\tkeep\n"
     "e5f6a7b\t1\t2\t3\t4\t5\n",
     "HRR!!!", "2 ok 1 a1b2c3d 0/0\n3 ok 1 b2c3d4e 0/0\n"},
    {"a description that no column is for, behind the status", "a.tsv", "",
     "commit\tval_bpb\tstatus\na1b2c3d\t1\tkeep\tnot like the baseline, which failed\n"
     "b2c3d4e\t0.5\ttrue\tone\ttwo\n",
     "HRR", "2 ok 1 a1b2c3d 0/0\n3 ok 0.5 b2c3d4e 0/0\n"},
    {"the same behind the value", "a.tsv", "", "status\tsha\tval_bpb\nkeep\ta1b2c3d\t1\tx\ty\n",
     "HR", "2 ok 1 a1b2c3d 0/0\n"},
    {"the same behind the commit", "a.tsv", "", "status\tval_bpb\tsha\nkeep\t1\ta1b2c3d\tx\n", "HR",
     "2 ok 1 a1b2c3d 0/0\n"},
    {"the first column in which a third is known", "a.tsv", "",
     "status\tkept\tval_bpb\nwarm\tyes\t1\ncold\tno\t2\nhot\tyes\t3\n", "HRRR",
     "2 ok 1 - 0/0\n3 discarded 2 - 0/0\n4 ok 3 - 0/0\n"},
    {"a baseline begins anew", "a.tsv", "logs: [{path: a.tsv, baselines: [4]}]",
     "val_bpb\tstatus\n2\tbaseline\n1\tkeep\n3\tkeep\n2.5\tkeep\n", "HRRRR",
     "2 baseline 2 - 0/2\n3 ok 1 - 0/2\n4 baseline 3 - 0/4\n5 ok 2.5 - 0/4\n"},
    {"words of its own", "a.tsv", "logs: [{path: a.tsv, status: {keep: [adopted], crash: [boom]}}]",
     "val_bpb\tstatus\n2\tAdopted\n1\tboom\n3\tdiscard\n", "HRRR",
     "2 ok 2 - 0/0\n3 crashed 1 - 0/0\n4 discarded 3 - 0/0\n"},
    {"columns by number, without a header, and only some rows", "a.tsv",
     "logs: [{path: a.tsv, metric: val_bpb, columns: {metric: 3, status: 4, commit: 1}, only: "
     "{'2': a}}]",
     "a1b2c3d\ta\t1\tkeep\nb2c3d4e\tb\t2\tkeep\n", "Rx", "1 ok 1 a1b2c3d 0/0\n"},
    {"metric, of the one configured metric", "a.tsv", "", "iteration\tmetric\tresult\n1\t2\tkept\n",
     "HR", "2 ok 2 - 0/0\n"},
    {"metric_after with metric_before", "a.tsv", "",
     "metric_before\tmetric_after\tdecision\n2\t1\taccept\n", "HR", "2 ok 1 (2) - 0/0\n"},
    {"a word that is not known is discarded", "a.tsv", "",
     "val_bpb\tstatus\n1\tkeep\n2\tcurriculum_0.67\n3\t\n", "HRRR",
     "2 ok 1 - 0/0\n3 discarded? 2 - 0/0\n4 discarded? 3 - 0/0\n"},

    {"a header only", "a.tsv", "", HEADER, "H", ""},
    {"columns in another order, from another header on", "a.tsv", "",
     HEADER "a1b2c3d\t1\t1\tkeep\tx\ncommit\tstatus\tval_bpb\n"
            "b2c3d4e\tkeep\t0.5\nc3d4e5f\tdiscard\t2\n" HEADER "d4e5f6a\t3\t1\tkeep\ty\n",
     "HRHRRHR",
     "2 ok 1 a1b2c3d 0/0\n4 ok 0.5 b2c3d4e 0/0\n5 discarded 2 c3d4e5f 0/0\n7 ok 3 d4e5f6a 0/0\n"},
    {"another header whose columns have no value", "a.tsv", "",
     HEADER "a1b2c3d\t1\t1\tkeep\tx\ncommit\tloss\tmemory_gb\tstatus\tdescription\n"
            "b2c3d4e\t0.5\t1\tkeep\tx\n" HEADER "c3d4e5f\t0.7\t1\tkeep\tx\n",
     "HRH!HR", "2 ok 1 a1b2c3d 0/0\n6 ok 0.7 c3d4e5f 0/0\n"},
    {"a header that another one replaces before any row", "a.tsv", "",
     "commit\tval_bpb\tstatus\nval_bpb\tcommit\tverdict\n1\ta1b2c3d\tyes\n", "HHR",
     "3 ok 1 a1b2c3d 0/0\n"},
    {"two files put together, with their byte order marks", "a.tsv", "",
     "\xEF\xBB\xBF" HEADER "a1b2c3d\t1\t1\tkeep\tx\n\xEF\xBB\xBF" HEADER
     "b2c3d4e\t0.5\t1\tkeep\tx\n",
     "HRHR", "2 ok 1 a1b2c3d 0/0\n4 ok 0.5 b2c3d4e 0/0\n"},
    {"cells that are called like columns make no header", "a.tsv", "",
     HEADER "a1b2c3d\t1\t1\tstatus\tcommit\nb2c3d4e\t-\t-\tkeep\tcommit\n"
            "c3d4e5f\t-\t-\t?\tstatus\n",
     "HRRR", "2 discarded? 1 a1b2c3d 0/0\n3 ok none b2c3d4e 0/0\n4 discarded? none c3d4e5f 0/0\n"},
    {"a metric that is named beside its value", "a.tsv", "",
     "metric\tmetric_before\tmetric_after\tstatus\nval_bpb\t2\t1\tok\n", "HR",
     "2 ok 1 (2) - 0/0\n"},
    {"a column whose name is written otherwise than the metric's", "a.tsv",
     "logs: [{path: a.tsv, columns: {status: mine}}]", "VAL_BPB\tmine\n1\tkeep\n", "HR",
     "2 ok 1 - 0/0\n"},

    {"blanks between columns", "a.tsv", "", "commit val_bpb status\n", NULL,
     "line 1: expected columns between tabs, found columns between blanks"},
    {"tabs of the header as letters", "a.tsv", "", "commit\\tval_bpb\\tstatus\n", NULL,
     "line 1: expected columns between tabs, found \"\\t\" written as two characters"},
    {"data at once", "a.tsv", "", "a1b2c3d\t0.5\tkeep\n", NULL,
     "line 1: expected a header, found data (\"0.5\"): name the columns by their numbers in "
     "logs[].columns"},
    {"no decision", "a.tsv", "", "commit\tval_bpb\tdescription\na1b2c3d\t1\tx\n", NULL,
     "line 1: expected a column that says which rows were kept and which were discarded (name it "
     "in "
     "logs[].columns.status), found the columns commit, val_bpb, description"},
    {"no metric", "a.tsv", "", "commit\tloss\tstatus\na1b2c3d\t1\tkeep\n", NULL,
     "line 1: expected a column val_bpb, found the columns commit, loss, status"},
    {"a column twice", "a.tsv", "", "val_bpb\tstatus\tStatus\n1\tkeep\tkeep\n", NULL,
     "line 1: expected each column once, found \"Status\" twice"},
    {"the other direction", "a.tsv", "", "# metric_direction: higher\nval_bpb\tstatus\n1\tkeep\n",
     NULL, "line 1: expected the direction of metrics.val_bpb (minimize), found \"higher\""},
    {"the other direction, of one of two metrics", "a.tsv",
     "metrics: {acc: {direction: maximize}, val_bpb: {direction: minimize}}",
     "# Metric_Direction: Higher\nval_bpb\tstatus\n1\tkeep\n", NULL,
     "line 1: expected the direction of metrics.val_bpb (minimize), found \"Higher\""},
    {"bytes that are no text", "a.tsv", "", "val_bpb\tstatus\n1\t\xFF\n", NULL,
     "line 2: expected UTF-8, found the byte 0xff at column 3"},
    {"nothing", "a.tsv", "", "", NULL, "expected a header, found no line"},

    {"as pi-autoresearch writes it", "a.jsonl", "",
     "{\"type\":\"config\",\"metricName\":\"val_bpb\",\"bestDirection\":\"lower\"}\n"
     "{\"run\":1,\"commit\":\"a1b2c3d\",\"metric\":2,\"metrics\":{\"ms\":5},\"status\":\"keep\","
     "\"description\":\"x\"}\n{\"type\":\"note\"}\n"
     "{\"metric\":null,\"status\":\"crash\",\"commit\":\"b2c3d4e\"}\n{\"metric\":1,\n",
     "HROR!", "2 ok 2 a1b2c3d 1/0\n4 crashed none b2c3d4e 1/0\n"},
    {"a segment of another metric, and of the other direction", "a.jsonl", "",
     "{\"metric\":2,\"status\":\"keep\"}\n"
     "{\"type\":\"config\",\"metricName\":\"ms\"}\n{\"metric\":2,\"status\":\"keep\"}\n"
     "{\"type\":\"config\",\"metric_name\":\"val_bpb\",\"direction\":\"higher\"}\n"
     "{\"metric\":2,\"status\":\"keep\"}\n",
     "RHFH!", "1 ok 2 - 0/0\n"},
    {"the same config again, before a run and behind one", "a.jsonl", "",
     "{\"type\":\"config\",\"metricName\":\"val_bpb\"}\n{\"type\":\"config\",\"metricName\":\"val_"
     "bpb\"}\n"
     "{\"metric\":2,\"status\":\"baseline\"}\n{\"type\":\"config\",\"metricName\":\"val_bpb\"}\n"
     "{\"metric\":1,\"status\":\"keep\"}\n",
     "HHRHR", "3 baseline 2 - 1/3\n5 ok 1 - 2/0\n"},
    {"words and commits that are no strings", "a.jsonl", "",
     "{\"metric\":2,\"status\":true,\"commit\":1234567}\n{\"metric\":1,\"status\":null}\n"
     "{\"metric\":1,\"status\":false,\"commit\":null}\n{\"metric\":1,\"status\":1}\n",
     "RRRR", "1 ok 2 1234567 0/0\n2 discarded? 1 - 0/0\n3 discarded 1 - 0/0\n4 ok 1 - 0/0\n"},
    {"no JSON at all", "a.jsonl", "", "\n" HEADER "a1b2c3d\t1\t1\tkeep\tx\n", NULL,
     "line 2: expected a JSON object in each line, found none"},
    {"one of the other metrics", "a.jsonl", "logs: [{path: a.jsonl, metric: val_bpb}]",
     "{\"type\":\"config\",\"metricName\":\"ms\",\"bestDirection\":\"higher\"}\n"
     "{\"metric\":7,\"metrics\":{\"val_bpb\":0.5},\"status\":\"keep\"}\n",
     "HR", "2 ok 0.5 - 1/0\n"},
};

static const char *const statuses[] = {"ok", "baseline", "crashed", "discarded"};

static struct config *configuration(const char *settings)
{
    CLEANUP_FREE char *yaml = memory_format(
        "forge: {owner: lab, repo: model}\n"
        "%s\n%s\n",
        strstr(settings, "metrics:") ? "" : "metrics: {val_bpb: {direction: minimize}}", settings);
    struct config_problems problems;
    struct config *config = NULL;

    if (config_parse(&config, "test", yaml, strlen(yaml), &problems) < 0)
        fail_msg("%s", problems.items[0].message);
    return config;
}

/* Calls `each` for every line; ends early where it says so. */
static int lines_of(const char *text,
                    int (*each)(void *data, uint64_t number, const char *line, size_t length),
                    void *data)
{
    int end = 0;

    for (uint64_t number = 1; *text && end == 0; number++) {
        size_t length = strcspn(text, "\n");

        end = each(data, number, text, length);
        text += length + (text[length] == '\n');
    }
    return end;
}

struct reading {
    struct result_log *log;
    struct text lines;
    struct text rows;
    struct error error;
};

static int survey(void *data, uint64_t number, const char *line, size_t length)
{
    struct reading *reading = data;

    return result_log_survey(reading->log, number, line, length, &reading->error);
}

static void append_row(struct text *text, const struct result_log_row *row)
{
    text_append_format(text, "%" PRIu64 " %s%s ", row->line, statuses[row->claim.status],
                       row->claim.status_known ? "" : "?");
    if (row->claim.after.count)
        text_append_number(text, row->claim.after.mean);
    else
        text_append(text, "none");
    if (row->claim.before.count)
        text_append_format(text, " (%g)", row->claim.before.mean);
    text_append_format(text, " %s %u/%" PRIu64 "\n", row->commit ? row->commit : "-", row->segment,
                       row->baseline);
}

static int read_line(void *data, uint64_t number, const char *line, size_t length)
{
    struct reading *reading = data;
    struct result_log_row row;
    enum result_log_line kind = result_log_read(reading->log, number, line, length, &row,
                                                &reading->error);

    text_append_bytes(&reading->lines, &letters[kind], 1);
    if (kind == RESULT_LOG_ROW) {
        append_row(&reading->rows, &row);
        result_log_row_clear(&row);
    }
    return 0;
}

static void check(const struct log_case *log_case)
{
    struct config *config = configuration(log_case->settings);
    struct reading reading = {
        .log = result_log_new(result_log_kind(log_case->file), config,
                              config_log(config, log_case->file)),
    };
    int end = lines_of(log_case->text, survey, &reading);

    print_message("%s\n", log_case->about);
    if (end == 0)
        end = result_log_end_survey(reading.log, true, &reading.error);
    if (log_case->lines) {
        if (end != 0)
            fail_msg("%s", reading.error.message);
        lines_of(log_case->text, read_line, &reading);
        assert_string_equal(text_string(&reading.lines), log_case->lines);
        assert_string_equal(text_string(&reading.rows), log_case->rows);
    } else {
        assert_int_equal(end, -1);
        assert_string_equal(reading.error.message, log_case->rows);
        assert_int_equal(reading.error.kind, ERROR_PERMANENT);
    }
    text_free(&reading.lines);
    text_free(&reading.rows);
    result_log_free(reading.log);
    config_free(config);
}

static void test_logs(void **state)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        check(&cases[i]);
}

/* Taken out in the middle and put into a new reader, what was learned gives the same rows. */
static void test_read_on_after_a_restart(void **state)
{
    static const char first[] = HEADER "a1b2c3d\t1\t1\tbaseline\tx\n";
    static const char second[] = "b2c3d4e\t0.5\t1\tkeep\ty\n";
    struct config *config = configuration("");
    struct reading reading = {.log = result_log_new(RESULT_LOG_TSV, config, NULL)};
    struct json_object *learned;

    assert_int_equal(lines_of(first, survey, &reading), 0);
    assert_int_equal(result_log_end_survey(reading.log, true, &reading.error), 0);
    lines_of(first, read_line, &reading);
    learned = result_log_state(reading.log);
    result_log_free(reading.log);

    reading.log = result_log_new(RESULT_LOG_TSV, config, NULL);
    assert_int_equal(result_log_restore(reading.log, learned), 0);
    read_line(&reading, 3, second, strlen(second) - 1);
    assert_string_equal(text_string(&reading.lines), "HRR");
    assert_string_equal(text_string(&reading.rows),
                        "2 baseline 1 a1b2c3d 0/2\n3 ok 0.5 b2c3d4e 0/2\n");
    json_object_put(learned);
    text_free(&reading.lines);
    text_free(&reading.rows);
    result_log_free(reading.log);
    config_free(config);
}

/* Two rows are too few to tell which column holds the decision; the third decides. */
static void test_a_growing_log_waits_for_its_columns(void **state)
{
    static const char text[] = "val_bpb\tstatus\n1\tpending\n2\tpending\n";
    static const char third[] = "3\tkeep\n4\tkeep\n";
    struct config *config = configuration("");
    struct reading reading = {.log = result_log_new(RESULT_LOG_TSV, config, NULL)};

    assert_int_equal(lines_of(text, survey, &reading), 0);
    assert_int_equal(result_log_end_survey(reading.log, false, &reading.error), 1);
    assert_int_equal(lines_of(third, survey, &reading), 0);
    assert_int_equal(result_log_end_survey(reading.log, false, &reading.error), 0);
    result_log_free(reading.log);
    config_free(config);
}

/* A slice of rows is kept while more lines are read, and those may change what the next rows measure. */
static void test_a_row_keeps_its_metric_when_the_next_segment_has_another(void **state)
{
    static const char *const lines[] = {
        "{\"type\":\"config\",\"metricName\":\"val_bpb\"}", "{\"metric\":2,\"status\":\"keep\"}",
        "{\"type\":\"config\",\"metricName\":\"ms\"}",
        "{\"type\":\"config\",\"metricName\":\"val_bpb\",\"bestDirection\":\"higher\"}"};
    struct config *config = configuration("");
    struct result_log *log = result_log_new(RESULT_LOG_JSONL, config, NULL);
    struct result_log_row row = {0}, none;
    struct error error;

    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        result_log_read(log, i + 1, lines[i], strlen(lines[i]), i == 1 ? &row : &none, &error);
    result_log_free(log);
    assert_string_equal(row.metric, "val_bpb");
    result_log_row_clear(&row);
    config_free(config);
}

/* The details of a row are stored with its other keys, and are to be read again when its turn comes. */
static void test_as_many_details_as_a_line_may_have(void **state)
{
    struct config *config = configuration("");
    struct result_log *log = result_log_new(RESULT_LOG_JSONL, config, NULL);
    CLEANUP_TEXT struct text line = {0};
    CLEANUP_FREE char *canonical = NULL;
    CLEANUP(result_freep) struct result *result = NULL;
    struct result_log_row read;
    struct error error;

    text_append(&line,
                "{\"metric\":1,\"status\":\"keep\",\"commit\":\"a1b2c3d\",\"metrics\":{\"m\":0");
    for (unsigned i = 0; i < 9993; i++)
        text_append_format(&line, ",\"m%u\":%u", i, i);
    text_append(&line, "}}");
    assert_int_equal(result_log_survey(log, 1, text_string(&line), line.length, &error), 0);
    assert_int_equal(result_log_end_survey(log, true, &error), 0);
    assert_int_equal(result_log_read(log, 1, text_string(&line), line.length, &read, &error),
                     RESULT_LOG_ROW);
    canonical = row_canonical(
        &(struct row){.read = &read, .file_name = "a.jsonl", .scope = "", .experiment_id = "a-1"});
    if (result_parse_canonical(&result, canonical, &error) < 0)
        fail_msg("%s", error.message);
    assert_int_equal(json_object_object_length(result->details), 9994);
    result_log_row_clear(&read);
    result_log_free(log);
    config_free(config);
}

/* As Python writes them. The details are stored as JSON, which has no such numbers, and read again. */
static void test_details_that_are_no_numbers(void **state)
{
    struct config *config = configuration("");
    struct result_log *log = result_log_new(RESULT_LOG_JSONL, config, NULL);
    const char *line = "{\"metric\":1,\"status\":\"keep\",\"confidence\":Infinity,"
                       "\"metrics\":{\"loss\":NaN,\"ms\":1.5},\"asi\":{\"low\":-Infinity}}";
    struct result_log_row row;
    struct error error;

    assert_int_equal(result_log_survey(log, 1, line, strlen(line), &error), 0);
    assert_int_equal(result_log_end_survey(log, true, &error), 0);
    assert_int_equal(result_log_read(log, 1, line, strlen(line), &row, &error), RESULT_LOG_ROW);
    assert_string_equal(
        json_object_to_json_string_ext(row.details, JSON_C_TO_STRING_PLAIN),
        "{\"confidence\":\"Infinity\",\"loss\":\"NaN\",\"ms\":1.5,\"low\":\"-Infinity\"}");
    result_log_row_clear(&row);
    result_log_free(log);
    config_free(config);
}

/* Each name was compared with each other: a line of a megabyte held the daemon for minutes. And each is a detail of
 * each row. */
static void test_a_header_with_very_many_names(void **state)
{
    struct config *config = configuration("");
    struct result_log *log = result_log_new(RESULT_LOG_TSV, config, NULL);
    struct text header = {0};
    struct error error;
    clock_t began = clock();

    text_append(&header, "val_bpb\tstatus");
    for (unsigned i = 2; i < 10000; i++)
        text_append_format(&header, "\t%xz", i);
    assert_int_equal(result_log_survey(log, 1, text_string(&header), header.length, &error), 0);
    assert_true(clock() - began < 3 * CLOCKS_PER_SEC);
    result_log_free(log);
    log = result_log_new(RESULT_LOG_TSV, config, NULL);
    text_append(&header, "\tone more");
    assert_int_equal(result_log_survey(log, 1, text_string(&header), header.length, &error), -1);
    assert_string_equal(error.message, "line 1: expected at most 10000 columns, found 10001");
    text_free(&header);
    result_log_free(log);
    config_free(config);
}

static void test_ids(void **state)
{
    static const struct {
        const char *prefix, *file;
        unsigned copy;
        uint64_t line;
        const char *id;
    } table[] = {
        {NULL, "results.tsv", 1, 7, "results-0007"},
        {"night-", "results.tsv", 1, 12345, "night-results-12345"},
        {NULL, "my results (1).tsv", 1, 2, "my-results--1--0002"},
        {NULL, "results.tsv", 2, 7, "results.2-0007"},
        {NULL, "a..b.jsonl", 1, 1, "a-.b-0001"},
        {NULL, "_x.tsv", 1, 1, "x-0001"},
        {NULL, "---.tsv", 1, 1, "log-0001"},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        CLEANUP_FREE char *id = result_log_id(table[i].prefix, table[i].file, table[i].copy,
                                              table[i].line);

        assert_string_equal(id, table[i].id);
        assert_true(result_id_valid(id));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logs),
        cmocka_unit_test(test_read_on_after_a_restart),
        cmocka_unit_test(test_a_growing_log_waits_for_its_columns),
        cmocka_unit_test(test_a_row_keeps_its_metric_when_the_next_segment_has_another),
        cmocka_unit_test(test_as_many_details_as_a_line_may_have),
        cmocka_unit_test(test_details_that_are_no_numbers),
        cmocka_unit_test(test_a_header_with_very_many_names),
        cmocka_unit_test(test_ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

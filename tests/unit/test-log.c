/* Promise: a line of the log is one event, and no text from outside can forge another. */

/*
 * What the log writes is read back from a pipe or a file in place of stderr. For the journal, the call that
 * would send it is replaced by one that remembers.
 */

#include "common/log-output.h"
#include "common/log.h"

#include "common/json.h"
#include "common/loop.h"
#include "common/memory.h"
#include "common/secret.h"
#include "common/text.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

static const struct log_event ended = {"step ended", LOG_LEVEL_INFO,
                                       "0123456789abcdef0123456789abcdef"};
static const struct log_event broken = {"broken", LOG_LEVEL_ERROR, NULL};
static const struct log_event detail = {"detail", LOG_LEVEL_DEBUG, NULL};

static int true_stderr;
static int reading; /* the end of the pipe that stands in for stderr */

static int set_up(void **state)
{
    int ends[2];

    unsetenv("JOURNAL_STREAM");
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    true_stderr = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    reading = ends[0];
    fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK);
    fcntl(reading, F_SETFL, O_NONBLOCK);
    log_configure(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
    return 0;
}

static int tear_down(void **state)
{
    dup2(true_stderr, STDERR_FILENO);
    close(true_stderr);
    close(reading);
    secret_clear();
    log_configure(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
    return 0;
}

/* Returns the lines since the last call, valid until the next. */
static const char *written(void)
{
    static char buffer[1 << 17];
    size_t length = 0;
    ssize_t count;

    while ((count = read(reading, buffer + length, sizeof(buffer) - 1 - length)) > 0)
        length += (size_t)count;
    buffer[length] = '\0';
    return buffer;
}

/* The one line that was written, without its time and its end. */
static const char *line(void)
{
    static char copy[1 << 17];
    char *space;

    snprintf(copy, sizeof(copy), "%s", written());
    space = strchr(copy, ' ');
    assert_non_null(space);
    assert_int_equal(copy[strlen(copy) - 1], '\n');
    copy[strlen(copy) - 1] = '\0';
    assert_null(strchr(copy, '\n'));
    return space + 1;
}

static void test_logfmt(void **state)
{
    const char *output;
    int year, month, day, hour, minute, second, milli, end = 0;

    log_event(&ended, LOG_TEXT("experiment", "exp-042"), LOG_INTEGER("pull", -7),
              LOG_NUMBER("after", 0.975524), LOG_TEXT("missing", NULL), LOG_NUMBER("before", NAN));
    output = written();
    assert_int_equal(sscanf(output, "time=%4d-%2d-%2dT%2d:%2d:%2d.%3dZ %n", &year, &month, &day,
                            &hour, &minute, &second, &milli, &end),
                     7);
    assert_string_equal(output + end, "level=info msg=\"step ended\" experiment=exp-042 pull=-7 "
                                      "after=0.975524\n");
    log_event(&broken);
    assert_string_equal(line(), "level=error msg=broken");
}

static void test_quoting(void **state)
{
    static const struct {
        const char *value;
        const char *expected;
    } cases[] = {
        {"", "\"\""},
        {"plain/.-_~:,", "plain/.-_~:,"},
        {"C:\\x", "C:\\x"},
        {"a b", "\"a b\""},
        {"a=b", "\"a=b\""},
        {"a\"b\\", "\"a\\\"b\\\\\""},
        {"a\nlevel=error", "\"a\\nlevel=error\""},
        {"\t\r\x1b[31m\x7f", "\"\\t\\r\\u001b[31m\\u007f\""},
        {"\xc3\xa4", "\xc3\xa4"},
        {"a\xe2\x80\xae"
         "b",
         "\"a\\u202eb\""},
        {"\xe2\x80\x8b", "\"\\u200b\""},
        {"\xf3\xa0\x81\x81", "\"\\udb40\\udc41\""},
        {"\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        log_event(&broken, LOG_TEXT("reason", cases[i].value));
        assert_string_equal(line() + strlen("level=error msg=broken reason="), cases[i].expected);
    }
}

static void test_json(void **state)
{
    const struct json_limits limits = {1 << 20, 8, 100};
    struct json_object *object, *member;
    const char *output;
    struct error error;

    log_configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    log_event(&ended, LOG_TEXT("reason", "a\"b\n\xff\xe2\x80\xae"), LOG_INTEGER("pull", 7),
              LOG_NUMBER("after", 1e-5), LOG_NUMBER("worst", INFINITY), LOG_NUMBER("none", NAN));
    output = written();
    assert_int_equal(output[strlen(output) - 1], '\n');
    assert_int_equal(json_parse(&object, output, strlen(output), &limits, &error), 0);
    assert_int_equal(json_object_object_length(object), 7);
    member = json_object_object_get(object, "level");
    assert_string_equal(json_object_get_string(member), "info");
    member = json_object_object_get(object, "msg");
    assert_string_equal(json_object_get_string(member), "step ended");
    member = json_object_object_get(object, "reason");
    assert_string_equal(json_object_get_string(member), "a\"b\n\xef\xbf\xbd\xe2\x80\xae");
    member = json_object_object_get(object, "pull");
    assert_true(json_object_is_type(member, json_type_int));
    member = json_object_object_get(object, "after");
    assert_true(json_object_is_type(member, json_type_double));
    member = json_object_object_get(object, "worst");
    assert_string_equal(json_object_get_string(member), "inf");
    json_object_put(object);
}

static void test_level(void **state)
{
    log_event(&detail);
    assert_string_equal(written(), "");
    assert_false(log_enabled(LOG_LEVEL_DEBUG));
    log_configure(LOG_LEVEL_DEBUG, LOG_FORMAT_LOGFMT);
    assert_true(log_enabled(LOG_LEVEL_DEBUG));
    log_event(&detail);
    assert_string_equal(line(), "level=debug msg=detail");
    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    log_event(&ended);
    assert_string_equal(written(), "");
    log_event(&broken);
    assert_string_equal(line(), "level=error msg=broken");
}

/* Also where the cut of a long value would go through it. */
static void test_secrets(void **state)
{
    char value[20000];

    secret_add("secret-token");
    log_event(&broken, LOG_TEXT("reason", "bad token secret-token"));
    assert_string_equal(line(), "level=error msg=broken reason=\"bad token ************\"");
    for (size_t before = 8192 - 13; before <= 8192; before++) {
        memset(value, 'x', before);
        snprintf(value + before, sizeof(value) - before, "secret-token");
        log_event(&broken, LOG_TEXT("reason", value));
        assert_null(strstr(line(), "xs"));
    }
}

/* A long value is cut between characters; a line has a bound whatever is in it. */
static void test_bounds(void **state)
{
    CLEANUP_FREE char *umlauts = memory_new(40001);
    CLEANUP_FREE char *controls = memory_new(40001);
    const char *output;

    for (size_t i = 0; i < 20000; i++)
        memcpy(umlauts + 2 * i, "\xc3\xa4", 2);
    memset(controls, 1, 40000);
    log_event(&broken, LOG_TEXT("reason", umlauts));
    output = line();
    assert_in_range(strlen(output), 8192, 8192 + 100);
    assert_string_equal(output + strlen(output) - 5, "\xc3\xa4\xe2\x80\xa6");

    fcntl(STDERR_FILENO, F_SETPIPE_SZ, 1 << 17);
    log_event(&broken, LOG_TEXT("a", controls), LOG_TEXT("b", controls), LOG_TEXT("c", controls),
              LOG_TEXT("d", controls), LOG_TEXT("e", controls), LOG_TEXT("f", controls));
    output = line();
    assert_in_range(strlen(output), 48 * 1024, 65 * 1024);
    assert_string_equal(output + strlen(output) - 4, "\xe2\x80\xa6\"");
}

/* Reads until no long line comes any more, with a line now and then that takes along what was kept. Returns
 * it, which the caller frees. */
static char *drain(void)
{
    struct text all = {0};
    const char *output;

    do {
        output = written();
        text_append(&all, output);
        log_event(&ended);
    } while (strstr(output, "xx"));
    return text_take(&all);
}

static size_t occurrences(const char *text, const char *part)
{
    size_t count = 0;

    for (const char *at = text; (at = strstr(at, part)); at++)
        count++;
    return count;
}

/* A pipe that takes no more must neither block, as it would by itself, nor lose a line. */
static void test_a_full_pipe(void **state)
{
    CLEANUP_FREE char *value = memory_new(8001);
    CLEANUP_FREE char *all = NULL;
    const char *at;

    memset(value, 'x', 8000);
    fcntl(STDERR_FILENO, F_SETFL, 0);
    fcntl(STDERR_FILENO, F_SETPIPE_SZ, 4096);
    for (int i = 0; i < 20; i++)
        log_event(&broken, LOG_INTEGER("number", i), LOG_TEXT("reason", value));
    all = drain();
    at = all;
    for (int i = 0; i < 20; i++) {
        CLEANUP_FREE char *expected = memory_format("number=%d reason=xxx", i);

        at = strstr(at, expected);
        assert_non_null(at);
        if (!at)
            return;
    }
    assert_null(strstr(all, "dropped="));
    assert_int_equal(occurrences(all, "\n"), occurrences(all, "time="));
}

#define TOO_MANY (LOG_OUTPUT_KEPT / 8000 + 100) /* lines of 8000 bytes and more */

/* As much is kept as there is room for; what comes then is lost, and counted. */
static void test_dropped_lines_are_counted(void **state)
{
    CLEANUP_FREE char *value = memory_new(8001);
    CLEANUP_FREE char *all = NULL;
    size_t kept;
    char *at;

    memset(value, 'x', 8000);
    fcntl(STDERR_FILENO, F_SETPIPE_SZ, 4096);
    for (size_t i = 0; i < TOO_MANY; i++)
        log_event(&broken, LOG_TEXT("reason", value));
    all = drain();
    kept = occurrences(all, "msg=broken");
    assert_in_range(kept, LOG_OUTPUT_KEPT / 8200, LOG_OUTPUT_KEPT / 8000 + 2);
    at = strstr(all, "dropped=");
    assert_non_null(at);
    /* Those that were tried while it did not flow yet are among them. */
    assert_true(at && (size_t)atoi(at + strlen("dropped=")) >= TOO_MANY - kept);
    assert_int_equal(occurrences(all, "dropped="), 1);
    assert_int_equal(occurrences(all, "\n"), occurrences(all, "time="));
}

static void count_flows(void *data)
{
    ++*(int *)data;
}

/* Nothing that is kept waits for the next event. */
static void test_the_loop_writes_what_is_kept(void **state)
{
    static const char last[] = "level=warning msg=\"lines of the log were lost\" dropped=";
    CLEANUP_FREE char *value = memory_new(8001);
    CLEANUP_TEXT struct text all = {0};
    struct operation *timer;
    const char *found = NULL;
    uv_loop_t loop;
    int over = 0;

    memset(value, 'x', 8000);
    fcntl(STDERR_FILENO, F_SETPIPE_SZ, 4096);
    assert_int_equal(uv_loop_init(&loop), 0);
    log_attach(&loop);
    for (size_t i = 0; i < TOO_MANY; i++)
        log_event(&broken, LOG_TEXT("reason", value));
    assert_int_equal(uv_run(&loop, UV_RUN_NOWAIT), 0); /* it keeps no loop running */
    timer = loop_after(&loop, 10000, count_flows, &over);
    while (!over && !found) {
        size_t seen = all.length < sizeof(last) ? 0 : all.length - sizeof(last);

        text_append(&all, written());
        found = strstr(text_string(&all) + seen, last);
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(over, 0);
    assert_non_null(found);
    operation_discard(timer);
    log_attach(NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* At the end a reader that does not read is waited for, but not for ever. */
static void test_finish(void **state)
{
    CLEANUP_FREE char *value = memory_new(8001);

    memset(value, 'x', 8000);
    fcntl(STDERR_FILENO, F_SETPIPE_SZ, 4096);
    log_event(&broken, LOG_TEXT("reason", value));
    log_finish();
    assert_int_equal(strlen(written()), 4096);
    log_event(&ended);
    assert_non_null(strstr(written(), "msg=\"step ended\""));
}

static void test_closed_pipe(void **state)
{
    signal(SIGPIPE, SIG_IGN);
    close(reading);
    errno = EDOM;
    log_event(&broken);
    assert_int_equal(errno, EDOM);

    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    reading = ends[0];
    log_event(&broken);
    assert_string_equal(line(), "level=error msg=broken dropped=1");
}

static void test_full_disk(void **state)
{
    int full = open("/dev/full", O_WRONLY);
    int pipe_end = dup(STDERR_FILENO);

    assert_true(full >= 0);
    dup2(full, STDERR_FILENO);
    log_event(&broken);
    log_event(&broken);
    dup2(pipe_end, STDERR_FILENO);
    close(full);
    close(pipe_end);
    log_event(&broken);
    assert_string_equal(line(), "level=error msg=broken dropped=2");
}

/* Lines for a file are written at the end of the batch, in order. A pipe gets each line at once. */
static void test_held_lines(void **state)
{
    char name[] = "/tmp/winnowd-test-log-XXXXXX", bytes[4096];
    int file = mkstemp(name), pipe_end = dup(STDERR_FILENO);
    ssize_t length;

    assert_true(file >= 0);
    unlink(name);
    log_begin_batch();
    log_event(&broken);
    assert_string_equal(line(), "level=error msg=broken");
    log_end_batch();
    dup2(file, STDERR_FILENO);
    log_begin_batch();
    for (int i = 0; i < 3; i++)
        log_event(&broken, LOG_INTEGER("number", i), LOG_TEXT("reason", "a b"));
    assert_int_equal(pread(file, bytes, sizeof(bytes), 0), 0);
    log_end_batch();
    log_event(&broken);
    dup2(pipe_end, STDERR_FILENO);
    length = pread(file, bytes, sizeof(bytes) - 1, 0);
    bytes[length > 0 ? length : 0] = '\0';
    assert_int_equal(occurrences(bytes, "\n"), 4);
    assert_true(strstr(bytes, "number=0 reason=\"a b\"\n") < strstr(bytes, "number=2"));
    close(file);
    close(pipe_end);
}

#ifdef HAVE_SYSTEMD
static char sent[1 << 16]; /* the entry's fields, '|' between them */
static int answer;

/* Takes the place of libsystemd's function. */
int sd_journal_sendv(const struct iovec *parts, int count);
int sd_journal_sendv(const struct iovec *parts, int count)
{
    size_t length = 0;

    for (int i = 0; i < count && answer >= 0; i++) {
        memcpy(sent + length, parts[i].iov_base, parts[i].iov_len);
        length += parts[i].iov_len;
        sent[length++] = '|';
    }
    sent[length] = '\0';
    return answer;
}

static void test_journal(void **state)
{
    static const char sentence[] =
        "tests run in bubblewrap: the system is read-only to them, homes, state, spool, "
        "configuration and credentials are out of sight, nothing that they start outlives them; "
        "the network is shared, abstract sockets included";

    secret_add("secret-token");
    answer = 0;
    log_configure(LOG_LEVEL_INFO, LOG_FORMAT_JOURNAL);
    log_event(&ended, LOG_TEXT("experiment", "exp-042"), LOG_TEXT("reason", "a\nb secret-token"),
              LOG_INTEGER("duration_ms", 12), LOG_TEXT("branch", NULL), LOG_NUMBER("pull", NAN));
    /* An unknown value is there all the same, so that no sentence of the catalog lacks it. */
    assert_string_equal(
        sent, "MESSAGE=step ended experiment=exp-042 reason=\"a\\nb ************\" duration_ms=12|"
              "PRIORITY=6|MESSAGE_ID=0123456789abcdef0123456789abcdef|WINNOWD_EXPERIMENT=exp-042|"
              "WINNOWD_REASON=a\nb ************|WINNOWD_DURATION_MS=12|WINNOWD_BRANCH=|"
              "WINNOWD_PULL=|");
    assert_string_equal(written(), "");
    /* The longest of the daemon's own sentences is whole in the message, which is what people read. */
    log_event(&ended, LOG_TEXT("reason", sentence));
    assert_non_null(strstr(sent, "the network is shared, abstract sockets included\"|PRIORITY"));
    answer = -EAGAIN;
    log_event(&broken);
    answer = 0;
    log_event(&broken);
    assert_string_equal(sent, "MESSAGE=broken dropped=1|PRIORITY=3|WINNOWD_DROPPED=1|");
    log_event(&broken);
    assert_string_equal(sent, "MESSAGE=broken|PRIORITY=3|");
}

static void test_auto_finds_the_journal(void **state)
{
    struct stat status;
    char stream[64];

    answer = 0;
    sent[0] = '\0';
    assert_int_equal(fstat(STDERR_FILENO, &status), 0);
    snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)status.st_dev,
             (unsigned long long)status.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_configure(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
    log_event(&broken);
    assert_string_equal(sent, "MESSAGE=broken|PRIORITY=3|");
    assert_string_equal(written(), "");

    snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)status.st_dev,
             (unsigned long long)status.st_ino + 1);
    setenv("JOURNAL_STREAM", stream, 1);
    log_configure(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
    log_event(&broken);
    assert_string_equal(line(), "level=error msg=broken");
}
#endif

static void test_auto_without_journal(void **state)
{
    setenv("JOURNAL_STREAM", "1:2x", 1);
    log_configure(LOG_LEVEL_INFO, LOG_FORMAT_AUTO);
    log_event(&broken);
    assert_string_equal(line(), "level=error msg=broken");
}

#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(test_logfmt),
        LOG_TEST(test_quoting),
        LOG_TEST(test_json),
        LOG_TEST(test_level),
        LOG_TEST(test_secrets),
        LOG_TEST(test_bounds),
        LOG_TEST(test_a_full_pipe),
        LOG_TEST(test_dropped_lines_are_counted),
        LOG_TEST(test_the_loop_writes_what_is_kept),
        LOG_TEST(test_finish),
        LOG_TEST(test_closed_pipe),
        LOG_TEST(test_full_disk),
        LOG_TEST(test_held_lines),
#ifdef HAVE_SYSTEMD
        LOG_TEST(test_journal),
        LOG_TEST(test_auto_finds_the_journal),
#endif
        LOG_TEST(test_auto_without_journal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Promise: tests run as configured, in a clean environment, and green means tested. */

#include "daemon/validation/environment.h"
#include "tests/unit/validation-fixture.h"

#include <netinet/in.h>
#include <sys/socket.h>

static void test_passes(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *expected = NULL;
    CLEANUP_FREE char *path = NULL;
    CLEANUP_FREE char *log = NULL;
    size_t length;

    assert_int_equal(begin(fixture, "sandbox: none, output_lines: 2, command: "
                                    "[sh, -c, 'echo first; cat hello; pwd']"),
                     0);
    run(fixture);
    assert_outcome(fixture, VALIDATION_PASSED, 0);
    expected = memory_format("hello, world\n%s/state/checkouts/" ID "/source", fixture->directory);
    assert_string_equal(fixture->outcome.tail, expected);
    assert_string_equal(fixture->outcome.command, "sh -c 'echo first; cat hello; pwd'");
    assert_memory_equal(fixture->outcome.sentence, "sh -c 'echo first; cat hello;", 29);
    assert_non_null(strstr(fixture->outcome.sentence, "exited with status 0 after 0."));
    path = memory_format("%s/state/validation/" ID ".log", fixture->directory);
    assert_int_equal(file_read(&log, &length, AT_FDCWD, path, 10000, &fixture->error), 0);
    assert_memory_equal(log, "first\nhello, world\n", 19);
}

static void test_fails(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(begin(fixture, "sandbox: none, command: [sh, -c, 'exit 3']"), 0);
    run(fixture);
    assert_outcome(fixture, VALIDATION_FAILED, 3);
    assert_memory_equal(fixture->outcome.sentence, "sh -c 'exit 3' exited with status 3 after ",
                        42);
    assert_string_equal(fixture->outcome.failure, "");
    end(fixture);

    assert_int_equal(begin(fixture,
                           "sandbox: none, output_lines: 1, command: [sh, -c, 'echo \"error: "
                           "one\"; echo two; echo three; exit 3']"),
                     0);
    run(fixture);
    assert_string_equal(fixture->outcome.tail, "three");
    assert_string_equal(fixture->outcome.failure, "error: one");
    assert_non_null(strstr(fixture->outcome.log, "/state/validation/" ID ".log"));
}

static void test_killed(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(begin(fixture, "sandbox: none, command: [sh, -c, 'kill -SEGV $$']"), 0);
    run(fixture);
    assert_outcome(fixture, VALIDATION_KILLED, SIGSEGV);
}

static void test_times_out(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(begin(fixture,
                           "sandbox: none, timeout: 200ms, "
                           "command: [sh, -c, 'trap \"echo asked; exit 0\" TERM; echo begun; "
                           "sleep 600 & wait']"),
                     0);
    run(fixture);
    assert_false(fixture->failed);
    assert_int_equal(fixture->outcome.verdict, VALIDATION_TIMED_OUT);
    assert_string_equal(fixture->outcome.tail, "begun\nasked");
    assert_non_null(strstr(fixture->outcome.sentence, "did not end within 0.2 s"));
}

static void test_environment(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *expected = NULL;

    setenv("PASSED", "from the daemon", 1);
    setenv("DROPPED", "secret", 1);
    assert_int_equal(begin(fixture, "sandbox: none, environment: {GIVEN: 'a b'}, "
                                    "pass_environment: [PASSED, UNKNOWN], command: [sh, -c, "
                                    "'env | grep -v ^PYTHONUSERBASE= | grep -v ^RUSTUP_HOME= | "
                                    "grep -v ^_= | grep -v ^PWD= | grep -v ^SHLVL= | sort; "
                                    "touch $HOME/x $TMPDIR/y']"),
                     0);
    run(fixture);
    assert_outcome(fixture, VALIDATION_PASSED, 0);
    expected = memory_format(
        "GIVEN=a b\nHOME=%s/state/checkouts/" ID "/home\nLANG=C.UTF-8\nLC_ALL=C.UTF-8\n"
        "LOGNAME=%s\nPASSED=from the daemon\nPATH=%s\nTMPDIR=%s/state/checkouts/" ID "/tmp\n"
        "TOX_OVERRIDE=testenv.passenv+=PASSED;testenv.passenv+=UNKNOWN;testenv.passenv+=GIVEN;"
        "testenv.passenv+=PASSED,UNKNOWN,GIVEN\n"
        "TOX_TESTENV_PASSENV=HOME PASSED UNKNOWN GIVEN\nUSER=%s",
        fixture->directory, geteuid() ? getenv("USER") : "root", getenv("PATH"), fixture->directory,
        geteuid() ? getenv("USER") : "root");
    assert_string_equal(fixture->outcome.tail, expected);
}

/* Whoever tells tox something more does not take the variables from the tests. */
static void test_environment_for_tox(void **state)
{
    struct fixture *fixture = *state;
    int begun;

    setenv("TOX_TESTENV_PASSENV", "THEIRS", 1);
    begun = begin(fixture, "sandbox: none, environment: {TOX_OVERRIDE: 'testenv.deps=', GIVEN: x}, "
                           "pass_environment: [TOX_TESTENV_PASSENV], "
                           "command: [sh, -c, 'env | grep ^TOX_ | sort']");
    if (!begun)
        run(fixture);
    unsetenv("TOX_TESTENV_PASSENV");
    assert_int_equal(begun, 0);
    assert_outcome(fixture, VALIDATION_PASSED, 0);
    assert_string_equal(fixture->outcome.tail, "TOX_OVERRIDE=testenv.deps=;testenv.passenv+=GIVEN\n"
                                               "TOX_TESTENV_PASSENV=THEIRS HOME GIVEN");
}

static void test_launcher(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(begin(fixture, "sandbox: none, launcher: [env, LAUNCHED=yes], "
                                    "command: [sh, -c, 'echo $LAUNCHED']"),
                     0);
    run(fixture);
    assert_outcome(fixture, VALIDATION_PASSED, 0);
    assert_string_equal(fixture->outcome.tail, "yes");
    assert_string_equal(fixture->outcome.command, "env LAUNCHED=yes sh -c 'echo $LAUNCHED'");
}

static void test_missing_command(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(begin(fixture, "sandbox: none, launcher: [env], command: [no-such-program]"),
                     0);
    run(fixture);
    assert_error(fixture, ERROR_PERMANENT, "no-such-program");
}

static void test_missing_launcher(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(begin(fixture, "sandbox: none, launcher: [no-such-launcher], command: [sh]"),
                     0);
    run(fixture);
    assert_error(fixture, ERROR_PERMANENT, "no-such-launcher");
}

/* 126 and 127 say that a program is missing, and the key which one. */
static void test_starts_nothing(void **state)
{
    static const struct {
        const char *validation, *key;
        int status;
    } cases[] = {
        {"launcher: [sh, -c, 'exit 127'], command: [sh]", "validation.launcher", 127},
        {"launcher: [sh, -c, 'exit 126'], command: [sh]", "validation.launcher", 126},
        {"command: [sh, -c, 'exit 127']", "validation.command", 127},
        {"command: [sh, -c, 'exit 1']", NULL, 1},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        CLEANUP_FREE char *validation = memory_format("sandbox: none, %s", cases[i].validation);

        assert_int_equal(begin(fixture, validation), 0);
        run(fixture);
        assert_outcome(fixture, VALIDATION_FAILED, cases[i].status);
        if (cases[i].key)
            assert_string_equal(fixture->outcome.unbegun, cases[i].key);
        else
            assert_null(fixture->outcome.unbegun);
        end(fixture);
    }
}

static void test_missing_commit(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(begin(fixture, "sandbox: none, command: [sh, -c, 'exit 0']"), 0);
    memset(fixture->commit, 'a', 40);
    run(fixture);
    assert_true(fixture->failed);
}

/* A server on the loop that answers every request with one status. */
struct server {
    uv_tcp_t listener;
    uv_tcp_t connection;
    uv_write_t write;
    const char *answer;
    unsigned port;
    unsigned connections;
};

static void on_buffer(uv_handle_t *handle, size_t size, uv_buf_t *buffer)
{
    static char bytes[4096];

    *buffer = uv_buf_init(bytes, sizeof bytes);
}

static void on_written(uv_write_t *request, int status)
{
    uv_close((uv_handle_t *)request->handle, NULL);
}

static void on_request(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
    struct server *server = stream->data;
    uv_buf_t answer = uv_buf_init((char *)server->answer, (unsigned)strlen(server->answer));

    uv_read_stop(stream);
    uv_write(&server->write, stream, &answer, 1, on_written);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct server *server = listener->data;

    server->connections++;
    uv_tcp_init(listener->loop, &server->connection);
    server->connection.data = server;
    uv_accept(listener, (uv_stream_t *)&server->connection);
    uv_read_start((uv_stream_t *)&server->connection, on_buffer, on_request);
}

static void serve(struct server *server, uv_loop_t *loop, const char *answer)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int length = sizeof address;

    *server = (struct server){.answer = answer};
    uv_tcp_init(loop, &server->listener);
    server->listener.data = server;
    assert_int_equal(uv_tcp_bind(&server->listener, (struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&server->listener, 8, on_connection), 0);
    uv_unref((uv_handle_t *)&server->listener);
    uv_tcp_getsockname(&server->listener, (struct sockaddr *)&address, &length);
    server->port = ntohs(address.sin_port);
}

static void test_requires(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *validation = NULL;
    CLEANUP_FREE char *url = NULL;
    struct server server;

    serve(&server, &fixture->loop,
          "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    url = memory_format("http://127.0.0.1:%u/version", server.port);
    validation = memory_format("sandbox: none, requires: ['%s'], command: [sh, -c, 'echo ran']",
                               url);
    assert_int_equal(begin(fixture, validation), 0);
    run(fixture);
    assert_outcome(fixture, VALIDATION_WAITS, 0);
    assert_non_null(strstr(fixture->outcome.sentence, url));
    assert_non_null(strstr(fixture->outcome.sentence, "503"));

    server.answer = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
    run(fixture);
    assert_outcome(fixture, VALIDATION_PASSED, 0);
    assert_int_equal(server.connections, 2);

    uv_close((uv_handle_t *)&server.listener, NULL);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    run(fixture);
    assert_outcome(fixture, VALIDATION_WAITS, 0);
    assert_non_null(strstr(fixture->outcome.sentence, url));
}

/* A second run of the same experiment does not see what the first has left. */
static void test_fresh_every_time(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(begin(fixture, "sandbox: none, command: [sh, -c, 'test ! -e left && "
                                    "test ! -e $HOME/left && touch left $HOME/left']"),
                     0);
    run(fixture);
    assert_outcome(fixture, VALIDATION_PASSED, 0);
    run(fixture);
    assert_outcome(fixture, VALIDATION_PASSED, 0);
}

static void test_tox(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP_FREE char *expected = NULL;

    if (shell("tox --version >/dev/null 2>&1"))
        skip();
    setenv("PASSED", "2", 1);
    setenv("KEPT", "3", 1);
    setenv("DROPPED", "4", 1);
    assert_int_equal(begin(fixture, "environment: {GIVEN: 1, KEPT: 3}, pass_environment: [PASSED], "
                                    "command: [tox, -e, python]"),
                     0);
    run(fixture);
    assert_outcome(fixture, VALIDATION_PASSED, 0);
    expected = memory_format("['1', '2', '3', None] %s%s",
                             validation_sandboxed(fixture->validation) ? "" : fixture->directory,
                             validation_sandboxed(fixture->validation) ? "/run/checkout/home"
                                                                       : "/state/checkouts/" ID
                                                                         "/home");
    if (!strstr(fixture->outcome.tail, expected))
        print_error("%s\n", fixture->outcome.tail);
    assert_non_null(strstr(fixture->outcome.tail, expected));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_passes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_times_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_environment, setup, teardown),
        cmocka_unit_test_setup_teardown(test_environment_for_tox, setup, teardown),
        cmocka_unit_test_setup_teardown(test_launcher, setup, teardown),
        cmocka_unit_test_setup_teardown(test_missing_command, setup, teardown),
        cmocka_unit_test_setup_teardown(test_missing_launcher, setup, teardown),
        cmocka_unit_test_setup_teardown(test_starts_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_missing_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_requires, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fresh_every_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tox, setup, teardown),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

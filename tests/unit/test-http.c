/* Promise: a request ends in one answer or one error, whatever the server does. */

/* Real HTTP over real sockets, against a server that answers, hangs, cuts off, resets and floods. */

#include "common/http.h"

#include "common/memory.h"
#include "common/secret.h"
#include "common/text.h"
#include "scripted-server.h"
#include "tests/unit/temporary.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <dirent.h>
#include <dlfcn.h>
#include <netdb.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static uv_loop_t loop;
static struct scripted_server server;

struct answer {
    unsigned calls;
    bool good;
    struct http_response response;
    char *body;
    char *location;
    struct error error;
};

static struct http *http;

static void on_answer(void *data, const struct http_response *response, const struct error *error)
{
    struct answer *answer = data;

    answer->calls++;
    assert_true(!response != !error);
    answer->good = response != NULL;
    if (error) {
        answer->error = *error;
        return;
    }
    answer->response = *response;
    assert_int_equal(response->body[response->body_length], '\0');
    answer->body = memory_copy_bytes(response->body, response->body_length);
    answer->location = memory_copy(response->location);
}

static void answer_clear(struct answer *answer)
{
    free(answer->body);
    free(answer->location);
    *answer = (struct answer){0};
}
#define CLEANUP_ANSWER CLEANUP(answer_clear)

static struct operation *send_to(const char *method, const char *path, const char *body,
                                 uint64_t timeout_ms, http_callback callback, void *data)
{
    CLEANUP_FREE char *url = memory_format("http://127.0.0.1:%u%s", server.port, path);

    return http_send(http,
                     &(struct http_request){
                         .method = method,
                         .url = url,
                         .body = body,
                         .timeout_ms = timeout_ms,
                         .body_limit = 100000,
                     },
                     callback, data);
}

static void wait_for(struct answer *answer)
{
    assert_int_equal(answer->calls, 0);
    while (answer->calls == 0)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(answer->calls, 1);
}

static void ask(struct answer *answer, const char *method, const char *path, const char *body)
{
    answer_clear(answer);
    send_to(method, path, body, 30000, on_answer, answer);
    wait_for(answer);
}

/* Expects an error of this reason. */
static void expect_error(const struct answer *answer, const char *method, const char *path,
                         const char *reason)
{
    CLEANUP_FREE char *expected = memory_format("%s %s at 127.0.0.1:%u: %s", method, path,
                                                server.port, reason);

    assert_false(answer->good);
    assert_string_equal(answer->error.message, expected);
    assert_int_equal(answer->error.kind, ERROR_TRANSIENT);
}

static void test_answer_and_kept_connection(void **state)
{
    CLEANUP_ANSWER struct answer answer = {0};

    scripted_server_start(
        &server, &loop,
        (const struct scripted_step[]){
            {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", KEEP, 0},
            {"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na\nb\r\n0\r\n\r\n",
             KEEP, 0},
            {"HTTP/1.1 204 No Content\r\n\r\n", KEEP, 0},
        });
    ask(&answer, "GET", "/a/../b%2Fc?q=1", NULL);
    assert_true(answer.good);
    assert_int_equal(answer.response.status, 200);
    assert_string_equal(answer.body, "hello");
    assert_int_equal(answer.response.body_length, 5);
    assert_int_equal(answer.response.retry_after_ms, -1);
    assert_int_equal(answer.response.total_count, -1);
    assert_false(answer.response.has_next);
    assert_null(answer.location);
    assert_memory_equal(server.requests[0], "GET /a/../b%2Fc?q=1 HTTP/1.1\r\n", 30);
    assert_non_null(strstr(server.requests[0], "\r\nUser-Agent: winnowd/"));
    assert_null(strstr(server.requests[0], "Accept-Encoding"));
    assert_null(strstr(server.requests[0], "Expect"));
    assert_null(strstr(server.requests[0], "Content-"));
    ask(&answer, "DELETE", "/b", NULL);
    assert_int_equal(answer.response.status, 404);
    assert_string_equal(answer.body, "a\nb");
    assert_memory_equal(server.requests[1], "DELETE /b HTTP/1.1\r\n", 20);
    ask(&answer, "GET", "/", NULL);
    assert_int_equal(answer.response.status, 204);
    assert_int_equal(server.connections_made, 1);
}

static void test_posts(void **state)
{
    CLEANUP_ANSWER struct answer answer = {0};
    CLEANUP_FREE char *url = NULL;
    const char *const headers[] = {"Authorization: token t0ken", "content-type: text/plain", NULL};
    const struct scripted_step ok = {"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", KEEP, 0};

    scripted_server_start(&server, &loop, (const struct scripted_step[]){ok, ok, ok, ok});
    ask(&answer, "POST", "/p", "{\"a\":1}");
    assert_int_equal(answer.response.status, 201);
    assert_string_equal(answer.body, "");
    assert_non_null(strstr(server.requests[0], "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(server.requests[0], "\r\n\r\n{\"a\":1}"));
    ask(&answer, "POST", "/p", NULL);
    assert_non_null(strstr(server.requests[1], "\r\nContent-Length: 0\r\n"));
    ask(&answer, "PATCH", "/p", "{}");
    assert_memory_equal(server.requests[2], "PATCH /p HTTP/1.1\r\n", 19);
    assert_non_null(strstr(server.requests[2], "\r\n\r\n{}"));
    answer_clear(&answer);
    url = memory_format("http://127.0.0.1:%u/p", server.port);
    http_send(http,
              &(struct http_request){.method = "POST", .url = url, .headers = headers, .body = "x"},
              on_answer, &answer);
    wait_for(&answer);
    assert_non_null(strstr(server.requests[3], "\r\nAuthorization: token t0ken\r\n"));
    assert_non_null(strstr(server.requests[3], "\r\ncontent-type: text/plain\r\n"));
    assert_null(strstr(server.requests[3], "application/json"));
}

/* A kept connection that dies under a request before a byte of answer. */
static void test_post_is_never_repeated_silently(void **state)
{
    CLEANUP_ANSWER struct answer answer = {0};
    const struct scripted_step ok = {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", KEEP, 0};

    scripted_server_start(&server, &loop,
                          (const struct scripted_step[]){ok, {NULL, CLOSE, 0}, ok, ok});
    ask(&answer, "GET", "/", NULL);
    ask(&answer, "POST", "/pulls", "{}");
    expect_error(&answer, "POST", "/pulls", "the connection was closed without an answer");
    assert_int_equal(server.steps_done, 2);
}

static void test_redirect_is_an_answer(void **state)
{
    CLEANUP_ANSWER struct answer answer = {0};

    scripted_server_start(
        &server, &loop,
        (const struct scripted_step[]){
            {"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\377\r\nContent-Length: 0\r\n\r\n",
             KEEP, 0},
        });
    ask(&answer, "GET", "/", NULL);
    assert_int_equal(answer.response.status, 302);
    assert_string_equal(answer.location, "http://127.0.0.1:1/\xef\xbf\xbd"); /* valid UTF-8 */
    assert_int_equal(server.steps_done, 1);
}

static void test_fields_of_the_answer(void **state)
{
    CLEANUP_ANSWER struct answer answer = {0};

    scripted_server_start(&server, &loop,
                          (const struct scripted_step[]){
                              {"HTTP/1.1 429 Slow\r\nretry-after: 7\r\nX-Total-Count: 123\r\n"
                               "Link: <x>; rel=last\r\nLink: <y>; rel=\"next\"\r\n"
                               "Link: <z>; rel=first\r\nContent-Length: 0\r\n\r\n",
                               KEEP, 0},
                          });
    ask(&answer, "GET", "/", NULL);
    assert_int_equal(answer.response.status, 429);
    assert_int_equal(answer.response.retry_after_ms, 7000);
    assert_int_equal(answer.response.total_count, 123);
    assert_true(answer.response.has_next);
}

static void test_fields_of_an_interim_answer_do_not_count(void **state)
{
    CLEANUP_ANSWER struct answer answer = {0};

    scripted_server_start(
        &server, &loop,
        (const struct scripted_step[]){
            {"HTTP/1.1 103 Early Hints\r\nLink: <x>; rel=next\r\nRetry-After: 3\r\n\r\n"
             "HTTP/1.1 200 OK\r\nX-Total-Count: 12a\r\nContent-Length: 2\r\n\r\nok",
             KEEP, 0},
        });
    ask(&answer, "GET", "/", NULL);
    assert_int_equal(answer.response.status, 200);
    assert_string_equal(answer.body, "ok");
    assert_false(answer.response.has_next);
    assert_int_equal(answer.response.retry_after_ms, -1);
    assert_int_equal(answer.response.total_count, -1);
}

static void test_what_breaks_on_the_way_is_transient(void **state)
{
    CLEANUP_ANSWER struct answer answer = {0};
    const char *cut = "the answer was cut off";

    scripted_server_start(
        &server, &loop,
        (const struct scripted_step[]){
            {"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf", CLOSE, 0},
            {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf", CLOSE, 0},
            {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", CLOSE, 0},
            {NULL, RESET, 0},
            {NULL, CLOSE, 0},
        });
    ask(&answer, "GET", "/x?secret=1", NULL);
    expect_error(&answer, "GET", "/x", cut);
    ask(&answer, "GET", "/x", NULL);
    expect_error(&answer, "GET", "/x", cut);
    ask(&answer, "GET", "/x", NULL);
    expect_error(&answer, "GET", "/x", cut);
    ask(&answer, "GET", "/api/v1/user", NULL);
    expect_error(&answer, "GET", "/api/v1/user", "connection reset by peer");
    ask(&answer, "GET", "/x", NULL);
    expect_error(&answer, "GET", "/x", "the connection was closed without an answer");
    scripted_server_stop(&server);
    uv_run(&loop, UV_RUN_NOWAIT);
    ask(&answer, "GET", "/api/v1/user", NULL);
    expect_error(&answer, "GET", "/api/v1/user", "connection refused");
}

static void test_no_answer_in_time(void **state)
{
    CLEANUP_ANSWER struct answer answer = {0};
    uint64_t began = uv_hrtime();

    scripted_server_start(&server, &loop,
                          (const struct scripted_step[]){
                              {NULL, KEEP, 0},
                              {"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf", KEEP, 0},
                          });
    send_to("POST", "/pulls", "{}", 200, on_answer, &answer);
    wait_for(&answer);
    expect_error(&answer, "POST", "/pulls", "no answer within 0.2 s");
    assert_true((uv_hrtime() - began) / 1000000 >= 195);
    answer_clear(&answer);
    send_to("GET", "/", NULL, 200, on_answer, &answer);
    wait_for(&answer);
    expect_error(&answer, "GET", "/", "no answer within 0.2 s");
}

static void test_answers_are_bounded(void **state)
{
    CLEANUP_ANSWER struct answer answer = {0};
    CLEANUP_TEXT struct text header = {0};

    text_append(&header, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 10000; i++)
        text_append(&header, "Set-Cookie: a=bcdefghijklmnopqrstuvwxyz\r\n");
    text_append(&header, "\r\n");
    scripted_server_start(
        &server, &loop,
        (const struct scripted_step[]){
            {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", CLOSE, 100000},
            {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", CLOSE, 100001},
            {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", KEEP, 20000000},
            {header.data, CLOSE, 0},
        });
    ask(&answer, "GET", "/", NULL);
    assert_true(answer.good);
    assert_int_equal(answer.response.body_length, 100000);
    ask(&answer, "GET", "/", NULL);
    expect_error(&answer, "GET", "/", "the answer is larger than 100000 bytes");
    ask(&answer, "GET", "/", NULL);
    expect_error(&answer, "GET", "/", "the answer is larger than 100000 bytes");
    ask(&answer, "GET", "/", NULL);
    expect_error(&answer, "GET", "/", "the header of the answer is too large");
}

static void error_of(struct error *error, const char *url)
{
    CLEANUP_ANSWER struct answer answer = {0};

    http_send(http, &(struct http_request){.method = "GET", .url = url, .timeout_ms = 2000},
              on_answer, &answer);
    wait_for(&answer);
    assert_false(answer.good);
    *error = answer.error;
}

static void test_errors_hold_no_secrets(void **state)
{
    struct error error;

    error_of(&error, "http://timmy:passw0rd@127.0.0.1:1/a?token=abcdef#x");
    assert_string_equal(error.message, "GET /a at 127.0.0.1:1: connection refused");
    secret_add("abcdef");
    error_of(&error, "http://127.0.0.1:1/v/abcdef/x");
    secret_clear();
    assert_string_equal(error.message, "GET /v/******/x at 127.0.0.1:1: connection refused");
}

static void test_wrong_urls_are_permanent(void **state)
{
    struct error error;

    error_of(&error, "file:///etc/passwd");
    assert_int_equal(error.kind, ERROR_PERMANENT);
    assert_non_null(strstr(error.message, "GET of something that is no URL: "));
    error_of(&error, "ftp://127.0.0.1/x");
    assert_int_equal(error.kind, ERROR_PERMANENT);
    error_of(&error, "http://");
    assert_int_equal(error.kind, ERROR_PERMANENT);
}

static sem_t name_server;

/* libcurl's own calls come here as well: a name server that does not answer until it is allowed to. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

    if (node && strcmp(node, "slow.invalid") == 0) {
        sem_wait(&name_server);
        return EAI_AGAIN;
    }
    if (node && strcmp(node, "missing.invalid") == 0)
        return EAI_NONAME;
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(node, service, hints, found);
}

static unsigned count_threads(void)
{
    DIR *threads = opendir("/proc/self/task");
    unsigned count = 0;

    while (readdir(threads))
        count++;
    closedir(threads);
    return count;
}

static void test_names_are_resolved_beside_the_loop(void **state)
{
    CLEANUP_ANSWER struct answer answer = {0};
    unsigned threads = count_threads();
    struct error error;

    error_of(&error, "http://missing.invalid/x");
    assert_string_equal(error.message,
                        "GET /x at missing.invalid: the name of the host could not be resolved");
    assert_int_equal(error.kind, ERROR_TRANSIENT);
    sem_init(&name_server, 0, 0);
    http_send(
        http,
        &(struct http_request){.method = "GET", .url = "http://slow.invalid/", .timeout_ms = 300},
        on_answer, &answer);
    wait_for(&answer);
    assert_string_equal(answer.error.message, "GET / at slow.invalid: no answer within 0.3 s");
    /* The thread that was let go ends within the test, so that a leak would be seen. */
    sem_post(&name_server);
    while (count_threads() > threads)
        usleep(10000);
    sem_destroy(&name_server);
}

static void never(void *data, const struct http_response *response, const struct error *error)
{
    fail_msg("a discarded request called back");
}

static void on_answer_discard(void *data, const struct http_response *response,
                              const struct error *error)
{
    struct operation **other = data;

    assert_non_null(response);
    operation_clear(other);
}

static void test_discard(void **state)
{
    const struct scripted_step ok = {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", KEEP, 0};
    CLEANUP_ANSWER struct answer answer = {0};
    struct operation *first;
    struct operation *second;

    scripted_server_start(&server, &loop, (const struct scripted_step[]){ok, ok, ok});
    operation_discard(send_to("GET", "/", NULL, 5000, never, NULL));
    first = send_to("GET", "/", NULL, 5000, on_answer_discard, &second);
    while (server.steps_done < 1)
        uv_run(&loop, UV_RUN_ONCE);
    second = send_to("GET", "/", NULL, 5000, never, NULL);
    while (second)
        uv_run(&loop, UV_RUN_ONCE);
    (void)first;
    ask(&answer, "GET", "/", NULL);
    assert_true(answer.good);
}

static void on_answer_free(void *data, const struct http_response *response,
                           const struct error *error)
{
    http_free(http);
    http = NULL;
    assert_int_equal(response->status, 200); /* still there */
}

static void test_free_from_inside_a_callback(void **state)
{
    scripted_server_start(&server, &loop,
                          (const struct scripted_step[]){
                              {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", KEEP, 0},
                              {NULL, KEEP, 0},
                          });
    send_to("GET", "/", NULL, 5000, on_answer_free, NULL);
    send_to("GET", "/", NULL, 5000, never, NULL);
    while (http)
        uv_run(&loop, UV_RUN_ONCE);
}

static void test_many_at_once_share_few_connections(void **state)
{
    const struct scripted_step ok = {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", KEEP, 0};
    struct answer answers[SCRIPTED_REQUESTS] = {0};

    scripted_server_start(&server, &loop,
                          (const struct scripted_step[]){ok, ok, ok, ok, ok, ok, ok, ok});
    for (int i = 0; i < SCRIPTED_REQUESTS; i++)
        send_to("GET", "/", NULL, 5000, on_answer, &answers[i]);
    for (int i = 0; i < SCRIPTED_REQUESTS; i++) {
        while (answers[i].calls == 0)
            uv_run(&loop, UV_RUN_ONCE);
        assert_string_equal(answers[i].body, "ok");
        answer_clear(&answers[i]);
    }
    assert_in_range(server.connections_made, 1, 8);
}

static void test_missing_authorities(void **state)
{
    struct http *other = NULL;
    struct error error;

    assert_int_equal(http_new(&other, &loop, "/nowhere/ca.pem", &error), -1);
    assert_null(other);
    assert_int_equal(error.kind, ERROR_PERMANENT);
    assert_non_null(strstr(error.message, "/nowhere/ca.pem: No such file"));
}

/* --- TLS, with a certificate made on the spot and a server in python3 --- */

static const char tls_server[] =
    "import http.server, ssl, sys\n"
    "class H(http.server.BaseHTTPRequestHandler):\n"
    "    def do_GET(self):\n"
    "        self.send_response(200); self.send_header('Content-Length', '2'); self.end_headers()\n"
    "        self.wfile.write(b'ok')\n"
    "    def log_message(self, *a): pass\n"
    "class S(http.server.HTTPServer):\n"
    "    def handle_error(self, *a): pass\n"
    "s = S(('127.0.0.1', 0), H)\n"
    "c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
    "c.load_cert_chain(sys.argv[1] + '/cert.pem', sys.argv[1] + '/key.pem')\n"
    "s.socket = c.wrap_socket(s.socket, server_side=True)\n"
    "print(s.server_address[1], flush=True)\n"
    "s.serve_forever()\n";

static pid_t tls_start(const char *directory)
{
    int out[2];
    char line[32] = "";
    FILE *from;
    pid_t pid;

    assert_int_equal(pipe(out), 0);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(out[1], 1);
        close(out[0]);
        execlp("python3", "python3", "-c", tls_server, directory, NULL);
        _exit(127);
    }
    close(out[1]);
    from = fdopen(out[0], "r");
    assert_non_null(fgets(line, sizeof(line), from));
    fclose(from);
    server.port = (unsigned)atoi(line);
    return pid;
}

static void ask_tls(struct answer *answer, const char *ca_file, const char *host)
{
    CLEANUP_FREE char *url = memory_format("https://%s:%u/x", host, server.port);
    struct http *client;
    struct error error;

    answer_clear(answer);
    assert_int_equal(http_new(&client, &loop, ca_file, &error), 0);
    http_send(client, &(struct http_request){.method = "GET", .url = url, .timeout_ms = 30000},
              on_answer, answer);
    wait_for(answer);
    http_free(client);
}

static void test_certificates(void **state)
{
    CLEANUP_ANSWER struct answer answer = {0};
    char directory[TEMPORARY_SIZE];
    CLEANUP_FREE char *make = NULL;
    CLEANUP_FREE char *remove = NULL;
    CLEANUP_FREE char *cert = NULL;
    CLEANUP_FREE char *key = NULL;
    pid_t pid;

    if (system("command -v openssl >/dev/null") != 0)
        skip();
    assert_non_null(temporary_directory(directory));
    cert = memory_format("%s/cert.pem", directory);
    key = memory_format("%s/key.pem", directory);
    remove = memory_format("rm -r %s", directory);
    make = memory_format(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
        "-subj /CN=here -addext subjectAltName=IP:127.0.0.1 -out %s -keyout %s "
        "2>/dev/null",
        cert, key);
    assert_int_equal(system(make), 0);
    pid = tls_start(directory);

    ask_tls(&answer, cert, "127.0.0.1");
    assert_true(answer.good);
    assert_string_equal(answer.body, "ok");
    ask_tls(&answer, NULL, "127.0.0.1");
    assert_int_equal(answer.error.kind, ERROR_TRANSIENT);
    assert_non_null(strstr(answer.error.message, "the server's certificate was refused ("));
    assert_non_null(strstr(answer.error.message, "forge.ca_file"));
    ask_tls(&answer, cert, "localhost");
    assert_int_equal(answer.error.kind, ERROR_TRANSIENT);
    assert_non_null(strstr(answer.error.message, "the server's certificate was refused ("));
    assert_null(strstr(answer.error.message, "forge.ca_file"));
    ask_tls(&answer, key, "127.0.0.1");
    assert_non_null(strstr(answer.error.message, "(forge.ca_file) cannot be used"));

    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(system(remove), 0);
}

static int before(void **state)
{
    struct error error;

    return http_new(&http, &loop, NULL, &error);
}

/* Nothing may be left that keeps the loop alive. */
static int after(void **state)
{
    scripted_server_stop(&server);
    http_free(http);
    http = NULL;
    uv_run(&loop, UV_RUN_DEFAULT);
    return server.connections_open == 0 ? 0 : -1;
}

static int set_up(void **state)
{
    signal(SIGPIPE, SIG_IGN);
    return uv_loop_init(&loop);
}

static int tear_down(void **state)
{
    return uv_loop_close(&loop);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, before, after)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_answer_and_kept_connection),
        TEST(test_posts),
        TEST(test_post_is_never_repeated_silently),
        TEST(test_redirect_is_an_answer),
        TEST(test_fields_of_the_answer),
        TEST(test_fields_of_an_interim_answer_do_not_count),
        TEST(test_what_breaks_on_the_way_is_transient),
        TEST(test_no_answer_in_time),
        TEST(test_answers_are_bounded),
        TEST(test_errors_hold_no_secrets),
        TEST(test_wrong_urls_are_permanent),
        TEST(test_names_are_resolved_beside_the_loop),
        TEST(test_discard),
        TEST(test_free_from_inside_a_callback),
        TEST(test_many_at_once_share_few_connections),
        TEST(test_missing_authorities),
        TEST(test_certificates),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

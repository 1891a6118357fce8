/*
 * libcurl asks for sockets to be watched (on_socket_wanted) and for one timer (on_timer_wanted). Both report
 * back through curl_multi_socket_action(). After each such call the finished requests are collected, and only
 * there are our callbacks called. They are never called from inside libcurl, so they may send, discard and
 * even free.
 *
 * The multi handle keeps connections for reuse. An easy handle is made for each request. That costs
 * microseconds, and leaves no secret of a request in an idle daemon. Measured on Debian 12:
 * curl_global_init() makes 84 KiB private and dirty, a multi handle 8 KiB more.
 *
 * libcurl silently repeats a request if a kept connection turns out to have been closed before the first byte
 * of an answer. A POST that is repeated could open something twice, so each POST gets a fresh connection.
 * Everything else that we send may be repeated.
 *
 * A failure to set an option is a failure to allocate, or a bug; see memory.h for both.
 */

#include "common/http.h"

#include "common/http-header.h"
#include "common/http-proxy.h"
#include "common/memory.h"
#include "common/secret.h"
#include "common/text.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define BODY_LIMIT       ((size_t)8 * 1024 * 1024)
#define HEADERS_LIMIT    ((size_t)256 * 1024)
#define TIMEOUT_MS       30000
#define CONNECTIONS      8L
#define CONNECTIONS_KEPT 4L

struct http {
    uv_loop_t *loop;
    CURLM *multi;
    uv_timer_t timer;
    char *ca_file;
    struct request *requests; /* all that are under way */
    unsigned handles;         /* that libuv has not closed yet */
    bool freed;
};

/* A descriptor that libcurl asked to have watched. */
struct watch {
    struct http *http;
    uv_poll_t poll;
    curl_socket_t descriptor;
    int events; /* UV_READABLE, UV_WRITABLE */
};

struct request {
    struct operation operation; /* first */
    struct http *http;
    struct request *next;
    struct request **link; /* the pointer that points to this request */
    http_callback callback;
    void *data;
    CURL *easy;
    struct curl_slist *headers;
    char *where; /* "GET /path at host:port" */
    uint64_t timeout_ms;
    size_t body_limit;
    struct text body;
    size_t header_bytes;
    char trouble[CURL_ERROR_SIZE];
};

static void must(bool good)
{
    if (good)
        return;
    fputs("winnowd: libcurl refused an option or found no memory\n", stderr);
    abort();
}

#define SET(easy, option, value)   must(curl_easy_setopt((easy), (option), (value)) == CURLE_OK)
#define SETM(multi, option, value) must(curl_multi_setopt((multi), (option), (value)) == CURLM_OK)

/* --- the end of a request --- */

/* The strings may contain the token. The copy that libcurl sends from is not ours to wipe. */
static void headers_free(struct curl_slist *headers)
{
    for (struct curl_slist *header = headers; header; header = header->next)
        secret_wipe(header->data, strlen(header->data));
    curl_slist_free_all(headers);
}

/* Removes the request from libcurl and from the list. */
static void request_detach(struct request *request)
{
    curl_multi_remove_handle(request->http->multi, request->easy);
    curl_easy_cleanup(request->easy);
    request->easy = NULL;
    *request->link = request->next;
    if (request->next)
        request->next->link = request->link;
}

static void request_free(struct request *request)
{
    headers_free(request->headers);
    text_free(&request->body);
    free(request->where);
    free(request);
}

static void request_discard(struct operation *operation)
{
    struct request *request = (struct request *)operation;

    request_detach(request);
    request_free(request);
}

/* Appends the system's reason, if there is one, else libcurl's, as part of a sentence. */
static void append_cause(struct text *sentence, const struct request *request, CURLcode code)
{
    long number = 0;

    curl_easy_getinfo(request->easy, CURLINFO_OS_ERRNO, &number);
    if (number) {
        const char *cause = strerror((int)number);

        text_append_format(sentence, "%c%s", tolower((unsigned char)*cause), cause + 1);
        return;
    }
    text_append(sentence, request->trouble[0] ? request->trouble : curl_easy_strerror(code));
}

static void append_certificate(struct text *sentence, const struct request *request)
{
    long refused = 0;

    curl_easy_getinfo(request->easy, CURLINFO_SSL_VERIFYRESULT, &refused);
    text_append_format(sentence, "the server's certificate was refused (%s)", request->trouble);
    /* 0, and 1 (not verified yet), mean: the certificate is trusted, but its name is another one. */
    if (refused > 1)
        text_append(sentence, "; if a private authority issued it, forge.ca_file must name that");
}

static void append_reason(struct text *sentence, const struct request *request, CURLcode code)
{
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        text_append_format(sentence, "no answer within %.10g s",
                           (double)request->timeout_ms / 1000);
        break;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        text_append(sentence, "the name of the host could not be resolved");
        break;
    case CURLE_GOT_NOTHING:
        text_append(sentence, "the connection was closed without an answer");
        break;
    case CURLE_PARTIAL_FILE:
        text_append(sentence, "the answer was cut off");
        break;
    case CURLE_PEER_FAILED_VERIFICATION:
        append_certificate(sentence, request);
        break;
    case CURLE_SSL_CACERT_BADFILE:
        text_append(sentence, "the certificates of the authorities (forge.ca_file) cannot be used");
        break;
    case CURLE_WRITE_ERROR:
        if (request->header_bytes > HEADERS_LIMIT)
            text_append(sentence, "the header of the answer is too large");
        else
            text_append_format(sentence, "the answer is larger than %zu bytes",
                               request->body_limit);
        break;
    default:
        append_cause(sentence, request, code);
    }
}

/* libcurl's words may quote the server, so they are made one harmless line. */
static void explain(struct error *error, const struct request *request, CURLcode code)
{
    bool wrong = code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL;
    CLEANUP_TEXT struct text raw = {0};
    CLEANUP_TEXT struct text repaired = {0};
    CLEANUP_TEXT struct text line = {0};

    append_reason(&raw, request, code);
    text_append_repaired(&repaired, raw.data, raw.length);
    text_append_format(&line, "%s: ", request->where);
    text_append_line(&line, repaired.data, 500);
    secret_scrub(line.data);
    error_set(error, wrong ? ERROR_PERMANENT : ERROR_TRANSIENT, "%s", line.data);
}

/* Returns the value of the header field of that name, the `index`-th if there are several, or NULL. */
static const char *field(const struct request *request, const char *name, size_t index)
{
    struct curl_header *found;

    if (curl_easy_header(request->easy, name, index, CURLH_HEADER, -1, &found) != CURLHE_OK)
        return NULL;
    return found->value;
}

static void read_fields(struct http_response *response, const struct request *request)
{
    const char *value;

    response->retry_after_ms = http_retry_after(field(request, "Retry-After", 0), time(NULL));
    response->total_count = http_count(field(request, "X-Total-Count", 0));
    for (size_t i = 0; (value = field(request, "Link", i)); i++)
        response->has_next = response->has_next || http_link_has_next(value);
}

static void finish(struct request *request, CURLcode code)
{
    struct http_response response = {
        .body = text_string(&request->body),
        .body_length = request->body.length,
    };
    CLEANUP_TEXT struct text location = {0};
    struct error error;

    if (code == CURLE_OK) {
        const char *value = field(request, "Location", 0);

        curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &response.status);
        read_fields(&response, request);
        if (value)
            text_append_repaired(&location, value, strlen(value));
        response.location = value ? text_string(&location) : NULL;
    } else {
        explain(&error, request, code);
    }
    request_detach(request);
    if (code == CURLE_OK)
        request->callback(request->data, &response, NULL);
    else
        request->callback(request->data, NULL, &error);
    request_free(request);
}

/* --- libcurl and the loop --- */

/* A callback may free `http`. Its memory lasts until the loop's next turn, its multi handle does not. */
static void collect(struct http *http)
{
    CURLMsg *message;
    int left;

    while (!http->freed && (message = curl_multi_info_read(http->multi, &left))) {
        char *request = NULL;
        CURLcode code = message->data.result;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &request);
        finish((struct request *)request, code);
    }
}

static void act(struct http *http, curl_socket_t descriptor, int events)
{
    int running;

    curl_multi_socket_action(http->multi, descriptor, events, &running);
    collect(http);
}

static void on_timer(uv_timer_t *timer)
{
    act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer_wanted(CURLM *multi, long delay_ms, void *data)
{
    struct http *http = data;

    if (delay_ms < 0) {
        uv_timer_stop(&http->timer);
    } else {
        uv_update_time(http->loop);
        uv_timer_start(&http->timer, on_timer, (uint64_t)delay_ms, 0);
    }
    return 0;
}

static void release(struct http *http)
{
    if (--http->handles > 0)
        return;
    free(http->ca_file);
    free(http);
}

static void on_watch_closed(uv_handle_t *handle)
{
    struct watch *watch = handle->data;

    release(watch->http);
    free(watch);
}

/* On an error libuv stops the watch and does not say why. libcurl is told that it can read, and learns
 * the reason from that. If libcurl sees no error, the watch goes on. */
static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    int what = 0;

    if (status < 0) {
        uv_poll_start(poll, watch->events, on_ready);
        events = UV_READABLE | UV_WRITABLE;
    }
    if (events & UV_READABLE)
        what |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        what |= CURL_CSELECT_OUT;
    act(watch->http, watch->descriptor, what);
}

static struct watch *watch_new(struct http *http, curl_socket_t descriptor)
{
    struct watch *watch = memory_new(sizeof(*watch));

    watch->http = http;
    watch->descriptor = descriptor;
    must(uv_poll_init_socket(http->loop, &watch->poll, descriptor) == 0);
    watch->poll.data = watch;
    http->handles++;
    curl_multi_assign(http->multi, descriptor, watch);
    return watch;
}

static int on_socket_wanted(CURL *easy, curl_socket_t descriptor, int what, void *data, void *known)
{
    struct watch *watch = known;

    if (what == CURL_POLL_REMOVE) {
        /* The descriptor is about to be closed, and its number may be used again at once. Stopping the
         * watch takes it out of the loop now; closing it later only frees memory. */
        if (watch) {
            uv_poll_stop(&watch->poll);
            uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
        }
        return 0;
    }
    if (!watch)
        watch = watch_new(data, descriptor);
    watch->events = (what & CURL_POLL_IN ? UV_READABLE : 0) |
                    (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    uv_poll_start(&watch->poll, watch->events, on_ready);
    return 0;
}

int http_new(struct http **http_out, uv_loop_t *loop, const char *ca_file, struct error *error)
{
    static bool initialised;
    struct http *http;

    if (ca_file && access(ca_file, R_OK) < 0)
        return error_set_key(error, ERROR_PERMANENT, "forge.ca_file", "%s: %s", ca_file,
                             strerror(errno));
    if (!initialised)
        must(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    initialised = true;

    http = memory_new(sizeof(*http));
    http->loop = loop;
    http->ca_file = memory_copy(ca_file);
    uv_timer_init(loop, &http->timer);
    http->timer.data = http;
    http->handles = 1;
    http->multi = curl_multi_init();
    must(http->multi != NULL);
    SETM(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
    SETM(http->multi, CURLMOPT_SOCKETDATA, http);
    SETM(http->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    SETM(http->multi, CURLMOPT_TIMERDATA, http);
    SETM(http->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, CONNECTIONS);
    SETM(http->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT);
    *http_out = http;
    return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
    release(handle->data);
}

void http_free(struct http *http)
{
    if (!http)
        return;
    while (http->requests)
        request_discard(&http->requests->operation);
    http->freed = true;
    curl_multi_cleanup(http->multi);
    uv_close((uv_handle_t *)&http->timer, on_timer_closed);
}

/* --- the beginning of a request --- */

/* libcurl keeps the header fields. We only limit their size. */
static size_t on_header(char *bytes, size_t size, size_t count, void *data)
{
    struct request *request = data;
    size_t length = size * count;

    request->header_bytes += length;
    return request->header_bytes > HEADERS_LIMIT ? 0 : length;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *data)
{
    struct request *request = data;
    size_t length = size * count;

    if (length > request->body_limit - request->body.length)
        return 0;
    text_append_bytes(&request->body, bytes, length);
    return length;
}

/* Describes a request for the log, without credentials and query. */
static char *describe(const struct http_request *wanted)
{
    CURLU *url = curl_url();
    char *host = NULL;
    char *port = NULL;
    char *path = NULL;
    char *where;

    must(url != NULL);
    if (curl_url_set(url, CURLUPART_URL, wanted->url,
                     CURLU_PATH_AS_IS | CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK) {
        curl_url_get(url, CURLUPART_HOST, &host, 0);
        curl_url_get(url, CURLUPART_PORT, &port, 0);
        curl_url_get(url, CURLUPART_PATH, &path, 0);
    }
    if (host && path)
        where = memory_format("%s %s at %s%s%s", wanted->method, path, host, port ? ":" : "",
                              port ? port : "");
    else
        where = memory_format("%s of something that is no URL", wanted->method);
    curl_free(host);
    curl_free(port);
    curl_free(path);
    curl_url_cleanup(url);
    return where;
}

static void add_header(struct request *request, const char *header)
{
    struct curl_slist *longer = curl_slist_append(request->headers, header);

    must(longer != NULL);
    request->headers = longer;
}

static bool carries_secret(const struct http_request *wanted)
{
    for (const char *const *header = wanted->headers; header && *header; header++)
        if (strncasecmp(*header, "Authorization:", 14) == 0)
            return true;
    return false;
}

static void set_headers(struct request *request, const struct http_request *wanted)
{
    bool typed = false;

    for (const char *const *header = wanted->headers; header && *header; header++) {
        typed = typed || strncasecmp(*header, "Content-Type:", 13) == 0;
        add_header(request, *header);
    }
    if (wanted->body && !typed)
        add_header(request, "Content-Type: application/json");
    add_header(request, "Expect:"); /* do not wait for a "100 Continue" */
    SET(request->easy, CURLOPT_HTTPHEADER, request->headers);
}

static void set_method(CURL *easy, const struct http_request *wanted)
{
    bool post = strcmp(wanted->method, "POST") == 0;

    if (wanted->body || post) {
        const char *body = wanted->body ? wanted->body : "";

        SET(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
        SET(easy, CURLOPT_COPYPOSTFIELDS, body);
    }
    SET(easy, CURLOPT_CUSTOMREQUEST, wanted->method);
    SET(easy, CURLOPT_FRESH_CONNECT, post ? 1L : 0L);
}

static void set_manners(CURL *easy, const struct request *request)
{
    SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
    SET(easy, CURLOPT_PATH_AS_IS, 1L);
    SET(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(easy, CURLOPT_USERAGENT, "winnowd/" WINNOWD_VERSION);
    SET(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    SET(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    /* No signals for timeouts. A name server that does not answer blocks a thread of its own, which is
     * then left alone; the loop does not wait for it. */
    SET(easy, CURLOPT_NOSIGNAL, 1L);
    SET(easy, CURLOPT_QUICK_EXIT, 1L);
    if (request->http->ca_file) {
        SET(easy, CURLOPT_CAINFO, request->http->ca_file);
        SET(easy, CURLOPT_CAPATH, NULL);
    }
}

static struct request *request_new(struct http *http, const struct http_request *wanted)
{
    struct request *request = memory_new(sizeof(*request));

    request->operation.discard = request_discard;
    request->http = http;
    request->timeout_ms = wanted->timeout_ms ? wanted->timeout_ms : TIMEOUT_MS;
    request->body_limit = wanted->body_limit ? wanted->body_limit : BODY_LIMIT;
    request->where = describe(wanted);
    request->easy = curl_easy_init();
    must(request->easy != NULL);
    SET(request->easy, CURLOPT_URL, wanted->url);
    SET(request->easy, CURLOPT_PRIVATE, request);
    SET(request->easy, CURLOPT_ERRORBUFFER, request->trouble);
    SET(request->easy, CURLOPT_HEADERFUNCTION, on_header);
    SET(request->easy, CURLOPT_HEADERDATA, request);
    SET(request->easy, CURLOPT_WRITEFUNCTION, on_body);
    SET(request->easy, CURLOPT_WRITEDATA, request);
    if (http_proxy_passed_by(wanted->url, carries_secret(wanted)))
        SET(request->easy, CURLOPT_PROXY, ""); /* whatever the environment says */
    set_manners(request->easy, request);
    set_method(request->easy, wanted);
    set_headers(request, wanted);
    return request;
}

struct operation *http_send(struct http *http, const struct http_request *wanted,
                            http_callback callback, void *data)
{
    struct request *request = request_new(http, wanted);

    request->callback = callback;
    request->data = data;
    request->next = http->requests;
    request->link = &http->requests;
    if (http->requests)
        http->requests->link = &request->next;
    http->requests = request;
    /* This only sets the timer. libcurl begins its work at the loop's next turn. */
    must(curl_multi_add_handle(http->multi, request->easy) == CURLM_OK);
    return &request->operation;
}

#include "scripted-server.h"

#include "common/memory.h"
#include "common/text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct scripted_connection {
    struct scripted_server *server;
    uv_tcp_t tcp;
    uv_write_t write;
    struct text received;
    enum scripted_then then;
    char *sent;
};

static void on_closed(uv_handle_t *handle)
{
    struct scripted_connection *connection = handle->data;
    struct scripted_server *server = connection->server;

    for (size_t i = 0; i < 2 * SCRIPTED_REQUESTS; i++)
        if (server->connections[i] == connection)
            server->connections[i] = NULL;
    server->connections_open--;
    text_free(&connection->received);
    free(connection->sent);
    free(connection);
}

static void end(struct scripted_connection *connection, enum scripted_then then)
{
    if (then == KEEP || uv_is_closing((uv_handle_t *)&connection->tcp))
        return;
    if (then == RESET)
        uv_tcp_close_reset(&connection->tcp, on_closed);
    else
        uv_close((uv_handle_t *)&connection->tcp, on_closed);
}

static void on_written(uv_write_t *write, int status)
{
    struct scripted_connection *connection = write->data;

    end(connection, status < 0 ? CLOSE : connection->then);
}

static void answer(struct scripted_connection *connection)
{
    struct scripted_server *server = connection->server;
    const struct scripted_step *step = &server->script[server->steps_done];
    struct text reply = {0};
    uv_buf_t buffer;

    assert_true(server->steps_done < SCRIPTED_REQUESTS);
    server->requests[server->steps_done++] = text_take(&connection->received);
    if (!step->reply) {
        end(connection, step->then);
        return;
    }
    text_append(&reply, step->reply);
    for (size_t i = 0; i < step->padding; i++)
        text_append_bytes(&reply, "x", 1);
    buffer = uv_buf_init(reply.data, (unsigned)reply.length);
    free(connection->sent);
    connection->sent = text_take(&reply);
    connection->then = step->then;
    connection->write.data = connection;
    uv_write(&connection->write, (uv_stream_t *)&connection->tcp, &buffer, 1, on_written);
}

/* Whether what was received is a whole request: the head, and the body it announces. */
static bool whole(const char *received)
{
    const char *body = strstr(received, "\r\n\r\n");
    const char *length = strcasestr(received, "\r\nContent-Length:");

    if (!body)
        return false;
    return !length || strlen(body + 4) >= strtoul(length + 17, NULL, 10);
}

static void on_received(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
    struct scripted_connection *connection = stream->data;

    if (length < 0) {
        end(connection, CLOSE);
        return;
    }
    text_append_bytes(&connection->received, buffer->base, (size_t)length);
    if (whole(text_string(&connection->received)))
        answer(connection);
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    static char chunk[65536];

    *buffer = uv_buf_init(chunk, sizeof(chunk));
}

static void on_connection(uv_stream_t *stream, int status)
{
    struct scripted_server *server = stream->data;
    struct scripted_connection *connection = memory_new(sizeof(*connection));

    assert_int_equal(status, 0);
    assert_true(server->connections_made < 2 * SCRIPTED_REQUESTS);
    connection->server = server;
    uv_tcp_init(server->loop, &connection->tcp);
    connection->tcp.data = connection;
    assert_int_equal(uv_accept(stream, (uv_stream_t *)&connection->tcp), 0);
    uv_read_start((uv_stream_t *)&connection->tcp, on_allocate, on_received);
    server->connections[server->connections_made++] = connection;
    server->connections_open++;
}

void scripted_server_start(struct scripted_server *server, uv_loop_t *loop,
                           const struct scripted_step *script)
{
    struct sockaddr_in address;
    int length = sizeof(address);

    server->loop = loop;
    server->script = script;
    server->steps_done = 0;
    server->connections_made = 0;
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(loop, &server->listener);
    server->listener.data = server;
    assert_int_equal(uv_tcp_bind(&server->listener, (struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&server->listener, 16, on_connection), 0);
    uv_tcp_getsockname(&server->listener, (struct sockaddr *)&address, &length);
    server->port = ntohs(address.sin_port);
    server->listening = true;
}

void scripted_server_stop(struct scripted_server *server)
{
    if (!server->listening)
        return;
    server->listening = false;
    uv_close((uv_handle_t *)&server->listener, NULL);
    for (size_t i = 0; i < 2 * SCRIPTED_REQUESTS; i++)
        if (server->connections[i])
            end(server->connections[i], CLOSE);
    for (size_t i = 0; i < SCRIPTED_REQUESTS; i++) {
        free(server->requests[i]);
        server->requests[i] = NULL;
    }
}

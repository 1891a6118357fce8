#pragma once

/*
 * An HTTP server for tests, on the loop of the test, that follows a script: each request that
 * arrives, on whatever connection, takes the next step of it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#define SCRIPTED_REQUESTS 8

enum scripted_then { KEEP, CLOSE, RESET };

struct scripted_step {
    const char *reply; /* the whole answer; NULL: none */
    enum scripted_then then;
    size_t padding; /* that many more bytes of body behind the reply */
};

struct scripted_connection;

/* Zeroed before the first start; can be started again once it was stopped and the loop has run. */
struct scripted_server {
    uv_loop_t *loop;
    uv_tcp_t listener;
    bool listening;
    unsigned port;
    const struct scripted_step *script;
    unsigned steps_done;
    unsigned connections_made;
    unsigned connections_open;
    struct scripted_connection *connections[2 * SCRIPTED_REQUESTS];
    char *requests[SCRIPTED_REQUESTS]; /* as they arrived, head and body */
};

/* Listens on a free port of 127.0.0.1; the script must last as long as the server. */
void scripted_server_start(struct scripted_server *server, uv_loop_t *loop,
                           const struct scripted_step *script);

/* Closes everything and forgets the requests; the loop must run for it. Does nothing when stopped. */
void scripted_server_stop(struct scripted_server *server);

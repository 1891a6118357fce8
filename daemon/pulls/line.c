#include "daemon/pulls/line.h"

#include "common/digest.h"
#include "common/log.h"
#include "common/memory.h"
#include "daemon/description/contained.h"
#include "daemon/events.h"
#include "daemon/pulls/contained.h"
#include "daemon/store/pull.h"

#include <stdlib.h>
#include <string.h>

struct line_of_work {
    const struct services *services;
    void (*ended)(void *data, bool complete, int64_t retry_after_ms);
    void *data;
    struct operation *call;
    struct store_pull *pulls; /* the open ones */
    size_t count;
    size_t at;
    char *wanted;                      /* the line for the one at hand */
    char body_digest[DIGEST_HEX_SIZE]; /* of the body that is being sent */
};

/* "" for nothing. */
static void digest_of(char hex[static DIGEST_HEX_SIZE], const char *text)
{
    struct digest digest;

    hex[0] = '\0';
    if (!*text)
        return;
    digest_begin(&digest);
    digest_update(&digest, text, strlen(text));
    digest_end(&digest, hex);
}

static void clear(struct line_of_work *line)
{
    free(line->pulls);
    free(line->wanted);
    line->pulls = NULL;
    line->wanted = NULL;
    line->count = line->at = 0;
}

static void end(struct line_of_work *line, bool complete, int64_t retry_after_ms)
{
    clear(line);
    line->ended(line->data, complete, retry_after_ms);
}

static void fail_store(struct line_of_work *line, const struct error *error)
{
    log_event(&event_store_failed, LOG_TEXT("reason", error->message));
    end(line, false, -1);
}

/* Returns the text of the line (the caller frees it); NULL: the body has it already. */
static int find_wanted(struct line_of_work *line, const struct store_pull *pull, char **wanted,
                       struct error *error)
{
    CLEANUP_FREE struct store_relative *relatives = NULL;
    CLEANUP_FREE struct contained_relative *shown = NULL;
    CLEANUP_FREE char *text = NULL;
    char digest[DIGEST_HEX_SIZE];
    size_t count;

    *wanted = NULL;
    if (store_list_relatives(line->services->store, pull->result, &relatives, &count, error) < 0)
        return -1;
    shown = memory_new_array(count + 1, sizeof(*shown));
    for (size_t i = 0; i < count; i++)
        shown[i] = (struct contained_relative){
            .pull = relatives[i].pull,
            .experiment_id = relatives[i].experiment_id,
            .above = relatives[i].above,
        };
    text = contained_line(shown, count, line->services->forge->web_url);
    digest_of(digest, text);
    if (strcmp(digest, pull->line) != 0)
        *wanted = TAKE(text);
    return 0;
}

static void work(struct line_of_work *line);

/* `body_digest` "": the body stays as it was. */
static void note(struct line_of_work *line, const char *body_digest)
{
    char digest[DIGEST_HEX_SIZE];
    struct error error;

    digest_of(digest, line->wanted);
    if (store_set_line(line->services->store, line->pulls[line->at].result, digest, body_digest,
                       &error) < 0) {
        fail_store(line, &error);
        return;
    }
    line->at++;
    work(line);
}

/* The failure is about this one only. The next round tries again. */
static void pass_over(struct line_of_work *line, const struct forge_reply *reply,
                      const struct error *error)
{
    line->services->counters->forge_errors++;
    if (!reply->this_only && (error->kind == ERROR_TRANSIENT || reply->unauthorized)) {
        end(line, false, reply->retry_after_ms);
        return;
    }
    log_event(&event_pull_unknown, LOG_TEXT("experiment", line->pulls[line->at].experiment_id),
              LOG_INTEGER("pull", line->pulls[line->at].number),
              LOG_TEXT("reason", error->message));
    line->at++;
    work(line);
}

static void on_edited(void *data, const struct forge_reply *reply, const struct error *error)
{
    struct line_of_work *line = data;

    line->call = NULL;
    if (error)
        pass_over(line, reply, error);
    else
        note(line, line->body_digest);
}

static void edit(struct line_of_work *line, const char *old)
{
    const struct store_pull *pull = &line->pulls[line->at];
    CLEANUP_FREE char *body = contained_replace_line(old, line->wanted);
    struct forge *forge = line->services->forge;
    struct error error;

    if (strcmp(body, old) == 0) {
        note(line, "");
        return;
    }
    digest_of(line->body_digest, body);
    if (store_send_line(line->services->store, pull->result, line->body_digest, &error) < 0)
        fail_store(line, &error);
    else
        line->call = forge->functions->edit_pull(forge, pull->number, NULL, body, on_edited, line);
}

/* A body that is not as we left it was edited by a person. */
static void on_looked(void *data, const struct forge_reply *reply, const struct error *error)
{
    struct line_of_work *line = data;
    const struct store_pull *pull = &line->pulls[line->at];
    char found[DIGEST_HEX_SIZE];
    bool ours;

    line->call = NULL;
    if (error) {
        pass_over(line, reply, error);
        return;
    }
    digest_of(found, reply->pulls[0].body ? reply->pulls[0].body : "");
    ours = strcmp(found, pull->body_digest) == 0 || strcmp(found, pull->body_sent) == 0;
    if (ours &&
        contained_is_of(line->services, &reply->pulls[0], pull->experiment_id, pull->digest))
        edit(line, reply->pulls[0].body ? reply->pulls[0].body : "");
    else
        note(line, "");
}

/* Goes on to the next pull request whose line has to change. */
static void work(struct line_of_work *line)
{
    struct forge *forge = line->services->forge;
    struct error error;

    for (; line->at < line->count; line->at++) {
        const struct store_pull *pull = &line->pulls[line->at];

        free(line->wanted);
        line->wanted = NULL;
        if (find_wanted(line, pull, &line->wanted, &error) < 0) {
            fail_store(line, &error);
            return;
        }
        if (line->wanted && *pull->body_digest && !pull->leaves) {
            line->call = forge->functions->look_pull(forge, pull->number, on_looked, line);
            return;
        }
    }
    end(line, true, -1);
}

bool line_of_work_start(struct line_of_work *line)
{
    CLEANUP_FREE char *wanted = NULL;
    struct error error;

    if (store_list_pulls(line->services->store, STORE_PULLS_OPEN, &line->pulls, &line->count,
                         &error) < 0) {
        log_event(&event_store_failed, LOG_TEXT("reason", error.message));
        clear(line);
        return false;
    }
    for (line->at = 0; line->at < line->count; line->at++) {
        const struct store_pull *pull = &line->pulls[line->at];

        if (find_wanted(line, pull, &wanted, &error) < 0)
            break;
        if (wanted && *pull->body_digest && !pull->leaves) {
            work(line);
            return true;
        }
        free(TAKE(wanted));
    }
    clear(line);
    return false;
}

void line_of_work_new(struct line_of_work **line, const struct services *services,
                      void (*ended)(void *data, bool complete, int64_t retry_after_ms), void *data)
{
    struct line_of_work *made = memory_new(sizeof(*made));

    made->services = services;
    made->ended = ended;
    made->data = data;
    *line = made;
}

void line_of_work_free(struct line_of_work *line)
{
    if (!line)
        return;
    operation_clear(&line->call);
    clear(line);
    free(line);
}

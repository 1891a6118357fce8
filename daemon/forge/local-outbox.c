#include "daemon/forge/local-outbox.h"

#include "common/file.h"
#include "common/json.h"
#include "common/loop.h"
#include "common/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_LIMIT (1024u * 1024)
#define FILE_MODE  0644u
#define NAME_SIZE  32     /* bytes; enough for any number and ending */
#define NEW_NAME   ".new" /* what a crash leaves under this name is no pull request */

static const struct json_limits limits = {.bytes = FILE_LIMIT, .depth = 32, .values = 10000};

static void name_of(char name[static NAME_SIZE], int64_t number, const char *ending)
{
    snprintf(name, NAME_SIZE, "%" PRId64 "%s", number, ending);
}

/* Returns the number in a name like 12.json; 0 if it has another form. */
static int64_t number_in(const char *name, const char *ending)
{
    size_t digits = strspn(name, "0123456789");

    if (digits == 0 || digits > 18 || name[0] == '0' || strcmp(name + digits, ending) != 0)
        return 0;
    return strtoll(name, NULL, 10);
}

static int open_outbox(int *descriptor, const char *outbox, struct error *error)
{
    if (file_make_directories(outbox, 0755, error) < 0) {
        error_wrap_key(error, "forge.outbox");
        error->installation = error->holds = true;
        return -1;
    }
    *descriptor = open(outbox, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*descriptor < 0)
        return error_set(error, ERROR_TRANSIENT, "cannot open %s: %s", outbox, strerror(errno));
    return 0;
}

static int compare_numbers(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

static int list(int64_t **numbers, size_t *count, const char *outbox, const char *ending,
                struct error *error)
{
    CLEANUP_LISTING DIR *listing = opendir(outbox);
    CLEANUP_FREE int64_t *made = NULL;
    size_t length = 0, capacity = 0;
    struct dirent *entry;

    if (!listing && errno != ENOENT)
        return error_set(error, ERROR_TRANSIENT, "cannot list %s: %s", outbox, strerror(errno));
    while (listing && (errno = 0, entry = readdir(listing)) != NULL) {
        int64_t number = number_in(entry->d_name, ending);

        if (number == 0)
            continue;
        if (length == capacity) {
            capacity = capacity ? capacity * 2 : 64;
            made = memory_resize(made, capacity * sizeof(*made));
        }
        made[length++] = number;
    }
    if (listing && errno != 0)
        return error_set(error, ERROR_TRANSIENT, "cannot list %s: %s", outbox, strerror(errno));
    if (length > 0)
        qsort(made, length, sizeof(*made), compare_numbers);
    *count = length;
    *numbers = TAKE(made);
    return 0;
}

int outbox_numbers(int64_t **numbers, size_t *count, const char *outbox, struct error *error)
{
    return list(numbers, count, outbox, ".json", error);
}

static int parse_state(enum pull_state *state, const char *word)
{
    static const char *const words[] = {
        [PULL_OPEN] = "open",
        [PULL_CLOSED] = "closed",
        [PULL_MERGED] = "merged",
    };

    for (size_t i = 0; word && i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(word, words[i]) == 0) {
            *state = (enum pull_state)i;
            return 0;
        }
    }
    return -1;
}

/* Returns what a pull request lacks, or NULL. */
static const char *fault_of(struct json_object *json)
{
    enum pull_state state;

    if (!json_object_is_type(json, json_type_object))
        return "is no object";
    if (parse_state(&state, json_member_text(json, "state")) < 0)
        return "has no state that is open, closed or merged";
    if (!json_member_text(json, "head") || !json_member_text(json, "base") ||
        !json_member_text(json, "sha"))
        return "lacks head, base or sha as text";
    return NULL;
}

/* Reads a file of the outbox; `*bytes` is NULL if there is none. */
static int read_file(char **bytes, size_t *length, const char *path, struct error *error)
{
    struct stat status;

    *bytes = NULL;
    *length = 0;
    if (lstat(path, &status) < 0 && errno == ENOENT)
        return 0;
    if (file_read(bytes, length, AT_FDCWD, path, FILE_LIMIT, error) < 0) {
        error->kind = ERROR_TRANSIENT;
        return -1;
    }
    return 0;
}

int outbox_read(struct json_object **json, const char *outbox, int64_t number, struct error *error)
{
    CLEANUP_FREE char *path = memory_format("%s/%" PRId64 ".json", outbox, number);
    CLEANUP_FREE char *bytes = NULL;
    size_t length;

    *json = NULL;
    if (read_file(&bytes, &length, path, error) < 0)
        return -1;
    if (!bytes)
        return 0;
    if (json_parse(json, bytes, length, &limits, error) < 0) {
        error->kind = ERROR_TRANSIENT;
        return error_wrap(error, "%s", path);
    }
    if (fault_of(*json)) {
        error_set(error, ERROR_TRANSIENT, "%s %s", path, fault_of(*json));
        json_object_put(*json);
        *json = NULL;
        return -1;
    }
    return 0;
}

int64_t outbox_changed_ms(const char *outbox, int64_t number)
{
    CLEANUP_FREE char *path = memory_format("%s/%" PRId64 ".json", outbox, number);
    struct stat status;

    if (lstat(path, &status) < 0)
        return 0;
    return (int64_t)status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1000000;
}

int outbox_read_body(char **body, const char *outbox, int64_t number, struct error *error)
{
    CLEANUP_FREE char *path = memory_format("%s/%" PRId64 ".md", outbox, number);
    size_t length;

    if (read_file(body, &length, path, error) < 0)
        return -1;
    if (!*body)
        *body = memory_copy("");
    return 0;
}

void outbox_pull(struct forge_pull *pull, struct json_object *json, int64_t number)
{
    *pull = (struct forge_pull){
        .number = number,
        .sha = json_member_text(json, "sha"),
        .head = json_member_text(json, "head"),
        .base = json_member_text(json, "base"),
        .title = json_member_text(json, "title") ? json_member_text(json, "title") : "",
        .body = "",
        .merge_commit = "",
    };
    parse_state(&pull->state, json_member_text(json, "state"));
}

static int write_json(int directory, const char *name, struct json_object *json,
                      struct error *error)
{
    CLEANUP_FREE char *text = memory_format(
        "%s\n",
        json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                                 JSON_C_TO_STRING_NOSLASHESCAPE));

    return file_write(directory, name, text, strlen(text), FILE_MODE, error);
}

int outbox_write(const char *outbox, int64_t number, struct json_object *json, struct error *error)
{
    CLEANUP_FREE char *path = memory_format("%s/%" PRId64 ".json", outbox, number);

    return write_json(AT_FDCWD, path, json, error);
}

int outbox_write_body(const char *outbox, int64_t number, const char *body, struct error *error)
{
    CLEANUP_FREE char *path = memory_format("%s/%" PRId64 ".md", outbox, number);

    return file_write(AT_FDCWD, path, body, strlen(body), FILE_MODE, error);
}

struct json_object *outbox_now(void)
{
    time_t now = (time_t)(clock_now_ms() / 1000);
    char text[32];
    struct tm utc;

    gmtime_r(&now, &utc);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
    return json_object_new_string(text);
}

static struct json_object *new_json(int64_t number, const struct outbox_entry *entry)
{
    struct json_object *json = json_object_new_object();

    json_object_object_add(json, "number", json_object_new_int64(number));
    json_object_object_add(json, "state", json_object_new_string("open"));
    json_object_object_add(json, "title", json_object_new_string(entry->title));
    json_object_object_add(json, "head", json_object_new_string(entry->head));
    json_object_object_add(json, "base", json_object_new_string(entry->base));
    json_object_object_add(json, "sha", json_object_new_string(entry->sha));
    json_object_object_add(json, "labels", json_object_new_array());
    json_object_object_add(json, "reviewers", json_object_new_array());
    json_object_object_add(json, "created_at", outbox_now());
    return json;
}

static int last_number(int64_t *last, const char *outbox, const char *ending, struct error *error)
{
    CLEANUP_FREE int64_t *numbers = NULL;
    size_t count;

    if (list(&numbers, &count, outbox, ending, error) < 0)
        return -1;
    *last = count > 0 ? numbers[count - 1] : 0;
    return 0;
}

/* Chooses the number for a new pull request. A body without its N.json was left by a crash, or somebody
 * removed the N.json. The number is used again for the same body only. */
static int choose_number(int64_t *number, const char *outbox, const char *body, struct error *error)
{
    CLEANUP_FREE char *found = NULL;
    int64_t last, last_body;

    if (last_number(&last, outbox, ".json", error) < 0 ||
        last_number(&last_body, outbox, ".md", error) < 0)
        return -1;
    if (last_body > last) {
        if (outbox_read_body(&found, outbox, last_body, error) < 0)
            return -1;
        last = strcmp(found, body) == 0 ? last_body - 1 : last_body;
    }
    *number = last + 1;
    return 0;
}

/* Writes the N.json under another name, and then links it to its own name. That fails if something else
 * has the name. */
static int publish(int directory, const char *outbox, int64_t number,
                   const struct outbox_entry *entry, struct error *error)
{
    struct json_object *json = new_json(number, entry);
    char name[NAME_SIZE];
    int result;

    name_of(name, number, ".md");
    result = file_write(directory, name, entry->body, strlen(entry->body), FILE_MODE, error);
    if (result == 0)
        result = write_json(directory, NEW_NAME, json, error);
    json_object_put(json);
    if (result < 0)
        return -1;
    name_of(name, number, ".json");
    if (linkat(directory, NEW_NAME, directory, name, 0) < 0)
        result = error_set(error, ERROR_TRANSIENT, "cannot make %s/%s: %s", outbox, name,
                           strerror(errno));
    unlinkat(directory, NEW_NAME, 0);
    /* The number will be remembered elsewhere, so its files must survive a power cut. */
    if (result == 0 && fsync(directory) < 0)
        result = error_set(error, ERROR_TRANSIENT, "cannot sync %s: %s", outbox, strerror(errno));
    return result;
}

int outbox_add(int64_t *number, const char *outbox, const struct outbox_entry *entry,
               struct error *error)
{
    CLEANUP_DESCRIPTOR int directory = -1;

    if (open_outbox(&directory, outbox, error) < 0 ||
        choose_number(number, outbox, entry->body, error) < 0)
        return -1;
    return publish(directory, outbox, *number, entry, error);
}

int outbox_lock(int *lock, const char *outbox, struct error *error)
{
    CLEANUP_DESCRIPTOR int directory = -1;

    if (open_outbox(&directory, outbox, error) < 0)
        return -1;
    if (flock(directory, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        return 0;
    /* On a file system without locks, no script takes one either. */
    *lock = directory;
    directory = -1;
    return 1;
}

bool outbox_is_there(const char *outbox)
{
    struct stat status;

    return stat(outbox, &status) == 0 && S_ISDIR(status.st_mode) &&
           faccessat(AT_FDCWD, outbox, R_OK | X_OK, AT_EACCESS) == 0;
}

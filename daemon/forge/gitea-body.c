#include "daemon/forge/gitea-body.h"

#include "common/json.h"
#include "common/memory.h"
#include "common/secret.h"
#include "common/text.h"
#include "daemon/git/hash.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define MESSAGE_CODE_POINTS 240

static const struct json_limits limits = {
    .bytes = GITEA_BODY_LIMIT,
    .depth = 32,
    .values = 1000000,
};

static bool is_blank(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!strchr(" \t\r\n", bytes[i]) || !bytes[i])
            return false;
    return true;
}

/* Our parser refuses NUL, but a title or body with one must not hide a whole page: it becomes U+FFFD. In
 * valid JSON a backslash is in strings only. */
static void replace_nul_escapes(char *bytes, size_t length)
{
    for (size_t i = 0; i + 1 < length; i++) {
        if (bytes[i] != '\\')
            continue;
        if (length - i >= 6 && memcmp(bytes + i, "\\u0000", 6) == 0)
            memcpy(bytes + i, "\\ufffd", 6);
        i++;
    }
}

static int parse(struct json_object **json, const char *body, size_t length, struct error *error)
{
    CLEANUP_FREE char *copy = memory_copy_bytes(body, length);

    replace_nul_escapes(copy, length);
    return json_parse(json, copy, length, &limits, error);
}

int gitea_body_parse(struct json_object **json, const struct gitea_body *body, struct error *error)
{
    CLEANUP_FREE char *clean = NULL;
    struct error problem;

    *json = NULL;
    if (is_blank(body->body, body->body_length))
        return 0;
    if (parse(json, body->body, body->body_length, &problem) == 0)
        return 0;
    /* Secrets are scrubbed before the answer is quoted, since the quotation is shortened. */
    clean = memory_copy_bytes(body->body, body->body_length);
    secret_scrub_bytes(clean, body->body_length);
    if (parse(json, clean, body->body_length, &problem) == 0)
        return 0;
    return error_set(error, ERROR_TRANSIENT, "%s %s was answered %ld with what is no JSON: %s",
                     body->method, body->path, body->status, problem.message);
}

int gitea_body_malformed(struct error *error, const struct gitea_body *body, const char *what)
{
    return error_set(error, ERROR_TRANSIENT, "%s %s was answered %ld with %s", body->method,
                     body->path, body->status, what);
}

/* Returns the length of the first object in the bytes; 0 if they do not begin with one, or if it does
 * not end. */
static size_t first_document(const char *bytes, size_t length)
{
    bool quoted = false;
    size_t depth = 0;

    for (size_t i = 0; i < length; i++) {
        char c = bytes[i];

        if (quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{') {
            depth++;
        } else if (c == '}') {
            if (depth <= 1)
                return depth ? i + 1 : 0;
            depth--;
        } else if (depth == 0 && !is_blank(&c, 1)) {
            return 0;
        }
    }
    return 0;
}

static void append_words(struct text *text, const char *words)
{
    CLEANUP_FREE char *clean = memory_copy(words);
    CLEANUP_TEXT struct text line = {0};
    const char *shown;

    secret_scrub(clean);
    text_append_line(&line, clean, MESSAGE_CODE_POINTS);
    shown = text_string(&line);
    text_append_visible(text, shown, NULL);
}

void gitea_body_message(struct text *text, const char *body, size_t length)
{
    struct json_object *json = NULL, *errors;
    struct error error;
    const char *message, *detail = NULL;
    size_t document = first_document(body, length);

    if (!document || parse(&json, body, document, &error) < 0)
        return;
    message = json_member_text(json, "message");
    if (json_object_object_get_ex(json, "errors", &errors) &&
        json_object_is_type(errors, json_type_array) && json_object_array_length(errors) > 0) {
        struct json_object *first = json_object_array_get_idx(errors, 0);

        if (json_object_is_type(first, json_type_string))
            detail = json_object_get_string(first);
    }
    if (message)
        append_words(text, message);
    if (detail && *detail && (!message || !strstr(message, detail))) {
        text_append(text, message && *message ? " (" : "(");
        append_words(text, detail);
        text_append(text, ")");
    }
    json_object_put(json);
}

bool gitea_body_is_own(const struct gitea_body *body)
{
    size_t document = first_document(body->body, body->body_length);
    struct json_object *json = NULL;
    struct error ignored;
    bool own;

    if (!document || parse(&json, body->body, document, &ignored) < 0)
        return false;
    own = json_member_text(json, "message") != NULL;
    json_object_put(json);
    return own;
}

/* Returns the title of a page, or else its first line. */
static const char *words_of(const char *body, size_t *length)
{
    const char *title = strcasestr(body, "<title>");

    if (title)
        body = title + strlen("<title>");
    else
        body += strspn(body, " \t\r\n");
    *length = strcspn(body, title ? "<\r\n" : "\r\n");
    return body;
}

bool gitea_body_foreign(struct error *error, const struct gitea_body *body)
{
    CLEANUP_TEXT struct text repaired = {0}, words = {0};
    size_t length;
    const char *said = words_of(body->body, &length);

    if (body->status < 400 || gitea_body_status_transient(body->status) || gitea_body_is_own(body))
        return false;
    text_append_repaired(&repaired, said, length);
    append_words(&words, text_string(&repaired));
    error_set(error, ERROR_TRANSIENT,
              "%s %s was answered %ld, but not by the forge: something in front of it answers with "
              "%s%s%s",
              body->method, body->path, body->status, words.length ? "\"" : "an empty page",
              text_string(&words), words.length ? "\"" : "");
    return true;
}

/* A success of another kind than was asked for comes from something in front of the forge. */
bool gitea_body_status_transient(long status)
{
    return (status >= 200 && status < 300) || status == 408 || status == 425 || status == 429 ||
           status >= 500;
}

/* Returns what a person can do about a status, as the beginning of a sentence. */
static const char *remedy(long status)
{
    switch (status) {
    case 401:
        return "the forge does not accept the token (mend forge.token_file, the credential "
               "gitea-token or GITEA_TOKEN): ";
    case 403:
        return "the token may not do this (its scopes, or the rights of its user; mend "
               "forge.token_file): ";
    case 413:
        return "the quota of the repository's owner is used up (make room or raise it at the "
               "forge, forge.owner): ";
    case 423:
        return "the repository is archived (forge.owner, forge.repo): ";
    case 429:
        return "the forge asks to slow down: ";
    default:
        return "";
    }
}

bool gitea_body_refusal(struct error *error, const struct gitea_body *body)
{
    CLEANUP_TEXT struct text words = {0};
    bool transient = gitea_body_status_transient(body->status);
    size_t length;

    gitea_body_message(&words, body->body, body->body_length);
    length = words.length;
    if (length > 0 && words.data[length - 1] == '.')
        words.data[length - 1] = '\0';
    if (body->status >= 300 && body->status < 400) {
        CLEANUP_TEXT struct text location = {0}, repaired = {0};

        text_append_repaired(&repaired, body->location ? body->location : "",
                             body->location ? strlen(body->location) : 0);
        append_words(&location, text_string(&repaired));
        error_set(error, ERROR_PERMANENT,
                  "%s %s was answered %ld: it has moved to %s (mend forge.url, forge.owner or "
                  "forge.repo)",
                  body->method, body->path, body->status,
                  location.length ? text_string(&location) : "a place it does not name");
        return true;
    }
    error_set(error, transient ? ERROR_TRANSIENT : ERROR_PERMANENT, "%s%s %s was answered %ld%s%s",
              remedy(body->status), body->method, body->path, body->status, length ? ": " : "",
              text_string(&words));
    return body->status == 401 || body->status == 403 || body->status == 413 || body->status == 423;
}

static struct json_object *member(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;

    if (!json_object_is_type(object, json_type_object))
        return NULL;
    json_object_object_get_ex(object, key, &value);
    return value;
}

int64_t gitea_body_integer(struct json_object *object, const char *key)
{
    struct json_object *value = member(object, key);

    return json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : -1;
}

bool gitea_body_is(struct json_object *object, const char *key, bool value)
{
    struct json_object *found = member(object, key);

    return json_object_is_type(found, json_type_boolean) &&
           (json_object_get_boolean(found) != 0) == value;
}

const char *gitea_body_commit(struct json_object *branch)
{
    const char *hash = json_member_text(member(branch, "commit"), "id");

    return git_hash_valid(hash) ? hash : NULL;
}

int64_t gitea_body_time_ms(struct json_object *object, const char *key)
{
    const char *text = json_member_text(object, key);
    struct tm time = {0};
    const char *end = text ? strptime(text, "%Y-%m-%dT%H:%M:%S%z", &time) : NULL;
    long offset = time.tm_gmtoff; /* which timegm() clears */

    return end && !*end ? (int64_t)(timegm(&time) - offset) * 1000 : 0;
}

static int pull_state(enum pull_state *state, struct json_object *json)
{
    const char *word = json_member_text(json, "state");

    if (gitea_body_is(json, "merged", true))
        *state = PULL_MERGED;
    else if (word && strcmp(word, "open") == 0)
        *state = PULL_OPEN;
    else if (word && strcmp(word, "closed") == 0)
        *state = PULL_CLOSED;
    else
        return -1;
    return 0;
}

int gitea_body_pull(struct forge_pull *pull, struct json_object *json)
{
    struct json_object *head = member(json, "head"), *base = member(json, "base");
    const char *sha = json_member_text(head, "sha");
    const char *title = json_member_text(json, "title");
    const char *body = json_member_text(json, "body");
    const char *merge_commit = json_member_text(json, "merge_commit_sha");
    struct forge_pull made = {
        .number = gitea_body_integer(json, "number"),
        .sha = git_hash_valid(sha) ? sha : "",
        .head = json_member_text(head, "ref"),
        .label = json_member_text(head, "label"),
        .base = json_member_text(base, "ref"),
        .title = title ? title : "",
        .body = body ? body : "",
        .url = json_member_text(json, "html_url"),
        .merge_commit = git_hash_valid(merge_commit) ? merge_commit : "",
        .changed_ms = gitea_body_time_ms(json, "updated_at"),
        .mergeable = gitea_body_is(json, "mergeable", true)    ? FORGE_MERGEABLE
                     : gitea_body_is(json, "mergeable", false) ? FORGE_NOT_MERGEABLE
                                                               : FORGE_MERGEABLE_UNKNOWN,
    };

    if (made.number <= 0 || !made.head || !made.base || pull_state(&made.state, json) < 0)
        return -1;
    *pull = made;
    return 0;
}

bool gitea_body_pull_is_of(struct json_object *json, const char *branch)
{
    struct json_object *head = member(json, "head"), *base = member(json, "base");
    int64_t head_id = gitea_body_integer(head, "repo_id"),
            base_id = gitea_body_integer(base, "repo_id");
    const char *ref = json_member_text(head, "ref");
    const char *head_name = json_member_text(member(head, "repo"), "full_name");
    const char *base_name = json_member_text(member(base, "repo"), "full_name");

    if (!ref || strcmp(ref, branch) != 0)
        return false;
    if (head_id > 0 && base_id > 0)
        return head_id == base_id;
    return head_name && base_name && strcasecmp(head_name, base_name) == 0;
}

static bool holds_number(struct json_object *kept, int64_t number)
{
    for (size_t i = 0; i < json_object_array_length(kept); i++)
        if (gitea_body_integer(json_object_array_get_idx(kept, i), "number") == number)
            return true;
    return false;
}

int gitea_body_keep_pulls(struct json_object *kept, struct json_object *page, const char *branch)
{
    if (!json_object_is_type(page, json_type_array))
        return -1;
    for (size_t i = 0; i < json_object_array_length(page); i++) {
        struct json_object *json = json_object_array_get_idx(page, i);
        struct forge_pull pull;

        if (!json)
            continue;
        if (gitea_body_pull(&pull, json) < 0)
            return -1;
        if (!gitea_body_pull_is_of(json, branch) || pull.state != PULL_OPEN)
            continue;
        /* A pull request that is opened in between moves the others to the next page: they come twice. */
        if (!holds_number(kept, pull.number))
            json_object_array_add(kept, json_object_get(json));
    }
    return 0;
}

static int compare_pulls(const void *a, const void *b)
{
    const struct forge_pull *left = a, *right = b;

    return (left->number > right->number) - (left->number < right->number);
}

struct forge_pull *gitea_body_pulls(struct json_object *kept, size_t *count)
{
    size_t length = json_object_array_length(kept);
    struct forge_pull *pulls = memory_new_array(length + 1, sizeof(*pulls));

    *count = 0;
    for (size_t i = 0; i < length; i++)
        if (gitea_body_pull(&pulls[*count], json_object_array_get_idx(kept, i)) == 0)
            (*count)++;
    qsort(pulls, *count, sizeof(*pulls), compare_pulls);
    return pulls;
}

bool gitea_body_more(const struct gitea_page *page)
{
    if (page->count == 0)
        return false;
    if (page->has_next)
        return true;
    if (page->total_count >= 0)
        return page->seen < (size_t)page->total_count;
    /* Neither header came through. A server may give less than was asked for, so a short page need not
     * be the last one. An empty page is. */
    return true;
}

static struct json_object *find_label(struct json_object *labels, const char *name,
                                      int (*compare)(const char *, const char *))
{
    if (!json_object_is_type(labels, json_type_array))
        return NULL;
    for (size_t i = 0; i < json_object_array_length(labels); i++) {
        struct json_object *label = json_object_array_get_idx(labels, i);
        const char *found = json_member_text(label, "name");

        if (found && gitea_body_integer(label, "id") > 0 && compare(found, name) == 0)
            return label;
    }
    return NULL;
}

struct json_object *gitea_body_find_label(struct json_object *labels, const char *name)
{
    struct json_object *label = find_label(labels, name, strcmp);

    return label ? label : find_label(labels, name, strcasecmp);
}

int64_t gitea_body_label(struct json_object *labels, const char *name)
{
    return gitea_body_integer(gitea_body_find_label(labels, name), "id");
}

const char *gitea_body_rival(struct json_object *labels, const char *name)
{
    const char *slash = strrchr(name, '/');
    size_t scope = slash ? (size_t)(slash - name) + 1 : 0;

    if (!scope || !json_object_is_type(labels, json_type_array))
        return NULL;
    for (size_t i = 0; i < json_object_array_length(labels); i++) {
        struct json_object *label = json_object_array_get_idx(labels, i);
        const char *other = json_member_text(label, "name");

        if (other && gitea_body_is(label, "exclusive", true) && strcasecmp(other, name) != 0 &&
            strncasecmp(other, name, scope) == 0 && !strchr(other + scope, '/'))
            return other;
    }
    return NULL;
}

bool gitea_body_has_login(struct json_object *users, const char *name)
{
    for (size_t i = 0; i < json_object_array_length(users); i++) {
        const char *login = json_member_text(json_object_array_get_idx(users, i), "login");

        if (login && strcasecmp(login, name) == 0)
            return true;
    }
    return false;
}

static bool has_label(struct json_object *labels, int64_t id)
{
    for (size_t i = 0; i < json_object_array_length(labels); i++)
        if (gitea_body_integer(json_object_array_get_idx(labels, i), "id") == id)
            return true;
    return false;
}

bool gitea_body_has_labels(struct json_object *labels, const int64_t *ids, size_t count)
{
    if (!json_object_is_type(labels, json_type_array))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!has_label(labels, ids[i]))
            return false;
    return true;
}

/*
 * What git's failures mean.
 *
 * git's exit status says that something went wrong, and its words say what. LC_ALL=C makes the words the same
 * everywhere. The tables below have the words of git 2.39 to 2.47, libcurl and Gitea. A failure that is in no
 * table counts as a fault of the network, if git used it: a useless attempt costs less than a job that fails
 * for nothing. Without a network it is permanent.
 */

#include "daemon/git/git.h"

#include "common/secret.h"
#include "common/text.h"

#include <stdlib.h>
#include <string.h>

#define SAID_LIMIT 300

/* The machine has run out of something. */
static const char *const shortages[] = {
    "No space left on device",
    "Disk quota exceeded",
    "Cannot allocate memory",
    "Out of memory",
    "out of memory",
    "Resource temporarily unavailable",
    "Too many open files",
    "Read-only file system",
    "Input/output error",
    "write error", /* "… Out of diskspace", of the index */
    "could not write",
    "unable to write",
    "failed to write",
    "could not set '", /* when it configures a new repository */
    NULL,
};

/* The forge has trouble, or somebody else has a lock. */
static const char *const passing[] = {
    "Internal Server Error", /* Gitea's hooks, when its database is locked */
    "requested URL returned error: 5",
    "requested URL returned error: 408",
    "requested URL returned error: 429",
    "failed to report status",
    "remote failure",
    "failed to update ref",
    "cannot lock ref",
    ".lock is in the way", /* see lock.h */
    "failed to lock",
    "unpacker error",
    NULL,
};

/* Our repository lacks what was to be pushed, whatever the forge makes of that. */
static const char *const losses[] = {
    "not a git repository",
    "src refspec",
    "fatal: bad object",
    NULL,
};

/* git wanted to ask somebody for a password. */
static const char *const credentials[] = {
    "Authentication failed",
    "could not read Username",
    "could not read Password",
    NULL,
};

/* The way to the repository, or all that is below the prefix, is closed to every experiment. */
static const char *const barriers[] = {
    "requested URL returned error: 3",
    "requested URL returned error: 4",
    "redirection",
    "' not found",
    "does not appear to be a git repository",
    "dubious ownership",
    "Not allowed to push to protected branch",
    "is protected from unverified commit",
    "Quota exceeded", /* Forgejo's */
    NULL,
};

/* Something else than git answers: a login page, or one that keeps machines away. */
static const char *const strangers[] = {
    "is this a git repository?",
    "git-http-push failed",
    NULL,
};

static const char *const refusals[] = {
    "is this a git repository?",
    "git-http-push failed",
    "Authentication failed",
    "could not read Username",
    "could not read Password",
    "requested URL returned error: 3",
    "requested URL returned error: 4",
    "redirection",
    "' not found",
    "[rejected]",
    "[remote rejected]",
    "declined",
    "does not appear to be a git repository",
    "not our ref",
    "not allowed",
    "is not a valid ref",
    "dubious ownership",
    NULL,
};

/* A source would have to fetch from elsewhere what it lacks. No git that we start does that. */
static const char *const holes[] = {
    "from promisor remote",
    NULL,
};

/* A source of which somebody fetched only the latest commits. */
static const char *const cuts[] = {
    "because shallow roots are not allowed to be updated",
    NULL,
};

/* A source has the commit, and git does not take what it is made of: the experiment made it so. */
static const char *const malformations[] = {
    "fsck error",
    NULL,
};

static const char *const damages[] = {
    "not a git repository",
    "object file",
    "loose object",
    "bad object",
    "bad tree",
    "unable to read",
    "Could not read",
    "Failed to traverse",
    "packfile",
    "missing blob",
    "missing tree",
    "invalid object",
    "inflate",
    "corrupt",
    "not a valid object",
    "failed to unpack tree object",
    "bad config",
    NULL,
};

static bool says(const char *text, const char *const *phrases)
{
    for (; *phrases; phrases++) {
        if (strstr(text, *phrases))
            return true;
    }
    return false;
}

const char *git_exceeded(const struct process_result *result)
{
    if (result->end == PROCESS_TIMED_OUT)
        return "takes too long";
    if (result->end == PROCESS_EXITED && strstr(result->errors, "ut of memory"))
        return "takes too much memory";
    return NULL;
}

bool git_fetched(const struct process_result *result)
{
    return process_succeeded(result) && !says(result->errors, cuts);
}

static enum error_kind kind_of(const struct process_result *result, enum git_reach reach,
                               const char *said)
{
    switch (result->end) {
    case PROCESS_OVERFLOWED:
    case PROCESS_STALLED: /* in a source, which is then checked */
        return ERROR_PERMANENT;
    case PROCESS_TIMED_OUT:
    case PROCESS_SIGNALLED:
    case PROCESS_NOT_STARTED:
        return ERROR_TRANSIENT;
    case PROCESS_EXITED:
        break;
    }
    if (says(said, shortages) || says(result->errors, shortages))
        return ERROR_TRANSIENT;
    if (reach != GIT_FORGE || says(result->errors, losses))
        return ERROR_PERMANENT;
    if (says(said, passing) || says(result->errors, passing))
        return ERROR_TRANSIENT;
    return says(said, refusals) || says(result->errors, refusals) ? ERROR_PERMANENT
                                                                  : ERROR_TRANSIENT;
}

static int rank_of(const char *line)
{
    if (strncmp(line, "error: RPC failed; ", 19) == 0)
        return 3; /* the "fatal:" after it only says that the other side hung up */
    return strncmp(line, "fatal: ", 7) == 0 ? 2 : strncmp(line, "error: ", 7) == 0;
}

/* Returns the line that says most: what the server answered, else the first "fatal:", else the first
 * "error:", else the first line. */
static const char *essence_of(const char *errors, size_t *length)
{
    const char *best = errors;
    int best_rank = 0;

    for (const char *line = errors; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        int rank = rank_of(line);

        if (rank > best_rank) {
            best = line;
            best_rank = rank;
        }
    }
    best += best_rank > 0 ? 7 : 0;
    *length = strcspn(best, "\n");
    return best;
}

int git_failure_said(struct error *error, const struct process_result *result, enum git_reach reach,
                     const char *what, const char *said)
{
    CLEANUP_TEXT struct text repaired = {0};
    CLEANUP_TEXT struct text visible = {0};
    CLEANUP_TEXT struct text line = {0};
    char how[PROCESS_DESCRIPTION_SIZE];

    process_describe(how, sizeof(how), result);
    text_append_repaired(&repaired, said, strlen(said));
    if (repaired.data)
        secret_scrub(repaired.data); /* before the cut, so that no half of a secret is left */
    text_append_visible(&visible, text_string(&repaired), NULL);
    text_append_line(&line, text_string(&visible), SAID_LIMIT);
    if (line.length == 0 || result->end != PROCESS_EXITED)
        error_set(error, kind_of(result, reach, said), "%s: %sgit %s", what,
                  result->end == PROCESS_STALLED ? "no answer: " : "", how);
    else
        error_set(error, kind_of(result, reach, said), "%s: %s", what, text_string(&line));
    /* A git that finds no such commit in a source prints that, and does not fail. */
    error->installation = reach == GIT_SOURCE
                              ? !git_exceeded(result) && !says(result->errors, malformations)
                              : reach == GIT_FORGE && (says(result->errors, credentials) ||
                                                       says(result->errors, barriers) ||
                                                       says(result->errors, strangers));
    /* No source is to blame, whoever asks. */
    error->holds = reach == GIT_FORGE && error->installation;
    return -1;
}

/* Appends what the server said besides its status. It precedes git's own line. */
static void append_remote(struct text *said, const char *errors)
{
    const char *words = strncmp(errors, "remote: ", 8) == 0 ? errors + 8 : NULL;

    if (!words || !strstr(errors, "returned error: "))
        return;
    text_append(said, " (");
    text_append_bytes(said, words, strcspn(words, "\n"));
    text_append(said, ")");
}

int git_failure(struct error *error, const struct process_result *result, enum git_reach reach,
                const char *what)
{
    CLEANUP_TEXT struct text said = {0};
    size_t length;
    const char *essence = essence_of(result->errors, &length);

    if (reach == GIT_FORGE && says(result->errors, credentials))
        text_append(&said, "the forge does not accept the token for git (forge.token_file)");
    else if (reach == GIT_FORGE && says(result->errors, strangers))
        text_append(&said, "what answers there is not git: a login page, or one that keeps "
                           "machines away (forge.git_url)");
    else if (reach == GIT_SOURCE && says(result->errors, holes))
        text_append(&said, GIT_IS_PARTIAL);
    else if (reach == GIT_SOURCE && says(result->errors, cuts))
        text_append(&said, GIT_IS_SHALLOW);
    else
        text_append_bytes(&said, essence, length);
    if (reach == GIT_FORGE)
        append_remote(&said, result->errors);
    return git_failure_said(error, result, reach, what, text_string(&said));
}

bool git_found_damage(const struct process_result *result)
{
    return result->end == PROCESS_EXITED && says(result->errors, damages);
}

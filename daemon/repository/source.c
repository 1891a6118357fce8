/*
 * Checks whether a source can be read: the directory, the repository in it, its objects. All of its objects
 * are looked for only where somebody waits for the answer.
 *
 * git is asked first, since a file system that does not answer would block us. Then we ask the system what is
 * wrong.
 */

#include "daemon/repository/source.h"
#include "daemon/repository/internal.h"

#include "common/file.h"
#include "common/loop.h"
#include "common/memory.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_OUTPUT_LIMIT 65536

struct source_look {
    struct git_sequence sequence;
    char *source;
    const char *format; /* of the base's object names; NULL: not known */
    repository_done_callback callback;
    void *data;
};

static void source_look_discard(struct operation *operation)
{
    struct source_look *look = (struct source_look *)operation;

    operation_clear(&look->sequence.step);
    free(look->source);
    free(look);
}

static void source_look_end(struct source_look *look, const struct error *error)
{
    repository_done_callback callback = look->callback;
    void *data = look->data;

    source_look_discard(&look->sequence.operation);
    callback(data, error);
}

char *source_git_dir(const char *source)
{
    CLEANUP_FREE char *inner = file_join(source, ".git");

    return access(inner, F_OK) == 0 ? TAKE(inner) : memory_copy(source);
}

/* In the service a home directory is empty or may not be entered. */
static bool is_in_home(const char *path)
{
    static const char *const homes[] = {"/home/", "/root/", "/run/user/"};

    for (size_t i = 0; i < sizeof(homes) / sizeof(homes[0]); i++) {
        if (strncmp(path, homes[i], strlen(homes[i])) == 0)
            return true;
    }
    return strcmp(path, "/root") == 0;
}

static int set_unreadable(struct error *error, const char *source, const char *path, int code)
{
    bool hidden = is_in_home(source) && (code == ENOENT || code == EACCES);

    error_set(error, error_kind_of_errno(code), "sources: %s: %s%s%s%s", path, strerror(code),
              hidden ? " (in a service, ProtectHome= hides it: BindReadOnlyPaths=" : "",
              hidden ? source : "", hidden ? " opens it)" : "");
    return -1;
}

/* Checks that files below the directory can be listed and opened. */
static int check_readable(const char *source, const char *path, struct error *error)
{
    struct stat status;

    if (stat(path, &status) < 0)
        return set_unreadable(error, source, path, errno);
    if (!S_ISDIR(status.st_mode))
        return error_set_key(error, ERROR_PERMANENT, "sources",
                             "%s: expected a directory with a git repository, found %s", path,
                             S_ISREG(status.st_mode) ? "a file" : "no directory");
    if (faccessat(AT_FDCWD, path, R_OK | X_OK, AT_EACCESS) < 0)
        return set_unreadable(error, source, path, errno);
    return 0;
}

static bool is_any(const char *name)
{
    return name[0] != '.';
}

static bool is_pack(const char *name)
{
    size_t length = strlen(name);

    return length > 5 && strcmp(name + length - 5, ".pack") == 0;
}

/* A directory of loose objects: the first byte of their hashes. */
static bool is_byte(const char *name)
{
    return strlen(name) == 2 && strspn(name, "0123456789abcdef") == 2;
}

static bool has_entry(const char *path, bool (*is_meant)(const char *name))
{
    DIR *directory = opendir(path);
    bool found = false;

    for (struct dirent *entry; directory && !found && (entry = readdir(directory));)
        found = is_meant(entry->d_name);
    if (directory)
        closedir(directory);
    return found;
}

/* Whether there are branches and nothing that they could point at. A new repository has neither. `objects` is the
 * directory of the objects. */
static bool lost_all_objects(const char *objects)
{
    CLEANUP_FREE char *alternates = file_join(objects, "info/alternates");
    CLEANUP_FREE char *packs = file_join(objects, "pack");
    CLEANUP_FREE char *packed = file_join(objects, "../packed-refs");
    CLEANUP_FREE char *heads = file_join(objects, "../refs/heads");

    return access(alternates, F_OK) < 0 && !has_entry(packs, is_pack) &&
           !has_entry(objects, is_byte) && (access(packed, F_OK) == 0 || has_entry(heads, is_any));
}

/* What git says of a missing alternate, absolute or relative, before it goes on. */
static int check_alternates(const char *source, const char *errors, struct error *error)
{
    static const char *const words[][2] = {
        {"unable to normalize alternate object path: ", "\n"},
        {"object directory ", " does not exist"},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        const char *path = strstr(errors, words[i][0]);
        const char *end = path ? strstr(path, words[i][1]) : NULL;

        if (!end)
            continue;
        path += strlen(words[i][0]);
        return error_set_key(error, ERROR_PERMANENT, "sources",
                             "%s: its objects are also in %.*s (objects/info/alternates), which "
                             "does not exist",
                             source, (int)(end - path), path);
    }
    return 0;
}

static int check_objects(const char *source, const char *objects, const char *errors,
                         struct error *error)
{
    if (check_readable(source, objects, error) < 0 || check_alternates(source, errors, error) < 0)
        return -1;
    if (lost_all_objects(objects))
        return error_set_key(error, ERROR_PERMANENT, "sources",
                             "%s: expected the objects of its branches in %s, found none", source,
                             objects);
    return 0;
}

/* None of its commits could be fetched. */
static int check_format(const struct source_look *look, const char *format, size_t length,
                        struct error *error)
{
    if (!look->format || (strlen(look->format) == length && !memcmp(look->format, format, length)))
        return 0;
    return error_set_key(error, ERROR_PERMANENT, "sources",
                         "%s: expected a repository with object names by %s, as the forge's has, "
                         "found one with %.*s",
                         look->source, look->format, (int)length, format);
}

/* The file system answers: the system's words come before git's, which calls a directory that it may not
 * enter no repository. */
static int judge(const struct source_look *look, const struct process_result *result,
                 struct error *error)
{
    size_t format_length = strcspn(result->output, "\n");
    const char *second = result->output + format_length + (result->output[format_length] != '\0');
    CLEANUP_FREE char *objects = memory_copy_bytes(second, strcspn(second, "\n"));

    if (result->end != PROCESS_STALLED && check_readable(look->source, look->source, error) < 0)
        return -1;
    if (process_succeeded(result))
        return check_format(look, result->output, format_length, error) < 0
                   ? -1
                   : check_objects(look->source, objects, result->errors, error);
    git_failure(error, result, GIT_SOURCE, look->source);
    return error_wrap_key(error, "sources");
}

static void ask(struct source_look *look, const char *const *arguments, bool idle,
                process_callback callback)
{
    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_SOURCE,
        .source = look->source,
        .output_limit = PATH_OUTPUT_LIMIT,
        .idle = idle,
    };

    look->sequence.step = git_start(look->sequence.repository->git, &command, callback, look);
}

static void on_objects_named(void *data, const struct process_result *result)
{
    struct source_look *look = data;
    struct error error;

    look->sequence.step = NULL;
    source_look_end(look, judge(look, result, &error) < 0 ? &error : NULL);
}

/* If .git is a file, the objects are elsewhere: git knows where. It is asked for a ref that is not there, so
 * that it reads the packed ones, and for objects that nearly no repository has, so that it opens the alternates. */
static void begin(void *data)
{
    static const char *const arguments[] = {
        "rev-parse", "--show-object-format",     "--git-path",
        "objects",   "--glob=refs/winnowd/none", "--disambiguate=0000",
        NULL,
    };

    ask(data, arguments, false, on_objects_named);
}

static struct source_look *new_look(struct repository *repository, size_t source,
                                    repository_done_callback callback, void *data)
{
    struct source_look *look = memory_new(sizeof(*look));

    git_sequence_begin(&look->sequence, repository, source_look_discard);
    look->source = memory_copy(repository->config->sources.items[source]);
    look->callback = callback;
    look->data = data;
    return look;
}

struct operation *repository_look_at_source(struct repository *repository, size_t source,
                                            const char *base, repository_done_callback callback,
                                            void *data)
{
    struct source_look *look = new_look(repository, source, callback, data);

    look->format = !*base ? NULL : git_hash_is_sha256(base) ? "sha256" : "sha1";
    look->sequence.step = loop_after(repository->loop, 0, begin, look);
    return &look->sequence.operation;
}

static void on_objects_checked(void *data, const struct process_result *result)
{
    struct source_look *look = data;
    struct error error;

    look->sequence.step = NULL;
    if (process_succeeded(result)) {
        source_look_end(look, NULL);
        return;
    }
    git_failure(&error, result, GIT_SOURCE, look->source);
    error_wrap_key(&error, "sources");
    source_look_end(look, &error);
}

/* Not fsck, which also finds fault with what no fetch needs, such as the index and a cache of the history.
 * `missing` says which objects may be. */
static void walk_objects(struct source_look *look, const char *missing)
{
    const char *const arguments[] = {
        "-c", "core.commitGraph=false", "rev-list", "--objects", "--all", "--quiet", missing, NULL,
    };

    ask(look, arguments, true, on_objects_checked);
}

/* A partial clone promises that what it lacks can be fetched from elsewhere. */
static void begin_objects(void *data)
{
    walk_objects(data, "--missing=allow-promisor");
}

struct operation *repository_check_objects(struct repository *repository, size_t source,
                                           repository_done_callback callback, void *data)
{
    struct source_look *look = new_look(repository, source, callback, data);

    look->sequence.step = loop_after(repository->loop, 0, begin_objects, look);
    return &look->sequence.operation;
}

/* One that was completed stays a partial clone by its configuration. */
static void on_promises_asked(void *data, const struct process_result *result)
{
    struct source_look *look = data;

    look->sequence.step = NULL;
    if (process_succeeded(result))
        walk_objects(look, "--missing=error");
    else
        source_look_end(look, NULL);
}

static void on_shallow_asked(void *data, const struct process_result *result)
{
    static const char *const arguments[] = {
        "config", "--get-regexp", "^(remote\\..*\\.promisor|extensions\\.partialclone)$", NULL};
    struct source_look *look = data;
    struct error error;

    look->sequence.step = NULL;
    if (strncmp(result->output, "true", 4) == 0) {
        error_set_key(&error, ERROR_PERMANENT, "sources", "%s: " GIT_IS_SHALLOW, look->source);
        source_look_end(look, &error);
        return;
    }
    ask(look, arguments, false, on_promises_asked);
}

static void begin_whole(void *data)
{
    static const char *const arguments[] = {"rev-parse", "--is-shallow-repository", NULL};

    ask(data, arguments, false, on_shallow_asked);
}

struct operation *repository_check_whole(struct repository *repository, size_t source,
                                         repository_done_callback callback, void *data)
{
    struct source_look *look = new_look(repository, source, callback, data);

    look->sequence.step = loop_after(repository->loop, 0, begin_whole, look);
    return &look->sequence.operation;
}

#include "daemon/git/git.h"

#include "common/encode.h"
#include "common/file.h"
#include "common/http-proxy.h"
#include "common/memory.h"
#include "common/secret.h"
#include "common/text.h"
#include "daemon/git/environment.h"
#include "daemon/git/quote.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOCAL_DEADLINE_MS  ((uint64_t)2 * 60 * 1000)
#define SOURCE_DEADLINE_MS ((uint64_t)10 * 60 * 1000)
#define SOURCE_STALL_MS    10000 /* a disk that has to wake up does not take as long */
#define GRACE_MS           2000
/* git keeps in memory all that a forge announces. Half of this is enough to fetch a history of ten million
 * objects. Packs are files and do not count. */
#define FORGE_MEMORY ((uint64_t)2 * 1024 * 1024 * 1024)
/* The token is sent as the password of this user; the forge ignores the name. Its length is a multiple
 * of three, so that base64 encodes ":token" alike in every place (see common/secret.h). */
#define USER "winnow"

struct git {
    uv_loop_t *loop;
    const struct config *config;
    struct git_environment environment; /* for every git */
    struct git_environment credentials; /* in addition, for those that talk to the forge */
};

/* Makes git accept the directory, whoever owns it: as it was given, as it is resolved, and its .git. */
static void append_safe_directory(struct text *text, const char *directory)
{
    CLEANUP_FREE char *resolved = realpath(directory, NULL);
    const char *other = resolved && strcmp(directory, resolved) != 0 ? resolved : NULL;
    const char *spellings[] = {directory, other};

    for (size_t i = 0; i < 2 && spellings[i]; i++) {
        CLEANUP_FREE char *inner = file_join(spellings[i], ".git");
        text_append(text, "\tdirectory = ");
        git_append_quoted(text, spellings[i]);
        text_append(text, "\n\tdirectory = ");
        git_append_quoted(text, inner);
        text_append(text, "\n");
    }
}

/* protectHFS, protectNTFS: refuse names that are .git on other file systems. directoryRenames: a guess
 * where a new file belongs is no merge. allowAnySHA1InWant: sources are asked for commits by hash. */
static const char configuration[] = "# Written by winnowd at every start; changes do not last.\n"
                                    "[core]\n"
                                    "\tattributesFile = /dev/null\n"
                                    "\texcludesFile = /dev/null\n"
                                    "\tfsmonitor = false\n"
                                    "\tprotectHFS = true\n"
                                    "\tprotectNTFS = true\n"
                                    "\tlogAllRefUpdates = false\n"
                                    "\tfsync = committed,loose-object\n"
                                    "[gc]\n"
                                    "\tauto = 0\n"
                                    "[maintenance]\n"
                                    "\tauto = false\n"
                                    "[merge]\n"
                                    "\tdirectoryRenames = false\n"
                                    "[protocol]\n"
                                    "\tversion = 2\n"
                                    "[http]\n"
                                    "\tfollowRedirects = false\n"
                                    "[uploadpack]\n"
                                    "\tallowAnySHA1InWant = true\n"
                                    "[credential]\n"
                                    "\thelper =\n";

static int write_configuration(const struct config *config, struct error *error)
{
    CLEANUP_FREE char *path = file_join(config->state, "gitconfig");
    CLEANUP_TEXT struct text text = {0};

    text_append(&text, configuration);
    text_append(&text, "[safe]\n");
    append_safe_directory(&text, config->state);
    for (size_t i = 0; i < config->sources.count; i++)
        append_safe_directory(&text, config->sources.items[i]);
    if (config->forge.path)
        append_safe_directory(&text, config->forge.path);
    return file_write(AT_FDCWD, path, text_string(&text), text.length, 0600, error);
}

char *git_marker(const struct config *config)
{
    return memory_format("GIT_CONFIG_GLOBAL=%s/gitconfig", config->state);
}

static void make_environment(struct git_environment *environment, const char *state)
{
    static const char *const passed[] = {"TMPDIR", NULL};
    CLEANUP_FREE char *configuration_file = file_join(state, "gitconfig");
    CLEANUP_FREE char *above = memory_copy(state);
    char *slash = strrchr(above, '/');

    if (slash)
        *slash = '\0';
    git_environment_close(environment, configuration_file);
    git_environment_add(environment, memory_format("HOME=%s", state));
    git_environment_add(environment, memory_copy("GIT_HTTP_LOW_SPEED_LIMIT=1"));
    /* A git without --git-dir must not look for a repository above <state>. */
    git_environment_add(environment, memory_format("GIT_CEILING_DIRECTORIES=%s", above));
    git_environment_pass(environment, passed);
}

/* Adds a configuration entry for the forge's address only. */
static void add_setting(struct git *git, unsigned number, const char *url, const char *name,
                        const char *value)
{
    git_environment_add(&git->credentials,
                        memory_format("GIT_CONFIG_KEY_%u=http.%s.%s", number, url, name));
    git_environment_add(&git->credentials, memory_format("GIT_CONFIG_VALUE_%u=%s", number, value));
}

char *git_root(const char *url)
{
    char *root = memory_copy(url);
    char *host = strstr(root, "://");
    size_t taken = 0;

    for (char *slash; host && taken < 2 && (slash = strrchr(host + 3, '/')); taken++)
        *slash = '\0';
    if (taken == 2 && strncmp(root, "http", 4) == 0)
        return root;
    free(root);
    return memory_copy(url);
}

static void make_credentials(struct git *git, const char *repository, const char *token)
{
    CLEANUP_FREE char *url = git_root(repository);
    static const char *const proxies[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                          "ALL_PROXY",  "no_proxy",    "NO_PROXY",    NULL};
    unsigned count = 0;

    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return;
    if (token) {
        char *pair = memory_format(USER ":%s", token);
        struct text header = {0};

        text_append(&header, "Authorization: Basic ");
        encode_append_base64(&header, pair, strlen(pair));
        add_setting(git, count++, url, "extraHeader", text_string(&header));
        secret_wipe(pair, strlen(pair));
        secret_wipe(header.data, header.length);
        free(pair);
        text_free(&header);
    }
    if (git->config->forge.ca_file)
        add_setting(git, count++, url, "sslCAInfo", git->config->forge.ca_file);
    git_environment_add(&git->credentials, memory_format("GIT_CONFIG_COUNT=%u", count));
    if (!http_proxy_passed_by(url, token != NULL))
        git_environment_pass(&git->credentials, proxies);
}

int git_new(struct git **git, uv_loop_t *loop, const struct config *config, const char *url,
            const char *token, struct error *error)
{
    CLEANUP(git_freep) struct git *new = memory_new(sizeof(*new));

    new->loop = loop;
    new->config = config;
    make_environment(&new->environment, config->state);
    make_credentials(new, url, token);
    if (write_configuration(config, error) < 0)
        return error_wrap(error, "preparing git's configuration");
    *git = TAKE(new);
    return 0;
}

void git_free(struct git *git)
{
    if (!git)
        return;
    git_environment_free(&git->environment);
    git_environment_free(&git->credentials);
    free(git);
}

void git_freep(struct git **git)
{
    git_free(*git);
}

static uint64_t deadline_of(const struct git *git, const struct git_command *command)
{
    if (command->reach == GIT_LOCAL)
        return LOCAL_DEADLINE_MS * (command->patience ? command->patience : 1);
    if (command->reach == GIT_SOURCE)
        return SOURCE_DEADLINE_MS;
    return git->config->forge.timeout_ms * command->patience;
}

/* Returns after how many seconds without a byte git gives up a transfer; it goes with
 * GIT_HTTP_LOW_SPEED_LIMIT. */
static unsigned long long silence_of(const struct config *config)
{
    return (config->forge.timeout_ms + 999) / 1000;
}

/* While the forge is silent, the helper that git starts for HTTP does not notice that git is gone. It
 * would go on, and the daemon would wait for it when it stops. Git and hooks of a local forge are left
 * alone. */
static enum process_manner manner_of(const struct git *git, const struct git_command *command)
{
    bool over_http = command->reach == GIT_FORGE && git->credentials.count > 0;

    return over_http ? PROCESS_ASKED_ALL : PROCESS_ASKED;
}

/* Gathers what is the same for each git. Returns how many entries that is. */
static size_t gather_environment(const char **environment, const struct git *git,
                                 enum git_reach reach)
{
    size_t count = 0;

    for (size_t i = 0; i < git->environment.count; i++)
        environment[count++] = git->environment.entries[i];
    for (size_t i = 0; reach == GIT_FORGE && i < git->credentials.count; i++)
        environment[count++] = git->credentials.entries[i];
    return count;
}

/* Starts git in the repository of a source: the directory itself if it is bare, else its .git. */
static const char *const in_source[] = {
    "sh", "-c",
    "place=$1; [ ! -e \"$1/.git\" ] || place=$1/.git; shift; exec git --git-dir=\"$place\" \"$@\"",
    "sh"};

/* Gathers what comes before the arguments. Returns how many words that is, BEFORE_LIMIT at most. */
#define BEFORE_LIMIT 8
static size_t gather_words(const char **argv, const struct git_command *command)
{
    static const char *const idle[] = {"nice", "-n", "19"};
    size_t count = 0;

    for (size_t i = 0; command->idle && i < sizeof(idle) / sizeof(idle[0]); i++)
        argv[count++] = idle[i];
    for (size_t i = 0; command->source && i < sizeof(in_source) / sizeof(in_source[0]); i++)
        argv[count++] = in_source[i];
    argv[count++] = command->source ? command->source : "git";
    return count;
}

static size_t count_words(const char *const *words)
{
    size_t count = 0;

    while (words[count])
        count++;
    return count;
}

struct operation *git_start(struct git *git, const struct git_command *command,
                            process_callback callback, void *data)
{
    size_t arguments = count_words(command->arguments);
    const char *environment[2 * GIT_ENVIRONMENT_LIMIT + 3];
    CLEANUP_FREE char *index = command->index ? memory_format("GIT_INDEX_FILE=%s", command->index)
                                              : NULL;
    CLEANUP_FREE char *patience = memory_format("GIT_HTTP_LOW_SPEED_TIME=%llu",
                                                silence_of(git->config));
    CLEANUP_FREE const char **argv = memory_new_array(BEFORE_LIMIT + arguments + 1, sizeof(*argv));
    size_t count = gather_words(argv, command);

    memcpy(argv + count, command->arguments, arguments * sizeof(*argv));
    count = gather_environment(environment, git, command->reach);
    environment[count++] = patience;
    if (index)
        environment[count++] = index;
    environment[count] = NULL;

    const struct process_options options = {
        .argv = argv,
        .environment = environment,
        .directory = git->config->state,
        .input = command->input,
        .input_length = command->input_length,
        .deadline_ms = deadline_of(git, command),
        .stall_ms = command->reach == GIT_SOURCE ? SOURCE_STALL_MS : 0,
        .grace_ms = GRACE_MS,
        .manner = manner_of(git, command),
        .memory = command->reach == GIT_FORGE ? FORGE_MEMORY : command->memory,
        .output_limit = command->output_limit,
    };

    return process_start(git->loop, &options, callback, data);
}

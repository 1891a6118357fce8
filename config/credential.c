#include "config/credential.h"

#include "common/file.h"
#include "common/memory.h"
#include "common/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN_LIMIT   4096
#define TOKEN_MINIMUM 4 /* characters; what is shorter would scrub half of the log away */

/* Drops blanks and line ends around the token, and checks that it can be in an HTTP header. */
static int trim(char *token, const char *origin, struct error *error)
{
    size_t skip = strspn(token, " \t\r\n");
    size_t length = strcspn(token + skip, " \t\r\n");

    if (token[skip + length + strspn(token + skip + length, " \t\r\n")])
        return error_set(error, ERROR_PERMANENT, "expected one word in %s, found several", origin);
    memmove(token, token + skip, length);
    secret_wipe(token + length, strlen(token + length));
    if (length < TOKEN_MINIMUM)
        return error_set(error, ERROR_PERMANENT, "expected a token in %s, found none", origin);
    for (size_t i = 0; i < length; i++)
        if (token[i] < '!' || token[i] > '~')
            return error_set(error, ERROR_PERMANENT,
                             "expected a token in %s, found a character that no token has", origin);
    return 0;
}

static void wipe_and_free(char **token)
{
    if (*token)
        secret_wipe(*token, strlen(*token));
    free(*token);
}

static int read_token(char **tokenp, const char *path, struct error *error)
{
    CLEANUP(wipe_and_free) char *token = NULL;
    CLEANUP_FREE char *real = realpath(path, NULL); /* links of the administrator are followed */
    struct stat status;
    size_t length;

    if (!real || stat(real, &status))
        return error_set(error, ERROR_PERMANENT, "the token file %s cannot be read: %s", path,
                         strerror(errno));
    if (status.st_mode & (S_IROTH | S_IWOTH))
        return error_set(error, ERROR_PERMANENT,
                         "the token file %s is open to every user of this machine; chmod 600 %s",
                         path, path);
    if (file_read(&token, &length, AT_FDCWD, real, TOKEN_LIMIT, error))
        return error_wrap(error, "the token file");
    if (strlen(token) != length)
        return error_set(error, ERROR_PERMANENT, "the token file %s is no text", path);
    if (trim(token, path, error))
        return -1;
    *tokenp = TAKE(token);
    return 0;
}

static int take_token(char **tokenp, const struct config *config, struct error *error)
{
    CLEANUP(wipe_and_free) char *token = NULL;
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    const char *variable = getenv("GITEA_TOKEN");

    if (config->forge.token_file)
        return read_token(tokenp, config->forge.token_file, error)
                   ? error_wrap_key(error, "forge.token_file")
                   : 0;
    if (directory && *directory) {
        CLEANUP_FREE char *path = file_join(directory, "gitea-token");

        if (!access(path, F_OK) || errno != ENOENT)
            return read_token(tokenp, path, error);
    }
    if (!variable || !*variable)
        return error_set(
            error, ERROR_PERMANENT,
            "there is no token: neither forge.token_file, nor a credential gitea-token, "
            "nor GITEA_TOKEN in the environment");
    token = memory_copy(variable);
    if (trim(token, "GITEA_TOKEN", error))
        return -1;
    *tokenp = TAKE(token);
    return 0;
}

int credential_load(char **token, const struct config *config, struct error *error)
{
    int result = 0;

    *token = NULL;
    if (config->forge.kind != FORGE_LOCAL)
        result = take_token(token, config, error);
    if (*token)
        secret_add(*token);
    credential_hide_environment();
    return result;
}

void credential_hide_environment(void)
{
    static const char name[] = "GITEA_TOKEN=";

    /* unsetenv() would leave the bytes where the kernel shows them. The variable may be there more than
     * once. */
    for (char **variable = environ; variable && *variable; variable++)
        if (!strncmp(*variable, name, sizeof name - 1))
            secret_wipe(*variable + sizeof name - 1, strlen(*variable + sizeof name - 1));
    unsetenv("GITEA_TOKEN");
}

/*
 * The files of a run on Slurm.
 */

#include "common/file.h"
#include "common/memory.h"
#include "daemon/validation/arguments.h"
#include "daemon/validation/hidden.h"
#include "daemon/validation/sandbox.h"
#include "daemon/validation/slurm-internal.h"
#include "daemon/validation/slurm-script.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_LIMIT 65536

/* What leads to Slurm, beside what is hidden on this machine as well. */
static struct config_list hidden_on_node(const struct config *config)
{
    static const char *const places[] = {"/etc/slurm", "/etc/slurm-llnl", "/etc/munge",
                                         "/var/lib/munge", NULL};
    struct config_list hidden = hidden_names(config);
    CLEANUP_FREE char *conf = memory_copy(getenv("SLURM_CONF"));

    arguments_append_copies(&hidden, places);
    if (conf && *conf == '/')
        arguments_append(&hidden, memory_copy(dirname(conf)));
    return hidden;
}

int slurm_write_script(const struct slurm_run *run, struct error *error)
{
    const struct config *config = run->slurm->config;
    CLEANUP(config_list_clear) struct config_list hidden = hidden_on_node(config);
    CLEANUP(config_list_clear) struct config_list limits = {0};
    CLEANUP_FREE char *path = file_join(run->directory, "script");
    CLEANUP_TEXT struct text text = {0};
    const char *const files[] = {config->file, config->forge.token_file, NULL};

    sandbox_append_limits(&limits, config);
    slurm_script_append(&text,
                        &(struct slurm_script){
                            .directory = run->directory,
                            .inside = run->order.inside,
                            .environment = run->order.environment,
                            .launcher = (const char *const *)config->validation.launcher.items,
                            .command = run->order.arguments,
                            .limits = (const char *const *)limits.items,
                            .hidden = (const char *const *)hidden.items,
                            .hidden_files = files,
                            .read_only = (const char *const *)config->validation.read_only.items,
                            .timeout_ms = run->order.timeout_ms,
                            .output_limit = ENGINE_LOG_LIMIT,
                            .sandboxed = run->order.sandboxed,
                            .network = config->validation.network == NETWORK_HOST,
                        });
    return file_write(AT_FDCWD, path, text_string(&text), text.length, 0700, error);
}

/* Reads the directory anew: NFS shows a new file late otherwise. */
static bool is_listed(const struct slurm_run *run, const char *name)
{
    CLEANUP_LISTING DIR *listing = opendir(run->directory);
    const struct dirent *entry;

    while (listing && (entry = readdir(listing)))
        if (strcmp(entry->d_name, name) == 0)
            return true;
    return false;
}

static char *read_listed(const struct slurm_run *run, const char *name)
{
    CLEANUP_FREE char *path = file_join(run->directory, name);
    struct error unread; /* it is not there yet */
    char *bytes;
    size_t length;

    return is_listed(run, name) &&
                   file_read(&bytes, &length, AT_FDCWD, path, FILE_LIMIT, &unread) == 0
               ? bytes
               : NULL;
}

bool slurm_read_end(const struct slurm_run *run, struct slurm_end *end)
{
    CLEANUP_FREE char *line = read_listed(run, "ended");
    double seconds;
    char last;

    if (!line ||
        sscanf(line, "%d %lf %255[^\n]%c", &end->status, &seconds, end->node, &last) != 4 ||
        last != '\n' || seconds < 0)
        return false;
    end->duration_ms = (uint64_t)(seconds * 1000 + 0.5);
    return true;
}

bool slurm_read_problem(const struct slurm_run *run, struct error *error)
{
    CLEANUP_FREE char *lines = read_listed(run, "problem");
    CLEANUP_TEXT struct text sentence = {0};
    char *rest = lines;
    const char *key = lines ? strsep(&rest, "\n") : NULL;
    const char *node = rest ? strsep(&rest, "\n") : NULL;

    if (!node || !rest)
        return false;
    text_append_line(&sentence, rest, 300);
    error_set(error, ERROR_TRANSIENT, "%s: on node %s: %s", key, node, text_string(&sentence));
    return true;
}

bool slurm_has_started(const struct slurm_run *run)
{
    return is_listed(run, "started");
}

/*
 * The script of a run on Slurm, with what the configuration says.
 */

#include "common/file.h"
#include "common/memory.h"
#include "daemon/validation/arguments.h"
#include "daemon/validation/hidden.h"
#include "daemon/validation/sandbox.h"
#include "daemon/validation/slurm-internal.h"
#include "daemon/validation/slurm-script.h"

#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>

/* Returns the places that lead to Slurm, with those that are hidden on this machine as well. */
static struct config_list hidden_on_node(const struct config *config)
{
    static const char *const places[] = {"/etc/slurm", "/etc/slurm-llnl", "/etc/munge",
                                         "/var/lib/munge", NULL};
    struct config_list hidden = hidden_names(config);
    CLEANUP_FREE char *conf = memory_copy(getenv("SLURM_CONF"));

    arguments_append_copies(&hidden, places);
    if (conf && *conf == '/')
        config_list_append(&hidden, memory_copy(dirname(conf)));
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

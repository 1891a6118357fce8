/* Promise: no configuration, whatever its bytes, breaks a bound or is refused without a reason. */

/*
 * Any bytes as a configuration. What is refused says where and why, in words that can be shown; what
 * is taken keeps the bounds that the rest of the daemon relies on, and is read the same again.
 */

#include "config/config.h"

#include "common/memory.h"
#include "common/text.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NAME "winnowd.yaml"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_readable(const char *string, const char *kept)
{
    require(utf8_valid(string, strlen(string), NULL));
    while (*string) {
        uint32_t code_point;

        string += utf8_decode(string, &code_point);
        require(!code_point_hidden(code_point) ||
                (code_point < 0x80 && strchr(kept, (int)code_point)));
    }
}

static void check_problems(const struct config_problems *problems)
{
    require(problems->count > 0);
    for (size_t i = 0; i < problems->count; i++) {
        const struct config_problem *problem = &problems->items[i];

        require(strncmp(problem->message, NAME ":", strlen(NAME ":")) == 0);
        check_readable(problem->message, "");
        check_readable(problem->key, "");
        /* Those without a place come last. */
        require(i == 0 || problem->line - 1 >= problems->items[i - 1].line - 1);
    }
}

static void check_list(const struct config_list *list)
{
    require(list->items && !list->items[list->count]);
    for (size_t i = 0; i < list->count; i++)
        require(list->items[i] && utf8_valid(list->items[i], strlen(list->items[i]), NULL));
}

static void check_path(const char *path)
{
    require(path[0] == '/' && path[1] && !strstr(path, "/../"));
    check_readable(path, "");
}

static void check_metric(const struct config *config, const struct config_metric *metric)
{
    require(config_metric(config, metric->name) == metric);
    check_readable(metric->name, "");
    require(isfinite(metric->min_delta) && metric->min_delta >= 0);
    require(isfinite(metric->min_relative) && metric->min_relative >= 0);
    require(!metric->has_baseline || isfinite(metric->baseline));
}

static bool is_url(const char *text)
{
    const char *host = strstr(text, "://");

    return host && (!strncmp(text, "http:", 5) || !strncmp(text, "https:", 6)) &&
           (host == text + 4 || host == text + 5) && host[3] && host[3] != '/';
}

/* The base is out of reach of everything that the daemon does below its prefix. */
static void check_forge(const struct config *config)
{
    const char *prefix = config->forge.branch_prefix;

    require(*prefix && *prefix != '-' && *config->forge.base && *config->forge.base != '-');
    require(strncmp(config->forge.base, prefix, strlen(prefix)) != 0);
    check_readable(prefix, "");
    check_list(&config->forge.labels);
    check_list(&config->forge.reviewers);
    if (config->forge.kind == FORGE_LOCAL)
        check_path(config->forge.path);
    else
        require(*config->forge.owner && *config->forge.repo && is_url(config->forge.url));
}

static void check(const struct config *config)
{
    check_path(config->spool);
    check_path(config->state);
    require(strcmp(config->spool, config->state) != 0);
    check_forge(config);
    check_list(&config->sources);
    check_list(&config->change.protect);
    check_list(&config->change.exclude);
    require(*config->change.author_name && *config->change.author_email);
    check_list(&config->validation.command);
    require(config->validation.command.count > 0 && *config->validation.command.items[0]);
    check_list(&config->validation.launcher);
    check_list(&config->validation.environment);
    check_list(&config->validation.pass_environment);
    check_list(&config->validation.requires);
    for (size_t i = 0; i < config->validation.requires.count; i++)
        require(is_url(config->validation.requires.items[i]));
    require(config->validation.timeout_ms > 0 && config->forge.timeout_ms > 0);
    require(config->queue.parallel >= 1 && config->queue.parallel <= 64);
    require(config->metric_count > 0);
    for (size_t i = 0; i < config->metric_count; i++)
        check_metric(config, &config->metrics[i]);
}

/* Read again it says the same, and nothing has changed that a running daemon could not follow. */
static void check_again(struct config *config, const char *bytes, size_t size)
{
    CLEANUP(config_freep) struct config *again = NULL;
    CLEANUP_TEXT struct text first = {0};
    CLEANUP_TEXT struct text second = {0};
    CLEANUP_TEXT struct text restart = {0};
    struct config_problems problems;

    require(config_parse(&again, NAME, bytes, size, &problems) == 0);
    config_explain(config, &first);
    config_explain(again, &second);
    check_readable(text_string(&first), "\n");
    require(first.length > 0 && strcmp(text_string(&first), text_string(&second)) == 0);
    config_exchange(config, again, &restart);
    require(restart.length == 0);
    text_free(&second);
    config_explain(config, &second);
    require(strcmp(text_string(&first), text_string(&second)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(config_freep) struct config *config = NULL;
    struct config_problems problems;
    const char *bytes = (const char *)data;

    unsetenv("GITEA_URL");
    unsetenv("GITEA_OWNER");
    unsetenv("GITEA_REPO");
    if (config_parse(&config, NAME, bytes, size, &problems) < 0) {
        require(!config);
        check_problems(&problems);
    } else {
        require(config && problems.count == 0);
        check(config);
        check_again(config, bytes, size);
    }
    config_problems_free(&problems);
    return 0;
}

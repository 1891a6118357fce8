#include "config/schema.h"

#include "common/memory.h"
#include "common/text.h"

#include <ctype.h>
#include <string.h>

/* Whether the row's value is its default. */
static bool is_default(const struct config_key *key, const char *value)
{
    CLEANUP_TEXT struct text fallback = {0};
    struct config_problems problems = {0};
    struct config_reader reader = {.file = "", .problems = &problems};
    /* Large enough for a row of either table. The default is read as a value in a file is. */
    CLEANUP_FREE char *base = memory_new(sizeof(struct config) + sizeof(struct config_metric));

    if (!key->fallback)
        return !*value;
    config_read_string(&reader, key, key->name, base, key->fallback);
    config_render(key, base, &fallback);
    config_release(key, base);
    config_problems_free(&problems);
    return !strcmp(text_string(&fallback), value);
}

static void explain_key(const struct config_key *key, const char *above, const void *base,
                        struct text *text)
{
    CLEANUP_TEXT struct text value = {0};
    CLEANUP_TEXT struct text line = {0};

    config_render(key, base, &value);
    text_append_format(&line, "%s%s: %s", above, key->name, text_string(&value));
    text_append_format(text, "  %-58s  # %s%s\n", text_string(&line), key->help,
                       is_default(key, text_string(&value)) ? " (default)" : "");
}

static void explain_metric(const struct config_metric *metric, const struct config_key *keys,
                           struct text *text)
{
    CLEANUP_FREE char *above = memory_format("metrics.%s.", metric->name);

    for (const struct config_key *key = keys; key->name; key++)
        explain_key(key, above, metric, text);
}

static void explain_forge(const struct config *config, struct text *text)
{
    if (config->forge.kind == FORGE_LOCAL)
        text_append_format(text, "the bare repository %s, with files in %s", config->forge.path,
                           config->forge.outbox);
    else
        text_append_format(text, "%s/%s at %s", config->forge.owner, config->forge.repo,
                           config->forge.url);
}

static void explain_command(const struct config *config, struct text *text)
{
    const struct config_list *parts[] = {&config->validation.launcher, &config->validation.command};

    for (size_t part = 0; part < 2; part++)
        for (size_t i = 0; i < parts[part]->count; i++) {
            text_append(text, part || i ? " " : "");
            text_append_visible(text, parts[part]->items[i], NULL);
        }
}

static void explain_log(const struct config_log *log, size_t number, struct text *text)
{
    CLEANUP_FREE char *above = memory_format("logs[%zu].", number);

    for (const struct config_key *key = config_log_keys; key->name; key++)
        explain_key(key, above, log, text);
}

/* Returns whether the key stands at `at` as a word of its own. */
static bool stands_at(const char *sentence, const char *at, const char *key)
{
    const char *end = at + strlen(key);
    bool begins = at == sentence || strchr(" (;", at[-1]);
    bool ends = !isalnum((unsigned char)*end) && *end != '_' && *end != '/' && *end != '=' &&
                !(*end == '.' && isalpha((unsigned char)end[1]));

    return begins && ends && (strchr(key, '.') || (at == sentence && *end == ':'));
}

const char *config_key_named(const char *sentence)
{
    for (const char *at = sentence; *at; at++) {
        for (const struct config_key *key = config_keys; key->name; key++) {
            if (strncmp(at, key->name, strlen(key->name)) == 0 &&
                stands_at(sentence, at, key->name))
                return key->name;
        }
    }
    return NULL;
}

void config_explain(const struct config *config, struct text *text)
{
    text_append_format(text, "Results that are dropped into %s are judged", config->spool);
    for (size_t i = 0; i < config->metric_count; i++)
        text_append_format(text, "%s %s (%s)", i ? "," : " by", config->metrics[i].name,
                           config->metrics[i].direction == METRIC_MINIMIZE ? "lower is better"
                                                                           : "higher is better");
    if (config_any_metric(config))
        text_append_format(text, "%s every metric whose direction a log states",
                           config->metric_count ? "," : " by");
    text_append_format(text, ".\nThose that improve are validated with:");
    explain_command(config, text);
    text_append_format(text,
                       "\nand become branches %s<experiment_id> with a pull request onto %s of\n",
                       config->forge.branch_prefix, config->forge.base);
    explain_forge(config, text);
    text_append(text, ".\n\nEvery key, as it is in force:\n\n");
    for (const struct config_key *key = config_keys; key->name; key++)
        explain_key(key, "", config, text);
    for (size_t i = 0; i < config->metric_count; i++)
        explain_metric(&config->metrics[i], config_metric_keys, text);
    if (config_any_metric(config))
        explain_metric(config_any_metric(config), config_stated_metric_keys, text);
    for (size_t i = 0; i < config->log_count; i++)
        explain_log(&config->logs[i], i, text);
}

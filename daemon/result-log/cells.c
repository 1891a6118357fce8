/*
 * What the words and numbers in the cells of a log mean.
 */

#include "common/memory.h"
#include "common/text.h"
#include "daemon/result-log/internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool holds_word(const struct config_list *list, const char *word)
{
    for (size_t i = 0; i < list->count; i++)
        if (!strcasecmp(list->items[i], word))
            return true;
    return false;
}

enum claim_status result_log_status(const struct result_log *log, const char *word, bool *known)
{
    const struct config_log *settings = log->settings;

    *known = true;
    if (settings && holds_word(&settings->status.crash, word))
        return CLAIM_CRASHED;
    if (settings && holds_word(&settings->status.discard, word))
        return CLAIM_DISCARDED;
    if (settings && holds_word(&settings->status.keep, word))
        return CLAIM_OK;
    return claim_status_parse(word, known);
}

void result_log_claim(const struct result_log *log, struct claim *claim, const char *word)
{
    bool known;
    enum claim_status status = result_log_status(log, word, &known);

    claim_set_status(claim, word);
    claim->status = status;
    claim->status_known = known;
}

struct measurement result_log_measurement(const char *cell)
{
    double number;

    return result_log_number(cell, &number) ? measurement_of(&number, 1) : claim_none().after;
}

bool result_log_number(const char *cell, double *number)
{
    CLEANUP_FREE char *plain = NULL;
    size_t length;

    if (*cell == '+')
        cell++;
    plain = cell[0] == '.'                     ? memory_format("0%s", cell)
            : cell[0] == '-' && cell[1] == '.' ? memory_format("-0%s", cell + 1)
                                               : memory_copy(cell);
    length = strlen(plain);
    while (length > 0 && (plain[length - 1] == '%' || plain[length - 1] == ' '))
        plain[--length] = '\0';
    if (length > 0 && plain[length - 1] == '.')
        plain[--length] = '\0';
    return number_parse(plain, number) == 0;
}

/* Whether the line is one of `baselines:`. */
static bool is_baseline_line(const struct result_log *log, uint64_t line)
{
    for (size_t i = 0; log->settings && i < log->settings->baselines.count; i++)
        if (strtoull(log->settings->baselines.items[i], NULL, 10) == line)
            return true;
    return false;
}

bool result_log_direction(const char *word, enum metric_direction *direction)
{
    static const struct {
        const char *beginning;
        enum metric_direction direction;
    } words[] = {
        {"lower", METRIC_MINIMIZE},   {"min", METRIC_MINIMIZE},     {"down", METRIC_MINIMIZE},
        {"decreas", METRIC_MINIMIZE}, {"smaller", METRIC_MINIMIZE}, {"higher", METRIC_MAXIMIZE},
        {"max", METRIC_MAXIMIZE},     {"up", METRIC_MAXIMIZE},      {"increas", METRIC_MAXIMIZE},
        {"larger", METRIC_MAXIMIZE},  {"greater", METRIC_MAXIMIZE}};

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (strncasecmp(word, words[i].beginning, strlen(words[i].beginning)) != 0)
            continue;
        *direction = words[i].direction;
        return true;
    }
    return false;
}

void result_log_row_finish(struct result_log *log, struct result_log_row *row)
{
    if (is_baseline_line(log, row->line)) {
        row->claim.status = CLAIM_BASELINE;
        row->claim.status_known = true;
    }
    if (row->claim.status == CLAIM_BASELINE)
        log->baseline = row->line;
    row->metric = log->metric;
    row->segment = log->segment;
    row->baseline = log->baseline;
    row->unfinished = !row->claim.status_known ||
                      (row->claim.after.count == 0 && claim_counts(&row->claim));
}

const struct config_metric *result_log_only_metric(const struct result_log *log)
{
    return log->config->metric_count == 1 ? &log->config->metrics[0] : NULL;
}

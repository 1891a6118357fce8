#include "daemon/claim.h"

#include "common/memory.h"
#include "common/text.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define STATUS_LOOKED_AT 4096 /* bytes: who writes more has written no status */

/* ---- status ------------------------------------------------------------------------------------- */

struct status_word {
    const char *word;
    enum claim_status status;
    bool alone; /* counts only if it is the only word */
};

static const struct status_word status_words[] = {
    {"ok", CLAIM_OK, false},
    {"keep", CLAIM_OK, false},
    {"kept", CLAIM_OK, false},
    {"accept", CLAIM_OK, false},
    {"accepted", CLAIM_OK, false},
    {"approve", CLAIM_OK, false},
    {"approved", CLAIM_OK, false},
    {"improve", CLAIM_OK, false},
    {"improved", CLAIM_OK, false},
    {"best", CLAIM_OK, false},
    {"success", CLAIM_OK, false},
    {"succeeded", CLAIM_OK, false},
    {"finished", CLAIM_OK, false},
    {"complete", CLAIM_OK, false},
    {"completed", CLAIM_OK, false},
    {"done", CLAIM_OK, false},
    {"yes", CLAIM_OK, true},
    {"true", CLAIM_OK, true},
    {"1", CLAIM_OK, true},
    {"baseline", CLAIM_BASELINE, false},
    {"crash", CLAIM_CRASHED, false},
    {"crashed", CLAIM_CRASHED, false},
    {"fail", CLAIM_CRASHED, false},
    {"failed", CLAIM_CRASHED, false},
    {"error", CLAIM_CRASHED, true},
    {"timeout", CLAIM_CRASHED, false},
    {"oom", CLAIM_CRASHED, false},
    {"killed", CLAIM_CRASHED, false},
    {"invalid", CLAIM_CRASHED, false},
    {"discard", CLAIM_DISCARDED, false},
    {"discarded", CLAIM_DISCARDED, false},
    {"reject", CLAIM_DISCARDED, false},
    {"rejected", CLAIM_DISCARDED, false},
    {"revert", CLAIM_DISCARDED, false},
    {"reverted", CLAIM_DISCARDED, false},
    {"rollback", CLAIM_DISCARDED, false},
    {"skip", CLAIM_DISCARDED, false},
    {"skipped", CLAIM_DISCARDED, false},
    {"noop", CLAIM_DISCARDED, false},
    {"not", CLAIM_DISCARDED, false},
    {"neutral", CLAIM_DISCARDED, true},
    {"no", CLAIM_DISCARDED, true},
    {"false", CLAIM_DISCARDED, true},
    {"0", CLAIM_DISCARDED, true},
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_letter_or_digit(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9');
}

static const struct status_word *find_status_word(const char *word, size_t length, bool alone)
{
    char first = length > 0 ? (char)tolower((unsigned char)*word) : '\0';

    for (size_t i = 0; i < sizeof(status_words) / sizeof(status_words[0]); i++)
        if (status_words[i].word[0] == first && strlen(status_words[i].word) == length &&
            (alone || !status_words[i].alone) &&
            strncasecmp(status_words[i].word, word, length) == 0)
            return &status_words[i];
    return NULL;
}

enum claim_status claim_status_parse(const char *words, bool *known)
{
    static const unsigned ranks[] = {
        [CLAIM_OK] = 0, [CLAIM_BASELINE] = 1, [CLAIM_DISCARDED] = 2, [CLAIM_CRASHED] = 3};
    const struct status_word *counts, *found;
    const char *end = words + strnlen(words, STATUS_LOOKED_AT);

    while (end > words && !is_letter_or_digit(end[-1]))
        end--;
    while (words < end && !is_letter_or_digit(*words))
        words++;
    counts = find_status_word(words, (size_t)(end - words), true);
    while (!(counts && counts->alone) && words < end) {
        size_t length = 0;

        while (words + length < end && is_letter(words[length]))
            length++;
        found = find_status_word(words, length, false);
        if (found && (!counts || ranks[found->status] > ranks[counts->status]))
            counts = found;
        words += length > 0 ? length : 1;
    }
    *known = counts != NULL;
    return counts ? counts->status : CLAIM_DISCARDED;
}

void claim_set_status(struct claim *claim, const char *words)
{
    char *copy = memory_copy(words);

    free(claim->status_word);
    claim->status_word = copy;
    claim->status = claim_status_parse(copy, &claim->status_known);
}

bool claim_counts(const struct claim *claim)
{
    return claim->status == CLAIM_OK || claim->status == CLAIM_BASELINE;
}

/* ---- measurements ------------------------------------------------------------------------------- */

/* If the sum is infinite, the runs are scaled down: the sum of many large numbers may be infinite though
 * their mean is not. */
static double mean_of(const double *runs, size_t count)
{
    const double scale = 0x1p-14; /* a power of two, and less than 1 / VALUES_LIMIT */
    long double sum = 0;
    double mean;

    for (size_t i = 0; i < count; i++)
        sum += runs[i];
    mean = (double)(sum / count);
    if (isfinite(mean))
        return mean;
    sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += runs[i] * scale;
    return (double)(sum / count) / scale;
}

static double deviation_of(const double *runs, size_t count, double mean)
{
    double sum = 0;

    if (count < 2)
        return NAN;
    for (size_t i = 0; i < count; i++)
        sum += (runs[i] - mean) * (runs[i] - mean);
    return sqrt(sum / (double)(count - 1));
}

struct measurement measurement_of(const double *runs, size_t count)
{
    double mean = mean_of(runs, count);
    struct measurement measurement = {
        .count = count,
        .mean = mean,
        .deviation = deviation_of(runs, count, mean),
        .runs = memory_new_array(count, sizeof(*runs)),
    };

    memcpy(measurement.runs, runs, count * sizeof(*runs));
    return measurement;
}

char *measurement_write(const struct measurement *measurement)
{
    struct text text = {0};

    if (measurement->count < 2)
        return NULL;
    for (size_t i = 0; i < measurement->count; i++) {
        text_append(&text, i ? " " : "");
        text_append_number(&text, measurement->runs[i]);
    }
    return text_take(&text);
}

struct measurement measurement_read(double mean, const char *runs)
{
    struct measurement measurement = claim_none().after;
    size_t blanks = 0;
    char *end;

    if (isnan(mean))
        return measurement;
    if (!runs)
        return measurement_of(&mean, 1);
    for (const char *at = runs; *at; at++)
        blanks += *at == ' ';
    measurement.runs = memory_new_array(blanks + 1, sizeof(*measurement.runs));
    for (const char *at = runs; measurement.count <= blanks; at = end)
        measurement.runs[measurement.count++] = strtod(at, &end);
    measurement.mean = mean;
    measurement.deviation = deviation_of(measurement.runs, measurement.count, mean);
    return measurement;
}

/* ---- life --------------------------------------------------------------------------------------- */

struct claim claim_none(void)
{
    const struct measurement none = {.mean = NAN, .deviation = NAN};

    return (struct claim){.after = none, .before = none};
}

void claim_clear(struct claim *claim)
{
    free(claim->status_word);
    free(claim->after.runs);
    free(claim->before.runs);
    *claim = claim_none();
}

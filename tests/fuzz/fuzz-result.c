/* Promise: no result file, whatever its bytes, breaks a bound or is refused without a reason. */

/*
 * Any bytes as a result file, in both formats. What is taken keeps every bound; what is refused says why.
 */

#include "daemon/result.h"

#include "common/memory.h"
#include "common/text.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_text(const char *string)
{
    require(!string || utf8_valid(string, strlen(string), NULL));
}

static void check_measurement(const struct measurement *measurement)
{
    double lowest = INFINITY;
    double highest = -INFINITY;

    if (measurement->count == 0)
        return;
    for (size_t i = 0; i < measurement->count; i++) {
        require(isfinite(measurement->runs[i]));
        lowest = fmin(lowest, measurement->runs[i]);
        highest = fmax(highest, measurement->runs[i]);
    }
    /* The rounding of a mean of equal numbers may leave them by one unit in the last place. */
    require(measurement->mean >= nextafter(lowest, -INFINITY) &&
            measurement->mean <= nextafter(highest, INFINITY));
}

static void check(const struct result *result, const char *experiment_id)
{
    bool known;

    require(result_id_valid(result->experiment_id));
    require(strcmp(result->experiment_id, experiment_id) == 0);
    check_text(result->hypothesis);
    check_text(result->title);
    check_text(result->metric);
    check_text(result->claim.status_word);
    require(utf8_count(result->hypothesis) <= 10000);
    require(result->claim.status == claim_status_parse(result->claim.status_word, &known));
    require(known == result->claim.status_known);
    check_measurement(&result->claim.after);
    check_measurement(&result->claim.before);
    require(result->claim.after.count > 0 || result->claim.status >= CLAIM_CRASHED);
    require(!!result->commit + !!result->patch + !!result->diff ==
            (result->change != RESULT_CHANGE_NONE));
    require(!result->title || !strpbrk(result->title, "\n\r\t"));
    require(!result->patch || (!strchr(result->patch, '/') && *result->patch != '.'));
    require(!result->diff || result->diff[strlen(result->diff) - 1] == '\n');
}

static void check_same(const struct measurement *a, const struct measurement *b)
{
    require(a->count == b->count);
    require(a->count == 0 || memcmp(a->runs, b->runs, a->count * sizeof(*a->runs)) == 0);
}

/* What is written down of a result says all of it. */
static void check_canonical(const struct result *result)
{
    CLEANUP(result_freep) struct result *again = NULL;
    CLEANUP_FREE char *written = result_canonical(result);
    CLEANUP_FREE char *rewritten = NULL;
    CLEANUP_FREE char *runs = measurement_write(&result->claim.after);
    struct measurement read = measurement_read(result->claim.after.mean, runs);
    struct error error;

    require(result_parse_canonical(&again, written, &error) == 0);
    rewritten = result_canonical(again);
    require(strcmp(written, rewritten) == 0);
    require(again->change == result->change && again->claim.status == result->claim.status);
    check_same(&again->claim.after, &result->claim.after);
    check_same(&again->claim.before, &result->claim.before);
    check_same(&read, &result->claim.after);
    free(read.runs);
}

static void parse(const char *file_name, const char *bytes, size_t size)
{
    CLEANUP(result_freep) struct result *result = NULL;
    CLEANUP_FREE char *experiment_id = NULL;
    struct error error = {0};

    if (result_parse(&result, &experiment_id, file_name, bytes, size, &error) == 0) {
        check(result, experiment_id);
        check_canonical(result);
        return;
    }
    require(!result && error.kind == ERROR_PERMANENT && error.message[0] != '\0');
    check_text(error.message);
    require(!experiment_id || result_id_valid(experiment_id));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    parse("x.json", (const char *)data, size);
    parse("x.yaml", (const char *)data, size);
    return 0;
}

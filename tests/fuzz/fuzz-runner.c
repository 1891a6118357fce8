/* Promise: whatever tests print, what is counted of it is bounded, and is the same however the bytes arrive. */

/*
 * Any bytes as the output of tests. The numbers fit each other, the words that are kept of it end, and all is the
 * same whether the bytes come in one piece or one by one.
 */

#include "common/text.h"
#include "daemon/validation/runner.h"
#include "daemon/validation/verdict.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static struct test_report read_in_pieces(const uint8_t *data, size_t size, size_t piece)
{
    struct test_report report = {.ended_well = true};
    struct runner runner = {0};

    for (size_t at = 0; at < size; at += piece)
        runner_read(&runner, (const char *)data + at, size - at < piece ? size - at : piece);
    runner_end(&runner, &report);
    return report;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct test_report whole = read_in_pieces(data, size, size);
    struct test_report pieces = read_in_pieces(data, size, 1);
    char reason[300];

    require(memcmp(&whole, &pieces, sizeof(whole)) == 0);
    require(whole.empty <= whole.summaries);
    require(whole.passed <= whole.tests);
    require(memchr(whole.runner, '\0', sizeof(whole.runner)) != NULL);
    require(memchr(whole.said, '\0', sizeof(whole.said)) != NULL);
    require(utf8_valid(whole.said, strlen(whole.said), NULL));
    require((*whole.runner != '\0') == (whole.summaries > 0));
    require(whole.summaries == 0 || whole.empty < whole.summaries ||
            verdict_of(&whole, NULL, reason, sizeof(reason)) == VERDICT_UNTESTED);
    return 0;
}

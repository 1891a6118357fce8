/* Promise: whatever tests write into tox's report, reading it is bounded, and it gives no pass. */

/*
 * Any bytes as tox's report. The numbers fit each other, what is kept of it ends, and a run that ended badly stays
 * red. The same bytes, one argument a line, are a command in which tox and its option are looked for.
 */

#include "daemon/validation/tox-report.h"
#include "daemon/validation/verdict.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ARGUMENTS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void try_report(const char *bytes, size_t size)
{
    struct tox_report_reader reader = {0};
    struct test_report report = {0};
    struct test_report pieces = {0};
    char reason[300];

    tox_report_read(&report, bytes, size);
    for (size_t i = 0; i < size; i++)
        tox_report_take(&reader, bytes + i, 1);
    tox_report_end(&reader, &pieces);
    tox_report_clear(&reader);
    require(memcmp(&report, &pieces, sizeof(report)) == 0);
    require(report.tox == REPORT_READ || report.tox == REPORT_UNUSABLE);
    require(report.skipped + report.failed <= report.environments);
    require(report.succeeded <= report.commands);
    require(report.kept_count <= report.commands && report.kept_count <= REPORT_COMMANDS_MAX);
    require(memchr(report.first_failed, '\0', sizeof(report.first_failed)) != NULL);
    for (size_t i = 0; i < report.kept_count; i++)
        require(memchr(report.kept[i].environment, '\0', REPORT_NAME_SIZE) != NULL);
    require(verdict_of(&report, NULL, reason, sizeof(reason)) == VERDICT_RED);
    report.ended_well = true;
    require(report.tox == REPORT_UNUSABLE || report.succeeded > 0 ||
            verdict_of(&report, NULL, reason, sizeof(reason)) != VERDICT_GREEN);
}

static void try_command(char *text)
{
    char *command[ARGUMENTS_MAX + 1] = {NULL};
    const char *path;
    size_t count = 0;
    int place;

    for (char *at = strtok(text, "\n"); at && count < ARGUMENTS_MAX; at = strtok(NULL, "\n"))
        command[count++] = at;
    place = tox_report_place(command);
    path = tox_report_path(command);
    require(place >= -1 && place < (int)count);
    require(!path || (place >= 0 && path > command[place]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    require(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    try_report(text, size);
    try_command(text);
    free(text);
    return 0;
}

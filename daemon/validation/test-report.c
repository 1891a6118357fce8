/*
 * A test report as JSON, as it is kept from one run to the next.
 *
 * A member that is 0, false or "" is left out, and a missing one is read as that. So a later winnowd, which
 * knows more members, can read a report of an earlier one.
 */

#include "daemon/validation/test-report.h"

#include "common/memory.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

enum shape { FLAG, COUNT, WIDE, WORD };

struct member {
    const char *name;
    enum shape shape;
    size_t offset;
};

#define MEMBER(name, shape)                                                                        \
    {                                                                                              \
#name, shape, offsetof(struct test_report, name)                                           \
    }

static const struct member members[] = {
    MEMBER(ended_well, FLAG),   MEMBER(environments, COUNT), MEMBER(skipped, COUNT),
    MEMBER(failed, COUNT),      MEMBER(commands, COUNT),     MEMBER(succeeded, COUNT),
    MEMBER(first_failed, WORD), MEMBER(summaries, COUNT),    MEMBER(empty, COUNT),
    MEMBER(tests, WIDE),        MEMBER(passed, WIDE),        MEMBER(runner, WORD),
    MEMBER(said, WORD),         MEMBER(expects, FLAG),       MEMBER(matched, FLAG),
    MEMBER(unshown, FLAG),
};

static const char *const sources[] = {
    [REPORT_NOT_ASKED] = "not asked", [REPORT_READ] = "read",
    [REPORT_MISSING] = "missing",     [REPORT_UNUSABLE] = "unusable",
    [REPORT_SET_ASIDE] = "set aside",
};

static struct json_object *write_member(const struct test_report *report,
                                        const struct member *member)
{
    const void *at = (const char *)report + member->offset;

    switch (member->shape) {
    case FLAG:
        return *(const bool *)at ? json_object_new_boolean(true) : NULL;
    case COUNT:
        return *(const unsigned *)at ? json_object_new_int64(*(const unsigned *)at) : NULL;
    case WIDE:
        return *(const uint64_t *)at ? json_object_new_int64((int64_t) * (const uint64_t *)at)
                                     : NULL;
    default:
        return *(const char *)at ? json_object_new_string(at) : NULL;
    }
}

static struct json_object *write_commands(const struct test_report *report)
{
    struct json_object *commands = json_object_new_array();

    for (size_t i = 0; i < report->kept_count; i++) {
        const struct report_command *command = &report->kept[i];
        struct json_object *row = json_object_new_array();

        json_object_array_add(row, json_object_new_string(command->environment));
        json_object_array_add(row, json_object_new_int64(command->place));
        json_object_array_add(row, json_object_new_int64(command->retcode));
        json_object_array_add(commands, row);
    }
    return commands;
}

char *test_report_write(const struct test_report *report)
{
    struct json_object *object = json_object_new_object();
    char *json;

    json_object_object_add(object, "tox", json_object_new_string(sources[report->tox]));
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        struct json_object *value = write_member(report, &members[i]);

        if (value)
            json_object_object_add(object, members[i].name, value);
    }
    if (report->kept_count)
        json_object_object_add(object, "kept", write_commands(report));
    json = memory_copy(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
    json_object_put(object);
    return json;
}

static void read_member(struct test_report *report, const struct member *member,
                        struct json_object *value)
{
    void *at = (char *)report + member->offset;
    const char *word = json_object_get_string(value);

    switch (member->shape) {
    case FLAG:
        *(bool *)at = json_object_get_boolean(value);
        break;
    case COUNT:
        *(unsigned *)at = (unsigned)json_object_get_int64(value);
        break;
    case WIDE:
        *(uint64_t *)at = (uint64_t)json_object_get_int64(value);
        break;
    default:
        snprintf(at, REPORT_NAME_SIZE, "%s", word ? word : "");
    }
}

static void read_commands(struct test_report *report, struct json_object *commands)
{
    size_t count = json_object_is_type(commands, json_type_array)
                       ? json_object_array_length(commands)
                       : 0;

    for (size_t i = 0; i < count && report->kept_count < REPORT_COMMANDS_MAX; i++) {
        struct json_object *row = json_object_array_get_idx(commands, i);
        struct report_command *command = &report->kept[report->kept_count];
        const char *environment;

        if (!json_object_is_type(row, json_type_array) || json_object_array_length(row) != 3)
            continue;
        environment = json_object_get_string(json_object_array_get_idx(row, 0));
        snprintf(command->environment, REPORT_NAME_SIZE, "%s", environment ? environment : "");
        command->place = (unsigned)json_object_get_int64(json_object_array_get_idx(row, 1));
        command->retcode = (int)json_object_get_int64(json_object_array_get_idx(row, 2));
        report->kept_count++;
    }
}

void test_report_read(struct test_report *report, const char *json)
{
    struct json_object *object = json_tokener_parse(json);
    const char *source = json_object_get_string(json_object_object_get(object, "tox"));

    *report = (struct test_report){.tox = REPORT_NOT_ASKED};
    for (size_t i = 0; source && i < sizeof(sources) / sizeof(sources[0]); i++) {
        if (strcmp(sources[i], source) == 0)
            report->tox = (enum report_source)i;
    }
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        read_member(report, &members[i], json_object_object_get(object, members[i].name));
    read_commands(report, json_object_object_get(object, "kept"));
    json_object_put(object);
}

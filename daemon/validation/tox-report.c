#include "daemon/validation/tox-report.h"

#include "common/json.h"
#include "common/program.h"
#include "daemon/validation/wrapper.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_LIMIT 32
#define VALUE_LIMIT 500000
#define STRING_KEPT 255 /* bytes of a string */

static void copy_name(char to[static REPORT_NAME_SIZE], const char *name)
{
    snprintf(to, REPORT_NAME_SIZE, "%s", name);
}

/* Packaging and provisioning are no tests. */
static bool is_own(const char *environment)
{
    return strncmp(environment, ".pkg", 4) == 0 || strcmp(environment, ".tox") == 0;
}

static void read_command(struct test_report *report, const char *environment, unsigned place,
                         struct json_object *command)
{
    struct json_object *code = NULL;
    int retcode;

    if (json_object_is_type(command, json_type_object))
        json_object_object_get_ex(command, "retcode", &code);
    if (!code ||
        (!json_object_is_type(code, json_type_int) && !json_object_is_type(code, json_type_string)))
        return;
    /* A number that is not 0 must not become 0. */
    if (json_object_is_type(code, json_type_string))
        retcode = strcmp(json_object_get_string(code), "0") != 0;
    else if (json_object_get_int64(code) < INT_MIN || json_object_get_int64(code) > INT_MAX)
        retcode = INT_MAX;
    else
        retcode = (int)json_object_get_int64(code);
    report->commands++;
    report->succeeded += retcode == 0;
    if (report->kept_count == REPORT_COMMANDS_MAX)
        return;
    copy_name(report->kept[report->kept_count].environment, environment);
    report->kept[report->kept_count].place = place;
    report->kept[report->kept_count++].retcode = retcode;
}

/* tox 4 says how an environment ended. tox 3 only says what its commands returned. */
static void read_environment(struct test_report *report, const char *name,
                             struct json_object *environment)
{
    struct json_object *result = json_member(environment, "result", json_type_object);
    struct json_object *test = json_member(environment, "test", json_type_array);
    struct json_object *skipped = result ? json_member(result, "skipped", json_type_boolean) : NULL;
    struct json_object *success = result ? json_member(result, "success", json_type_boolean) : NULL;

    report->environments++;
    if (skipped && json_object_get_boolean(skipped))
        report->skipped++;
    else if (success && !json_object_get_boolean(success) && report->failed++ == 0)
        copy_name(report->first_failed, name);
    for (size_t i = 0; test && i < json_object_array_length(test); i++)
        read_command(report, name, (unsigned)i, json_object_array_get_idx(test, i));
}

static void keep(struct tox_report_reader *reader, char byte)
{
    if (reader->kept.length < TOX_REPORT_LIMIT)
        text_append_bytes(&reader->kept, &byte, 1);
    else
        reader->too_large = true;
}

/* Whether a string that begins now is the value of a key. */
static bool is_value_of(const struct text *kept, const char *key)
{
    size_t wanted = strlen(key), length = kept->length;

    while (length > 0 && strchr(": ", kept->data[length - 1]))
        length--;
    return length < kept->length && length >= wanted &&
           memcmp(kept->data + length - wanted, key, wanted) == 0;
}

static unsigned hexadecimal(char byte)
{
    const char digit[] = {byte, '\0'};

    return (unsigned)strtoul(digit, NULL, 16);
}

/* Reads a byte of what a command printed, or a part of its escape. */
static void print(struct tox_report_reader *reader, char byte)
{
    static const char letters[] = "ntrbf", bytes[] = "\n\t\r\b\f";
    const char *letter = strchr(letters, byte);
    char shown = byte;

    if (reader->digits > 0) {
        reader->code = reader->code * 16 + hexadecimal(byte);
        if (--reader->digits > 0)
            return;
        shown = reader->code < 0x80 ? (char)reader->code : '?';
    } else if (reader->escaped && byte == 'u') {
        reader->digits = 4;
        reader->code = 0;
        return;
    } else if (reader->escaped) {
        shown = letter && *letter ? bytes[letter - letters] : byte;
    } else if (byte == '\\') {
        return;
    }
    runner_read(&reader->runner, &shown, 1);
}

/* A byte of a string, which ends here or not. An escape may stand for what strict JSON refuses, as a NUL, which
 * tests may print; and half a character is none. */
static void take_quoted(struct tox_report_reader *reader, char byte)
{
    bool end = byte == '"' && !reader->escaped;

    if (reader->printed && end)
        runner_read(&reader->runner, "\n", 1);
    else if (reader->printed)
        print(reader, byte);
    if (reader->escaped) {
        reader->escaped = false;
    } else if (end) {
        reader->quoted = false;
        keep(reader, byte);
    } else if (byte == '\\' || reader->string == STRING_KEPT) {
        reader->escaped = byte == '\\';
        reader->dropped = true;
    } else if (!reader->dropped) {
        reader->string++;
        keep(reader, (unsigned char)byte < 0x80 ? byte : '?');
    }
}

void tox_report_take(struct tox_report_reader *reader, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (reader->quoted) {
            take_quoted(reader, bytes[i]);
            continue;
        }
        reader->quoted = bytes[i] == '"';
        reader->printed = reader->quoted && (is_value_of(&reader->kept, "\"output\"") ||
                                             is_value_of(&reader->kept, "\"err\""));
        reader->digits = 0;
        keep(reader, bytes[i]);
        reader->dropped = false;
        reader->string = 0;
    }
}

void tox_report_end(struct tox_report_reader *reader, struct test_report *report)
{
    static const struct json_limits limits = {
        .bytes = TOX_REPORT_LIMIT,
        .depth = DEPTH_LIMIT,
        .values = VALUE_LIMIT,
    };
    struct json_object *json = NULL;
    struct json_object *environments = NULL;
    struct error error;

    if (!reader->too_large &&
        json_parse(&json, text_string(&reader->kept), reader->kept.length, &limits, &error) == 0 &&
        json_object_is_type(json, json_type_object))
        environments = json_member(json, "testenvs", json_type_object);
    report->tox = environments ? REPORT_READ : REPORT_UNUSABLE;
    if (environments) {
        runner_end(&reader->runner, report);
        json_object_object_foreach(environments, name, environment)
        {
            if (!is_own(name) && json_object_is_type(environment, json_type_object))
                read_environment(report, name, environment);
        }
    }
    json_object_put(json);
}

void tox_report_clear(struct tox_report_reader *reader)
{
    text_free(&reader->kept);
}

void tox_report_read(struct test_report *report, const char *bytes, size_t length)
{
    struct tox_report_reader reader = {0};

    tox_report_take(&reader, bytes, length);
    tox_report_end(&reader, report);
    tox_report_clear(&reader);
}

/* Whether the arguments of this program are targets, scripts or tests, and so no programs. */
static bool starts_no_tox(const char *program)
{
    static const char *const names[] = {
        "make", "gmake",  "bmake",   "ninja", "just", "task",  "invoke", "inv",
        "nox",  "rake",   "npm",     "yarn",  "pnpm", "sh",    "bash",   "dash",
        "zsh",  "pytest", "py.test", "ctest", "go",   "cargo", NULL,
    };

    for (size_t i = 0; names[i]; i++) {
        if (strcmp(program_base_name(program), names[i]) == 0)
            return true;
    }
    return false;
}

/* Whether an argument is the value of an option that names no program. */
static bool is_value(char *const *command, int i)
{
    return i > 0 && command[i - 1][0] == '-' && strcmp(command[i - 1], "-m") != 0 &&
           strcmp(command[i - 1], "--") != 0;
}

/* Whether an argument may be the package that a long option names, as in `uv run --with tox tox`; or the option has
 * no value, as in `uv run --locked tox`. */
static bool may_be_package(char *const *command, int i)
{
    return is_value(command, i) && strncmp(command[i - 1], "--", 2) == 0 &&
           !strchr(command[i - 1], '=');
}

int tox_report_place(char *const *command)
{
    bool python = false, script = false;
    int package = -1;

    for (int i = 0; command[i]; i++) {
        /* A script may start what follows it: sh -c 'exec "$@"' x tox */
        if (i > 0 && strcmp(command[i - 1], "-c") == 0) {
            script = true;
            continue;
        }
        if (strcmp(program_base_name(command[i]), "tox") == 0 ||
            (python && strcmp(command[i], "-mtox") == 0)) {
            if (package < 0 ? !may_be_package(command, i) : !is_value(command, i))
                return i;
            package = package < 0 ? i : package;
        }
        if ((package < 0 || package == i - 1) && !script && starts_no_tox(command[i]) &&
            !is_value(command, i) && !(command[i + 1] && strcmp(command[i + 1], "-c") == 0))
            return -1;
        python = python || wrapper_is_python(command[i]);
    }
    return package;
}

const char *tox_report_path(char *const *command)
{
    static const char option[] = "--result-json";
    const size_t length = sizeof(option) - 1;
    int place = tox_report_place(command);

    /* After `--` the arguments are the tests' own. */
    for (int i = place + 1; place >= 0 && command[i] && strcmp(command[i], "--") != 0; i++) {
        if (strncmp(command[i], option, length) != 0)
            continue;
        if (command[i][length] == '=')
            return command[i] + length + 1;
        if (command[i][length] == '\0')
            return command[i + 1];
    }
    return NULL;
}

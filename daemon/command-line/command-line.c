#include "daemon/command-line/command-line.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define HELP_COLUMN 23

enum option_id {
#define OPTION(id, name, letter, argument, command, help) OPTION_##id,
#include "daemon/command-line/options.def"
#undef OPTION
    OPTION_COUNT
};

static const struct {
    const char *name;
    const char *argument;
    const char *help;
    char letter;
    bool command;
} rows[OPTION_COUNT] = {
#define OPTION(id, name, letter, argument, command, help) {name, argument, help, letter, command},
#include "daemon/command-line/options.def"
#undef OPTION
};

static void print_option(int id)
{
    char left[64];
    int length;

    length = rows[id].letter ? snprintf(left, sizeof(left), "  -%c, --", rows[id].letter)
                             : snprintf(left, sizeof(left), "      --");
    length += snprintf(left + length, sizeof(left) - (size_t)length, "%s%s%s", rows[id].name,
                       rows[id].argument ? " " : "", rows[id].argument ? rows[id].argument : "");
    if (length + 2 > HELP_COLUMN)
        printf("%s\n%*s%s\n", left, HELP_COLUMN, "", rows[id].help);
    else
        printf("%-*s%s\n", HELP_COLUMN, left, rows[id].help);
}

static int print_help(void)
{
    fputs(
        "Usage: winnowd [-c FILE] [COMMAND]\n"
        "\n"
        "Watches a spool for results of experiments and opens a pull request for each that really\n"
        "improved its metric.\n"
        "\n"
        "Without a command it runs in the foreground until SIGTERM.\n"
        "\n",
        stdout);
    for (int id = 0; id < OPTION_COUNT; id++)
        print_option(id);
    return EX_OK;
}

static int wrong_usage(const char *sentence)
{
    if (sentence)
        fprintf(stderr, "winnowd: %s\n", sentence);
    fputs("Try 'winnowd --help'.\n", stderr);
    return EX_USAGE;
}

/* The command that an option chooses. */
static const enum command commands[OPTION_COUNT] = {
    [OPTION_ONCE] = COMMAND_ONCE,     [OPTION_CHECK_CONFIG] = COMMAND_CHECK_CONFIG,
    [OPTION_STATUS] = COMMAND_STATUS, [OPTION_CHECK_RESULT] = COMMAND_CHECK_RESULT,
    [OPTION_RETRY] = COMMAND_RETRY,   [OPTION_EXPORT] = COMMAND_EXPORT,
};

/* Takes one option. Returns -1 to go on, else the exit status. */
static int take_option(struct arguments *arguments, enum option_id id)
{
    switch (id) {
    case OPTION_CONFIG:
        arguments->config = optarg;
        return -1;
    case OPTION_JSON:
        arguments->json = true;
        return -1;
    case OPTION_VERSION:
        printf("winnowd %s\n", WINNOWD_VERSION);
        return EX_OK;
    case OPTION_HELP:
        return print_help();
    default:
        break;
    }
    if (arguments->command != COMMAND_RUN)
        return wrong_usage("expected one command, found two");
    if (id == OPTION_CHECK_RESULT)
        arguments->result = optarg;
    if (id == OPTION_RETRY)
        arguments->id = optarg;
    arguments->command = commands[id];
    return -1;
}

/* getopt_long() tells options apart by their row; a letter is mapped to its row. */
static int option_of(int found)
{
    for (int id = 0; id < OPTION_COUNT; id++) {
        if (found == 256 + id || (rows[id].letter && found == rows[id].letter))
            return id;
    }
    return -1;
}

static void fill_options(struct option options[static OPTION_COUNT + 1], char *letters)
{
    for (int id = 0; id < OPTION_COUNT; id++) {
        options[id] = (struct option){
            .name = rows[id].name,
            .has_arg = rows[id].argument ? required_argument : no_argument,
            .val = 256 + id,
        };
        if (rows[id].letter)
            *letters++ = rows[id].letter;
        if (rows[id].letter && rows[id].argument)
            *letters++ = ':';
    }
    options[OPTION_COUNT] = (struct option){0};
    *letters = '\0';
}

int command_line_parse(struct arguments *arguments, int argc, char **argv)
{
    struct option options[OPTION_COUNT + 1];
    char letters[2 * OPTION_COUNT + 1];
    int found;

    *arguments = (struct arguments){.config = WINNOWD_SYSCONFDIR "/winnowd/winnowd.yaml"};
    fill_options(options, letters);
    while ((found = getopt_long(argc, argv, letters, options, NULL)) != -1) {
        int id = option_of(found);
        int status = id < 0 ? wrong_usage(NULL) : take_option(arguments, (enum option_id)id);

        if (status >= 0)
            return status;
    }
    if (arguments->command == COMMAND_RETRY) {
        arguments->more_ids = argv + optind;
        arguments->more_id_count = argc - optind;
    } else if (optind < argc) {
        return wrong_usage("there is an argument too many");
    }
    if (arguments->json && arguments->command != COMMAND_STATUS &&
        arguments->command != COMMAND_EXPORT)
        return wrong_usage("--json goes with --status or --export only");
    return -1;
}

#pragma once

/*
 * Reads the command line. The options are in options.def.
 */

#include <stdbool.h>

enum command {
    COMMAND_RUN,
    COMMAND_ONCE,
    COMMAND_CHECK_CONFIG,
    COMMAND_CHECK_RESULT,
    COMMAND_STATUS,
    COMMAND_RETRY,
    COMMAND_EXPORT,
};

struct arguments {
    enum command command;
    const char *config; /* the file */
    const char *result; /* the file of --check-result */
    const char *id;     /* the first id of --retry; more_ids has the others */
    char *const *more_ids;
    int more_id_count;
    bool json;
};

/* Reads the arguments. Returns -1 to go on, else an exit status: after --help or --version, or for wrong
 * usage. */
int command_line_parse(struct arguments *arguments, int argc, char **argv);

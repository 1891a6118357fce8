/*
 * Prints the completion of a shell, made of the table of options: `completion bash`, `completion
 * zsh`. Runs while the daemon is built.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct row {
    const char *name;
    const char *argument;
    const char *help;
    char letter;
    bool command;
};

static const struct row rows[] = {
#define OPTION(id, name, letter, argument, command, help) {name, argument, help, letter, command},
#include "daemon/command-line/options.def"
#undef OPTION
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static bool takes_file(const struct row *row)
{
    return row->argument && strcmp(row->argument, "FILE") == 0;
}

static void print_bash(void)
{
    const char *between = "";

    printf("# Completion of winnowd for bash, made of the program's own table of options.\n"
           "_winnowd()\n"
           "{\n"
           "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
           "    [[ $previous == '=' ]] && previous=${COMP_WORDS[COMP_CWORD - 2]}\n"
           "    [[ $current == '=' ]] && previous=${COMP_WORDS[COMP_CWORD - 1]} current=\n"
           "    case $previous in\n"
           "    ");
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (!takes_file(&rows[i]))
            continue;
        printf("%s--%s", between, rows[i].name);
        if (rows[i].letter)
            printf(" | -%c", rows[i].letter);
        between = " | ";
    }
    printf(")\n"
           "        compopt -o filenames 2>/dev/null\n"
           "        mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
           "        return\n"
           "        ;;\n"
           "    esac\n"
           "    mapfile -t COMPREPLY < <(compgen -W '");
    for (size_t i = 0; i < ROW_COUNT; i++) {
        printf("%s--%s", i ? " " : "", rows[i].name);
        if (rows[i].letter)
            printf(" -%c", rows[i].letter);
    }
    printf("' -- \"$current\")\n"
           "}\n"
           "complete -F _winnowd winnowd\n");
}

/* In single quotes and brackets, where zsh wants brackets and colons escaped. */
static void print_words(const char *words)
{
    for (; *words; words++) {
        if (*words == '\'')
            printf("'\\''");
        else if (strchr("[]:\\", *words))
            printf("\\%c", *words);
        else
            putchar(*words);
    }
}

/* A command excludes the other ones. */
static void print_zsh_option(const struct row *row, const char *dashes, const char *name)
{
    printf("    '(");
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (&rows[i] == row || (row->command && rows[i].command)) {
            printf("--%s ", rows[i].name);
            if (rows[i].letter)
                printf("-%c ", rows[i].letter);
        }
    }
    printf(")%s%s%s[", dashes, name, row->argument && !strcmp(dashes, "--") ? "=" : "");
    print_words(row->help);
    printf("]%s' \\\n", takes_file(row) ? ":file:_files" : row->argument ? ":id:" : "");
}

static void print_zsh(void)
{
    printf("#compdef winnowd\n"
           "# Completion of winnowd for zsh, made of the program's own table of options.\n"
           "_arguments -s -S \\\n");
    for (size_t i = 0; i < ROW_COUNT; i++) {
        char letter[] = {rows[i].letter, '\0'};

        print_zsh_option(&rows[i], "--", rows[i].name);
        if (*letter)
            print_zsh_option(&rows[i], "-", letter);
    }
    printf("    && return 0\n");
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "bash") == 0)
        print_bash();
    else if (argc == 2 && strcmp(argv[1], "zsh") == 0)
        print_zsh();
    else
        return 64;
    return fflush(stdout) == 0 ? 0 : 74;
}

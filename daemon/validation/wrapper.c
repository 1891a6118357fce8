#include "daemon/validation/wrapper.h"

#include "common/memory.h"
#include "common/program.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define WRAPPERS_MOST 16 /* programs that start each other */

/* Programs that start the program that their arguments name. With an option that is not here, nobody knows
 * which argument that is. */
static const struct wrapper {
    const char *name;
    const char *alone;      /* letters of options without an argument */
    const char *with_value; /* and of those with one */
    unsigned before;        /* arguments before the program */
    bool assigns;           /* NAME=VALUE may come before it */
} wrappers[] = {
    {"env", "", "u", 0, true},       {"timeout", "v", "ks", 1, false},
    {"nice", "", "n", 0, false},     {"nohup", "", "", 0, false},
    {"setsid", "w", "", 0, false},   {"stdbuf", "", "ioe", 0, false},
    {"time", "apv", "fo", 0, false}, {"ionice", "t", "cn", 0, false},
    {"chrt", "bi", "", 1, false},    {"taskset", "ac", "", 1, false},
};

static const char *const shells[] = {"sh", "bash", "dash"};

/* What else runs a script that its first argument names. With an option that is not here, nobody knows which
 * argument that is. */
static const struct interpreter {
    const char *name;
    const char *alone; /* letters of options without an argument */
    const char *next;  /* of those whose argument is the next one */
    const char *glued; /* and of those whose argument, if there is one, stands in the same word */
    /* Long options: ':' if a value follows, in the next argument or after '='; '=' if it can only follow
     * there. */
    const char *words;
} interpreters[] = {
    {"python", "bBdEiIOPqsSuv", "WX", "WX", ""},
    {"sh", "eux", "o", "", ""},
    {"bash", "eux", "o", "", ""},
    {"dash", "eux", "o", "", ""},
    {"perl", "acnptTuUwWX", "I", "ICMmdil0", ""},
    {"ruby", "adlnpsUvw", "IrE", "IrEWKi",
     "--enable: --disable: --encoding: --external-encoding: --internal-encoding: --jit --yjit "
     "--verbose --debug --disable-gems --disable-all --enable-frozen-string-literal"},
    {"node", "", "rC", "",
     "--require: --import: --conditions: --loader: --experimental-loader: --env-file= "
     "--max-old-space-size= --stack-size= --unhandled-rejections= --no-warnings --trace-warnings "
     "--no-deprecation --expose-gc --enable-source-maps --preserve-symlinks "
     "--experimental-vm-modules"},
    {"php", "nqC", "dcz", "dcz", ""},
    {"Rscript", "", "", "",
     "--vanilla --no-save --no-restore --no-environ --no-init-file --no-site-file --no-echo "
     "--slave --verbose --quiet --default-packages= --max-ppsize= --encoding="},
    {"julia", "iq", "tpLJC", "tpLJCOg",
     "--project --quiet --optimize --code-coverage --threads: --procs: --startup-file: --color: "
     "--check-bounds: --depwarn: --load: --sysimage: --history-file: --cpu-target: "
     "--compiled-modules: --inline: --heap-size-hint:"},
};

/* Words that are not taken for a program: commands that the shell does itself, and its syntax. */
static const char *const of_the_shell[] = {
    ".",     ":",       "[",        "alias",     "bg",       "break",    "builtin", "case",
    "cd",    "command", "continue", "declare",   "do",       "echo",     "eval",    "exec",
    "exit",  "export",  "false",    "fg",        "for",      "function", "getopts", "hash",
    "if",    "jobs",    "kill",     "let",       "local",    "mapfile",  "popd",    "printf",
    "pushd", "pwd",     "read",     "readarray", "readonly", "return",   "select",  "set",
    "shift", "shopt",   "source",   "test",      "time",     "times",    "trap",    "true",
    "type",  "typeset", "ulimit",   "umask",     "unalias",  "unset",    "until",   "wait",
    "while",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is_among(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, words[i]) == 0)
            return true;
    }
    return false;
}

static const struct wrapper *find(const char *program)
{
    for (size_t i = 0; i < COUNT(wrappers); i++) {
        if (strcmp(program_base_name(program), wrappers[i].name) == 0)
            return &wrappers[i];
    }
    return NULL;
}

/* Returns whether a word sets a variable. PATH is none here: with another PATH, other programs are found. */
static bool is_assignment(const char *word)
{
    size_t length = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

    return length > 0 && word[length] == '=' && strncmp(word, "PATH=", 5) != 0;
}

/* Returns how many arguments this option takes, itself included; 0: it is not known. */
static size_t option_width(const struct wrapper *wrapper, const char *option)
{
    if (option[1] == '-')
        return strchr(option, '=') ? 1 : 0;
    if (option[1] == '\0')
        return 0;
    if (strchr(wrapper->with_value, option[1]))
        return option[2] ? 1 : 2;
    return strspn(option + 1, wrapper->alone) == strlen(option + 1) ? 1 : 0;
}

/* Returns the index of the program that the one at `at` starts; 0: it is not known. */
static size_t next_place(const struct config_list *command, size_t at)
{
    const struct wrapper *wrapper = find(command->items[at]);
    size_t width;

    if (!wrapper)
        return 0;
    for (at++; at < command->count && command->items[at][0] == '-'; at += width) {
        if (strcmp(command->items[at], "--") == 0) {
            at++;
            break;
        }
        width = option_width(wrapper, command->items[at]);
        if (width == 0)
            return 0;
    }
    at += wrapper->before;
    while (wrapper->assigns && at < command->count && is_assignment(command->items[at]))
        at++;
    return at < command->count && !strchr(command->items[at], '=') ? at : 0;
}

/* Returns the index of the last program that is known to be started. `programs`, unless it is NULL, gets
 * the names of all up to it. */
static size_t last_place(const struct config_list *command, struct config_list *programs)
{
    size_t at = 0, next = 0;
    unsigned steps = 0;

    do {
        at = next;
        if (programs)
            config_list_append(programs, memory_copy(command->items[at]));
        next = next_place(command, at);
    } while (next > 0 && ++steps < WRAPPERS_MOST);
    return at;
}

/* ---- a shell ------------------------------------------------------------------------------------ */

static bool is_shell(const char *program)
{
    return is_among(program_base_name(program), shells, COUNT(shells));
}

/* Returns the script that the program at `at`, a shell, is given with -c; NULL: there is none. */
static const char *script_of(const struct config_list *command, size_t at)
{
    if (!is_shell(command->items[at]))
        return NULL;
    for (at++; at + 1 < command->count; at++) {
        const char *option = command->items[at];
        const char *rest = option + 1 + strspn(option + 1, "eux");

        if (option[0] != '-' || (*rest && strcmp(rest, "c") != 0 && strcmp(rest, "o") != 0))
            return NULL;
        if (*rest == 'c')
            return command->items[at + 1];
        at += *rest == 'o'; /* as in `bash -euo pipefail -c` */
    }
    return NULL;
}

/* Returns whether the script fails if its first program is missing: it has no other commands, or joins them
 * with && only. */
static bool depends_on_first(const char *script)
{
    for (const char *at = script; *at; at++) {
        if (strchr("|;\n`", *at) || (*at == '&' && at[1] != '&'))
            return false;
        at += *at == '&';
    }
    return true;
}

/* Returns the first program that a simple script starts; NULL: it is not known. The caller frees it. */
static char *first_program(const char *script)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "_-+./";

    if (!script || !depends_on_first(script))
        return NULL;
    for (;;) {
        CLEANUP_FREE char *word = NULL;

        script += strspn(script, " \t");
        word = memory_format("%.*s", (int)strcspn(script, " \t"), script);
        script += strlen(word);
        if (strcmp(word, "exec") == 0 ||
            (is_assignment(word) &&
             strspn(strchr(word, '=') + 1, letters) == strlen(strchr(word, '=') + 1)))
            continue;
        if (*word == '\0' || *word == '-' || strspn(word, letters) != strlen(word) ||
            is_among(word, of_the_shell, COUNT(of_the_shell)))
            return NULL;
        return TAKE(word);
    }
}

/* ---- all of it ---------------------------------------------------------------------------------- */

struct config_list wrapper_programs(const struct config_list *command)
{
    struct config_list programs = {0};
    size_t at = last_place(command, &programs);
    char *inner = first_program(script_of(command, at));

    if (inner)
        config_list_append(&programs, inner);
    return programs;
}

bool wrapper_is_python(const char *program)
{
    const char *name = program_base_name(program);

    return strncmp(name, "python", 6) == 0 && (!name[6] || isdigit((unsigned char)name[6]));
}

/* A version may follow the name. */
static const struct interpreter *find_interpreter(const char *program)
{
    const char *name = wrapper_is_python(program) ? "python" : program_base_name(program);

    for (size_t i = 0; i < COUNT(interpreters); i++) {
        size_t length = strlen(interpreters[i].name);

        if (strncmp(name, interpreters[i].name, length) == 0 &&
            !name[length + strspn(name + length, "0123456789.")])
            return &interpreters[i];
    }
    return NULL;
}

/* These return how many arguments an option takes, itself included; 0: it is not known. */
static size_t width_of_word(const char *words, const char *option)
{
    size_t length = strcspn(option, "=");

    for (; *words; words += strcspn(words, " "), words += *words == ' ') {
        size_t known = strcspn(words, " :=");

        if (known == length && strncmp(words, option, length) == 0)
            return option[length] ? 1 : words[known] == ':' ? 2 : words[known] != '=';
    }
    return 0;
}

static size_t width_of(const struct interpreter *interpreter, const char *option)
{
    const char *rest = option + 1 + strspn(option + 1, interpreter->alone);

    if (option[1] == '-')
        return width_of_word(interpreter->words, option);
    if (!*rest)
        return option[1] ? 1 : 0;
    if (!rest[1] && strchr(interpreter->next, *rest))
        return 2;
    return strchr(interpreter->glued, *rest) ? 1 : 0;
}

/* Returns the place of what the interpreter at `at` runs, a script or -m of a Python; 0: it is not known. */
static size_t place_of_script(const struct config_list *command, size_t at)
{
    const struct interpreter *interpreter = find_interpreter(command->items[at]);
    bool python = wrapper_is_python(command->items[at]);
    size_t width = 1;

    for (at++; interpreter && width > 0 && at < command->count; at += width) {
        const char *option = command->items[at];

        if (option[0] != '-' || (python && strncmp(option, "-m", 2) == 0))
            return at;
        width = width_of(interpreter, option);
    }
    return 0;
}

const char *wrapper_module(const struct config_list *command)
{
    size_t at = place_of_script(command, last_place(command, NULL));
    const char *option = command->items[at];

    if (at == 0 || option[0] != '-')
        return NULL;
    return option[2] ? option + 2 : command->items[at + 1];
}

const char *wrapper_script(const struct config_list *command)
{
    size_t last = last_place(command, NULL);
    size_t at = place_of_script(command, last);
    const char *script = command->items[at];

    if (at == 0 || script[0] == '-')
        return NULL;
    if (strncmp(find_interpreter(command->items[last])->name, "node", 4) == 0 &&
        !strchr(program_base_name(script), '.'))
        return NULL; /* it may be a directory, or lack an ending */
    return script;
}

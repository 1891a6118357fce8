/* Promise: a missing program that another one starts is known before the tests start. */

#include "common/memory.h"
#include "common/text.h"
#include "daemon/validation/wrapper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define WORDS_MOST 10

static const struct row {
    const char *command[WORDS_MOST];
    const char *programs; /* in this order */
    const char *module;
    const char *script;
} rows[] = {
    {{"prog"}, "prog", NULL},
    {{"tox", "-e", "unit"}, "tox", NULL},
    {{"env", "X=1", "Y=", "prog", "-x"}, "env prog", NULL},
    {{"/usr/bin/env", "prog"}, "/usr/bin/env prog", NULL},
    {{"env", "-u", "X", "prog"}, "env prog", NULL},
    {{"env", "-uX", "--", "prog"}, "env prog", NULL},
    {{"env", "--unset=X", "prog"}, "env prog", NULL},
    {{"timeout", "10", "prog"}, "timeout prog", NULL},
    {{"timeout", "-k", "5", "--signal=INT", "10", "prog"}, "timeout prog", NULL},
    {{"nice", "prog"}, "nice prog", NULL},
    {{"nice", "-n", "5", "prog"}, "nice prog", NULL},
    {{"time", "-f", "%e", "prog"}, "time prog", NULL},
    {{"env", "A=1", "timeout", "10", "nice", "-n5", "./prog"}, "env timeout nice ./prog", NULL},
    {{"stdbuf", "-oL", "prog"}, "stdbuf prog", NULL},
    {{"taskset", "-c", "0,1", "prog"}, "taskset prog", NULL},
    {{"sh", "-c", "prog"}, "sh prog", NULL},
    {{"bash", "-euc", "exec prog --arg \"$X\" && other"}, "bash prog", NULL},
    {{"bash", "-e", "-c", "X=1 ./prog"}, "bash ./prog", NULL},
    {{"nice", "python3.12", "-m", "nose2", "-v"}, "nice python3.12", "nose2"},
    {{"python3", "-u", "-m", "nose2"}, "python3", "nose2"},
    {{"python3", "-I", "-mtox", "-e", "unit"}, "python3", "tox"},
    {{"python3", "-m"}, "python3", NULL},
    {{"python3", "prog.py", "-m", "x"}, "python3", NULL, "prog.py"},
    {{"nice", "python3", "-Bu", "/opt/prog.py", "-x"}, "nice python3", NULL, "/opt/prog.py"},
    {{"sh", "script"}, "sh", NULL, "script"},
    {{"bash", "-eu", "/opt/script", "-c"}, "bash", NULL, "/opt/script"},
    {{"python3", "-Bu", "-W", "error", "-Xdev", "/opt/prog.py"}, "python3", NULL, "/opt/prog.py"},
    {{"python3", "-W", "ignore", "-m", "x"}, "python3", "x"},
    {{"bash", "-euo", "pipefail", "-c", "prog -x"}, "bash prog", NULL},
    {{"bash", "-e", "-o", "pipefail", "/opt/script"}, "bash", NULL, "/opt/script"},
    {{"perl", "/opt/prog.pl"}, "perl", NULL, "/opt/prog.pl"},
    {{"nice", "node", "/opt/prog.js", "-x"}, "nice node", NULL, "/opt/prog.js"},
    {{"perl", "-w", "/opt/prog.pl"}, "perl", NULL, "/opt/prog.pl"},
    {{"perl", "-I", "lib", "-Mstrict", "-w", "/opt/prog.pl"}, "perl", NULL, "/opt/prog.pl"},
    {{"perl5.36.0", "-wIlib", "-0777", "/opt/prog.pl"}, "perl5.36.0", NULL, "/opt/prog.pl"},
    {{"ruby", "-I", "lib", "-rset", "-W2", "/opt/prog.rb"}, "ruby", NULL, "/opt/prog.rb"},
    {{"ruby", "--disable", "gems", "--yjit", "/opt/prog.rb"}, "ruby", NULL, "/opt/prog.rb"},
    {{"node", "-r", "esm", "--stack-size=9", "/opt/prog.js"}, "node", NULL, "/opt/prog.js"},
    {{"node", "--require", "x", "--import=y", "/opt/a.js"}, "node", NULL, "/opt/a.js"},
    {{"php8.2", "-n", "-d", "a=b", "-dc=d", "/opt/prog.php"}, "php8.2", NULL, "/opt/prog.php"},
    {{"Rscript", "--vanilla", "--encoding=x", "/opt/prog.R"}, "Rscript", NULL, "/opt/prog.R"},
    {{"julia", "--project=x", "-O3", "-t", "4", "/opt/prog.jl"}, "julia", NULL, "/opt/prog.jl"},
    {{"julia", "--project", "--threads", "4", "/opt/prog.jl"}, "julia", NULL, "/opt/prog.jl"},
    /* What says nothing for certain. */
    {{"perl", "-we", "1", "/opt/prog.pl"}, "perl", NULL},
    {{"perl", "-S", "prog.pl"}, "perl", NULL},
    {{"perl", "-I", "lib"}, "perl", NULL},
    {{"ruby", "-e", "1", "/opt/prog.rb"}, "ruby", NULL},
    {{"node", "/opt/prog"}, "node", NULL}, /* runs /opt/prog.js */
    {{"node", "--test", "/opt"}, "node", NULL},
    {{"node", "--stack-size", "9", "/opt/prog.js"}, "node", NULL},
    {{"node", "--requires", "x", "/opt/prog.js"}, "node", NULL},
    {{"php", "-r", "1;"}, "php", NULL},
    {{"Rscript", "-e", "1", "/opt/prog.R"}, "Rscript", NULL},
    {{"julia", "-e", "1", "/opt/prog.jl"}, "julia", NULL},
    {{"bash", "-o"}, "bash", NULL},
    {{"bash", "-oc", "prog"}, "bash", NULL},
    {{"python3", "-X"}, "python3", NULL},
    {{"python3", "-", "prog.py"}, "python3", NULL},
    {{"python3", "-c", "1"}, "python3", NULL},
    {{"prog", "script"}, "prog", NULL},
    {{"env"}, "env", NULL},
    {{"env", "PATH=/opt", "prog"}, "env", NULL},
    {{"env", "-i", "prog"}, "env", NULL},
    {{"env", "-C", "/x", "prog"}, "env", NULL},
    {{"timeout", "--new-option", "10", "prog"}, "timeout", NULL},
    {{"timeout", "10"}, "timeout", NULL},
    {{"nice", "-n"}, "nice", NULL},
    {{"sh", "-c"}, "sh", NULL},
    {{"sh", "-c", ""}, "sh", NULL},
    {{"sh", "-c", "cd x && prog"}, "sh", NULL},
    {{"sh", "-c", "prog || other"}, "sh", NULL},
    {{"sh", "-c", "prog; other"}, "sh", NULL},
    {{"sh", "-c", "prog\nother"}, "sh", NULL},
    {{"sh", "-c", "prog | tee x"}, "sh", NULL},
    {{"sh", "-c", "prog & other"}, "sh", NULL},
    {{"sh", "-c", "! prog"}, "sh", NULL},
    {{"sh", "-c", "$PROG x"}, "sh", NULL},
    {{"sh", "-c", "f() { true; }"}, "sh", NULL},
    {{"sh", "-c", "[ -e x ]"}, "sh", NULL},
    {{"sh", "-c", "PATH=/x prog"}, "sh", NULL},
    {{"python3", "-m"}, "python3", NULL},
};

static void test_programs(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config_list command = {0}, programs;
        CLEANUP_TEXT struct text names = {0};
        const char *module, *script;

        command.items = (char **)(uintptr_t)rows[i].command;
        while (command.count < WORDS_MOST && rows[i].command[command.count])
            command.count++;
        programs = wrapper_programs(&command);
        for (size_t j = 0; j < programs.count; j++)
            text_append_format(&names, "%s%s", j ? " " : "", programs.items[j]);
        assert_string_equal(text_string(&names), rows[i].programs);
        config_list_clear(&programs);
        module = wrapper_module(&command);
        assert_string_equal(module ? module : "none", rows[i].module ? rows[i].module : "none");
        script = wrapper_script(&command);
        assert_string_equal(script ? script : "none", rows[i].script ? rows[i].script : "none");
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_programs)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

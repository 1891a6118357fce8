#include "daemon/validation/slurm-script.h"

#include "daemon/validation/command.h"

#include <inttypes.h>
#include <string.h>

#define SCRATCH_BYTES "1073741824"

/* `told`: Slurm ends the run, so what the command says then is no verdict. */
static const char head[] =
    "umask 077\n"
    "set -f\n"
    "cd \"$dir\" || exit 1\n"
    "mkdir started 2>/dev/null || exit 0\n"
    "told=\n"
    "trap 'told=yes' TERM INT HUP\n"
    "node=${SLURMD_NODENAME:-$(uname -n)}\n"
    "echo \"$node\" >started/node\n"
    "nl='\n'\n"
    "\n"
    "# problem KEY SENTENCE: this node cannot start the command\n"
    "problem() {\n"
    "    printf '%s\\n%s\\n%s\\n' \"$1\" \"$node\" \"$2\" >\"$dir/problem.new\" &&\n"
    "        mv \"$dir/problem.new\" \"$dir/problem\"\n"
    "    exit 1\n"
    "}\n"
    "\n"
    "# find_program NAME DIRECTORY:...: sets found\n"
    "find_program() {\n"
    "    found=$1\n"
    "    case $1 in */*) [ -f \"$1\" ] && [ -x \"$1\" ]; return ;; esac\n"
    "    rest=$2:\n"
    "    while [ -n \"$rest\" ]; do\n"
    "        found=${rest%%:*}/$1\n"
    "        rest=${rest#*:}\n"
    "        [ -f \"$found\" ] && [ -x \"$found\" ] && return\n"
    "    done\n"
    "    return 1\n"
    "}\n"
    "\n"
    "cd box/source || problem validation.directory \"$dir/box/source is not there\"\n";

/* The same rules as those of reach.c. */
static const char reach[] =
    "# hide PATH: a place that the tests do not see\n"
    "places=\n"
    "hide() {\n"
    "    real=$(readlink -e -- \"$1\") && [ -d \"$real\" ] && [ \"$real\" != / ] && "
    "places=$places$real$nl\n"
    "}\n"
    "is_hidden() {\n"
    "    for place in $places; do\n"
    "        case $1/ in \"$place\"/*) return 0 ;; esac\n"
    "    done\n"
    "    return 1\n"
    "}\n"
    "uncovers() {\n"
    "    for place in $places; do\n"
    "        case $place/ in \"$1\"/*) return 0 ;; esac\n"
    "    done\n"
    "    return 1\n"
    "}\n"
    "# show PATH: it is seen all the same, unless a hidden place is in it\n"
    "shown=\n"
    "show() {\n"
    "    real=$(readlink -e -- \"$1\") || return 0\n"
    "    uncovers \"$real\" && return 0\n"
    "    for path in \"$real\" \"$1\"; do\n"
    "        case $nl$shown in *\"$nl$path$nl\"*) continue ;; esac\n"
    "        is_hidden \"$path\" && shown=$shown$path$nl\n"
    "    done\n"
    "    return 0\n"
    "}\n"
    "# look_in DIRECTORY of programs: it, what is beside it, and where its links and scripts lead\n"
    "seen=\n"
    "look_in() {\n"
    "    case $nl$seen in *\"$nl$1$nl\"*) return 0 ;; esac\n"
    "    seen=$seen$1$nl\n"
    "    case $1 in /bin | /sbin | /usr/bin | /usr/sbin) return 0 ;; esac\n"
    "    show \"$1\"\n"
    "    case ${1##*/} in\n"
    "    bin) set -- \"$1\" lib lib64 libexec include pyvenv.cfg ;;\n"
    "    shims) set -- \"$1\" bin lib libexec plugins pyenv.d installs version versions ;;\n"
    "    esac\n"
    "    for path in $(find \"$1\" -maxdepth 1 '(' -type l -o -type f -size -64k ')' | head -n "
    "4096); do\n"
    "        follow \"$path\"\n"
    "    done 2>/dev/null\n"
    "    [ $# -gt 1 ] || return 0\n"
    "    for name in $(sed -n 's/^home[ \t]*=[ \t]*//p' \"${1%/*}/pyvenv.cfg\" 2>/dev/null); do\n"
    "        look_in \"$name\"\n"
    "    done\n"
    "    for path in $(find \"${1%/*}/lib\" -maxdepth 3 -path '*-packages/*.pth' 2>/dev/null); do\n"
    "        for name in $(grep '^/' \"$path\" 2>/dev/null); do show \"$name\"; done\n"
    "    done\n"
    "    dir_of=${1%/*}\n"
    "    shift\n"
    "    for name; do show \"$dir_of/$name\"; done\n"
    "}\n"
    "# follow PROGRAM: a link into a hidden place, or the interpreter of a script\n"
    "follow() {\n"
    "    case $nl$seen in *\"$nl$1$nl\"*) return 0 ;; esac\n"
    "    seen=$seen$1$nl\n"
    "    real=$(readlink -e -- \"$1\") || return 0\n"
    "    if [ \"$real\" != \"$1\" ] && is_hidden \"$real\"; then\n"
    "        show \"$1\"\n"
    "        case ${real%/*} in */bin | */shims) look_in \"${real%/*}\" ;; esac\n"
    "    fi\n"
    "    line=$(head -c 256 \"$1\" 2>/dev/null | tr -d '\\000' | head -n 1)\n"
    "    case $line in '#!'*) ;; *) return 0 ;; esac\n"
    "    line=${line#'#!'}\n"
    "    line=${line# }\n"
    "    line=${line%% *}\n"
    "    case $line in\n"
    "    /bin/* | /usr/bin/*) ;;\n"
    "    /*) is_hidden \"$line\" && show \"$line\"; follow \"$line\" ;;\n"
    "    esac\n"
    "}\n";

static const char ready[] = "places=$(printf '%s' \"$places\" | LC_ALL=C sort -u)\n"
                            "program=$found\n"
                            "IFS=$nl\n";

/* From the strictest way on, as in sandbox.c. A device may have permissions of its own. */
static const char box[] =
    "IFS=:\n"
    "directories=$path\n"
    "for name in $directories; do IFS=$nl; case $name in /*) look_in \"${name%/}\" ;; esac; done\n"
    "IFS=$nl\n"
    "follow \"$program\"\n"
    "case $program in /*) is_hidden \"$program\" && show \"$program\"\n"
    "    case ${program%/*} in */bin | */shims) is_hidden \"$program\" && look_in "
    "\"${program%/*}\" ;; esac ;;\n"
    "esac\n"
    "find_program bwrap \"$path:/usr/bin:/bin\" ||\n"
    "    problem validation.sandbox 'bubblewrap is not installed'\n"
    "set --\n"
    "for way in 0 1 2 3; do\n"
    "    set -- \"$found\" --die-with-parent --new-session --unshare-user --unshare-pid "
    "--unshare-ipc \\\n"
    "        --unshare-uts --cap-drop ALL --ro-bind / / --dev /dev --size " SCRATCH_BYTES
    " --tmpfs /dev/shm\n"
    "    case $way in 0 | 2) set -- \"$@\" --disable-userns ;; esac\n"
    "    [ -n \"$network\" ] || set -- \"$@\" --unshare-net\n"
    "    for name in $(find /dev -maxdepth 1 -name 'nvidia*') /dev/dri /dev/kfd; do\n"
    "        [ ! -e \"$name\" ] || set -- \"$@\" --dev-bind \"$name\" \"$name\"\n"
    "    done\n"
    "    set -- \"$@\" --remount-ro /dev\n"
    "    case $way in\n"
    "    0 | 1)\n"
    "        set -- \"$@\" --proc /proc\n"
    "        for name in /proc/sys /proc/sysrq-trigger /proc/irq /proc/bus; do\n"
    "            set -- \"$@\" --ro-bind-try \"$name\" \"$name\"\n"
    "        done ;;\n"
    "    *) set -- \"$@\" --ro-bind /proc /proc ;;\n"
    "    esac\n"
    "    for place in $places; do set -- \"$@\" --size " SCRATCH_BYTES " --tmpfs \"$place\"; done\n"
    "    set -- \"$@\" --ro-bind-try /run/systemd/resolve /run/systemd/resolve\n"
    "    for name in $shown; do set -- \"$@\" --ro-bind \"$(readlink -e -- \"$name\")\" \"$name\"; "
    "done\n"
    "    for name in $files; do\n"
    "        name=$(readlink -e -- \"$name\") && set -- \"$@\" --ro-bind /dev/null \"$name\"\n"
    "    done\n"
    "    words=$(\"$@\" -- /bin/true 2>&1 </dev/null) && break\n"
    "    set --\n"
    "done\n"
    "[ $# -gt 0 ] || problem validation.sandbox \"bubblewrap does not work: ${words%%\"$nl\"*}\"\n"
    "set -- \"$@\" --bind \"$dir/box\" \"$inside\" --chdir \"$inside/source\"\n"
    "for place in $places; do\n"
    "    case $place in /tmp | /var/tmp) ;; *) set -- \"$@\" --remount-ro \"$place\" ;; esac\n"
    "done\n"
    "set -- \"$@\" --size 4096 --tmpfs \"$inside/begun\" --remount-ro \"$inside/begun\" --\n";

/* A full disk looks like failing tests. They are to blame only if they took most of the room. What they left
 * is removed in any case, so that the end can be written. */
static const char full[] =
    "# room: sets left to the KiB that are free\n"
    "room() {\n"
    "    left=$(df -k --output=avail -- \"$dir\" 2>/dev/null | tail -n 1)\n"
    "    left=${left##* }\n"
    "    case $left in '' | *[!0-9]*) left=1024 ;; esac\n"
    "}\n"
    "look_at_disk() {\n"
    "    room\n"
    "    [ \"$left\" -lt 1024 ] || [ -n \"$lost\" ] || return 0\n"
    "    used=$(du -sk box | cut -f 1)\n"
    "    rm -rf box/source box/home box/tmp\n"
    "    [ \"$before\" -lt 1024 ] || [ \"$used\" -lt $((before / 2)) ] || return 0\n"
    "    problem validation.directory \"$dir: the disk is full, so the result of the tests says "
    "nothing\"\n"
    "}\n";

/* The environment is exported and not an argument, since it may have secrets. If a process keeps the output
 * open, the script waits five seconds for it. */
static const char begin[] =
    "find_program timeout /usr/bin:/bin || problem validation.timeout 'there is no timeout'\n"
    "cd \"$dir/box/source\" && rm -f ../../pipe && mkfifo ../../pipe ||\n"
    "    problem validation.directory \"$dir: no pipe can be made\"\n"
    "lost=\n"
    "{\n"
    "    head -c \"$half\" >../../output || lost=yes\n"
    "    tail -c \"$half\" >../../rest || lost=yes\n"
    "    [ -z \"$lost\" ]\n"
    "} <../../pipe &\n"
    "reader=$!\n"
    "room\n"
    "before=$left\n"
    "unset IFS\n"
    "read -r begun more </proc/uptime\n"
    "(\n"
    "    for name in $(env | sed -n 's/^\\([A-Za-z_][A-Za-z0-9_]*\\)=.*/\\1/p'); do\n"
    "        case $name in PPID | UID | EUID | BASHOPTS | SHELLOPTS) ;; *) unset \"$name\" ;; "
    "esac\n"
    "    done\n";

static const char end[] =
    ") >../../pipe 2>&1 </dev/null\n"
    "status=$?\n"
    "read -r ended more </proc/uptime\n"
    "{ sleep 5; kill \"$reader\"; } >/dev/null 2>&1 &\n"
    "guard=$!\n"
    "wait \"$reader\"\n"
    "[ $? != 1 ] || lost=yes\n"
    "kill \"$guard\" 2>/dev/null\n"
    "cd \"$dir\" || exit 1\n"
    "if [ -s rest ]; then\n"
    "    printf '\\n[winnowd: part of the output may be missing here]\\n' >>output\n"
    "    cat rest >>output || lost=yes\n"
    "fi\n"
    "rm -f rest pipe\n"
    "# The signal that ends the run may have reached the command first.\n"
    "[ -n \"$told\" ] || if [ \"$status\" = 0 ]; then sleep 1; else sleep 2; fi\n"
    "[ -z \"$told\" ] || exit 1\n"
    "[ \"$status$lost\" = 0 ] || look_at_disk\n"
    "hundredths=$((${ended%.*}${ended#*.} - ${begun%.*}${begun#*.}))\n"
    "printf '%d %d.%02d %s\\n' \"$status\" $((hundredths / 100)) $((hundredths % 100)) \"$node\" "
    ">ended.new &&\n"
    "    mv ended.new ended || exit 1\n"
    "[ \"$status\" = 0 ]\n";

static void append_variable(struct text *text, const char *name, const char *value)
{
    text_append_format(text, "%s=", name);
    command_append_quoted(text, value);
    text_append(text, "\n");
}

static void append_words(struct text *text, const char *const *words)
{
    for (; *words; words++) {
        text_append(text, " ");
        command_append_quoted(text, *words);
    }
}

static void append_calls(struct text *text, const char *call, const char *const *arguments)
{
    for (; *arguments; arguments++) {
        text_append_format(text, "%s ", call);
        command_append_quoted(text, *arguments);
        text_append(text, "\n");
    }
}

static const char *path_of(const char *const *environment)
{
    for (; *environment; environment++)
        if (strncmp(*environment, "PATH=", 5) == 0)
            return *environment + 5;
    return "/usr/bin:/bin";
}

/* Sets `found`, and `$launcher` to where the launcher's program is. */
static void append_programs(struct text *text, const struct slurm_script *script)
{
    const char *const programs[][2] = {{"validation.launcher", script->launcher[0]},
                                       {"validation.command", script->command[0]}};

    for (size_t i = 0; i < 2; i++) {
        if (!programs[i][1])
            continue;
        append_variable(text, "name", programs[i][1]);
        text_append_format(text,
                           "find_program \"$name\" \"$path\" ||\n"
                           "    problem %s \"$name: it is not on the node\"\n",
                           programs[i][0]);
        if (i == 0)
            text_append(text, "launcher=$found\n");
    }
}

/* A list that sh reads line by line; nobody has a line end in such a name. */
static void append_lines(struct text *text, const char *name, const char *const *items)
{
    CLEANUP_TEXT struct text lines = {0};

    for (; *items; items++)
        text_append_format(&lines, "%s\n", *items);
    append_variable(text, name, text_string(&lines));
}

static void append_box(struct text *text, const struct slurm_script *script)
{
    text_append(text, reach);
    append_calls(text, "hide", script->hidden);
    text_append(text, "hide \"$HOME\"\n");
    text_append(text, ready);
    append_calls(text, "show", script->read_only);
    append_lines(text, "files", script->hidden_files);
    append_variable(text, "inside", script->inside->directory);
    append_variable(text, "network", script->network ? "yes" : "");
    text_append(text, box);
}

static void append_command(struct text *text, const struct slurm_script *script)
{
    text_append(text,
                "find_program prlimit /usr/bin:/bin || problem validation.limits 'there is no "
                "prlimit'\n"
                "set -- \"$@\" \"$found\"");
    append_words(text, script->limits);
    text_append(text, script->sandboxed ? " \"$program\"" : " \"$name\"");
    append_words(text, script->command + 1);
    text_append(text, "\n");
    if (!script->launcher[0])
        return;
    text_append(text, "set -- \"$launcher\"");
    append_words(text, script->launcher + 1);
    text_append(text, " \"$@\"\n");
}

void slurm_script_append(struct text *text, const struct slurm_script *script)
{
    text_append(text, "#!/bin/sh\n# One run of winnowd's tests, on a node of Slurm.\n");
    append_variable(text, "dir", script->directory);
    append_variable(text, "path", path_of(script->environment));
    text_append_format(text, "half=%" PRIu64 "\n", script->output_limit / 2);
    text_append(text, head);
    append_programs(text, script);
    text_append(text, "program=$found\n");
    text_append(text, "set --\n");
    if (script->sandboxed)
        append_box(text, script);
    else
        append_variable(text, "name", script->command[0]);
    append_command(text, script);
    text_append(text, full);
    text_append(text, begin);
    text_append_format(text, "    set -- \"$found\" -k 10 %" PRIu64 ".%03u \"$@\"\n",
                       script->timeout_ms / 1000, (unsigned)(script->timeout_ms % 1000));
    append_calls(text, "    export", script->environment);
    text_append(text, "    exec \"$@\"\n");
    text_append(text, end);
}

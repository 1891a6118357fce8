# Completion of winnowd for bash.
_winnowd()
{
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    [[ $previous == '=' ]] && previous=${COMP_WORDS[COMP_CWORD - 2]}
    [[ $current == '=' ]] && previous=${COMP_WORDS[COMP_CWORD - 1]} current=
    case $previous in
    --config | -c | --check-result)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W '--config -c --once --check-config --check-result --status --retry --export --json --version --help -h' -- "$current")
}
complete -F _winnowd winnowd

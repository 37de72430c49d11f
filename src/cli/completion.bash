# Completion of clenet's commands, options and their words in bash. All of it is read from what "clenet --help" and
# "clenet COMMAND --help" print at that moment, so nothing is listed here.

# The rows of the help of a command, as "NAME", blank, "ARGUMENT and help": options with their dashes. The name of a
# command may have two words.
_clenet_rows() {
    # shellcheck disable=SC2086
    "$1" ${2-} --help 2>/dev/null | sed -n 's/^  \([^ ].*\)/\1/p'
}

# The help of an option; where it refers to another command, the help of the option there.
_clenet_help() {
    local program=$1 command=$2 option=$3 row
    row=$(_clenet_rows "$program" "$command" | grep -m 1 -e "^$option ")
    [[ $row =~ as\ for\ \'clenet\ ([a-z]+)\' && ${BASH_REMATCH[1]} != "$command" ]] &&
        row=$(_clenet_rows "$program" "${BASH_REMATCH[1]}" | grep -m 1 -e "^$option ")
    printf '%s\n' "${row#"$option "}"
}

# The words among "a, b, or a file (default a)": those of small letters without a blank, where there is an "or".
_clenet_words() {
    local help=${1#* }
    [[ $help = *" or "* ]] || return
    help=${help%% (default*}
    printf '%s\n' "$help" | sed 's/,* or /, /g; s/\[[^]]*\]//g' | tr , '\n' |
        sed -n 's/^ *\([a-z][a-z0-9-]*\) *$/\1/p'
}

_clenet() {
    local program=${COMP_WORDS[0]} command=${COMP_WORDS[1]} word=${COMP_WORDS[COMP_CWORD]}
    local before=${COMP_WORDS[COMP_CWORD - 1]} help candidates commands
    COMPREPLY=()
    commands=$(_clenet_rows "$program" | sed 's/  .*//')
    ((COMP_CWORD > 2)) && grep -qx -e "$command ${COMP_WORDS[2]}" <<<"$commands" && command+=" ${COMP_WORDS[2]}"
    if ((COMP_CWORD == 1)); then
        candidates="$(cut -d ' ' -f 1 <<<"$commands" | uniq) --help --version"
    elif ((COMP_CWORD == 2)) && grep -q -e "^$command " <<<"$commands"; then
        candidates="$(sed -n "s/^$command //p" <<<"$commands") --help"
    elif [[ $word = -* ]]; then
        candidates=$(_clenet_rows "$program" "$command" | grep -o '^--[^ ]*')
    else
        # The value of an option has an argument in capitals in its row; anything else is a file.
        help=
        [[ $before = --* ]] && help=$(_clenet_help "$program" "$command" "$before")
        if [[ $help =~ ^[A-Z]+\  ]]; then
            candidates=$(_clenet_words "$help")
            if [[ $help =~ ^FOLDER\  ]]; then
                compopt -o filenames 2>/dev/null
                mapfile -t COMPREPLY < <(compgen -d -- "$word")
                return
            elif [[ ! $help =~ ^FILE\ |file|folder ]]; then
                mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "$word")
                return
            fi
        fi
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "$word"; compgen -f -- "$word")
        return
    fi
    mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "$word")
}
complete -F _clenet clenet

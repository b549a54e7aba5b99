# shellcheck shell=bash
# Words for people, on standard error: standard output is for what scripts read.
# shellcheck disable=SC2034 # colours are used by those who source this

if [[ -t 2 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
    bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' yellow=$'\e[33m' plain=$'\e[0m'
else
    bold='' dim='' red='' green='' yellow='' plain=''
fi

# say TEXT: a step that is done or begins.
say() { printf '%s\n' "${green}==>${plain} $*" >&2; }

# note TEXT: something worth knowing that needs no action.
note() { printf '%s\n' "    ${dim}$*${plain}" >&2; }

# warn TEXT: something that the user may want to change.
warn() { printf '%s\n' "${yellow}warning:${plain} $*" >&2; }

# fail TEXT [WHAT TO DO]...: ends the script.
fail() {
    printf '%s\n' "${red}error:${plain} $1" >&2
    shift
    local hint
    for hint in "$@"; do printf '%s\n' "       $hint" >&2; done
    exit 1
}

# say_progress TEXT: one line that is written over on a terminal, and a line each time in a pipe (where
# the caller calls seldom). say_progress alone ends the line.
say_progress() {
    local text=$*
    if [[ ! -t 2 ]]; then
        if [[ -n $text ]]; then note "$text"; fi
    elif [[ -n $text ]]; then
        # Cut to the width: a line that wraps cannot be written over.
        printf '\r\e[K    %s' "${dim}${text:0:$(($(tput cols 2>/dev/null || echo 80) - 6))}${plain}" >&2
    else
        printf '\r\e[K' >&2
    fi
}

# What both scripts of the action need. For bash 3.2 (macOS) and later.
# shellcheck shell=bash

# fail STATUS WHAT [HINT]: ends the step with an annotation that says what is wrong, and what helps.
fail() {
    local status="$1" said="$2"
    [ -z "${3:-}" ] || said="$said; $3"
    printf '::error title=luascale::%s\n' "$(escaped "$said")"
    exit "$status"
}

warn() { printf '::warning title=luascale::%s\n' "$(escaped "$1")"; }

# A text as a workflow command takes it: in one line, so that nothing in it can be another command.
escaped() {
    local text="$1" cr=$'\r' lf=$'\n'
    text="${text//\%/%25}"
    text="${text//$cr/%0D}"
    text="${text//$lf/%0A}"
    printf '%s' "$text"
}

# 32 hexadecimal digits that nothing in a repository can know.
random() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

# set_output NAME VALUE: an output of the step, between delimiters that the value cannot hold.
set_output() {
    local end
    end="end_$(random)"
    printf '%s<<%s\n%s\n%s\n' "$1" "$end" "$2" "$end" >>"$GITHUB_OUTPUT"
}

# boolean NAME VALUE: an input that is true or false, in one of the spellings of YAML.
boolean() {
    case "$2" in
        true | True | TRUE) echo true ;;
        false | False | FALSE) echo false ;;
        *) fail 64 "the input $1 is \"$2\", and can be true or false" >&2 ;;
    esac
}

# A folder's path without links; fails where it is none.
real() { (cd -P -- "$1" 2>/dev/null && pwd -P); }

# A path of Windows as bash writes it; any other as it is.
unixed() { if [ "${RUNNER_OS:-}" = Windows ]; then /usr/bin/cygpath -u -- "$1"; else printf '%s' "$1"; fi; }

# Whether a file, named by its path from the root, is in the checkout, which a pull request writes. No program is
# called: the PATH may not be clean yet.
in_workspace() {
    local folder workspace
    workspace="$(real "$(unixed "$GITHUB_WORKSPACE")")" || return 1
    folder="$(real "${1%/*}/")" || return 1
    case "$folder/" in "$workspace"/*) return 0 ;; esac
    return 1
}

# Takes folders of the checkout, and those that depend on where one is, off the PATH: a program there would be
# the pull request's.
clean_path() {
    local entry clean="" IFS=:
    for entry in $PATH; do
        case "$entry" in
            /*) in_workspace "$entry/." || clean="$clean${clean:+:}$entry" ;;
        esac
    done
    PATH="$clean"
}

# lines TEXT: sets the array `lines` to the lines of a text that are not empty, without white space around them.
lines() {
    local line
    lines=()
    while IFS= read -r line || [ -n "$line" ]; do
        line="${line#"${line%%[![:space:]]*}"}"
        line="${line%"${line##*[![:space:]]}"}"
        [ -z "$line" ] || lines+=("$line")
    done <<<"$1"
}

#!/usr/bin/env bash
# Runs luascale as the inputs and the event say, and hands on what it found: outputs, job summary, code scanning.
#
# The token reaches only what asks GitHub. What is printed cannot be a workflow command, and nothing of an input, an
# event or a repository is ever part of a command.
set -euo pipefail
set -f
here="$(cd "${BASH_SOURCE[0]%[/\\]*}" && pwd -P)"
# shellcheck source=action/common.sh
. "$here/common.sh"

token="${INPUT_TOKEN:-}"
unset INPUT_TOKEN
clean_path

# --- inputs ------------------------------------------------------------------------------------
mode="$INPUT_MODE"
case "$mode" in
    review | apply | drift) ;;
    *) fail 64 "the input mode is \"$mode\", and can be review, apply or drift" ;;
esac
fail_on="$INPUT_FAIL_ON"
case "$mode:$fail_on" in
    *: | review:note | review:warning | review:error | review:never | drift:never) ;;
    review:*) fail 64 "the input fail-on is \"$fail_on\", and can be note, warning, error or never" ;;
    drift:*) fail 64 "the input fail-on is \"$fail_on\", and with mode: drift it can be never" ;;
    *) fail 64 "the input fail-on has no say with mode: apply, which refuses or does" "leave it out" ;;
esac
comment="$(boolean comment "$INPUT_COMMENT")"
upload="$(boolean upload-sarif "$INPUT_UPLOAD_SARIF")"
fetch="$(boolean fetch "$INPUT_FETCH")"
if [ "$mode" != review ]; then
    [ "$upload" = false ] || fail 64 "upload-sarif goes with mode: review, which finds what there is to upload" "leave it out"
    [ -z "$INPUT_SAMPLES" ] || fail 64 "samples go with mode: review, which runs policies on them" "leave them out"
fi

workspace="$(real "$(unixed "$GITHUB_WORKSPACE")")"
cd -- "$workspace"
cd -P -- "$(unixed "$INPUT_WORKING_DIRECTORY")" 2>/dev/null ||
    fail 64 "the input working-directory is \"$INPUT_WORKING_DIRECTORY\", and there is no such folder" \
        "it starts at the root of the checkout, so actions/checkout has to come first"
case "$PWD/" in
    "$workspace"/*) ;;
    *) fail 64 "the input working-directory is \"$INPUT_WORKING_DIRECTORY\", which is outside the checkout" ;;
esac
git rev-parse --git-dir >/dev/null || fail 64 "there is no git repository in \"$INPUT_WORKING_DIRECTORY\"" \
    "use actions/checkout in a step before; what git says is above"

reports="$(mktemp -d "$(unixed "$RUNNER_TEMP")/luascale-reports.XXXXXX")"

# --- history -----------------------------------------------------------------------------------
# Git with the token, for this server alone; what the checkout may have kept is put out of force first.
asking() {
    local header
    header="AUTHORIZATION: basic $(printf 'x-access-token:%s' "$token" | base64 | tr -d '\r\n')"
    GIT_TERMINAL_PROMPT=0 GIT_CONFIG_COUNT=2 \
        GIT_CONFIG_KEY_0="http.$GITHUB_SERVER_URL/.extraheader" GIT_CONFIG_VALUE_0="" \
        GIT_CONFIG_KEY_1="http.$GITHUB_SERVER_URL/.extraheader" GIT_CONFIG_VALUE_1="$header" \
        git -c core.hooksPath=/dev/null -c gc.auto=0 "$@"
}

# An id of a commit, and not the zeros that stand for none.
is_commit() { [[ "$1" =~ ^([0-9a-f]{40}|[0-9a-f]{64})$ ]] && ! [[ "$1" =~ ^0+$ ]]; }
has() { git cat-file -e "$1^{commit}" 2>/dev/null; }

# Fetches objects, and checks nothing out. What cannot be had is told by luascale, where it is missed.
history() {
    local id deepen=() wants=()
    if [ "$(git rev-parse --is-shallow-repository)" = true ]; then
        deepen=(--unshallow)
        wants=("$(git rev-parse HEAD)")
    fi
    for id in "$PULL_HEAD" "$PULL_BASE" "$RUN_HEAD" "$GROUP_BASE" "$PUSH_BEFORE"; do
        if is_commit "$id" && { [ "${#deepen[@]}" -gt 0 ] || ! has "$id"; }; then wants+=("$id"); fi
    done
    # Which branch a pull request goes to is not in this event.
    [ "$EVENT_NAME" != workflow_run ] || wants+=("+refs/heads/*:refs/remotes/origin/*")
    [ "${#wants[@]}" -gt 0 ] || return 0
    echo "fetching history"
    asking fetch --quiet --no-tags --no-recurse-submodules ${deepen[@]+"${deepen[@]}"} origin "${wants[@]}" </dev/null ||
        warn "git could not fetch the history that is needed; its message is in the log"
}
[ "$fetch" = false ] || history

# The revision that the change starts from, as the event says it; nothing where luascale finds it itself.
base() {
    if [ -n "$INPUT_BASE" ]; then
        printf '%s' "$INPUT_BASE"
        return
    fi
    case "$EVENT_NAME" in
        pull_request)
            # The checkout is the merge of the pull request into the tip of its base.
            if is_commit "$PULL_HEAD" && [ "$(git rev-parse --quiet --verify 'HEAD^2' || true)" = "$PULL_HEAD" ]; then
                git rev-parse 'HEAD^1'
            elif is_commit "$PULL_BASE" && has "$PULL_BASE"; then
                git merge-base "$PULL_BASE" HEAD || true
            fi
            ;;
        merge_group) if is_commit "$GROUP_BASE"; then printf '%s' "$GROUP_BASE"; fi ;;
        push)
            # After a push by force, what was there before may be anywhere.
            if is_commit "$PUSH_BEFORE" && has "$PUSH_BEFORE" && git merge-base --is-ancestor "$PUSH_BEFORE" HEAD; then
                printf '%s' "$PUSH_BEFORE"
            fi
            ;;
    esac
}

# --- the run -----------------------------------------------------------------------------------
lines "$INPUT_PATHS"
paths=(${lines[@]+"${lines[@]}"})
command=()
case "$mode" in
    review)
        # What is written to is a pull request, or a merge group that has to have its check run.
        case "$comment:$EVENT_NAME:$RUN_EVENT" in
            true:pull_request:* | true:pull_request_target:* | true:merge_group:* | true:workflow_run:pull_request)
                [ -n "$token" ] || fail 64 "the input token is empty, and mode: review writes to the pull request with it" \
                    "leave token out, or use comment: false"
                command=(review)
                [ -z "$INPUT_SCOPE" ] || command+=("--scope=$INPUT_SCOPE")
                [ -z "$INPUT_BASE" ] || command+=("--base=$INPUT_BASE")
                ;;
            *:pull_request_target:* | *:workflow_run:*)
                # What is checked out is not what was proposed.
                fail 64 "mode: review on $EVENT_NAME is for commenting on pull requests, and there is none to comment on" \
                    "use comment: true, after a workflow that runs on pull_request"
                ;;
            *)
                command=(ci)
                from="$(base)"
                [ -z "$from" ] || command+=("--base=$from")
                ;;
        esac
        [ -z "$fail_on" ] || command+=("--fail-on=$fail_on")
        lines "$INPUT_SAMPLES"
        for sample in ${lines[@]+"${lines[@]}"}; do command+=("--samples=$sample"); done
        ;;
    apply)
        [ "${#paths[@]}" -le 1 ] || fail 64 "mode: apply takes one path, a policy root or a plan, and paths has ${#paths[@]}" \
            "apply each in a job of its own, with strategy: matrix"
        command=(apply)
        [ -z "$INPUT_BASE" ] || command+=("--base=$INPUT_BASE")
        ;;
    drift)
        command=(drift --detailed-exitcode)
        [ -z "$INPUT_BASE" ] || command+=("--base=$INPUT_BASE")
        ;;
esac
command+=(--output-dir "$reports")
read -ra more <<<"${INPUT_ARGS//$'\n'/ }" || true
command+=(${more[@]+"${more[@]}"})
[ "${#paths[@]}" -eq 0 ] || command+=(-- "${paths[@]}")

# No token of the job is luascale's, but where it asks GitHub itself.
unset GITHUB_TOKEN GH_TOKEN ACTIONS_RUNTIME_TOKEN
[ "$mode" != review ] || unset ACTIONS_ID_TOKEN_REQUEST_TOKEN ACTIONS_ID_TOKEN_REQUEST_URL
asks=no
case "${command[0]}" in
    review | apply) [ -z "$token" ] || asks=yes ;;
esac
resume=""
if [ "${command[0]}" = review ]; then
    # Where it may not write, it falls back on workflow commands and on a job summary of its own.
    summary="$GITHUB_STEP_SUMMARY"
    export GITHUB_STEP_SUMMARY="$reports/told.md"
else
    resume="$(random)"
    printf '::stop-commands::%s\n' "$resume"
fi
set +e
if [ "$asks" = yes ]; then
    GITHUB_TOKEN="$token" "$LUASCALE" --color never "${command[@]}" </dev/null 2>&1 | tee "$reports/log.txt"
else
    "$LUASCALE" --color never "${command[@]}" </dev/null 2>&1 | tee "$reports/log.txt"
fi
status="${PIPESTATUS[0]}"
set -e
# What was printed may end without a line's end.
[ -z "$resume" ] || printf '\n::%s::\n' "$resume"
if [ -z "$resume" ]; then
    export GITHUB_STEP_SUMMARY="$summary"
    [ ! -s "$reports/told.md" ] || mv -f "$reports/told.md" "$reports/summary.md"
    rm -f "$reports/told.md"
fi

# --- outputs -----------------------------------------------------------------------------------
# A path as the runner's other steps take it.
shown() { if [ "${RUNNER_OS:-}" = Windows ]; then /usr/bin/cygpath -m -- "$1"; else printf '%s' "$1"; fi; }
# The path of a report, where there is one.
report() { if [ -s "$reports/$1" ]; then shown "$reports/$1"; fi; }
# A figure of the run: a number or a digest, and nothing else.
figure() { if [ -f "$reports/figures.env" ]; then sed -nE "s/^LUASCALE_$1=([0-9]+|sha256:[0-9a-f]{64})$/\1/p" "$reports/figures.env"; fi; }

if [ ! -f "$reports/summary.md" ]; then
    # Lines that are indented are text, whatever is in them.
    {
        printf '## luascale %s\n\n' "$mode"
        tr -d '\r' <"$reports/log.txt" | sed 's/^/    /'
    } >"$reports/summary.md"
fi
set_output status "$status"
set_output findings "$(figure FINDINGS)"
set_output changes "$(figure CHANGES)"
set_output digest "$(figure DIGEST)"
set_output reports "$(shown "$reports")"
set_output summary "$(report summary.md)"
set_output sarif "$(report check.sarif)"
set_output plan "$(report plan.json)"

# A step's summary may have 1 MiB; one that has more is not shown at all.
summarise() {
    local has=0 size
    [ ! -f "$GITHUB_STEP_SUMMARY" ] || has="$(wc -c <"$GITHUB_STEP_SUMMARY")"
    size="$(wc -c <"$reports/summary.md")"
    if [ "$((has + size + 1))" -le 1048576 ]; then
        { cat "$reports/summary.md"; echo; } >>"$GITHUB_STEP_SUMMARY"
    else
        local where="the input artifact keeps it"
        [ -z "$INPUT_ARTIFACT" ] || where="it is summary.md of the job's artifact"
        printf '## luascale: exit status %s\n\nThe summary has %s bytes, more than a job summary takes; %s.\n' \
            "$status" "$((size))" "$where" >>"$GITHUB_STEP_SUMMARY"
    fi
}
summarise

# --- code scanning -----------------------------------------------------------------------------
quoted() { local text="${1//\\/\\\\}"; printf '"%s"' "${text//\"/\\\"}"; }

# The commit that was looked at, and a reference that has it; nothing where that cannot be told.
looked_at() {
    if [ "${command[0]}" != review ] || [ "$EVENT_NAME" = merge_group ]; then
        printf '%s %s' "$GITHUB_SHA" "$GITHUB_REF"
    elif [[ "$PULL_NUMBER" =~ ^[0-9]+$ ]]; then
        printf '%s refs/pull/%s/head' "$PULL_HEAD" "$PULL_NUMBER"
    else
        # The event does not name the pull request of a fork.
        asking ls-remote origin 'refs/pull/*/head' </dev/null |
            awk -v head="$RUN_HEAD" '$1 == head { print $1 " " $2; exit }'
    fi
}

scan() {
    local sarif="$reports/check.sarif" body answer code at
    [ -s "$sarif" ] || { warn "there is nothing to hand to code scanning: no findings were written"; return 0; }
    at="$(looked_at)"
    [ -n "$at" ] || { warn "findings are not handed to code scanning: no pull request has the commit $RUN_HEAD"; return 0; }
    body="$(mktemp "$(unixed "$RUNNER_TEMP")/luascale-sarif.XXXXXX")"
    answer="$body.answer"
    {
        printf '{"commit_sha":%s,"ref":%s,"tool_name":"luascale","sarif":"' "$(quoted "${at%% *}")" "$(quoted "${at#* }")"
        gzip -9 -c "$sarif" | base64 | tr -d '\r\n'
        printf '"}'
    } >"$body"
    # The header comes from standard input, so that the token is on no command line.
    code="$(printf 'Authorization: Bearer %s\n' "$token" | curl --silent --show-error --max-time 120 --retry 2 \
        --output "$answer" --write-out '%{http_code}' --header @- --header 'Accept: application/vnd.github+json' \
        --header 'Content-Type: application/json' --header 'X-GitHub-Api-Version: 2022-11-28' --data-binary "@$body" \
        -- "$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/code-scanning/sarifs")" || code="none"
    rm -f "$body"
    case "$code" in
        202) echo "handed the findings to code scanning" ;;
        403 | 404)
            local why="GitHub refused the findings for code scanning ($code): it has to be enabled for the repository, and \
the job needs permissions: security-events: write"
            # A pull request from a fork has a token that may only read, which nobody can change.
            [ "$EVENT_NAME" != pull_request ] || { warn "$why"; rm -f "$answer"; return 0; }
            fail 3 "$why"
            ;;
        *) fail 3 "GitHub did not take the findings for code scanning: $code $(head -c 500 "$answer" 2>/dev/null || true)" ;;
    esac
    rm -f "$answer"
}
[ "$upload" = false ] || scan

# --- the end -----------------------------------------------------------------------------------
if [ "$mode" = drift ] && [ "$status" = 2 ] && [ "$fail_on" = never ]; then
    warn "what is live is not what git has; the job's summary says what differs"
    exit 0
fi
exit "$status"

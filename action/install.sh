#!/usr/bin/env bash
# Finds the luascale that the action runs, and writes its path to the output `luascale`.
#
# In this order: the one that the workflow names (`binary`), one that is built from this action's own source
# (`build-from-source`), a release. A release counts only where its sha256 is in checksums.txt beside this file, which
# is part of the commit that the workflow pins; or where this file does not know the version yet, where GitHub's provenance
# says that this repository's release workflow built it. Nothing is looked for in the checkout.
set -euo pipefail
set -f
here="$(cd "${BASH_SOURCE[0]%[/\\]*}" && pwd -P)"
# shellcheck source=action/common.sh
. "$here/common.sh"

token="${INPUT_TOKEN:-}"
unset INPUT_TOKEN
clean_path
temp="$(unixed "$RUNNER_TEMP")/luascale-bin"
windows=""
[ "${RUNNER_OS:-}" != Windows ] || windows=.exe

# use PATH: what is run. It has to be luascale, and says which.
use() {
    local version
    version="$("$1" --version </dev/null 2>/dev/null)" || fail 3 "$1 cannot be run here" \
        "it may be for another system than $(uname -sm)"
    case "$version" in
        "luascale "*) echo "$version: $1" ;;
        *) fail 64 "$1 is not luascale" ;;
    esac
    set_output luascale "$1"
}

# --- one that is here already ------------------------------------------------------------------
named() {
    local asked="$1" path
    case "$asked" in
        */* | *\\*) path="$(unixed "$asked")" ;;
        *) path="$(type -P -- "$asked")" || fail 64 "there is no $asked on the PATH" \
            "give the input binary a path outside the checkout" ;;
    esac
    case "$path" in
        /*) ;;
        *) fail 64 "the input binary is \"$asked\", which depends on where it is run" "give it a path from the root" ;;
    esac
    [ -f "$path" ] && [ -x "$path" ] || fail 64 "the input binary is \"$asked\", and there is no program"
    # A link is followed to its end: it may lead into the checkout.
    local seen=0 target
    while [ -L "$path" ] && [ "$seen" -lt 40 ]; do
        target="$(readlink -- "$path")"
        case "$target" in /*) path="$target" ;; *) path="$(dirname -- "$path")/$target" ;; esac
        seen=$((seen + 1))
    done
    path="$(real "$(dirname -- "$path")")/$(basename -- "$path")"
    if in_workspace "$path"; then
        fail 64 "the input binary is \"$asked\", which is inside the checkout, where a pull request can put one" \
            "copy what you trust to \$RUNNER_TEMP first"
    fi
    use "$path"
}

# --- one that is built -------------------------------------------------------------------------
built() {
    command -v cargo >/dev/null || fail 3 "build-from-source needs Rust, and there is no cargo on the PATH" \
        "install it in a step before, from https://rustup.rs"
    # cargo and rustup obey files from where they run upward, so they run in this action's own source.
    (cd "$here/.." && cargo install --locked --quiet --no-track --force --path . --root "$temp" </dev/null) ||
        fail 3 "luascale could not be built from source; what cargo said is above"
    use "$temp/bin/luascale$windows"
}

# --- a release ---------------------------------------------------------------------------------
platform() {
    case "${RUNNER_OS:-}-${RUNNER_ARCH:-}" in
        Linux-X64) echo x86_64-unknown-linux-musl ;;
        Linux-ARM64) echo aarch64-unknown-linux-musl ;;
        macOS-X64) echo x86_64-apple-darwin ;;
        macOS-ARM64) echo aarch64-apple-darwin ;;
        Windows-X64) echo x86_64-pc-windows-msvc ;;
        *) fail 3 "there is no release for ${RUNNER_OS:-an unknown system} on ${RUNNER_ARCH:-an unknown processor}" \
            "use build-from-source: true" >&2 ;;
    esac
}

sum_of() {
    if command -v sha256sum >/dev/null; then sha256sum <"$1"; else shasum -a 256 <"$1"; fi | cut -d ' ' -f 1
}

# get URL FILE
get() {
    local protocol="=https"
    case "$1" in http://127.0.0.1:*) protocol="=http" ;; esac
    curl --silent --show-error --fail --location --proto "$protocol" --retry 3 --max-time 300 --output "$2" -- "$1"
}

# The checksum that a list has for a file; nothing where it has none.
listed() { awk -v file="$2" 'NF == 2 && $2 == file && $1 ~ /^[0-9a-f]+$/ && length($1) == 64 { print $1; exit }' "$1"; }

# The checksum of a release that came after this commit of the action: from the release itself, where GitHub
# vouches that this repository's release workflow made that list from the tag of that version.
vouched() {
    local version="$1" file="$2" sums="$temp/SHA256SUMS"
    local url="$LUASCALE_RELEASES/v$version/SHA256SUMS"
    get "$url" "$sums" || fail 3 "there is no release v$version of $LUASCALE_REPOSITORY, or it cannot be reached: $url" \
        "name another version, or use build-from-source: true" >&2
    command -v gh >/dev/null || fail 3 "checksums of release v$version are not in this commit of the action, and gh, \
which could verify where they come from, is not here" \
        "pin a later commit of the action, install gh, or use build-from-source: true" >&2
    GH_TOKEN="$token" GH_PROMPT_DISABLED=1 gh attestation verify "$sums" --repo "$LUASCALE_REPOSITORY" \
        --signer-workflow "$LUASCALE_REPOSITORY/.github/workflows/release.yml" --source-ref "refs/tags/v$version" \
        --deny-self-hosted-runners </dev/null >&2 ||
        fail 3 "the checksums of release v$version do not come from the release workflow of $LUASCALE_REPOSITORY; \
nothing was installed" >&2
    listed "$sums" "$file"
}

released() {
    local version="$1" target file wanted archive cache found
    # Not a version, but a part of a URL, would be somewhere else.
    [[ "$version" =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$ ]] ||
        fail 64 "the input version is \"$version\", which is none" "write it as 0.1.0"
    target="$(platform)"
    file="luascale-v$version-$target.tar.gz"
    mkdir -p "$temp"
    wanted="$(listed "${LUASCALE_CHECKSUMS:-$here/checksums.txt}" "$file")"
    [ -n "$wanted" ] || wanted="$(vouched "$version" "$file")"
    [ -n "$wanted" ] || fail 3 "release v$version has no $file" "use build-from-source: true"

    # What is kept from an earlier job is held against the checksum each time: other jobs write there, too.
    cache="$(unixed "${RUNNER_TOOL_CACHE:-$RUNNER_TEMP}")/luascale/$version"
    archive="$temp/$file"
    rm -f "$archive"
    if [ -f "$cache/$file" ] && [ ! -L "$cache/$file" ]; then
        # The copy is what is judged and unpacked, and nobody else has it.
        cp -- "$cache/$file" "$archive"
        [ "$(sum_of "$archive")" = "$wanted" ] || rm -f "$archive"
    fi
    if [ ! -f "$archive" ]; then
        get "$LUASCALE_RELEASES/v$version/$file" "$archive" ||
            fail 3 "release v$version cannot be fetched: $LUASCALE_RELEASES/v$version/$file"
        found="$(sum_of "$archive")"
        if [ "$found" != "$wanted" ]; then
            rm -f "$archive"
            fail 3 "$file of release v$version is not what was released: its sha256 is $found, and has to be $wanted; \
nothing was installed"
        fi
        # Whether it can be kept does not matter.
        mkdir -p "$cache" 2>/dev/null && cp -- "$archive" "$cache/$file.$$" 2>/dev/null &&
            mv -f -- "$cache/$file.$$" "$cache/$file" 2>/dev/null || true
    fi
    rm -rf "$temp/unpacked" && mkdir -p "$temp/unpacked"
    tar -xzf "$archive" -C "$temp/unpacked" "luascale$windows" || fail 3 "$file cannot be unpacked"
    use "$temp/unpacked/luascale$windows"
}

build="$(boolean build-from-source "${INPUT_BUILD_FROM_SOURCE:-false}")"
if [ -n "${INPUT_BINARY:-}" ]; then
    [ "$build" = false ] && [ -z "${INPUT_VERSION:-}" ] ||
        fail 64 "the input binary names a luascale that is here, so version and build-from-source have no say" "leave them out"
    named "$INPUT_BINARY"
elif [ "$build" = true ]; then
    [ -z "${INPUT_VERSION:-}" ] || fail 64 "build-from-source builds the source of this action, so version has no say" "leave it out"
    built
else
    version="${INPUT_VERSION:-$(sed -n 's/^version = "\(.*\)"$/\1/p' "$here/../Cargo.toml" | head -n 1)}"
    released "${version#v}"
fi

#!/bin/sh
# Installs skvm for this user: with uv or pipx where one of them is there, else into a private environment.
#
#   sh install.sh [--version X] [--extras web,local] [--method auto|uv|pipx|venv] [--uninstall] [WHEEL]
#
# Nothing needs root. Running it again upgrades; --uninstall takes away what it put there, and nothing else.
set -eu

[ -n "${HOME:-}" ] || {
    echo "error: HOME is not set" >&2
    exit 1
}
NAME=skvm
DATA=${XDG_DATA_HOME:-$HOME/.local/share}/$NAME
BIN=${XDG_BIN_HOME:-$HOME/.local/bin}
# A folder that is named from where somebody stands counts as none: a link to it would lead nowhere.
case $DATA in /*) ;; *) DATA=$HOME/.local/share/$NAME ;; esac
case $BIN in /*) ;; *) BIN=$HOME/.local/bin ;; esac
MARK=$DATA/.made-by-install-sh

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
fail() {
    warn "error: $1"
    [ $# -lt 2 ] || warn "help: $2"
    exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }

usage() {
    sed -n '2,7s/^# \{0,1\}//p' "$0" 2>/dev/null || say "sh install.sh [--version X] [--extras a,b] [--uninstall]"
}

# The oldest that will do, from what people call it.
find_python() {
    for name in "${SKVM_PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11 python; do
        [ -n "$name" ] || continue
        has "$name" || continue
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            command -v "$name"
            return 0
        fi
    done
    return 1
}

# uv and pipx are told to replace the program they made before: let them replace nothing else.
check_program() {
    [ -e "$1/$NAME" ] || [ -L "$1/$NAME" ] || return 0
    case $(readlink "$1/$NAME" 2>/dev/null || true) in
    */tools/"$NAME"/bin/"$NAME" | */venvs/"$NAME"/bin/"$NAME" | "$DATA"/env-*/bin/"$NAME") ;;
    *) fail "$1/$NAME is there already and not ours" "move it away, and run this again" ;;
    esac
}

# Where skvm was put by us, and how.
method_of() {
    [ -f "$MARK" ] && cat "$MARK" || true
}

remember() {
    mkdir -p "$DATA"
    printf '%s\n' "$1" >"$MARK.new"
    mv "$MARK.new" "$MARK"
}

uninstall() {
    method=$(method_of)
    case $method in
    uv) uv tool uninstall "$NAME" ;;
    pipx) pipx uninstall "$NAME" ;;
    venv) ;;
    *)
        say "$NAME was not installed by this script: nothing to do"
        return 0
        ;;
    esac
    # Also where another method was taken later: a link into what goes would lead nowhere.
    if is_ours; then rm -f "$BIN/$NAME"; fi
    rm -rf "$DATA"/env-[0-9]*
    rm -f "$MARK"
    rmdir "$DATA" 2>/dev/null || true
    say "$NAME is gone; what it recorded is still in ${SKVM_CACHE:-$HOME/.skvm}"
}

install_venv() {
    python=$(find_python) || fail "no Python 3.11 or newer was found" \
        "install one, or name it: SKVM_PYTHON=/path/to/python3 sh install.sh"
    if [ -e "$BIN/$NAME" ] || [ -L "$BIN/$NAME" ]; then
        is_ours || fail "$BIN/$NAME is there already and not ours" "move it away, or take another --method"
    fi
    mkdir -p "$DATA" "$BIN"
    # Each install is an environment of its own; until the link is turned, the one before is what runs.
    number=1
    while [ -e "$DATA/env-$number" ]; do number=$((number + 1)); done
    env=$DATA/env-$number
    "$python" -m venv "$env" || {
        rm -rf "$env"
        fail "$python cannot make a virtual environment" \
            "install its venv module (Debian, Ubuntu: apt install python3-venv)"
    }
    if ! "$env/bin/python" -m pip install --quiet --disable-pip-version-check "$1" ||
        ! "$env/bin/$NAME" --version >/dev/null; then
        rm -rf "$env"
        fail "pip could not install $1"
    fi
    ln -sf "$env/bin/$NAME" "$BIN/.$NAME.new"
    mv -f "$BIN/.$NAME.new" "$BIN/$NAME"
    for old in "$DATA"/env-[0-9]*; do
        [ "$old" = "$env" ] || rm -rf "$old"
    done
}

# Whether the program on the PATH is a link that this script made.
is_ours() {
    case $(readlink "$BIN/$NAME" 2>/dev/null || true) in
    "$DATA"/env-*/bin/"$NAME") return 0 ;;
    *) return 1 ;;
    esac
}

main() {
    version= extras= method=auto wheel= remove=
    while [ $# -gt 0 ]; do
        case $1 in
        --version | --extras | --method)
            [ $# -ge 2 ] || fail "$1 needs a value"
            case $1 in
            --version) version=$2 ;;
            --extras) extras=$2 ;;
            --method) method=$2 ;;
            esac
            shift
            ;;
        --version=*) version=${1#*=} ;;
        --extras=*) extras=${1#*=} ;;
        --method=*) method=${1#*=} ;;
        --uninstall) remove=1 ;;
        -h | --help)
            usage
            return 0
            ;;
        -*) fail "unknown option $1" "sh install.sh --help" ;;
        *) wheel=$1 ;;
        esac
        shift
    done
    if [ -n "$remove" ]; then
        uninstall
        return 0
    fi
    case $version$extras in
    *[!A-Za-z0-9.,+!_-]*) fail "no version or extras: $version $extras" ;;
    esac
    what=$NAME
    [ -z "$wheel" ] || what=$wheel
    [ -z "$extras" ] || what="$what[$extras]"
    [ -z "$version" ] || what="$what==$version"
    if [ -n "$wheel" ]; then
        [ -z "$version" ] || fail "--version says nothing of a file"
        [ -f "$wheel" ] || fail "there is no file $wheel"
    fi
    if [ "$method" = auto ]; then
        # What did it before does it again.
        method=$(method_of)
        if [ -z "$method" ]; then
            if has uv; then method=uv; elif has pipx; then method=pipx; else method=venv; fi
        fi
    fi
    case $method in
    uv)
        has uv || fail "uv is not there"
        check_program "${UV_TOOL_BIN_DIR:-$BIN}"
        uv tool install --force --python '>=3.11' "$what"
        ;;
    pipx)
        has pipx || fail "pipx is not there"
        check_program "${PIPX_BIN_DIR:-$HOME/.local/bin}"
        pipx install --force "$what"
        ;;
    venv) install_venv "$what" ;;
    *) fail "unknown method $method" "auto, uv, pipx or venv" ;;
    esac
    remember "$method"
    say "$NAME is installed with $method"
    case :$PATH: in
    *":$BIN:"*) ;;
    *) [ "$method" != venv ] || say "add it to your PATH: export PATH=\"$BIN:\$PATH\"" ;;
    esac
    say "next: $NAME doctor"
}

# Read whole before anything is done: a download that was cut off does nothing.
main "$@"

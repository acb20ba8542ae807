#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes .venv with egresswatch in it. From nothing but Python 3.11+ on Debian 12 (as root it installs
# the system packages that are missing); does nothing, and uses no network, when all is there.
#
#   scripts/setup.sh        what `make demo` needs: the program
#   scripts/setup.sh dev    what `make test` needs: the program, its test tools, tshark and a few more
set -eu
cd "$(dirname "$0")/.."
want=${1:-run}
venv=.venv
stamp=$venv/.egresswatch-$want

say() { echo "setup: $*" >&2; }
die() { say "$*"; exit 1; }

# apt PACKAGE: installs a Debian package, or says who has to.
apt() {
    command -v apt-get >/dev/null 2>&1 || die "$1 is missing and this is no Debian: install it by hand, then run make again."
    [ "$(id -u)" = 0 ] || die "$1 is missing: as root, run  apt-get install $1  and then make again."
    say "installing the Debian package $1"
    export DEBIAN_FRONTEND=noninteractive
    if ! apt-get install -y -q --no-install-recommends "$1" >"$log" 2>&1; then
        apt-get update -q >>"$log" 2>&1 || { cat "$log" >&2; die "apt-get update failed."; }
        apt-get install -y -q --no-install-recommends "$1" >>"$log" 2>&1 || { cat "$log" >&2; die "apt-get install $1 failed."; }
    fi
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# 1. Python
python=${PYTHON:-python3}
command -v "$python" >/dev/null 2>&1 || apt python3
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    die "$python is $("$python" -V 2>&1), but 3.11 or later is needed (PYTHON=/path/to/python3.11 make ... chooses another)."

# 2. .venv; a half-made one, or one whose Python is gone, is made anew
if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    rm -rf "$venv"
    if ! "$python" -m venv "$venv" >"$log" 2>&1; then
        rm -rf "$venv"
        grep -q ensurepip "$log" || { cat "$log" >&2; die "$python -m venv failed."; }
        apt python3-venv
        "$python" -m venv "$venv" >"$log" 2>&1 || { cat "$log" >&2; die "$python -m venv failed even with python3-venv."; }
    fi
fi

# 3. the program and its packages: again only when pyproject.toml or Python changed
now=$(cat pyproject.toml scripts/setup.sh | cksum)$("$venv/bin/python" -V)
fresh() { [ "$(cat "$1" 2>/dev/null || true)" = "$now" ]; }
if ! fresh "$stamp" && ! { [ "$want" = run ] && fresh "$venv/.egresswatch-dev"; }; then
    target=.
    [ "$want" = dev ] && target='.[dev]'
    say "installing egresswatch and its Python packages into $venv (a minute or two, once)"
    "$venv/bin/python" -m pip install --disable-pip-version-check -qq -e "$target" ||
        die "pip could not install the packages; its message stands above."
    printf '%s' "$now" >"$stamp"
fi

# 4. tshark: the tests check captures with it, and `egresswatch dissect` reads with it
if [ "$want" = dev ] && ! command -v tshark >/dev/null 2>&1; then
    apt tshark
fi

# 5. tools that check what we write for others; without them their tests skip and say so
if [ "$want" = dev ]; then
    for tool in minisign:minisign nft:nftables iptables-restore:iptables; do
        command -v "${tool%%:*}" >/dev/null 2>&1 || [ -x "/usr/sbin/${tool%%:*}" ] || (apt "${tool##*:}") ||
            say "${tool##*:} could not be installed: the tests that need it will skip."
    done
fi

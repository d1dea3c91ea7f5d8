#!/bin/sh
# Installs what `cargo xtask bench gateway` compares with: nginx (Debian's package), LiteLLM and Portkey, by name and
# version, into .tools/peers. Usage: bench/peers.sh [nginx] [litellm] [portkey]; without a name, all of them.
set -eu

LITELLM_VERSION="${LITELLM_VERSION:-1.101.6}"
PORTKEY_VERSION="${PORTKEY_VERSION:-1.15.2}"

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
tools="$root/.tools/peers"
mkdir -p "$tools"

install_nginx() {
    [ -x /usr/sbin/nginx ] || command -v nginx >/dev/null || {
        if [ "$(id -u)" = 0 ]; then sudo=; else sudo=sudo; fi
        # Installed, not started: the tool runs its own.
        $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends nginx
    }
    { /usr/sbin/nginx -v || nginx -v; } 2>&1 | head -1
}

install_litellm() {
    if [ ! -x "$tools/litellm/bin/litellm" ] || [ "$(cat "$tools/litellm.version" 2>/dev/null)" != "litellm $LITELLM_VERSION" ]; then
        for python in python3.13 python3.12 python3.11 python3; do
            command -v "$python" >/dev/null && "$python" -c 'import venv' 2>/dev/null && break
        done
        "$python" -m venv --clear "$tools/litellm"
        "$tools/litellm/bin/pip" install --quiet --disable-pip-version-check "litellm[proxy]==$LITELLM_VERSION"
        echo "litellm $LITELLM_VERSION" >"$tools/litellm.version"
    fi
    cat "$tools/litellm.version"
}

install_portkey() {
    if [ "$(cat "$tools/portkey.version" 2>/dev/null)" != "@portkey-ai/gateway $PORTKEY_VERSION" ]; then
        mkdir -p "$tools/portkey"
        # The newest hono breaks its streams; these two are known to work.
        cat >"$tools/portkey/package.json" <<JSON
{
  "private": true,
  "dependencies": { "@portkey-ai/gateway": "$PORTKEY_VERSION" },
  "overrides": { "hono": "4.9.7", "@hono/node-server": "1.3.3" }
}
JSON
        (cd "$tools/portkey" && npm install --no-audit --no-fund --loglevel=error)
        echo "@portkey-ai/gateway $PORTKEY_VERSION" >"$tools/portkey.version"
    fi
    cat "$tools/portkey.version"
}

[ $# -gt 0 ] || set -- nginx litellm portkey
if [ $# -gt 1 ]; then
    # Each by itself, so that one that cannot be installed does not take the others along.
    for name in "$@"; do
        "$0" "$name" || echo "peers.sh: $name was not installed" >&2
    done
    exit 0
fi
case "$1" in
nginx | litellm | portkey) "install_$1" ;;
*)
    echo "peers.sh: no peer is called $1 (nginx, litellm, portkey)" >&2
    exit 2
    ;;
esac

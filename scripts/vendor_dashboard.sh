#!/bin/sh
# Brings the dashboard's two libraries from the npm registry into the package, as published there:
# uPlot (charts) and lit-html (templates that escape by construction). Run it to change a version,
# with the new checksum; everything else works without npm and without a network.
set -eu
cd "$(dirname "$0")/.."
to="$PWD/hybrid_coordinator/serving/http/dashboard/assets/vendor"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# unpack NAME VERSION SHA256_OF_THE_ARCHIVE
unpack() {
    (cd "$work" && npm pack --silent "$1@$2" >/dev/null)
    echo "$3  $work/$1-$2.tgz" | sha256sum --check --quiet
    mkdir -p "$work/$1"
    tar -xzf "$work/$1-$2.tgz" -C "$work/$1" --strip-components=1
}

unpack uplot 1.6.32 4b8a8191e425658e3ea8c8c1314b0fc679c861ee3a1af2b20c7b16ba50b5133d
mkdir -p "$to/uplot"
cp "$work/uplot/LICENSE" "$work/uplot/dist/uPlot.iife.min.js" "$work/uplot/dist/uPlot.min.css" \
    "$to/uplot/"

unpack lit-html 3.3.3 ae004138a6327c362fee8e48db2a8ee9619a6ca3014c802857395e6ac447a0eb
mkdir -p "$to/lit-html/directives"
for file in LICENSE lit-html.js directive.js directive-helpers.js async-directive.js \
    directives/keyed.js directives/live.js directives/ref.js directives/repeat.js; do
    cp "$work/lit-html/$file" "$to/lit-html/$file"
done

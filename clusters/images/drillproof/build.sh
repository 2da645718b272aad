#!/bin/sh
# Builds the image that a CronJob of drillproof runs: build.sh REF [BASE]
# REF is the image's name, BASE any image with Python 3.11 and coreutils, else that of the Containerfile. Needs Docker, kubectl, and Python 3.11 with
# venv and pip (PYTHON, if it is not python3).
set -eu

ref=$1
here=$(cd "$(dirname "$0")" && pwd)
base=${2:-$(sed -n 's/^ARG BASE=//p' "$here/Containerfile")}
case $base in
  *@sha256:*) ;;
  *) echo "warning: the base image $base has no digest, so it can change; \`make pin\` sets that of the Containerfile" >&2 ;;
esac
root=$(cd "$here/../../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Every package is checked against its hash in runtime.lock, also those that build drillproof. Only wheels: to build
# another package, pip would fetch what builds it without a hash. The last step warns of the folder site/bin: be quiet.
lock="$root/runtime.lock"
"${PYTHON:-python3}" -m venv "$work/venv"
install() { "$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile "$@"; }
install --require-hashes --only-binary :all: --requirement "$lock"
install --no-deps --no-build-isolation "$root"
install --require-hashes --only-binary :all: --target "$work/image/site" --requirement "$lock"
install --quiet --no-deps --no-build-isolation --target "$work/image/site" "$root"
cp "$(command -v kubectl)" "$work/image/kubectl"
docker build --quiet --tag "$ref" --build-arg "BASE=$base" --file "$here/Containerfile" "$work/image"

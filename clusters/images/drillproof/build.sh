#!/bin/sh
# Builds the image that a CronJob of drillproof runs: build.sh REF [BASE]
# REF is the image's name, BASE any image with Python 3.11 and coreutils. Wants Docker, kubectl, and Python 3.11 with
# pip (PYTHON, if it is not python3).
set -eu

ref=$1
base=${2:-docker.io/library/python:3.11-slim-bookworm}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The pins without their hashes: pip takes none where drillproof itself is a folder.
sed -e '/^ *--hash=/d' -e 's/ *\\$//' "$root/requirements.lock" > "$work/pins"
"${PYTHON:-python3}" -m pip install --quiet --no-compile --target "$work/image/site" --constraint "$work/pins" "$root"
cp "$(command -v kubectl)" "$work/image/kubectl"
docker build --quiet --tag "$ref" --build-arg "BASE=$base" --file "$here/Containerfile" "$work/image"

#!/bin/sh
# Sets the digest of the base image in the Containerfile: of its tag as the registry has it now. Needs Docker with buildx
# and a network. Run it to get a newer base image, too, and commit the change.
set -eu

file=$(dirname "$0")/Containerfile
tag=$(sed -n 's/^ARG BASE=\([^@]*\).*/\1/p' "$file")
digest=$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$tag")
if ! echo "$digest" | grep -qxE 'sha256:[0-9a-f]{64}'; then
  echo "the registry gave no digest of $tag: $digest" >&2
  exit 1
fi
sed "s|^ARG BASE=.*|ARG BASE=$tag@$digest|" "$file" >"$file.new"
mv "$file.new" "$file"
echo "$tag@$digest"

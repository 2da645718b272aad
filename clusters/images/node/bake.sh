#!/bin/bash
# Runs once in a privileged container of the node image, ours or the official one: puts the images of
# archive $1 into containerd's store, unpacked. /bake is a volume, since containerd's snapshots cannot
# be made on the container's own file system.
#
# A node keeps /var in a volume that Docker fills by copying the image's /var. So only the store's
# books lie there; the unpacked layers lie in $layers, outside of it, and are linked to. They are
# read straight from the image by every node at once: nothing is copied and nothing unpacked when a
# node starts, and the kernel caches each file once for all nodes.
set -euo pipefail

store=/var/lib/containerd
layers=/opt/drillproof/layers
snapshots=io.containerd.snapshotter.v1.overlayfs/snapshots

# Where the machine lacks CAP_SYS_RESOURCE, a pod's asking for a lower oom_score_adj must not fail.
sed -i 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' /etc/containerd/config.toml

mkdir -p "$store"
cp -a "$store" /bake/store
containerd --root /bake/store --log-level warn > /bake/containerd.log 2>&1 &
for _ in {1..100}; do
    ctr version > /dev/null 2>&1 && break
    sleep 0.1
done
ctr --namespace k8s.io images import --all-platforms "$1" > /dev/null || { cat /bake/containerd.log; exit 1; }
# Unpacked layers need no copy of their packed form.
ctr --namespace k8s.io images list --quiet | while read -r name; do
    ctr --namespace k8s.io content get "$(ctr --namespace k8s.io images list "name==$name" | awk 'NR == 2 {print $3}')" |
        jq -r '.layers[]?.digest'
done | sort -u > /bake/packed
kill %1
wait %1 || true
while read -r digest; do rm -f "/bake/store/io.containerd.content.v1.content/blobs/sha256/${digest#sha256:}"; done < /bake/packed

rm -rf "$store"
mkdir -p "$layers"
for snapshot in "/bake/store/$snapshots"/*; do
    [ ! -L "$snapshot" ] || continue # an image of ours is the base
    cp -a "$snapshot" "$layers/"
    rm -rf "$snapshot"
    ln -s "$layers/${snapshot##*/}" "$snapshot"
done
cp -a /bake/store "$store"

# Our kubelet, kubeadm and kubectl are the control plane's own file.
for program in "$layers"/*/fs/usr/local/bin/kubernetes; do
    [ ! -e "$program" ] || ln -sf "$program" /usr/local/bin/kubernetes
done

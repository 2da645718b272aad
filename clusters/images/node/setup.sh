#!/bin/bash
# Runs once in a container of the bare node image, and makes of unpacked packages what their install
# scripts and kind's own image build would have made. $1 is the Kubernetes version.
set -euo pipefail
[ ! -e /kind/version ] || exit 0 # an official image, or one of ours that is finished

systemd-sysusers 2> /dev/null
ln -sf /usr/bin/{containerd,ctr,containerd-shim-runc-v2} /usr/local/bin/
mkdir -p /opt/cni /etc/kubernetes/manifests /etc/cni/net.d /kind/manifests /var/lib/dpkg/alternatives
ln -sfn /usr/lib/cni /opt/cni/bin
touch /etc/machine-id
for family in iptables ip6tables; do # kind's entrypoint chooses between the two
    for kind in nft:20 legacy:10; do
        update-alternatives --quiet --install "/usr/sbin/$family" "$family" "/usr/sbin/$family-${kind%:*}" "${kind#*:}" \
            --slave "/usr/sbin/$family-restore" "$family-restore" "/usr/sbin/$family-${kind%:*}-restore" \
            --slave "/usr/sbin/$family-save" "$family-save" "/usr/sbin/$family-${kind%:*}-save"
    done
done

# Only what a node needs is started by systemd.
rm -rf /usr/lib/systemd/system/{multi-user,local-fs,basic}.target.wants /etc/systemd/system/*.wants
rm -f /usr/lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service
rm -f /usr/lib/systemd/system/sockets.target.wants/*{udev,initctl}* /usr/lib/systemd/system/containerd.service
echo "ReadKMsg=no" >> /etc/systemd/journald.conf
systemctl --quiet enable kubelet.service containerd.service undo-mount-hacks.service
systemctl --quiet mask systemd-binfmt.service

ctr oci spec | jq '.hooks.createContainer += [{"path": "/kind/bin/mount-product-files.sh"}] | del(.process.rlimits)' \
    > /etc/containerd/cri-base.json
printf %s "$1" > /kind/version

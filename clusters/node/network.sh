#!/bin/bash
# Runs in every node before kubelet starts: the pod network, and the node's half of the fence.
# Each node takes its number from the last part of its address, and its pods live in
# 10.244.<number>.0/24; so routes to all the others can be laid before the others exist.
set -euo pipefail

pods=10.244
address=$(ip -4 -o address show dev eth0 | awk '{split($4, a, "/"); print a[1]; exit}')
drill=${address%.*}
number=${address##*.}

# Four nodes on one machine need more than the usual 128.
[ "$(cat /proc/sys/fs/inotify/max_user_instances)" -ge 1024 ] || echo 1024 > /proc/sys/fs/inotify/max_user_instances

# The fence, behind kube-proxy's and everybody else's rules: the last thing that happens to a packet
# before it goes out. Answers to those who called us from outside (the harness) may pass.
iptables -t mangle -F POSTROUTING
for inside in "$drill.0/24" "$pods.0.0/16"; do
  iptables -t mangle -A POSTROUTING -o eth0 -d "$inside" -j RETURN
done
iptables -t mangle -A POSTROUTING -o eth0 -m conntrack --ctstate ESTABLISHED --ctdir REPLY -j RETURN
iptables -t mangle -A POSTROUTING -o eth0 -m comment --comment drillproof -j DROP

# Names: the engine's resolver would ask the host's, and so reach out from outside the fence. The
# control plane's name is all that a node needs; after it the resolver is cut off.
endpoint=$(sed -n 's/^controlPlaneEndpoint: *"\{0,1\}\([^":]*\).*/\1/p' /kind/kubeadm.conf | head -n 1)
if ! grep -qw "$endpoint" /etc/hosts; then
  found=$(getent ahostsv4 "$endpoint" | awk '{print $1; exit}')
  echo "$found $endpoint" >> /etc/hosts
fi
echo "# no resolver: drillproof's fence" > /etc/resolv.conf
iptables -t nat -F DOCKER_OUTPUT 2>/dev/null || true # podman and others have no such chain

# The pod network: point-to-point links, the one plugin that every node image has.
mkdir -p /etc/cni/net.d
cat > /etc/cni/net.d/10-drillproof.conflist << CONFLIST
{"cniVersion": "0.4.0", "name": "drillproof", "plugins": [
  {"type": "ptp", "ipMasq": false, "ipam": {"type": "host-local", "dataDir": "/run/cni-ipam-state",
   "ranges": [[{"subnet": "$pods.$number.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
CONFLIST
for other in $(seq 2 62); do # the range that the drill's network gives to nodes
  [ "$other" = "$number" ] || echo "route replace $pods.$other.0/24 via $drill.$other"
done | ip -batch -
ip route replace unreachable "$pods.0.0/16" # the rest of the pod network must not go to the default route
# Only what leaves the pod network (for the object store) takes the node's address.
outbound=(POSTROUTING -s "$pods.0.0/16" ! -d "$pods.0.0/16" -o eth0 -j MASQUERADE)
iptables -t nat -C "${outbound[@]}" 2>/dev/null || iptables -t nat -A "${outbound[@]}"

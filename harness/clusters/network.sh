# The rules around the network of a drill, on the engine's host. Needs `tag`, `bridge` and `mark`; one function is called.
set -eu
ip4=iptables-nft; ip6=ip6tables-nft
if ! $ip4 -n -L DOCKER-USER >/dev/null 2>&1; then ip4=iptables-legacy; ip6=ip6tables-legacy; fi
[ -e /proc/net/if_inet6 ] || ip6=true

lay() { table=$1 place=$2 chain=$3; shift 3
  $ip4 -t $table -C $chain "$@" 2>/dev/null || $ip4 -t $table $place $chain "$@"; }

# Forwarded packets are refused before docker's own rules see them; packets for the host itself are refused too, since
# a proxy there would pass them on. A packet that escapes all that still has the mark, and is counted.
up() {
  lay mangle -A POSTROUTING -m mark --mark $mark ! -o $bridge -m comment --comment $tag
  lay mangle -A FORWARD -i $bridge ! -o $bridge -m comment --comment $tag -j MARK --set-mark $mark
  lay filter -I INPUT -i $bridge -m conntrack --ctstate NEW -m comment --comment $tag -j REJECT
  lay filter -I DOCKER-USER -i $bridge ! -o $bridge -m comment --comment $tag -j REJECT
  for chain in INPUT FORWARD; do
    $ip6 -C $chain -i $bridge -m comment --comment $tag -j REJECT 2>/dev/null ||
    $ip6 -I $chain -i $bridge -m comment --comment $tag -j REJECT
  done
}

down() {
  for ip in $ip4 $ip6; do for table in filter mangle; do
    [ $ip != true ] || continue
    $ip-save -t $table | grep -E -- "--comment \"?$tag\"?( |\$)" | sed 's/^-A/-D/; s/"//g' |
      while read -r rule; do $ip -t $table $rule; done
  done; done
}

count() { $ip4-save -c | grep -E -- "--comment \"?$tag\"?( |\$)" || true; }

# Every cluster that has rules.
clusters() { ($ip4-save; [ $ip6 = true ] || $ip6-save) | grep -oE "$tag:[a-z0-9-]+" | sort -u || true; }

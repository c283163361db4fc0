# shellcheck shell=bash
# The lab's network. A bridge in a namespace of its own (the machine's firewall and Docker's rules do not reach it), one
# veth pair to each host and one to the machine, where the broker listens (its second and third node, on .2 and .3):
#
#   machine: longshoreN 198.18.N.1 --+
#   alpha:   eth0       198.18.N.11 --+-- bridge, in namespace longshore-NAME-switch
#   beta:    eth0       198.18.N.12 --+

# What says, on the machine's end of the lab's link, whose it is.
lab_link_alias() { printf 'longshore-lab:%s' "$LAB_STATE"; }

# Finds a free network and claims it by making the link to it: the kernel lets only one lab have each name.
network_claim() {
  network_switch_up
  # shellcheck disable=SC2034  # the functions of lib.sh read it
  for LAB_INDEX in {0..254}; do
    [[ -z $(ip -4 route show table all root "$(lab_network)") ]] || continue
    ports_free "$(broker_port)" "$(broker_epmd_port)" "$(broker_tls_port)" \
      "$(broker_distribution_port 1)" "$(broker_distribution_port 2)" "$(broker_distribution_port 3)" || continue
    ! network_uplink_up 2>/dev/null || return 0
  done
  die "no free network in 198.18.0.0/16"
}

# The link between the machine and the switch. The kernel removes it with the switch.
network_uplink_up() {
  ip link add "$(lab_uplink)" type veth peer name machine netns "$(lab_netns switch)" &&
    ip link set "$(lab_uplink)" alias "$(lab_link_alias)"
}

network_switch_up() {
  local switch
  switch=$(lab_netns switch)
  netns_exists "$switch" || ip netns add "$switch"
  ip -n "$switch" link set lo up
  ip -n "$switch" link show lab >/dev/null 2>&1 || ip -n "$switch" link add lab type bridge
  ip -n "$switch" link set lab up
}

ports_free() {
  local port
  for port; do
    [[ -z $(ss -Hltn "sport = :$port") ]] || return 1
  done
}

# The machine's links that belong to this lab.
network_links() {
  ip -json -details link show | jq -r --arg alias "$(lab_link_alias)" '.[] | select(.ifalias == $alias) | .ifname'
}

# Makes what of the network is not there.
network_up() {
  local switch host node
  switch=$(lab_netns switch)
  network_switch_up
  ip link show "$(lab_uplink)" >/dev/null 2>&1 || network_uplink_up
  ip -n "$switch" link set machine master lab up
  for node in $(broker_nodes); do
    ip addr replace "$(broker_node_address "$node")/24" dev "$(lab_uplink)"
  done
  ip link set "$(lab_uplink)" up

  for host in $LAB_HOSTS; do
    network_up_host "$switch" "$host"
  done
}

network_up_host() {
  local switch=$1 host=$2 netns
  netns=$(lab_netns "$host")
  netns_exists "$netns" || ip netns add "$netns"
  ip -n "$netns" link set lo up
  if ! ip -n "$switch" link show "$host" >/dev/null 2>&1; then
    ip -n "$switch" link add "$host" type veth peer name eth0 netns "$netns"
  fi
  ip -n "$switch" link set "$host" master lab up
  ip -n "$netns" addr replace "$(host_address "$host")/24" dev eth0
  ip -n "$netns" link set eth0 up
  ip -n "$netns" route replace default via "$(lab_gateway)"
  link_rate "$host" "$LAB_RATE"
}

# Gives a host's link a speed in both directions: link_rate HOST RATE, as tc writes it, or "unlimited".
link_rate() {
  local host=$1 rate=$2
  if [[ $rate == unlimited ]]; then
    tc -n "$(lab_netns switch)" qdisc del dev "$host" root 2>/dev/null || true
    tc -n "$(lab_netns "$host")" qdisc del dev eth0 root 2>/dev/null || true
  else
    tc -n "$(lab_netns switch)" qdisc replace dev "$host" root tbf rate "$rate" burst 1mb latency 50ms
    tc -n "$(lab_netns "$host")" qdisc replace dev eth0 root tbf rate "$rate" burst 1mb latency 50ms
  fi
}

# Attaches a host to the bridge, or detaches it while its own interface stays up: link_attach HOST yes|no
link_attach() {
  if [[ $2 == yes ]]; then
    ip -n "$(lab_netns switch)" link set "$1" master lab
  else
    ip -n "$(lab_netns switch)" link set "$1" nomaster
  fi
}

# Cuts a host off a node of the broker: broker_cut HOST NODE drop|reset
# `drop` loses every packet and tells nobody; `reset` answers each one, so that both ends know at once.
broker_cut() {
  local verdict=(-j DROP) ports
  # What says that a connection is reset must itself pass.
  [[ $3 == drop ]] || verdict=(! --tcp-flags RST RST -j REJECT --reject-with tcp-reset)
  broker_restore "$1" "$2"
  ports=$(broker_port),$(broker_tls_port)
  broker_filter "$1" -A OUTPUT -p tcp -d "$(broker_node_address "$2")" -m multiport --dports "$ports" "${verdict[@]}"
  broker_filter "$1" -A INPUT -p tcp -s "$(broker_node_address "$2")" -m multiport --sports "$ports" "${verdict[@]}"
}

# Lets a host reach a node of the broker again: broker_restore HOST NODE
broker_restore() {
  local rule
  while read -r rule; do
    # shellcheck disable=SC2086  # the words of a rule, as iptables prints them
    broker_filter "$1" -D ${rule#-A }
  done < <(broker_filter "$1" -S | grep -F -- " $(broker_node_address "$2")/32 " || true)
}

# Runs iptables in a host's network.
broker_filter() { XTABLES_LOCKFILE=$LAB_STATE/xtables.lock ip netns exec "$(lab_netns "$1")" iptables --wait 30 "${@:2}"; }

netns_exists() { [[ -e /run/netns/$1 ]]; }

# Takes the network away: everything named after this lab.
network_down() {
  local netns link pid
  for netns in $(ip netns list | awk '{ print $1 }' | grep -xE "longshore-$LAB_NAME-(switch|alpha|beta|gamma|delta)" || true); do
    for pid in $(ip netns pids "$netns"); do
      kill -KILL "$pid" 2>/dev/null || true
    done
    ip netns delete "$netns"
  done
  for link in $(network_links); do
    ip link delete "$link" 2>/dev/null || true
  done
}

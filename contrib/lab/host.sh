# shellcheck shell=bash
# A host: its files, its namespaces, its libvirt, its pools and its agent.

# The folders of the machine that each host has a version of its own of. Those that only the lab needs are made and, when
# the last lab goes, removed.
readonly LAB_MOUNT_POINTS=(
  /etc/libvirt /etc/longshore /etc/pki /var/lib/libvirt /var/lib/longshore /var/cache/libvirt /var/log/libvirt
)
readonly LAB_MADE_MOUNT_POINTS=/run/longshore-lab.mount-points

# Makes the mount points that the machine lacks. Call it with the machine's lock held.
mount_points_make() {
  local path
  for path in "${LAB_MOUNT_POINTS[@]}"; do
    [[ -d $path ]] && continue
    printf '%s\n' "$path" >>"$LAB_MADE_MOUNT_POINTS"
    mkdir -p "$path"
  done
}

# Removes the mount points that labs made, unless another lab still uses them or something has been put there.
mount_points_remove() {
  local path
  [[ -f $LAB_MADE_MOUNT_POINTS ]] || return 0
  [[ ! $(ip netns list) =~ longshore-[a-z0-9-]+-switch ]] || return 0
  while read -r path; do
    rmdir --ignore-fail-on-non-empty "$path" 2>/dev/null || true
  done <"$LAB_MADE_MOUNT_POINTS"
  rm -f "$LAB_MADE_MOUNT_POINTS"
}

# Makes a host, or what of it is not there.
host_up() {
  local host=$1
  host_configure "$host"
  host_holder "$host" >/dev/null || host_hold "$host"
  host_start_libvirt "$host"
  host_make_pools "$host"
}

# Starts the process that keeps the host's namespaces, and waits until the host's view of the machine is complete.
host_hold() {
  local host=$1 folder ready
  folder=$(host_folder "$host")
  rm -f "$folder/holder" "$folder/ready"
  mkfifo "$folder/ready"
  run_marked setsid --fork nsenter --net="/run/netns/$(lab_netns "$host")" \
    unshare --mount --uts --pid --fork --kill-child=KILL \
    bash "$LAB_SOURCE/holder" "$LAB_STATE" "$host" </dev/null >"$folder/holder.log" 2>&1
  exec {ready}<>"$folder/ready"
  read -r -t 30 -u "$ready" || die "host '$host' does not start: $(<"$folder/holder.log")"
  exec {ready}>&-
  rm -f "$folder/ready"
}

host_configure() {
  local host=$1 folder other
  folder=$(host_folder "$host")
  mkdir -p "${LAB_MOUNT_POINTS[@]/#/$folder}" "$folder/var/log/libvirt/qemu"
  tls_host "$host"
  {
    printf '127.0.0.1 localhost\n'
    for other in $LAB_HOSTS; do
      printf '%s %s\n' "$(host_address "$other")" "$other"
    done
    printf '%s broker\n' "$(lab_gateway)"
  } >"$folder/etc/hosts"

  cat >"$folder/etc/libvirt/libvirtd.conf" <<END
host_uuid = "$(host_uuid "$host")"
listen_tls = $([[ $LAB_TLS == yes ]] && printf 1 || printf 0)
listen_tcp = $([[ $LAB_TLS == yes ]] && printf 0 || printf 1)
listen_addr = "$(host_address "$host")"
auth_tcp = "none"
auth_unix_rw = "none"
log_outputs = "2:file:/var/log/libvirt/libvirtd.log"
END
  # A console log that rotates would lose acknowledgements.
  cat >"$folder/etc/libvirt/virtlogd.conf" <<END
max_size = $((1 << 30))
END
  cat >"$folder/etc/libvirt/qemu.conf" <<END
security_driver = "none"
user = "$LAB_QEMU_USER"
group = "$(id -gn "$LAB_QEMU_USER")"
dynamic_ownership = 1
remember_owner = 0
cgroup_controllers = [ ]
namespaces = [ ]
migration_address = "$(host_address "$host")"
migration_host = "$(host_address "$host")"
default_tls_x509_verify = 1
migrate_tls_force = $([[ $LAB_TLS == yes ]] && printf 1 || printf 0)
END

  printf 'agent-%s\n' "$host" >"$folder/etc/longshore/broker-password"
  chmod 600 "$folder/etc/longshore/broker-password"
  cat >"$folder/etc/longshore/longshored.yaml" <<END
cluster: lab
host: $host
broker:
  addresses: [$(broker_addresses_of "$host")]
  username: agent-$host
  virtualHost: "/"
END
  if [[ $LAB_TLS == yes ]]; then
    cat <<END
  authentication: certificate
  tls:
    enabled: true
    caFile: /etc/longshore/tls/ca.pem
    certificateFile: /etc/longshore/tls/agent.pem
    keyFile: /etc/longshore/tls/agent.key
    serverName: broker
libvirt:
  uri: "qemu:///system"
  reachableAs: "$(libvirt_uri "$host")"
migration:
  address: "$(host_address "$host")"
  tlsName: $host
nbd:
  credentials: /etc/pki/qemu
END
  else
    cat <<END
  passwordFile: /etc/longshore/broker-password
libvirt:
  uri: "qemu:///system"
  reachableAs: "$(libvirt_uri "$host")"
migration:
  address: "$(host_address "$host")"
END
  fi >>"$folder/etc/longshore/longshored.yaml"
  cat >>"$folder/etc/longshore/longshored.yaml" <<END
peers:
  user: agent-{host}
journal:
  path: /var/lib/longshore/journal.sqlite
run:
  directory: /run/longshore
metrics:
  listen: "0.0.0.0:9477"
log:
  level: debug
END
}

# libvirtd and virtlogd return from --daemon when they take connections.
host_start_libvirt() {
  local host=$1
  on_host "$host" pgrep -x virtlogd >/dev/null || on_host "$host" virtlogd --daemon
  on_host "$host" pgrep -x libvirtd >/dev/null || on_host "$host" libvirtd --daemon --listen
}

host_make_pools() {
  local host=$1 pool path
  for pool in $(host_pools "$host"); do
    path=$(pool_path "$host" "$pool")
    if ! on_host "$host" virsh --quiet pool-info "$pool" >/dev/null 2>&1; then
      on_host "$host" mkdir -p "$path"
      on_host "$host" virsh --quiet pool-define /dev/stdin <<<"$(pool_xml "$host" "$pool" "$path")"
      on_host "$host" virsh --quiet pool-autostart "$pool"
    fi
    [[ $(on_host "$host" virsh --quiet pool-list --name) =~ (^|[[:space:]])"$pool"($|[[:space:]]) ]] ||
      on_host "$host" virsh --quiet pool-start "$pool"
  done
}

pool_xml() {
  local host=$1 pool=$2 path=$3
  if [[ $LAB_POOL_TYPE == netfs && $pool != shared ]]; then
    printf '<pool type="netfs"><name>%s</name><source><host name="%s"/><dir path="%s"/><format type="nfs"/>%s</source>' \
      "$pool" "$(lab_gateway)" "$(nfs_folder "$host" "$pool")" '<protocol ver="4"/>'
  else
    printf '<pool type="dir"><name>%s</name>' "$pool"
  fi
  # What several hosts see is one pool, and has one identity.
  [[ $pool != shared ]] || printf '<uuid>%s</uuid>' "$(uuidgen --sha1 --namespace @dns --name "shared.$LAB_NAME.longshore.invalid")"
  printf '<target><path>%s</path></target></pool>\n' "$path"
}

# The broker's nodes as a host's agent gets them. Each host begins with another one, so that they do not all have the same.
broker_addresses_of() {
  local node first addresses=()
  first=$(($(host_number "$1") % 10))
  for node in $(broker_nodes); do
    addresses+=("\"$(broker_address $(((first + node - 2) % LAB_BROKERS + 1)))\"")
  done
  (IFS=, && printf '%s' "${addresses[*]}")
}

# Where the machine keeps what it exports as a host's pool.
nfs_folder() { printf '%s/nfs/%s/%s' "$LAB_STATE" "$1" "$2"; }

# shellcheck shell=bash
# What the lab's commands share: names, the state folder, namespaces, processes.
# Sourced, never run. Every variable that starts with LAB_ is set here.

set -euo pipefail
export LC_ALL=C

# Every process of a lab carries this variable, with the lab's state folder as its value, so that `down` finds all of
# them and none of another lab's.
readonly LAB_MARK=LONGSHORE_LAB_MEMBER

LAB_SOURCE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
LAB_COMMAND=contrib/lab/${0##*/}

say() { printf '%s\n' "$*" >&2; }

die() {
  say "$LAB_COMMAND: $*"
  exit 1
}

# A wrong command line: says so, and how to see the right one.
misuse() {
  say "$LAB_COMMAND: $*"
  say "Try: $LAB_COMMAND --help"
  exit 64
}

# The help text of a command is the comment at its head.
show_help() {
  sed -n '2,/^[^#]/ { s/^# \{0,1\}//p }' "$0"
}

require_root() {
  ((EUID == 0)) || die "needs root (namespaces, mounts and network interfaces): run it with sudo"
}

# The value of an option that takes one: option_value --rate "$@" with the value second.
option_value() {
  (($# >= 2)) || misuse "$1 needs a value"
  printf '%s' "$2"
}

# A number of so many bytes in a file: number_at FILE OFFSET BYTES
number_at() { od --address-radix=n --format="u$3" --skip-bytes="$2" --read-bytes="$3" "$1" | tr -d ' '; }

# MARK: The lab and its state folder

lab_select() {
  LAB_NAME=${1:-${LONGSHORE_LAB_NAME:-lab}}
  [[ $LAB_NAME =~ ^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?$ ]] ||
    misuse "the lab's name '$LAB_NAME' must match [a-z0-9-], at most 20 characters, with a letter or digit at both ends"
  LAB_STATE=$(realpath -m -- "${LONGSHORE_LAB_DIR:-/var/tmp/longshore-lab}/$LAB_NAME")
}

# Selects the lab and reads what `up` recorded of it.
lab_open() {
  lab_select "${1:-}"
  [[ -f $LAB_STATE/lab.conf ]] || die "there is no lab '$LAB_NAME' in $LAB_STATE: start one with contrib/lab/up"
  # shellcheck disable=SC1091
  source "$LAB_STATE/lab.conf"
}

# Writes the lab's settings, whole or not at all.
lab_record() {
  local key
  for key in LAB_INDEX LAB_HOSTS LAB_BROKERS LAB_SAME_PATHS LAB_SHARED_POOL LAB_POOL_TYPE LAB_QEMU_USER LAB_TLS LAB_RATE LAB_KVM LAB_AGENT; do
    printf '%s=%q\n' "$key" "${!key}"
  done >"$LAB_STATE/lab.conf.new"
  mv "$LAB_STATE/lab.conf.new" "$LAB_STATE/lab.conf"
}

# One command at a time changes a lab. The lock ends with the process; daemons never inherit it (see run_detached).
lab_lock() {
  exec {LAB_LOCK}<"$1"
  flock --wait 180 "$LAB_LOCK" || die "another command has been working on this lab for 180 s"
}

# MARK: Addresses and names

# The lab's network is 198.18.<index>.0/24, of the range that RFC 2544 sets aside for tests.
lab_network() { printf '198.18.%s.0/24' "$LAB_INDEX"; }
lab_gateway() { printf '198.18.%s.1' "$LAB_INDEX"; }
lab_uplink() { printf 'longshore%s' "$LAB_INDEX"; }
lab_netns() { printf 'longshore-%s-%s' "$LAB_NAME" "$1"; }

# Ports below the kernel's ephemeral range, one of each for each lab. The nodes of the broker differ by their addresses, but
# for the port that they reach each other by: broker_distribution_port NODE
broker_port() { printf '%s' $((21000 + LAB_INDEX)); }
broker_epmd_port() { printf '%s' $((21600 + LAB_INDEX)); }
broker_tls_port() { printf '%s' $((21900 + LAB_INDEX)); }
broker_distribution_port() { printf '%s' $((LAB_INDEX + ($1 == 1 ? 21300 : 21600 + 300 * $1))); }
# The machine's address that a node of the broker listens on: broker_node_address NODE
broker_node_address() { printf '198.18.%s.%s' "$LAB_INDEX" "$1"; }
# The numbers of the broker's nodes.
broker_nodes() { seq -s ' ' "$LAB_BROKERS"; }

lab_has_host() { [[ " $LAB_HOSTS " == *" $1 "* ]]; }

require_host() {
  lab_has_host "$1" || die "the lab '$LAB_NAME' has no host '$1' (it has: $LAB_HOSTS)"
}

host_number() {
  case $1 in
    alpha) printf 11 ;;
    beta) printf 12 ;;
    gamma) printf 13 ;;
    delta) printf 14 ;;
    *) die "no address is set aside for a host '$1'" ;;
  esac
}
host_address() { printf '198.18.%s.%s' "$LAB_INDEX" "$(host_number "$1")"; }
host_folder() { printf '%s/%s' "$LAB_STATE" "$1"; }
# A host's libvirt as other hosts reach it.
libvirt_uri() { printf 'qemu+%s://%s/system' "$([[ $LAB_TLS == yes ]] && printf tls || printf tcp)" "$1"; }
host_uuid() { uuidgen --sha1 --namespace @dns --name "$1.$LAB_NAME.longshore.invalid"; }

# The pools of a host.
host_pools() {
  printf 'primary secondary'
  [[ $LAB_SHARED_POOL == yes && $1 != alpha ]] && printf ' shared'
  return 0
}

# A pool's path as its host sees it. Unless --same-paths, no two hosts have the same layout: what passes only because
# paths are equal proves nothing.
pool_path() {
  local host=$1 pool=$2
  if [[ $pool == shared ]]; then
    printf '%s/shared' "$LAB_STATE"
  elif [[ $LAB_POOL_TYPE == netfs ]]; then
    printf '/var/lib/libvirt/%s/%s' "$(pool_layout "$host")" "$pool"
  elif [[ $LAB_SAME_PATHS == yes ]]; then
    printf '/var/lib/libvirt/images/%s' "$pool"
  else
    printf '%s/%s/%s' "$(host_folder "$host")" "$(pool_layout "$host")" "$pool"
  fi
}

pool_layout() {
  if [[ $LAB_SAME_PATHS == yes ]]; then
    printf images
    return
  fi
  case $1 in
    alpha) printf pools ;;
    beta) printf storage ;;
    *) printf volumes ;;
  esac
}

# MARK: Processes

# When a process started, in clock ticks after boot: with the pid it names one process for good.
process_start() {
  local stat
  { read -r -d '' stat <"/proc/$1/stat" || true; } 2>/dev/null
  [[ -n ${stat:-} ]] || return 1
  stat=${stat##*) }
  # shellcheck disable=SC2086
  set -- $stat
  printf '%s' "${20}"
}

# Whether the process that a file records ("pid start") still runs; prints its pid.
recorded_process() {
  local pid start
  [[ -s $1 ]] || return 1
  read -r pid start <"$1" || return 1
  [[ $(process_start "$pid") == "$start" ]] || return 1
  printf '%s' "$pid"
}

# Waits until a condition holds: wait_until SECONDS COMMAND…
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

# Runs a program with the lab's mark and none of the caller's file descriptors but the standard ones.
run_marked() {
  local descriptor
  (
    for descriptor in /proc/self/fd/*; do
      descriptor=${descriptor##*/}
      ((descriptor <= 2)) || eval "exec $descriptor>&-" 2>/dev/null || true
    done
    exec env "$LAB_MARK=$LAB_STATE" "$@"
  )
}

# The pids of all processes that carry this lab's mark, except this command's own.
marked_processes() {
  local file pid
  grep -lzxF "$LAB_MARK=$LAB_STATE" /proc/[0-9]*/environ 2>/dev/null | while read -r file; do
    pid=${file#/proc/}
    pid=${pid%/environ}
    [[ " $LAB_OWN_PROCESSES " == *" $pid "* ]] || printf '%s\n' "$pid"
  done
  return 0
}

# This shell and everything above it.
own_processes() {
  local pid=$$ stat
  while ((pid > 0)); do
    printf '%s ' "$pid"
    read -r -d '' stat <"/proc/$pid/stat" 2>/dev/null || true
    stat=${stat##*) }
    # shellcheck disable=SC2086
    set -- $stat
    pid=${2:-0}
  done
}
LAB_OWN_PROCESSES=$(own_processes)

# MARK: Hosts

# The pid of the process that keeps a host's namespaces, as seen from here.
host_holder() { recorded_process "$(host_folder "$1")/holder"; }

# Runs a command inside a host: its network, mounts, host name and processes.
on_host() {
  local host=$1 holder
  shift
  holder=$(host_holder "$host") || die "host '$host' is not up: run contrib/lab/up"
  run_marked nsenter --target "$holder" --mount --uts --net --pid --wd="$PWD" -- "$@"
}

# Starts a daemon inside a host and records it: start_on_host HOST NAME COMMAND…
# It is the child of the host's first process from the start, which reaps it when it ends.
start_on_host() {
  local host=$1 name=$2
  shift 2
  on_host "$host" setsid --fork bash "$LAB_SOURCE/daemon" "$(host_folder "$host")/$name" "$@"
}

# The pid, inside the host, of a daemon that start_on_host started.
host_daemon() {
  # shellcheck disable=SC2016  # expanded by the inner shell
  on_host "$1" bash -c 'source "$1"; recorded_process "$2"' - "$LAB_SOURCE/lib.sh" "$(host_folder "$1")/$2.pid"
}

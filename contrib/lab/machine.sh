# shellcheck shell=bash
# Debian 12 machines with a systemd of their own: a folder made by debootstrap, namespaces and a control group each. They share a network
# that leads nowhere else; apt-get alone uses this machine's.
#
# MACHINES is the folder in which they are: MACHINES/NAME is the root of one, MACHINES/NAME.launcher names the process above its systemd.

readonly MACHINE_HOME=/root

machine_root() { printf '%s/%s' "$MACHINES" "$1"; }
# The home of a machine's root, which is where its commands are run.
machine_home() { printf '%s%s' "$(machine_root "$1")" "$MACHINE_HOME"; }
machine_group() { printf '%s/longshore-%s-%s' "$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)" "${MACHINES##*[./]}" "$1"; }
machine_switch() { printf 'longshore-%s' "${MACHINES##*[./]}"; }

# Makes a Debian 12 of what the machine's own mirror has, unless it is there, as an archive: machine_base ARCHIVE
machine_base() {
  local work
  [[ ! -s $1 ]] || return 0
  say "Making a Debian 12"
  mkdir -p -- "${1%/*}"
  work=$(mktemp --directory /var/tmp/longshore-debian.XXXXXX)
  debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,ca-certificates bookworm "$work/root" >"$work/log" 2>&1 || {
    tail --lines 20 -- "$work/log" >&2
    rm -rf --one-file-system -- "$work"
    die "debootstrap fails"
  }
  tar --directory "$work/root" --create --file "$1.new" .
  rm -rf --one-file-system -- "$work"
  mv -- "$1.new" "$1"
}

# Unpacks a machine: machine_make ARCHIVE NAME
machine_make() {
  local root
  root=$(machine_root "$2")
  mkdir -- "$root"
  tar --directory "$root" --extract --file "$1"
  cp -- /etc/resolv.conf "$root/etc/resolv.conf"
  printf '%s\n' "$2" >"$root/etc/hostname"
  # It has no console.
  ln -s /dev/null "$root/etc/systemd/system/console-getty.service"
  cat >"$root/usr/local/sbin/apt-get" <<'END'
#!/bin/sh
# With the network of the machine below, where that is not the network already.
[ ! -e /run/network-below ] || exec nsenter --net=/run/network-below /usr/bin/apt-get "$@"
exec /usr/bin/apt-get "$@"
END
  chmod 755 "$root/usr/local/sbin/apt-get"
}

# Runs a command in a machine that does not run: machine_files NAME COMMAND…
machine_files() {
  local root
  root=$(machine_root "$1")
  shift
  # shellcheck disable=SC2016  # expanded by the inner shell
  unshare --mount bash -euc 'mount -t proc proc "$1/proc" && exec chroot "$@"' - "$root" \
    env --ignore-environment PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}

# Starts a machine, and waits until its systemd has: machine_boot NAME [ADDRESS/LENGTH]
machine_boot() {
  local root group log=$MACHINES/$1.log
  root=$(machine_root "$1") group=$(machine_group "$1")
  mkdir -- "$group"
  # shellcheck disable=SC2016  # expanded by the inner shells
  sh -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' - "$group" \
    unshare --mount --pid --uts --ipc --net --cgroup --fork --kill-child bash -euc '
      mount --make-rprivate /
      mount --bind "$1" "$1"
      cd -- "$1"
      for folder in run tmp dev; do mount -t tmpfs -o mode=755 tmpfs "$folder"; done
      touch run/network-below
      mount --bind /proc/self/fd/3 run/network-below
      mount -t proc proc proc
      mount -t sysfs sysfs sys
      mount -t cgroup2 cgroup2 sys/fs/cgroup
      chmod 1777 tmp
      for device in null zero full random urandom tty; do
        touch "dev/$device"
        mount --bind "/dev/$device" "dev/$device"
      done
      mkdir dev/pts dev/shm
      mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
      ln -s pts/ptmx dev/ptmx
      ln -s /proc/self/fd dev/fd
      for number in 0 1 2; do ln -s "/proc/self/fd/$number" "dev/$(cut -d " " -f "$((number + 1))" <<<"stdin stdout stderr")"; done
      hostname "$2"
      ip link set lo up
      # A process whose root is not that of its mounts may not make namespaces of users, which units ask for.
      mkdir -p mnt/machine
      pivot_root . mnt/machine
      umount --lazy /mnt/machine
      # As a container manager has to: a service sees its credentials, which another process mounts, where mounts spread.
      mount --make-rshared /
      exec env --ignore-environment container=longshore PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        /lib/systemd/systemd --system --unit=multi-user.target 3<&-
    ' - "$root" "$1" 3</proc/self/ns/net </dev/null >"$log" 2>&1 &
  printf '%s\n' "$!" >"$MACHINES/$1.launcher"
  wait_until 300 machine_has_booted "$1" || die "the systemd of $1 does not come up: $(cat -- "$log")"
  [[ -z ${2:-} ]] || machine_connect "$1" "$2"
}

machine_has_booted() {
  machine_init "$1" >/dev/null && [[ $(machine_run "$1" systemctl is-system-running 2>/dev/null) =~ ^(running|degraded)$ ]]
}

# The first process of a machine that runs, as this machine counts them.
machine_init() { [[ -f $MACHINES/$1.launcher ]] && pgrep --parent "$(<"$MACHINES/$1.launcher")" --exact systemd; }

# Connects a machine to the network of the machines.
machine_connect() {
  local switch init
  switch=$(machine_switch) init=$(machine_init "$1")
  if [[ ! -e /run/netns/$switch ]]; then
    ip netns add "$switch"
    ip -n "$switch" link add switch type bridge
    ip -n "$switch" link set switch up
  fi
  ip -n "$switch" link add "$1" type veth peer name eth0 netns "/proc/$init/ns/net"
  ip -n "$switch" link set "$1" master switch up
  machine_in_network "$1" ip address add "$2" dev eth0
  machine_in_network "$1" ip link set eth0 up
}

# Runs a command of this machine in a machine's network: machine_in_network NAME COMMAND…
machine_in_network() {
  local init
  init=$(machine_init "$1") || die "$1 does not run"
  shift
  nsenter --target "$init" --net -- "$@"
}

# Runs a command in a machine that runs, as its root: machine_run NAME COMMAND…
machine_run() {
  local init
  init=$(machine_init "$1") || die "$1 does not run"
  shift
  nsenter --target "$init" --mount --uts --ipc --net --pid --cgroup --root --wdns="$MACHINE_HOME" -- \
    env --ignore-environment HOME="$MACHINE_HOME" PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}

# Ends all that runs in a machine, and its control groups; its files stay.
machine_stop() {
  local launcher
  if [[ -f $MACHINES/$1.launcher ]]; then
    launcher=$(<"$MACHINES/$1.launcher")
    rm -f -- "$MACHINES/$1.launcher"
    kill -KILL "$launcher" 2>/dev/null || true
    wait "$launcher" 2>/dev/null || true
  fi
  [[ ! -d $(machine_group "$1") ]] || wait_until 10 machine_leave_group "$(machine_group "$1")"
}
machine_leave_group() { find "$1" -depth -type d -exec rmdir {} + 2>/dev/null || [[ ! -d $1 ]]; }

# Ends all machines, and takes their network away.
machine_stop_all() {
  local each
  for each in "$MACHINES"/*.launcher; do
    [[ ! -e $each ]] || machine_stop "$(basename -- "$each" .launcher)"
  done
  [[ ! -e /run/netns/$(machine_switch) ]] || ip netns delete "$(machine_switch)"
}

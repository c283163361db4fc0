# shellcheck shell=bash
# The lab's guests: their disks, definition and console.

# Where the guest writes on each disk: from which MiB on, and how many blocks of 4 KiB.
# shellcheck disable=SC2034  # read by `guest-up`
readonly GUEST_REGION=16 GUEST_SLOTS=4096

# The secret of encrypted disks, and its value.
# shellcheck disable=SC2034  # read by `kinds.sh`
readonly GUEST_SECRET=6c0ab7d2-6f0e-4d5c-9f4e-2f6b4f3f0a11 GUEST_PASSPHRASE=longshore-lab

guest_cache() { printf '%s/guest' "$LAB_STATE"; }
guest_record() { printf '%s/guests/%s' "$LAB_STATE" "$1"; }
guest_console_path() { printf '/var/log/libvirt/qemu/%s-console.log' "$1"; }

# The console's log of a guest on a host, as the machine sees it.
guest_console() { printf '%s%s' "$(host_folder "$1")" "$(guest_console_path "$2")"; }

require_guest_name() {
  [[ $1 =~ ^[a-zA-Z0-9][a-zA-Z0-9._-]{0,40}$ ]] || misuse "'$1' is no name for a guest"
}

# Puts what a guest has written on a host aside, as the log of its next past visit: guest_console_set_aside HOST NAME.
# Only while the guest is elsewhere.
guest_console_set_aside() {
  local console visit=1
  console=$(guest_console "$1" "$2")
  [[ -f $console ]] || return 0
  while [[ -e $console.$visit ]]; do visit=$((visit + 1)); done
  mv -- "$console" "$console.$visit"
}

# Makes a raw image with random content, once for each size in the lab, and prints its path:
# guest_content NAME SIZE RANDOM: SIZE bytes, of which the first RANDOM are random.
guest_content() {
  local path
  path=$(guest_cache)/$1-$2.raw
  if [[ ! -f $path ]]; then
    head -c "$3" /dev/urandom >"$path.new"
    truncate -s "$2" "$path.new"
    mv "$path.new" "$path"
  fi
  printf '%s' "$path"
}

# A size as qemu-img writes it (256M), in bytes.
bytes() { numfmt --from=iec -- "$1"; }

# kvm where the machine can, else qemu (emulation).
guest_virtualization() {
  case $LAB_KVM in
    on) printf kvm ;;
    off) printf qemu ;;
    *)
      # /dev/kvm alone proves nothing: nested, it can be there and not run a kernel.
      if [[ -w /dev/kvm ]] && grep -qwE 'vmx|svm' /proc/cpuinfo; then printf kvm; else printf qemu; fi
      ;;
  esac
}

# The versioned machine that `pc` stands for: a guest's machine must not change under it when it moves.
guest_machine() {
  qemu-system-x86_64 -machine help | sed -n 's/^pc  *.*(alias of \(.*\))$/\1/p'
}

# One disk of a guest's definition: guest_disk NUMBER FORMAT FILE
guest_disk() {
  local letters=abcdefghijklmnop
  cat <<END
    <disk type='file' device='disk'>
      <driver name='qemu' type='$2' cache='none' discard='unmap'/>
      <source file='$3'/>
      <target dev='vd${letters:$1:1}' bus='virtio'/>
    </disk>
END
}

# A guest's definition: guest_definition NAME UUID MIB BOOT-FOLDER OPTIONS IOTHREADS DISKS
# Its kernel guards against attacks on processors, though that costs a fifth of an emulated one: without (mitigations=off) two of some three
# hundred moved guests hung in their timer's interrupt at the destination, emulated by QEMU 7.2. It does not test its ciphers, which takes an
# emulated processor a sixth of the time until the guest writes.
guest_definition() {
  cat <<END
<domain type='$(guest_virtualization)'>
  <name>$1</name>
  <uuid>$2</uuid>
  <memory unit='MiB'>$3</memory>
  <vcpu>1</vcpu>
  $6
  <os>
    <type arch='x86_64' machine='$(guest_machine)'>hvm</type>
    <kernel>$4/kernel</kernel>
    <initrd>$4/initramfs.gz</initrd>
    <cmdline>console=ttyS0 quiet loglevel=3 panic=-1 cryptomgr.notests $5</cmdline>
  </os>
  <features><acpi/><apic/></features>
  <cpu mode='custom' match='exact' check='none'><model fallback='forbid'>kvm64</model></cpu>
  <on_reboot>destroy</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
$7
    <controller type='usb' model='none'/>
    <serial type='pty'><log file='$(guest_console_path "$1")' append='on'/></serial>
    <console type='pty'/>
    <memballoon model='none'/>
  </devices>
</domain>
END
}

# Waits for a line on the guest's console on a host: guest_await HOST NAME SECONDS PATTERN
guest_await() {
  local console
  console=$(guest_console "$1" "$2")
  grep -q -m 1 "$4" < <(exec timeout "$3" tail -n +1 -F -- "$console" 2>/dev/null)
}

# The files behind a guest's disks on a host, from vda on. In another locale, virsh would escape what is not ASCII.
guest_disks() {
  LC_ALL=C.UTF-8 on_host "$1" env LC_ALL=C.UTF-8 virsh --quiet domblklist --details "$2" |
    sed -En 's/^ *[^ ]+ +disk +[^ ]+ +(.*[^ ]) *$/\1/p'
}

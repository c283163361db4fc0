# shellcheck shell=bash
# The Debian packages that the lab needs.
# shellcheck disable=SC2034  # read by `up`

readonly LAB_PACKAGES=(
  rabbitmq-server libvirt-daemon-system libvirt-clients libvirt-daemon-driver-qemu qemu-system-x86 qemu-utils
  iproute2 iptables uuid-runtime util-linux jq procps openssl
)
readonly LAB_GUEST_PACKAGES=(linux-image-cloud-amd64 cpio lz4)

# What Longshore is built with besides the Swift toolchain, and what its tests need besides the lab.
readonly LAB_BUILD_PACKAGES=(
  librabbitmq-dev libssl-dev libvirt-dev libxml2-dev libsqlite3-dev libnbd-dev pkg-config libc6-dev
  libstdc++-12-dev git ca-certificates
)
readonly LAB_TEST_PACKAGES=(
  chromium python3-yaml python3-jsonschema python3-venv ovmf swtpm swtpm-tools curl prometheus bindfs parted
  golang-go golang-github-rabbitmq-amqp091-go-dev golang-github-xanzy-go-cloudstack-dev
)

# What packages_install leaves in policy-rc.d, to know it again.
readonly LAB_POLICY=/usr/sbin/policy-rc.d
readonly LAB_POLICY_MARK='# Written by the Longshore lab for the time of an installation.'

# Installs those of the packages that lack, without starting their services.
packages_install() {
  local package lacking=()
  for package; do
    [[ $(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
      lacking+=("$package")
  done
  ((${#lacking[@]} > 0)) || return 0
  say "Installing ${lacking[*]}"
  packages_policy_remove
  if [[ ! -e $LAB_POLICY ]]; then
    trap packages_policy_remove EXIT
    printf '#!/bin/sh\n%s\nexit 101\n' "$LAB_POLICY_MARK" >"$LAB_POLICY"
    chmod 755 "$LAB_POLICY"
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update --quiet=2 >/dev/null
  apt-get install --yes --quiet=2 --no-install-recommends --option Dpkg::Use-Pty=0 "${lacking[@]}" >/dev/null
  packages_policy_remove
}

packages_policy_remove() {
  if grep -qxF "$LAB_POLICY_MARK" "$LAB_POLICY" 2>/dev/null; then
    rm -f "$LAB_POLICY"
  fi
}

# The newest package of a name in a folder, as contrib/package has made it: package_newest FOLDER NAME
package_newest() {
  local found
  found=$(find "$1" -maxdepth 1 -name "$2_*.deb" -printf '%T@ %p\n' 2>/dev/null | sort --numeric-sort | tail --lines 1)
  [[ -n $found ]] || die "there is no $2_*.deb in $1: make it with contrib/package"
  printf '%s' "${found#* }"
}

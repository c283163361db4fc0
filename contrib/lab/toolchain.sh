# shellcheck shell=bash
# Building Longshore from source: the Swift toolchain, and what Longshore is built with.

LONGSHORE_SOURCE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
readonly LONGSHORE_SOURCE

# Exits with 2 where there is no Swift toolchain: Debian has no package of it.
require_swift() {
  command -v swift >/dev/null && return
  say "$LAB_COMMAND: needs the Swift toolchain, 6.2 or newer, and finds no 'swift' in PATH."
  say "Install it from https://www.swift.org/install/linux/. Where it is installed"
  say "already but sudo drops it from PATH: sudo env PATH=\"\$PATH\" $LAB_COMMAND"
  exit 2
}

# Exits with 2 where packages cannot be installed.
require_debian() {
  command -v apt-get >/dev/null && return
  say "$LAB_COMMAND: needs Debian 12, or a system like it, to install packages from (there is no apt-get)."
  exit 2
}

# Runs `swift SUBCOMMAND` on Longshore's package: swift_package build --product longshore
swift_package() {
  swift "$1" --package-path "$LONGSHORE_SOURCE" "${@:2}"
}

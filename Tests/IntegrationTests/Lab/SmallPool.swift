extension Lab {
  /// What a pool with a file system of its own is for libvirt.
  enum SmallPoolKind: String {
    /// A folder, which somebody has mounted the file system on.
    case folder = "dir"
    /// A file system, which libvirt mounts.
    case fileSystem = "fs"
  }

  /// Runs the body while a host has a pool on a file system of its own, and removes both with all guests of the host.
  func withSmallPool<Value>(
    _ name: String, size: String, kind: SmallPoolKind = .folder, on host: Host, _ body: () async throws -> Value
  ) async throws -> Value {
    try await shell(
      on: host,
      """
      truncate -s "$2" "/run/$1.img"
      mkfs.ext4 -q -m 0 -O ^has_journal "/run/$1.img"
      mkdir "/run/$1"
      device=$(losetup --find --show "/run/$1.img")
      if [[ $3 == fs ]]; then
        virsh --quiet pool-define-as "$1" fs --source-dev "$device" --target "/run/$1"
      else
        mount "$device" "/run/$1"
        virsh --quiet pool-define-as "$1" dir --target "/run/$1"
      fi
      virsh --quiet pool-start "$1"
      rmdir "/run/$1/lost+found"
      """, name, size, kind.rawValue)
    return try await finally {
      try await body()
    } do: {
      try await shell(
        on: host,
        """
        for domain in $(virsh --quiet list --uuid); do virsh --quiet destroy "$domain"; done
        virsh --quiet pool-destroy "$1"
        virsh --quiet pool-undefine "$1"
        if mountpoint --quiet "/run/$1"; then umount "/run/$1"; fi
        losetup --detach "$(losetup --associated "/run/$1.img" --noheadings --output NAME)"
        rm -r "/run/$1" "/run/$1.img"
        """, name)
    }
  }

  /// Fills a host's file system with a file, to the last block.
  func fill(_ path: String, on host: Host) async throws {
    try await shell(on: host, #"cat /dev/zero >"$1" 2>/dev/null || true; sync --file-system "$1""#, path)
  }
}

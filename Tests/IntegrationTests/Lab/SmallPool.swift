extension Lab {
  /// Runs the body while a host has a pool on a file system of its own, and removes both with all guests of the host.
  func withSmallPool<Value>(
    _ name: String, size: String, on host: Host, _ body: () async throws -> Value
  ) async throws -> Value {
    try await shell(
      on: host,
      """
      truncate -s "$2" "/run/$1.img"
      mkfs.ext4 -q -m 0 -O ^has_journal "/run/$1.img"
      mkdir "/run/$1"
      mount -o loop "/run/$1.img" "/run/$1"
      rmdir "/run/$1/lost+found"
      virsh --quiet pool-define-as "$1" dir --target "/run/$1"
      virsh --quiet pool-start "$1"
      """, name, size)
    return try await finally {
      try await body()
    } do: {
      try await shell(
        on: host,
        """
        for domain in $(virsh --quiet list --uuid); do virsh --quiet destroy "$domain"; done
        virsh --quiet pool-destroy "$1"
        virsh --quiet pool-undefine "$1"
        umount "/run/$1"
        rm -r "/run/$1" "/run/$1.img"
        """, name)
    }
  }

  /// Fills a host's file system with a file, to the last block.
  func fill(_ path: String, on host: Host) async throws {
    try await shell(on: host, #"cat /dev/zero >"$1" 2>/dev/null || true; sync --file-system "$1""#, path)
  }
}

import Testing

extension Lab {
  /// The pool that ``withCommonPool(_:)`` makes.
  static let commonPool = "common"

  /// Runs the body while both hosts have a pool in one folder, which each sees under another path. What is in it goes with it.
  func withCommonPool<Value: Sendable>(_ body: (_ folders: [Host: String]) async throws -> Value) async throws -> Value {
    let folders = [Host.alpha: "/run/longshore-common", .beta: try state + "/common"]
    let common = try #require(folders[.beta])
    for (host, folder) in folders {
      try await shell(
        on: host,
        """
        mkdir -p "$2" "$3"
        [[ $2 == "$3" ]] || mount --bind "$2" "$3"
        virsh --quiet pool-define-as "$1" dir --target "$3"
        virsh --quiet pool-start "$1"
        """, Self.commonPool, common, folder)
    }
    return try await finally {
      try await body(folders)
    } do: {
      for (host, folder) in folders.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
        try await shell(
          on: host,
          """
          virsh --quiet pool-destroy "$1"
          virsh --quiet pool-undefine "$1"
          if [[ $2 == "$3" ]]; then rm -r "$3"; else umount "$3" && rmdir "$3"; fi
          """, Self.commonPool, common, folder)
      }
    }
  }

  /// Runs the body while a host's secrets are private, so that their values are given to nobody.
  func withPrivateSecrets(on host: Host, _ body: () async throws -> Void) async throws {
    let values = try await shell(
      on: host,
      """
      for secret in $(virsh --quiet secret-list | awk '{ print $1 }'); do
        echo "$secret $(virsh --quiet secret-get-value "$secret")"
        virsh secret-dumpxml "$secret" | sed "s/private='no'/private='yes'/" | virsh --quiet secret-define /dev/stdin >/dev/null
      done
      """)
    try await finally {
      try await body()
    } do: {
      // A secret that is private is never made public again, but for a new one in its place.
      try await shell(
        on: host,
        """
        while read -r secret value; do
          xml=$(virsh secret-dumpxml "$secret" | sed "s/private='yes'/private='no'/")
          virsh --quiet secret-undefine "$secret"
          virsh --quiet secret-define /dev/stdin <<<"$xml" >/dev/null
          virsh --quiet secret-set-value "$secret" --base64 "$value" 2>/dev/null
        done <<<"$1"
        """, String(values.dropLast()))
    }
  }
}

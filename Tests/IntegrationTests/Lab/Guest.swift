import FoundationEssentials
import LongshoreMessages
import Testing

/// A guest of the lab that writes numbered blocks to its disks for ever.
struct Guest: Sendable {
  /// How a guest is made.
  struct Form: Sendable {
    /// The options of `contrib/lab/guest-up`.
    var options: [String] = []

    /// A linked clone of a template of 64 MiB, and a full clone.
    static let mixed = Form()
    /// Two full clones, the second raw.
    static let fullAndRaw = Form(options: ["--full", "--data-format", "raw"])
    /// A linked clone alone.
    static let linked = Form(options: ["--disks", "1"])
  }

  /// What `contrib/lab/guest-verify` finds.
  struct Verification: Decodable {
    let good: Bool
    let blocksAcknowledged: Int
    let blocksVerified: Int
    let sequenceGap: Bool
    let rebooted: Bool
    let contentIntact: Bool?
  }

  /// The name of the template of every linked clone.
  static let template = "debian-template.qcow2"

  let lab: Lab
  /// The guest's name, which no other has.
  let name: String
  /// The guest's UUID.
  let uuid: String

  /// Makes a guest, lets the body use it, and removes it from all hosts with everything that its migrations made.
  static func with<Value: Sendable>(
    _ form: Form = .mixed, in lab: Lab, on host: Lab.Host = .alpha, _ body: (Guest) async throws -> Value
  ) async throws -> Value {
    let guest = try await make(form, in: lab, on: host)
    return try await finally {
      do {
        return try await body(guest)
      } catch {
        for host in Lab.Host.allCases { try await guest.describe(on: host) }
        throw error
      }
    } do: {
      try await guest.remove()
    }
  }

  /// Makes a guest and waits until it writes.
  static func make(_ form: Form, in lab: Lab, on host: Lab.Host) async throws -> Guest {
    let uuid = UUID().uuidString.lowercased()
    let guest = Guest(lab: lab, name: "guest-\(uuid.prefix(8))", uuid: uuid)
    try await lab.command(
      "guest-up",
      [
        host.rawValue, guest.name, "--uuid", uuid, "--memory", "128", "--template-size", "64M", "--data-size", "64M",
        // A loss is seen by the blocks' numbers, however many there are in a second; each costs an emulated guest some 6 ms of a processor.
        "--rate", "5",
      ] + form.options)
    return guest
  }

  /// The guest's name on the wire.
  var resourceName: ResourceName { get throws { try #require(ResourceName(name)) } }

  /// The guest's state on a host as `virsh` names it; nil where it is not defined.
  func state(on host: Lab.Host) async throws -> String? {
    let text = try await lab.shell(on: host, #"virsh --quiet domstate "$1" 2>/dev/null || true"#, uuid)
    let line = text.split(separator: "\n").first.map(String.init)
    return line?.isEmpty == false ? line : nil
  }

  /// The paths of the guest's disks on a host, from `vda` on.
  func disks(on host: Lab.Host) async throws -> [String] {
    // In another locale, virsh would escape what is not ASCII.
    try await lab.shell(
      on: host, #"LC_ALL=C.UTF-8 virsh --quiet domblklist --details "$1" | sed -En 's/^ *[^ ]+ +disk +[^ ]+ +(.*[^ ]) *$/\1/p'"#, uuid
    ).split(separator: "\n").map(String.init)
  }

  /// Returns when the guest has acknowledged another block on a host.
  func waitForWrite(on host: Lab.Host) async throws {
    try await lab.shell(
      on: host, #"grep -q -m 1 '^ack ' < <(exec timeout 300 tail -n 0 -F "/var/log/libvirt/qemu/$1-console.log" 2>/dev/null)"#,
      name)
  }

  /// Returns when libvirt lets the guest go on on a host.
  func waitUntilResumed(on host: Lab.Host) async throws {
    try await lab.shell(
      on: host,
      #"""
      exec 3< <(exec timeout 300 stdbuf -oL virsh event --domain "$1" --event lifecycle --loop 2>&1)
      while read -r line <&3; do [[ $line != *Resumed* ]] || { kill "$!"; exit 0; }; done
      exit 1
      """#, name)
  }

  /// Whether the guest has acknowledged a block on a host's console.
  func hasWritten(on host: Lab.Host) async throws -> Bool {
    try await lab.shell(
      on: host, #"grep -q '^ack ' "/var/log/libvirt/qemu/$1-console.log" 2>/dev/null && echo yes || echo no"#, name) == "yes\n"
  }

  /// Reads back everything that the guest has acknowledged on the hosts that it has been on, in their order.
  func verify(_ hosts: Lab.Host...) async throws -> Verification { try await verify(hosts) }

  /// Reads back everything that the guest has acknowledged on the hosts that it has been on, in their order.
  func verify(_ hosts: [Lab.Host]) async throws -> Verification {
    let text = try await lab.report("guest-verify", [name] + hosts.map(\.rawValue))
    return try JSONDecoder().decode(Verification.self, from: Data(text.utf8))
  }

  /// Keeps the console of a host that the guest will come back to.
  func setConsoleAside(on host: Lab.Host) async throws {
    try await lab.command("guest-console", "--set-aside", host.rawValue, name)
  }

  /// Keeps what the guest has said on a host, and what libvirt and QEMU say of it, among the host's logs.
  private func describe(on host: Lab.Host) async throws {
    try await lab.shell(
      on: host,
      """
      for file in /var/log/libvirt/qemu/"$1"*; do [[ ! -f $file ]] || cp "$file" "/var/log/libvirt/qemu/failed-${file##*/}"; done
      {
        virsh domstate --reason "$1"
        for question in status registers 'block -v' irq; do virsh qemu-monitor-command --hmp "$1" "info $question"; done
      } >"/var/log/libvirt/qemu/failed-$1-state.log" 2>&1 || true
      """, name)
  }

  private func remove() async throws {
    for host in Lab.Host.allCases {
      let folders = try Lab.Pool.allCases.map { try lab.folder($0, on: host) }
      try await lab.shell(
        on: host,
        """
        name=$1 uuid=$2
        shift 2
        virsh --quiet destroy "$uuid" >/dev/null 2>&1 || true
        virsh --quiet undefine "$uuid" --snapshots-metadata >/dev/null 2>&1 || true
        for folder; do
          find "$folder" -mindepth 1 \\( -name "$name-*" -o -name "\(Self.template)" \\) -delete
          find "$folder" -mindepth 1 -type d -empty -delete
        done
        for pool in primary secondary; do virsh --quiet pool-refresh "$pool" >/dev/null 2>&1 || true; done
        rm -f "/var/log/libvirt/qemu/$name"*
        """, name, uuid, folders[0], folders[1])
    }
  }
}

extension Guest.Verification {
  /// Expects that nothing was lost and that the guest never stopped.
  func expectGood(sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(good, sourceLocation: sourceLocation)
    #expect(blocksAcknowledged > 0, sourceLocation: sourceLocation)
    #expect(blocksVerified == blocksAcknowledged, sourceLocation: sourceLocation)
    #expect(!sequenceGap, sourceLocation: sourceLocation)
    #expect(!rebooted, sourceLocation: sourceLocation)
    #expect(contentIntact == true, sourceLocation: sourceLocation)
  }
}

import LongshoreMessages
import Testing

@testable import LongshoreAgent

extension SlowLinkTests {
  /// Agents that die at each point of their work.
  @Suite(.serialized) struct Crashes {
    @Test("agents that die and come back bring the migration to its end", arguments: CrashWalk.Course.allCases)
    func walk(_ course: CrashWalk.Course) async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          var traveller = Traveller(guest: guest)
          for walk in CrashWalk.all(of: course) { try await traveller.go(walk, by: orchestrator) }
        }
      }
    }
  }
}

/// A guest that goes back and forth between the hosts.
private struct Traveller {
  private let guest: Guest
  private let lab: Lab
  private var visits: [Lab.Host] = [.alpha]

  init(guest: Guest) {
    self.guest = guest
    lab = guest.lab
  }

  /// Goes on a walk, and looks at everything afterwards.
  mutating func go(_ walk: CrashWalk, by orchestrator: Orchestrator) async throws {
    let source = visits[visits.count - 1]
    let destination = source.other
    try await lab.on(source, "virsh", "--quiet", "autostart", guest.uuid)
    try await guest.setConsoleAside(on: destination)
    try await arrange(walk.course, at: destination)
    let disks = try await SourceDisks(of: guest, on: source)
    async let sourceIsReady: Void = lab.restartAgent(on: source, dyingAt: walk.course == .unfenced ? .migrateCalled : walk.source.first)
    async let destinationIsReady: Void = lab.restartAgent(
      on: destination, dyingAt: walk.course == .leavesDefinition ? nil : walk.destination.first)
    try await sourceIsReady
    try await destinationIsReady

    let id: MigrationID
    if walk.course == .unfenced || walk.source.contains(.migrateCalled) {
      // A transfer that is over within one look at its statistics would not be seen to run.
      id = try await lab.withLink(of: .beta, rate: "100mbit") { [self] in try await order(walk, from: source, by: orchestrator) }
    } else {
      id = try await order(walk, from: source, by: orchestrator)
    }
    let end = try await orchestrator.end(of: id)
    #expect(end.kind == walk.end, "\(walk): \(end)")
    #expect(end.verification?.outcome == (walk.course == .verified ? .equal : nil), "\(walk): \(end)")
    try await disarrange(walk.course, at: destination)
    if walk.end == .completed {
      visits.append(destination)
      try await expectMoved(guest, from: source, id: id, end: end, disks: disks, measured: false)
      try await lab.removeSetAside(by: id, on: source)
    } else {
      try await takeConsoleBack(on: destination)
      #expect(end.runsAt?.text == source.rawValue, "\(walk): \(end)")
      #expect(try await guest.state(on: source) == "running", "\(walk)")
      #expect(try await guest.state(on: destination) == nil, "\(walk)")
    }
    let host = visits[visits.count - 1]
    #expect(try await lab.on(host, "virsh", "--quiet", "dominfo", guest.uuid).contains(/Autostart: +enable/), "\(walk)")
    try await lab.expectNoLeftovers("\(walk)")
    #expect(try await lab.files(of: guest, on: host.other) == [], "\(walk)")
    try await guest.waitForWrite(on: host)
    try await guest.verify(visits).expectGood()
  }

  /// Orders the migration, and starts again whoever dies of it.
  private func order(_ walk: CrashWalk, from source: Lab.Host, by orchestrator: Orchestrator) async throws -> MigrationID {
    async let sourceDied: Void = revive(source, walk.course == .unfenced ? [] : walk.source)
    async let destinationDied: Void = revive(source.other, walk.course == .leavesDefinition ? [] : walk.destination)
    let isFenced = walk.course == .fenced || walk.course == .unfenced
    let options =
      isFenced ? MigrationOptions(handover: .fenced) : walk.course == .verified ? MigrationOptions(maxDowntimeMs: 5000, verify: true) : nil
    let id = try await orchestrator.migrate(guest, from: source, options: options)
    switch walk.course {
    case .cancelledCopy:
      try await orchestrator.progress(of: id) { ($0.template?.done ?? 0) > 0 }
      #expect(try await orchestrator.cancel(id, on: source).body == .accepted)
    case .cancelledTransfer:
      try await orchestrator.progress(of: id, until: \.isCopyingDisks)
      #expect(try await orchestrator.cancel(id, on: source).body == .accepted)
    case .forced:
      try await orchestrator.progress(of: id, until: \.isCopyingDisks)
      guard case .forced = try await orchestrator.force(id, on: source).body else {
        Issue.record("\(walk): the guest is not suspended")
        break
      }
    case .unfenced:
      try await lab.command("agent", "wait", source.rawValue)
      try await lab.waitForNoGuest(on: source)
      // Without libvirt's note in it the fence cannot do what settling is for.
      try await lab.shell(on: source, "rm -- /var/log/libvirt/qemu/$1.log", guest.name)
      try await lab.restartAgent(on: source, dyingAt: walk.source.first)
      try await revive(source, walk.source)
    case .leavesDefinition:
      try await orchestrator.progress(of: id, until: \.isCopyingDisks)
      try await lab.command("agent", "kill", source.other.rawValue)
      #expect(try await orchestrator.cancel(id, on: source).body == .accepted)
      try await leaveDefinition(at: source.other)
      try await lab.restartAgent(on: source.other, dyingAt: walk.destination.first)
      try await revive(source.other, walk.destination)
    default: break
    }
    try await sourceDied
    try await destinationDied
    return id
  }

  /// Gives the console of the guest's last visit to a host its name back: it has not come there again.
  private func takeConsoleBack(on host: Lab.Host) async throws {
    try await lab.shell(
      on: host,
      """
      console=/var/log/libvirt/qemu/$1-console.log
      rm -f "$console"
      [[ ! -e $console.$2 ]] || mv "$console.$2" "$console"
      """, guest.name, "\(visits.count { $0 == host })")
  }

  /// Defines the guest at the destination when the transfer's domain there is gone.
  private func leaveDefinition(at destination: Lab.Host) async throws {
    try await lab.waitForNoGuest(on: destination)
    let definition = try await lab.on(destination.other, "virsh", "--quiet", "dumpxml", "--inactive", guest.uuid)
    try await lab.shell(
      on: destination,
      """
      until ! virsh --quiet domid "$1" >/dev/null 2>&1; do read -rt 0.1 <> <(:) || true; done
      virsh --quiet define /dev/stdin <<<"$2"
      """, guest.uuid, definition)
  }

  /// Waits until a host's agent has died at each point, one after the other, and starts another one each time, the last of which lives.
  private func revive(_ host: Lab.Host, _ points: [CrashPoint]) async throws {
    for next in points.dropFirst().map({ Optional($0) }) + (points.isEmpty ? [] : [nil]) {
      try await lab.command("agent", "wait", host.rawValue)
      try await lab.startAgent(on: host, dyingAt: next)
    }
  }

  /// Makes the destination what the course says.
  private func arrange(_ course: CrashWalk.Course, at destination: Lab.Host) async throws {
    let there = try lab.folder(.primary, on: destination)
    let template = "\(there)/\(Guest.template)"
    if course.needsTemplate {
      // The machine's file system is that of both hosts.
      let here = try lab.folder(.primary, on: destination.other)
      try await lab.shell(
        on: destination, #"[[ -e $2 ]] || cp "$1" "$2""#, "\(here)/\(Guest.template)", template)
    } else {
      try await lab.on(destination, "rm", "-f", template)
    }
    switch course {
    case .cancelledCopy, .cancelledTransfer, .leavesDefinition, .forced:
      try await lab.command("link", destination.rawValue, "20mbit")
    case .refused: try await lab.on(destination, "touch", "\(there)/\(guest.name)-root.qcow2")
    case .templateDiffers:
      try await lab.shell(
        on: destination, #"chmod u+w "$1"; printf other | dd of="$1" bs=1 seek=40000000 conv=notrunc status=none"#, template)
    default: break
    }
  }

  /// Takes away what ``arrange(_:at:)`` put in the way.
  private func disarrange(_ course: CrashWalk.Course, at destination: Lab.Host) async throws {
    let there = try lab.folder(.primary, on: destination)
    switch course {
    case .cancelledCopy, .cancelledTransfer, .leavesDefinition, .forced:
      try await lab.command("link", destination.rawValue, "usual")
    case .refused: try await lab.on(destination, "rm", "\(there)/\(guest.name)-root.qcow2")
    case .templateDiffers: try await lab.on(destination, "rm", "\(there)/\(Guest.template)")
    default: break
    }
  }
}

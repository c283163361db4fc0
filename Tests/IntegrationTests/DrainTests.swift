import FoundationEssentials
import LongshoreMessages
import Subprocess
import Testing

@testable import LongshoreAgent

extension FourHostTests {
  /// Drains of real guests.
  @Suite(.serialized, .enabled(if: Client.longshore != nil, Client.missingLongshore)) struct Drains {
    /// Where the agent of a drained host dies, one after the other.
    static let points: [CrashPoint] = pointsBefore + pointsAfter

    private static let pointsBefore: [CrashPoint] = [.drainUnstored, .drainStored, .drainMoving, .drainMoveUnordered, .drainMoveOrdered]
    /// A guest has been started meanwhile.
    private static let pointsAfter: [CrashPoint] = [.drainLooking, .drainFound, .drainEnded]

    @Test("guests go to three hosts though agent and broker are away meanwhile; one that none can take is named first; none comes back")
    func drained() async throws {
      try await Drained.with { drained in
        let guests = try await drained.makeGuests(3)
        let blocker = try await drained.makeGuests(1)[0]
        try await drained.block(blocker)

        let dry = try await drained.longshore("drain", "alpha", "--dry-run", "--format", "json")
        #expect(dry.code == 3, "\(dry)")
        let plan = try drained.status(dry)
        #expect(plan.phase == .planned && plan.candidates.map(\.host.text) == ["beta", "delta", "gamma"], "\(plan)")
        #expect(plan.guests.filter { $0.state == .waiting }.count == 3 && plan.expectedSeconds != nil && plan.boundSeconds != nil)
        let blocked = try #require(plan.guests.first { $0.state == .blocked })
        #expect(blocked.guest.uuid == blocker.uuid && blocked.refusals?.count == 3, "\(blocked)")
        #expect(blocked.refusals?.allSatisfy { $0.reasons.contains { $0.code == .domainExists } } == true)
        #expect(try await drained.drains().isEmpty, "a dry run leaves nothing")

        async let following = drained.longshore("drain", "alpha")
        try await drained.wait { $0.guests.contains { $0.state == .moving } }
        try await drained.lab.command("agent", "kill", "alpha")
        try await drained.lab.command("broker", "stop")
        try await drained.lab.command("broker", "start")
        // The other agents come back to the broker when they do.
        try await drained.lab.startAgent(on: .alpha, with: Lab.patience)
        let end = try await following
        #expect(end.code == 1 && end.error.contains("Not drained") && end.error.contains(blocker.name), "\(end)")
        let lines = end.error.split(separator: "\n")
        let told = try #require(lines.firstIndex { $0.contains("\(blocker.name): blocked") }, "\(end)")
        let moving = try #require(lines.firstIndex { $0.contains("guest-") && $0.hasSuffix(": moving") }, "\(end)")
        #expect(told < moving, "\(end)")

        let status = try #require(try await drained.drains().first)
        #expect(status.phase == .incomplete && status.guests.count == 4, "\(status)")
        for guest in guests {
          let moved = try #require(status.guests.first { $0.guest.uuid == guest.uuid })
          #expect(moved.state == .moved && moved.attempts == 1, "\(moved)")
          try await drained.verify(guest, "alpha", try #require(moved.destination).text)
        }

        // What has left does not come back before the maintenance is over.
        let one = try #require(status.guests.first { $0.state == .moved })
        let back = ["migrate", one.guest.name, "--from", one.destination?.text ?? "", "--to", "alpha", "--dry-run"]
        let refused = try await drained.longshore(back)
        #expect(refused.code == 3 && refused.output.contains("longshore maintenance off alpha"), "\(refused)")
        #expect(try await drained.longshore("hosts", "--timeout", "10s").output.contains("alpha (maintenance)"))
        #expect(try await drained.longshore("maintenance", "off", "alpha", "--timeout", "60s").output == "alpha takes guests.\n")
        let welcome = try await drained.longshore(back)
        #expect(welcome.code == 0, "\(welcome)")
      }
    }

    @Test("nothing new begins while it is paused; it goes on; what waits is dropped when it is cancelled, and what runs with --running")
    func steered() async throws {
      try await Drained.with { drained in
        let guests = try await drained.makeGuests(3)
        try await drained.lab.command("link", "alpha", "5mbit")
        async let following = drained.longshore("drain", "alpha", "--parallel", "1")
        // The drain is named by its id, by which it is found as soon as its host answers: what runs is not to end meanwhile.
        let id = try await drained.wait { $0.guests.contains { $0.state == .moving } }.id.text
        let second = try await drained.longshore("drain", "alpha")
        #expect(second.code == 3 && second.error.contains("[drain-runs]"), "\(second)")
        #expect(try await drained.longshore("maintenance", "off", "alpha", "--timeout", "60s").code == 3)
        let pausing = try await drained.longshore("drains", "pause", id, "--timeout", "60s")
        #expect(pausing.output.hasPrefix("The drain of alpha is paused; 1 migration of it"), "\(pausing)")
        try await drained.lab.command("link", "alpha", "unlimited")
        let paused = try await drained.wait { $0.guests.contains { $0.state == .moved } }
        try await drained.lab.command("link", "alpha", "5mbit")
        #expect(paused.phase == .paused && paused.guests.count { $0.state == .waiting } == 2, "\(paused)")
        #expect(try await drained.longshore("drains", "resume", id, "--timeout", "60s").code == 0)
        try await drained.wait { $0.guests.contains { $0.state == .moving } }
        #expect(try await drained.longshore("drains", "cancel", id, "--running", "--timeout", "60s").code == 0)
        let end = try await following
        #expect(end.code == 2 && end.error.contains("Cancelled"), "\(end)")
        let status = try #require(try await drained.drains().first)
        #expect(Set(status.guests.map(\.state)) == [.moved, .cancelled, .skipped], "\(status)")
        #expect(status.guests.allSatisfy { $0.state == .moved || $0.reasons?.isEmpty == false })
        for guest in guests {
          let found = try #require(status.guests.first { $0.guest.uuid == guest.uuid })
          let places = found.state == .moved ? ["alpha", try #require(found.destination).text] : ["alpha"]
          try await drained.verify(guest, places)
        }
        let late = try await drained.longshore("drains", "resume", "alpha", "--timeout", "10s")
        #expect(late.code == 3 && late.error.contains("[too-late]"), "\(late)")
      }
    }

    @Test("a guest whose destination dies goes to another host")
    func retried() async throws {
      try await Drained.with { drained in
        let guest = try await drained.makeGuests(1)[0]
        // The faster link is taken first.
        try await drained.lab.command("link", "gamma", "50mbit")
        try await drained.lab.command("agent", "kill", "beta")
        try await drained.lab.command(
          "agent", "--env", "\(CrashPoint.variable)=\(CrashPoint.beforeDestinationQueued.rawValue)", "start", "beta")
        let end = try await drained.longshore("drain", "alpha", "--to", "beta,gamma")
        #expect(end.code == 0 && end.output.contains("\(guest.name)  runs at gamma"), "\(end)")
        #expect(end.error.contains(": moving, attempt 2"), "\(end)")
        let moved = try #require(try await drained.drains().first?.guests.first)
        #expect(moved.attempts == 2 && moved.destination?.text == "gamma", "\(moved)")
        #expect(moved.refusals?.map(\.host.text) == ["beta"])
        try await drained.verify(guest, "alpha", "gamma")
      }
    }

    @Test("guests go into the pools of the map within the cap; what runs at the deadline goes on, and nothing begins after it")
    func ended() async throws {
      try await Drained.with { drained in
        let guests = try await drained.makeGuests(2)
        // With such a cap the first migration outlasts the deadline by far.
        async let following = drained.longshore(
          "drain", "alpha", "--to", "beta", "--parallel", "1", "--pool-map", "primary=secondary", "--bandwidth", "1", "--deadline", "40s")
        let ending = try await drained.wait { $0.phase == .ending }
        let first = try #require(ending.guests.first { $0.state == .moving }, "\(ending)")
        #expect(ending.guests.map(\.state) == [.moving, .skipped], "\(ending)")
        let tuned = try await drained.longshore("tune", try #require(first.migration).text, "--bandwidth", "1000", "--timeout", "60s")
        #expect(tuned.code == 0 && tuned.output.contains("1 MiB/s -> 1000 MiB/s"), "\(tuned)")
        let end = try await following
        #expect(end.code == 1 && end.error.contains("Not drained"), "\(end)")
        let status = try #require(try await drained.drains().first)
        #expect(status.phase == .incomplete && status.guests.map(\.state) == [.moved, .skipped], "\(status)")
        let skipped = try #require(status.guests.first { $0.state == .skipped })
        #expect(skipped.reasons?.map(\.code) == [.deadlinePassed] && skipped.attempts == nil, "\(skipped)")
        let pool = try drained.lab.folder(.secondary, on: .beta)
        let disks = try await drained.lab.on(.beta, "virsh", "--quiet", "domblklist", first.guest.uuid)
          .split(separator: "\n").compactMap { $0.split(separator: " ", maxSplits: 1).last }
        #expect(!disks.isEmpty && disks.allSatisfy { $0.trimmingPrefix(while: \.isWhitespace).hasPrefix("\(pool)/") }, "\(disks)")
        for guest in guests { try await drained.verify(guest, guest.uuid == first.guest.uuid ? ["alpha", "beta"] : ["alpha"]) }
      }
    }

    @Test("where the order says to stop, nothing begins after a guest that cannot be moved")
    func stopped() async throws {
      try await Drained.with { drained in
        let guests = try await drained.makeGuests(2)
        try await drained.lab.command("agent", "kill", "beta")
        try await drained.lab.command(
          "agent", "--env", "\(CrashPoint.variable)=\(CrashPoint.beforeDestinationQueued.rawValue)", "start", "beta")
        let end = try await drained.longshore("drain", "alpha", "--to", "beta", "--parallel", "1", "--on-failure", "stop")
        #expect(end.code == 1 && end.error.contains("Not drained"), "\(end)")
        let status = try #require(try await drained.drains().first)
        #expect(status.phase == .incomplete && status.reasons?.map(\.code) == [.drainStopped], "\(status)")
        #expect(status.guests.map(\.state) == [.failed, .skipped] && status.guests[1].attempts == nil, "\(status)")
        for guest in guests { try await drained.verify(guest, "alpha") }
      }
    }

    @Test("where the order says to skip, a guest that cannot be moved stays where it is, and the other one goes")
    func skipped() async throws {
      try await Drained.with { drained in
        let guests = try await drained.makeGuests(2)
        try await drained.lab.command("agent", "kill", "beta")
        try await drained.lab.command(
          "agent", "--env", "\(CrashPoint.variable)=\(CrashPoint.beforeDestinationQueued.rawValue)", "start", "beta")
        async let following = drained.longshore("drain", "alpha", "--to", "beta", "--parallel", "1", "--on-failure", "skip")
        try await drained.wait { $0.guests.contains { $0.state == .moving } }
        // The second one is not to begin before its destination is back.
        #expect(try await drained.longshore("drains", "pause", "alpha").code == 0)
        try await drained.wait { $0.guests.contains { $0.state == .failed } }
        try await drained.lab.command("agent", "wait", "beta")
        try await drained.lab.command("agent", "start", "beta")
        #expect(try await drained.longshore("drains", "resume", "alpha").code == 0)
        let end = try await following
        let status = try #require(try await drained.drains().first)
        #expect(status.phase == .incomplete && status.reasons == nil, "\(status)")
        let left = try #require(status.guests.first { $0.state == .failed }, "\(status)")
        let moved = try #require(status.guests.first { $0.state == .moved }, "\(status)")
        #expect(status.guests.count == 2 && left.attempts == 1 && moved.attempts == 1, "\(status)")
        #expect(left.refusals?.map(\.host.text) == ["beta"] && left.reasons?.isEmpty == false, "\(left)")
        #expect(end.code == 1 && end.error.contains("Not drained"), "\(end)")
        // Told as it happens, and at the end.
        #expect(end.error.contains(" \(moved.guest.name)  alpha -> beta: moved\n"), "\(end)")
        #expect(end.error.contains("\nStay on alpha:\n  \(left.guest.name): failed: "), "\(end)")
        for guest in guests { try await drained.verify(guest, guest.uuid == left.guest.uuid ? ["alpha"] : ["alpha", "beta"]) }
      }
    }

    @Test("an agent that dies at each point of a drain goes on to its one end, and finds a guest that was started meanwhile")
    func crashes() async throws {
      try await Drained.with { drained in
        let first = try await drained.makeGuests(1)[0]
        try await drained.restart(dyingAt: Self.pointsBefore[0])
        async let following = drained.longshore("drain", "alpha", "--id", "walk", "--timeout", "5m")
        for point in Self.pointsBefore.dropFirst() {
          try await drained.lab.command("agent", "wait", "alpha")
          try await drained.start(dyingAt: point)
        }
        try await drained.lab.command("agent", "wait", "alpha")
        let second = try await drained.makeGuests(1)[0]
        for point in Self.pointsAfter {
          try await drained.start(dyingAt: point)
          try await drained.lab.command("agent", "wait", "alpha")
        }
        try await drained.start(dyingAt: nil)
        let end = try await following
        #expect(end.code == 0, "\(end)")
        let status = try #require(try await drained.drains().first { $0.id.text == "walk" })
        #expect(status.phase == .completed && status.guests.map(\.attempts) == [1, 1], "\(status)")
        for guest in [first, second] {
          let moved = try #require(status.guests.first { $0.guest.uuid == guest.uuid })
          try await drained.verify(guest, "alpha", try #require(moved.destination).text)
        }
      }
    }
  }
}

/// A lab of four hosts, whose first is drained.
private struct Drained: Sendable {
  private static let hosts = ["alpha", "beta", "gamma", "delta"]

  let lab: Lab

  /// Lets the body use an empty lab, and empties it.
  static func with(_ body: (Drained) async throws -> Void) async throws {
    let drained = Drained(lab: try await Lab.find())
    try await drained.clear()
    try await finally {
      try await body(drained)
    } do: {
      try await drained.clear()
    }
  }

  /// Makes all hosts as `up` leaves them, and ends the maintenance.
  private func clear() async throws {
    try await lab.command("broker", "start")
    for host in Self.hosts {
      try await lab.command("link", host, "200mbit")
      try await lab.command(
        "on",
        [
          host, "bash", "-euc",
          """
          for domain in $(virsh --quiet list --all --uuid); do
            virsh --quiet destroy "$domain" >/dev/null 2>&1 || true
            virsh --quiet undefine "$domain" --snapshots-metadata >/dev/null || true
          done
          for pool in primary secondary; do
            find "$(virsh pool-dumpxml "$pool" | sed -n 's:.*<path>\\(.*\\)</path>.*:\\1:p')" -mindepth 1 -delete
            virsh --quiet pool-refresh "$pool" >/dev/null
          done
          """,
        ])
      try await lab.command("agent", "kill", host)
      try await lab.command("on", host, "bash", "-euc", "rm -f /var/lib/longshore/journal.sqlite*")
      try await lab.command("agent", "start", host)
    }
  }

  func makeGuests(_ count: Int) async throws -> [Guest] {
    var guests: [Guest] = []
    for _ in 0..<count { guests.append(try await Guest.make(.linked, in: lab, on: .alpha)) }
    return guests
  }

  /// Lets no host take a guest: each has a domain of its name.
  func block(_ guest: Guest) async throws {
    let xml =
      "<domain type='qemu'><name>\(guest.name)</name><memory unit='MiB'>64</memory><os><type arch='x86_64'>hvm</type></os></domain>"
    for host in Self.hosts.dropFirst() {
      try await lab.command("on", host, "bash", "-euc", "virsh --quiet define <(printf %s \"$1\")", "-", xml)
    }
  }

  func longshore(_ words: String...) async throws -> Client.Ending { try await longshore(words) }

  func longshore(_ words: [String]) async throws -> Client.Ending {
    let longshore = try #require(Client.longshore)
    return try await longshore.run(words + ["--broker", try lab.brokerURL, "--cluster", Lab.cluster])
  }

  func status(_ ending: Client.Ending) throws -> DrainStatus {
    try JSONDecoder().decode(DrainStatus.self, from: Data(ending.output.utf8))
  }

  /// The drains of alpha, the last first.
  func drains() async throws -> [DrainStatus] {
    let ending = try await longshore("drains", "list", "--all", "--host", "alpha", "--timeout", "60s", "--format", "json")
    guard ending.code == 0 else { return [] }
    return try JSONDecoder().decode([DrainStatus].self, from: Data(ending.output.utf8))
  }

  /// Asks until the last drain is so.
  @discardableResult
  func wait(until isThere: (DrainStatus) -> Bool) async throws -> DrainStatus {
    while true {
      if let drain = try await drains().first, isThere(drain) { return drain }
      try Task.checkCancellation()
    }
  }

  func verify(_ guest: Guest, _ hosts: String...) async throws { try await verify(guest, hosts) }

  func verify(_ guest: Guest, _ hosts: [String]) async throws {
    let text = try await lab.report("guest-verify", [guest.name] + hosts)
    try JSONDecoder().decode(Guest.Verification.self, from: Data(text.utf8)).expectGood()
  }

  func restart(dyingAt point: CrashPoint?) async throws {
    try await lab.command("agent", "kill", "alpha")
    try await start(dyingAt: point)
  }

  func start(dyingAt point: CrashPoint?) async throws {
    try await lab.command(
      "agent", (point.map { ["--env", "\(CrashPoint.variable)=\($0.rawValue)"] } ?? []) + ["start", "alpha"])
  }
}

import LongshoreMessages
import Testing

extension MigrationTests {
  /// Hosts' clocks that are set.
  @Suite(.serialized) struct Clocks {
    @Test("the clocks are set a day and an hour ahead in the transfer, and back after it: no deadline and no time of grace passes")
    func set() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await Guest.with(.linked, in: lab) { guest in
        try await Orchestrator.with(lab) { orchestrator in
          let disks = try await SourceDisks(of: guest, on: .alpha)
          let clock = FalseClock(lab)
          let hour = 3600
          try await clock.set(0)
          for host in Lab.Host.allCases { try await clock.restartAgent(on: host) }
          try await lab.withTemplateAtDestination {
            let id = try await lab.withLink(of: .beta, rate: "20mbit") {
              let id = try await orchestrator.migrate(guest, from: .alpha)
              try await orchestrator.progress(of: id, until: \.isCopyingDisks)
              try await clock.set(25 * hour)
              try await clock.restartAgent(on: .alpha)
              return id
            }
            let history = try await orchestrator.history(of: id)
            let (first, last) = (try #require(history.first), try #require(history.last))
            try await expectMoved(guest, from: .alpha, id: id, end: last.data, disks: disks, measured: false)
            #expect(last.time.milliseconds - first.time.milliseconds > 90_000_000, "the clocks were set")
            #expect(try #require(last.data.seconds) < 300)
            for ahead in [50 * hour, -hour] {
              try await clock.set(ahead)
              try await clock.restartAgent(on: .alpha)
              try await orchestrator.waitForLibvirt(on: .alpha)
              try await disks.expectSetAside(by: id)
            }
            try await guest.verify(.alpha, .beta).expectGood()
          }
          for host in Lab.Host.allCases { try await lab.restartAgent(on: host) }
        }
      }
    }
  }
}

/// The wall clock as agents see it, and nobody else.
struct FalseClock: Sendable {
  private static let file = "/var/lib/longshore/clock"

  private let lab: Lab

  init(_ lab: Lab) { self.lab = lab }

  /// Sets the clock on all hosts, by so many seconds ahead of the machine's.
  func set(_ seconds: Int) async throws {
    for host in Lab.Host.allCases {
      try await lab.shell(on: host, #"echo "$1" >"$2.new"; mv "$2.new" "$2""#, String(seconds), Self.file)
    }
  }

  /// Starts a host's agent again, with this clock, and with more in its environment.
  func restartAgent(on host: Lab.Host, with environment: [String: String] = [:]) async throws {
    try await lab.command("agent", "kill", host.rawValue)
    let variables = environment.flatMap { ["--env", "\($0)=\($1)"] }
    try await lab.command("agent", ["--clock", Self.file] + variables + ["start", host.rawValue])
  }
}

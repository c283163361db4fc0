import LongshoreMessages
import Testing

extension MigrationTests {
  /// Agents that read their configuration anew.
  @Suite(.serialized) struct Reloads {
    @Test("limits, pools, maintenance and the log's level count at once, what cannot is named, and a wrong file changes nothing")
    func reload() async throws {
      let lab = try await Lab.find()
      try await lab.clear()
      try await lab.withConfiguration(of: .alpha) { text in
        let pid = try await lab.command("agent", "pid", "alpha")
        func reload(_ text: String, toSay words: String) async throws {
          try await lab.waitForLog(of: .alpha, words) { try await lab.reload(.alpha, text) }
        }
        try await reload(text + "limits: {outgoing: 1}\n", toSay: "settings.applied=limits.outgoing")
        try await Guest.with(.linked, in: lab) { first in
          try await Guest.with(.linked, in: lab) { second in
            try await Orchestrator.with(lab) { orchestrator in
              try await lab.withTemplateAtDestination {
                let ids = try await lab.withLink(of: .beta, rate: "5mbit") {
                  let one = try await orchestrator.migrate(first, from: .alpha)
                  try await orchestrator.progress(of: one, until: \.isCopyingDisks)
                  let two = try await orchestrator.migrate(second, from: .alpha)
                  let queued = try await orchestrator.event(.queued, of: two)
                  #expect(queued.data.reasons?.first?.message.contains("limits.outgoing") == true, "\(queued.data)")
                  try await reload(text + "limits: {outgoing: 2, incoming: 0}\n", toSay: "cannot be used: nothing is changed")
                  #expect(try await orchestrator.queue(of: .alpha).map(\.id) == [two])
                  let port = try #require(text.firstRange(of: ":9477"))
                  let other = text.replacingCharacters(in: port, by: ":9478")
                  try await reload(
                    other + "limits: {outgoing: 2}\npools: {allowed: [primary]}\nincoming: {allowed: false}\n",
                    toSay: "settings.restart=metrics.listen")
                  try await orchestrator.event(.preparing, of: two)
                  return [one, two]
                }
                for id in ids { #expect(try await orchestrator.end(of: id).kind == .completed) }
                // What other hosts and orchestrators see of alpha.
                let told = try await orchestrator.inventory(of: .alpha)
                #expect(told.machine.maintenance.isOn && told.pools.filter(\.allowed).map(\.name) == ["primary"])
                let refused = try await orchestrator.dryRun(first, from: .beta)
                #expect(refused.contains { $0.outcome == .refused && $0.code == .maintenance }, "\(refused)")
              }
            }
          }
        }
        let level = try #require(text.firstRange(of: "level: debug"))
        try await reload(text.replacingCharacters(in: level, by: "level: notice"), toSay: "log.level")
        let lines = try await lab.agentLog(of: .alpha).count
        try await lab.waitForLog(of: .alpha, "settings.applied=nothing") {
          try await lab.reload(.alpha, text.replacingCharacters(in: level, by: "level: notice"))
        }
        #expect(
          try await lab.agentLog(of: .alpha).dropFirst(lines).allSatisfy { !$0.contains("level=info") && !$0.contains("level=debug") })
        #expect(try await lab.command("agent", "pid", "alpha") == pid, "it is the same process")
      }
    }
  }
}

extension Lab {
  private static let configuration = "/etc/longshore/longshored.yaml"

  /// Runs the body with the text of a host's configuration, and restores it afterwards.
  fileprivate func withConfiguration(of host: Host, _ body: (String) async throws -> Void) async throws {
    let text = try await on(host, "cat", Self.configuration)
    try await finally {
      try await body(text)
    } do: {
      try await waitForLog(of: host, "The configuration was read anew") { try await reload(host, text) }
    }
  }

  /// Writes a host's configuration, and asks its agent to read it.
  fileprivate func reload(_ host: Host, _ text: String) async throws {
    try await shell(
      on: host, #"printf '%s' "$2" >"$1"; kill -HUP "$3""#, Self.configuration, text,
      String(command("agent", "pid", host.rawValue).filter(\.isNumber)))
  }
}

extension String {
  fileprivate func replacingCharacters(in range: Range<String.Index>, by text: String) -> String {
    String(self[..<range.lowerBound]) + text + String(self[range.upperBound...])
  }
}

extension Orchestrator {
  /// What a host has.
  fileprivate func inventory(of host: Lab.Host) async throws -> HostInventory {
    let reply = try await ask(Request(id: Self.newID(), command: .inventory(InventoryQuestion())), of: host)
    guard case .inventory(let inventory) = reply.body else { throw Unexpected(reply: reply) }
    return inventory
  }

  /// The checks of a dry run from one host to the other.
  fileprivate func dryRun(_ guest: Guest, from host: Lab.Host) async throws -> [Check] {
    var order = try order(guest, from: host)
    order.dryRun = true
    let reply = try await ask(Request(id: Self.newID(), command: .migrate(order)), of: host)
    guard case .checked(let checks, _, _) = reply.body else { throw Unexpected(reply: reply) }
    return checks
  }

  private struct Unexpected: Error { let reply: Reply }
}

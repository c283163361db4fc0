import FoundationEssentials
import LongshoreClient
import LongshoreMessages
import Testing

// The program that the documentation of LongshoreClient shows, part by part (contrib/docs/check holds it against this file). It uses what
// is public alone.

/// How the broker is reached, and whose answers are believed.
private func settings(_ broker: String, _ cluster: NodeName, password: String?) -> LinkSettings {
  var settings = LinkSettings(broker: broker, cluster: cluster, password: password)
  // Answers of hosts are believed of their agents' users alone.
  settings.peerUser = PeerUser("agent-{host}")
  return settings
}

/// Orders a migration.
/// - Returns: Why it is refused; nothing where it is taken.
private func order(
  _ guest: ResourceName, to destination: NodeName, as id: MigrationID, at source: HostAddress, over link: any OrchestratorLink
) async throws -> [Reason] {
  let order = MigrateCommand(guest: guest, destination: .init(host: destination))
  let request = Request(id: id, host: source, command: .migrate(order))
  let reply = try await link.ask(request, of: source, within: .seconds(30))
  guard case .rejected(let reasons) = reply.body else { return [] }
  return reasons
}

/// Follows a migration to its end.
/// - Returns: The event that ends it; nil where the link was closed before.
private func follow(
  _ id: MigrationID, at source: HostAddress, over link: any OrchestratorLink
) async throws -> MigrationEventData? {
  for await notice in link.notices {
    switch notice {
    case .event(let event) where event.subject == id:
      print(event.time, event.data.kind.rawValue)
      if event.data.kind.isTerminal { return event.data }
      // This is no end: a person has to look, and the events go on after that.
      if event.data.kind == .needsAttention { print("needs a person:", event.data.reasons ?? []) }
    case .progress(let progress) where progress.subject == id:
      print(progress.time, progress.data.phase.rawValue, progress.data.rateBps ?? 0, "bytes a second")
    case .restored:
      // What happened while the connection was lost was not told.
      guard let question = MigrationID(UUID().uuidString.lowercased()) else { continue }
      let reply = try await link.ask(
        Request(id: question, host: source, command: .status(migration: id)), of: source, within: .seconds(30))
      guard case .status(let status) = reply.body, let last = status.events?.last else { continue }
      if last.data.kind.isTerminal { return last.data }
    default: continue
    }
  }
  return nil
}

/// Moves a guest, and says how that ended.
private func move(
  _ guest: ResourceName, to destination: NodeName, as id: MigrationID, from source: HostAddress, _ settings: LinkSettings
) async throws -> String {
  // The subscription stands before the order is sent: nothing is missed.
  try await AMQPOrchestratorLink.open(settings: settings, subscription: Subscription(.host(source))) { link in
    let refusals = try await order(guest, to: destination, as: id, at: source, over: link)
    if let reason = refusals.first { return "refused: \(reason.message) [\(reason.code)]" }
    guard let end = try await follow(id, at: source, over: link) else { return "not known: ask again" }
    let reasons = (end.reasons ?? []).map(\.description).joined(separator: "; ")
    return "\(end.kind.rawValue), runs at \(end.runsAt?.text ?? "no host that was told") \(reasons)"
  }
}

/// What to do about an error.
private func advice(for error: LinkError) -> String {
  switch error.code {
  case .noAnswer, .untrustedReply: "It may have been done: ask for the migration's status, or send the order again with the same id."
  case .unknownHost, .unknownCluster: "No agent has ever had an inbox of this name: look at the name, and whether the agent runs."
  case .notPermitted: "Give the user the rights of an orchestrator."
  case .invalidSettings: "Correct the settings."
  default: "Try again later, with the same id."
  }
}

extension MigrationTests {
  @Suite(.serialized) struct ClientExample {
    @Test("The documentation's program moves a guest, tells where it runs, and why a move is refused")
    func example() async throws {
      let lab = try await Lab.find()
      let cluster = try #require(NodeName(Lab.cluster))
      let (alpha, beta) = (try #require(NodeName("alpha")), try #require(NodeName("beta")))
      let source = HostAddress(cluster: cluster, host: alpha)
      let settings = settings(try lab.brokerURL, cluster, password: nil)
      try await Guest.with(.mixed, in: lab) { guest in
        let name = try #require(ResourceName(guest.name))
        func id() throws -> MigrationID { try #require(MigrationID(UUID().uuidString.lowercased())) }
        let refused = try await move(name, to: alpha, as: try id(), from: source, settings)
        #expect(refused.hasPrefix("refused: ") && refused.hasSuffix("[same-host]"))
        let moved = try await move(name, to: beta, as: try id(), from: source, settings)
        #expect(moved == "completed, runs at beta ")
        #expect(try await guest.state(on: .beta) == "running")
        let nowhere = HostAddress(cluster: cluster, host: try #require(NodeName("nobody")))
        let error = await #expect(throws: LinkError.self) { try await move(name, to: beta, as: try id(), from: nowhere, settings) }
        #expect(error.map(advice)?.hasPrefix("No agent has ever had") == true)
      }
    }
  }
}

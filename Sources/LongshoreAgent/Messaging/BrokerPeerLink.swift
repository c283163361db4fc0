internal import AMQP
internal import LongshoreMessages
internal import MigrationJournal

/// Sends peer messages straight to the broker.
struct BrokerPeerLink: PeerLink, ClusterLink {
  let here: HostAddress
  let journalID: String
  let publishing: ConfirmedPublishing

  func announce(_ body: PeerMessage.Body, of id: MigrationID) async throws {
    try await publishing.publish(.peer(PeerMessage(migration: id, from: here, to: nil, journal: journalID, body: body, trace: .current)))
  }

  func send(_ body: PeerMessage.Body, of migration: MigrationID, to host: HostAddress) async throws {
    let message = OutboxMessage.peer(
      PeerMessage(migration: migration, from: here, to: host, journal: journalID, body: body, trace: .current))
    do {
      try await publishing.publish(message)
    } catch let error as AMQPError where error.code == .unroutable {
      throw PeerUnknown()
    }
  }
}

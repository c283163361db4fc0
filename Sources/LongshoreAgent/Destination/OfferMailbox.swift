internal import LongshoreMessages

/// Where the source's offers of layers arrive for the effects that wait for them.
actor OfferMailbox {
  private struct Key: Hashable {
    var migration: MigrationID
    var layer: Int
  }

  private var waiting: [Key: [Int: AsyncStream<PeerMessage.LayerOffer>.Continuation]] = [:]
  private var nextID = 0

  /// Hands an offer to those who wait for it; one that nobody waits for is of no use.
  func deliver(_ offer: PeerMessage.LayerOffer, of migration: MigrationID) {
    for continuation in (waiting[Key(migration: migration, layer: offer.layer)] ?? [:]).values { continuation.yield(offer) }
  }

  /// The offers of a layer from now on, until the stream is dropped.
  func offers(of layer: Int, migration: MigrationID) -> AsyncStream<PeerMessage.LayerOffer> {
    let key = Key(migration: migration, layer: layer)
    let id = nextID
    nextID += 1
    let (stream, continuation) = AsyncStream<PeerMessage.LayerOffer>.makeStream()
    waiting[key, default: [:]][id] = continuation
    continuation.onTermination = { _ in Task { await self.remove(key, id) } }
    return stream
  }

  private func remove(_ key: Key, _ id: Int) {
    waiting[key]?[id] = nil
    if waiting[key]?.isEmpty == true { waiting[key] = nil }
  }
}

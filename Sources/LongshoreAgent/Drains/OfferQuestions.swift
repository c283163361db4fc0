internal import Libvirt
internal import LongshoreMessages
internal import MigrationCore

/// Speaks to all agents of the cluster at once.
protocol ClusterLink: Sendable {
  /// Returns when the broker has taken the message.
  func announce(_ body: PeerMessage.Body, of id: MigrationID) async throws
}

/// Where the offers of hosts arrive for the drain that asks for them.
actor HostOfferMailbox {
  private var waiting: [MigrationID: AsyncStream<(NodeName, HostOffer)>.Continuation] = [:]

  /// Hands an offer to the drain that waits for it; one that nobody waits for is of no use.
  func deliver(_ offer: HostOffer, of host: NodeName, to drain: MigrationID) { waiting[drain]?.yield((host, offer)) }

  /// The offers that come for a drain from now on. An earlier stream of the same drain ends.
  func offers(to drain: MigrationID) -> AsyncStream<(NodeName, HostOffer)> {
    waiting[drain]?.finish()
    let (stream, continuation) = AsyncStream<(NodeName, HostOffer)>.makeStream()
    waiting[drain] = continuation
    return stream
  }

  /// Ends the stream of a drain: nothing more is waited for.
  func close(_ drain: MigrationID) { waiting.removeValue(forKey: drain)?.finish() }
}

/// Asks hosts what they can take of the guests of this one.
struct OfferQuestions: Sendable {
  /// For how long hosts are heard that nobody named, in milliseconds: there is no telling how many they are.
  private static let hearing: Int64 = 3_000
  /// For how long hosts are waited for that were named, in milliseconds.
  private static let patience: Int64 = 10_000
  /// How often they are asked again, in milliseconds: an agent that is just started has missed the question.
  private static let askInterval: Int64 = 2_000

  let here: HostAddress
  let peers: any PeerLink
  let cluster: any ClusterLink
  let mailbox: HostOfferMailbox
  let clock: any HostClock

  /// The offers, by the hosts' names. While the broker takes no questions it is waited for.
  ///
  /// - Parameter named: The hosts to ask; nil for all of the cluster.
  func ask(_ named: [NodeName]?, for drain: MigrationID) async -> [DrainSurvey.Host] {
    let stream = await mailbox.offers(to: drain)
    let asking = Task {
      await ask(named, for: drain, milliseconds: named == nil ? Self.hearing : Self.patience)
      if !Task.isCancelled { await mailbox.close(drain) }
    }
    defer { asking.cancel() }
    var found: [NodeName: HostOffer] = [:]
    for await (host, offer) in stream where host != here.host && named?.contains(host) != false {
      found[host] = offer
      if let named, found.count == Set(named).count { break }
    }
    await mailbox.close(drain)
    let silent = Set(named ?? []).subtracting(found.keys).map { host in
      DrainSurvey.Host(
        host: host, offer: nil,
        refusal: Reason(
          .destinationUnreachable,
          "the agent of \(host) did not answer within \(Self.patience / 1000) s: see whether it runs and whether its name is right"))
    }
    return (found.map { DrainSurvey.Host(host: $0.key, offer: $0.value, refusal: $0.value.refusal) } + silent)
      .sorted { $0.host.text < $1.host.text }
  }

  /// Asks again and again for so long, which counts from when the broker has taken a question: what is not with it nobody can answer.
  private func ask(_ named: [NodeName]?, for drain: MigrationID, milliseconds: Int64) async {
    var left = milliseconds
    var isAsked = false
    while left > 0 {
      if await send(to: named, for: drain) { isAsked = true }
      let pause = isAsked ? min(Self.askInterval, left) : Self.askInterval
      guard (try? await clock.wait(milliseconds: pause)) != nil else { return }
      if isAsked { left -= pause }
    }
  }

  /// Asks once. Returns whether the broker has answered: it has taken a question, or does not know the host. The queue of one host can be
  /// out of service while the others' are not.
  private func send(to named: [NodeName]?, for drain: MigrationID) async -> Bool {
    guard let named else { return (try? await cluster.announce(.askOffer, of: drain)) != nil }
    var isThere = false
    for host in named {
      do {
        try await peers.send(.askOffer, of: drain, to: HostAddress(cluster: here.cluster, host: host))
        isThere = true
      } catch {
        if error is PeerUnknown { isThere = true }
      }
    }
    return isThere
  }
}

/// What this host offers to others that are drained.
struct HostOffers: Sendable {
  let here: HostAddress
  let libvirt: LibvirtLink
  let checks: DestinationChecks
  let coordinator: MigrationCoordinator

  /// The offer of this moment.
  func offer() async -> HostOffer {
    let limits = await coordinator.limits
    var offer = HostOffer(
      pools: [], incoming: limits.incoming, pair: limits.pair, pool: limits.pool, busy: await coordinator.incomingCount)
    do {
      if let refusal = try checks.maintenanceRefusal() {
        offer.refusal = refusal
        return offer
      }
      let connection = try await libvirt.connection()
      offer.memory = try checks.memoryLeft()
      for pool in try await connection.pools() {
        guard try await pool.isActive(), checks.allowedPools?.contains(pool.name) != false, let name = ResourceName(pool.name),
          let folder = try await pool.configuration().targetPath, await checks.pulse.answers(folder),
          let available = FileProbe.availableBytes(in: folder)
        else { continue }
        offer.pools.append(HostOffer.Pool(pool: name, available: available))
      }
    } catch {
      offer.refusal = Reason.of(error, "look what \(here.host) can take")
    }
    return offer
  }
}

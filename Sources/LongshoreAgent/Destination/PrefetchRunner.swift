internal import Libvirt
internal import Logging
internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

/// Does a prefetch's effects in the world.
///
/// A runner observes before it does anything, so that an effect that was begun before a crash can be run again. It reports what came of
/// the effect as events, and returns when there is nothing more to do or its task is cancelled. It does not run in the actor that calls it.
protocol PrefetchRunner: Sendable {
  /// - Parameters:
  ///   - progress: Gets the bytes of the layer that is copied now which have arrived.
  ///   - report: Takes an event.
  @concurrent func run(
    _ effect: PrefetchEffect, of prefetch: TemplatePrefetch, progress: @escaping @Sendable (UInt64) async -> Void,
    report: @escaping @Sendable (PrefetchEvent) async -> Void) async
}

/// Does a prefetch's effects with the means of a migration: the same offers, copies, checks and turns.
struct HypervisorPrefetchRunner: PrefetchRunner {
  /// How often the source is asked again while it does not answer, in milliseconds.
  private static let askInterval: Int64 = 2_000
  /// How often the source is told that its offer is still wanted, in milliseconds. One that has been restarted has forgotten it.
  private static let holdInterval: Int64 = 20_000

  let libvirt: LibvirtLink
  let journal: Journal
  let checks: DestinationChecks
  let layers: LayerProvider
  let mailbox: DescriptionMailbox
  let peers: any PeerLink
  let pools: PoolRefresher
  /// How long the source may take to answer at first, in milliseconds.
  let patience: @Sendable () -> Int64
  let clock: any HostClock
  let logger: Logger

  func run(
    _ effect: PrefetchEffect, of prefetch: TemplatePrefetch, progress: @escaping @Sendable (UInt64) async -> Void,
    report: @escaping @Sendable (PrefetchEvent) async -> Void
  ) async {
    switch effect {
    case .awaitAdmission: break
    case .awaitDeadline(let milliseconds):
      guard (try? await clock.wait(milliseconds: milliseconds)) != nil else { return }
      await report(.deadlinePassed)
    case .askSource:
      let event = await ask(prefetch)
      if let event, !Task.isCancelled { await report(event) }
    case .holdOffer:
      repeat {
        try? await peers.send(.describeTemplate(prefetch.order), of: prefetch.id, to: prefetch.source)
      } while (try? await clock.wait(milliseconds: Self.holdInterval)) != nil
    case .check:
      await untilDone("make the checks", prefetch, report: report) {
        let obstacle = try await checks.obstacle(to: prefetch)
        return obstacle.map(PrefetchEvent.refused) ?? .checked
      }
    case .provideLayer(let id):
      guard let layer = prefetch.layer(id) else { return }
      let demand = LayerDemand(prefetch)
      await untilDone("put the template \(layer.volume) in place", prefetch, failed: { .layerFailed(id, $0) }, report: report) {
        let (path, copied) = try await layers.provide(layer, of: demand) { await progress($0.templateBytesDone - demand.copiedBytes) }
        return .layerProvided(id, path: path, copied: copied)
      }
    case .keepFiles:
      await untilDone("forget the registered files", prefetch, report: report) {
        try await RegisteredFiles.handOver(of: prefetch.id, journal: journal)
        pools.refreshSoon(Set(prefetch.layers.map(\.pool)))
        return .filesKept
      }
    case .removeFiles:
      await untilDone("remove what the prefetch made", prefetch, report: report) {
        let files = try journal.files(of: prefetch.id, host: .destination)
        if !files.isEmpty {
          let storage = try await HostStorage(on: libvirt.connection())
          // The folders last: only then are they empty.
          for file in files.filter({ $0.role != .workFolder }) + files.filter({ $0.role == .workFolder }) {
            try await RegisteredFiles.remove(file, journal: journal, storage: storage)
          }
        }
        return .filesRemoved
      }
    }
  }

  /// Asks the source of what the template consists, until it answers or its time is over.
  private func ask(_ prefetch: TemplatePrefetch) async -> PrefetchEvent? {
    let answers = await mailbox.descriptions(of: prefetch.id)
    let host = prefetch.source.host
    let event: PrefetchEvent? = await withTaskGroup(of: PrefetchEvent?.self) { group in
      defer { group.cancelAll() }
      group.addTask {
        for await answer in answers { return answer.failure.map(PrefetchEvent.refused) ?? .described(answer.layers) }
        return nil
      }
      group.addTask {
        repeat {
          do {
            try await peers.send(.describeTemplate(prefetch.order), of: prefetch.id, to: prefetch.source)
          } catch is PeerUnknown {
            return .refused(Reason(.unavailable, "no agent of the host \(host) has ever joined the broker: see whether its name is right"))
          } catch {
            logger.debug(
              "The broker did not take a message", metadata: [LogKeys.migration: "\(prefetch.id)", LogKeys.error: "\(error)"])
          }
        } while (try? await clock.wait(milliseconds: Self.askInterval)) != nil
        return nil
      }
      group.addTask {
        let patience = patience()
        guard (try? await clock.wait(milliseconds: patience)) != nil else { return nil }
        return .refused(
          Reason(
            .unavailable,
            "the agent of \(host) did not answer within \(patience / 1000) s: see whether it runs, and is of a version that knows prefetches"
          ))
      }
      return await group.next() ?? nil
    }
    await mailbox.forget(prefetch.id)
    return event
  }

  private func untilDone(
    _ operation: String, _ prefetch: TemplatePrefetch, failed: (Reason) -> PrefetchEvent? = { _ in nil },
    report: (PrefetchEvent) async -> Void, _ work: () async throws -> PrefetchEvent
  ) async {
    await PatientWork(clock: clock, logger: logger).untilDone(operation, of: prefetch.id, failed: failed, report: report, work)
  }
}

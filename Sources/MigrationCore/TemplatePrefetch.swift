public import LongshoreMessages

/// What can happen to a prefetch.
public enum PrefetchEvent: Sendable, Hashable, Codable {
  /// It is this prefetch's turn.
  case admitted
  /// The source has told of what the template consists.
  case described([TemplateLayer])
  /// Pools and room are as they must be.
  case checked
  /// The source cannot offer the template, or the checks have found why it cannot be put here.
  case refused(Reason)
  /// A layer is in place at this path; so many bytes of it had to be copied.
  case layerProvided(Int, path: String, copied: UInt64)
  /// A layer could not be put in place.
  case layerFailed(Int, Reason)
  /// The work folders are gone.
  case filesKept
  /// Nothing that was not published is left.
  case filesRemoved
  /// Somebody does not want it any more.
  case cancel(Reason)
  /// Its time is over.
  case deadlinePassed
}

/// What a prefetch wants done for as long as its phase lasts.
public enum PrefetchEffect: Sendable, Hashable, Codable {
  /// Apply `admitted` when it is this prefetch's turn.
  case awaitAdmission
  /// Ask the source of what the template consists, and that it offers it.
  case askSource
  /// Look whether the layers that lack can come: maintenance, pools, room.
  case check
  /// Put a layer in place: adopt the one that is there, or copy and verify it.
  case provideLayer(Int)
  /// Forget the registered files, and remove the work folders.
  case keepFiles
  /// Remove every file that was registered and not published.
  case removeFiles
  /// Keep the source offering the layers.
  case holdOffer
  /// Apply `deadlinePassed` in so many milliseconds.
  case awaitDeadline(milliseconds: Int64)

  /// The effect without what changes while it runs.
  public var key: PrefetchEffect {
    if case .awaitDeadline = self { .awaitDeadline(milliseconds: 0) } else { self }
  }
}

/// A template that is put in place, with the layers below it, ahead of the guests that need it: a value that takes events and says what
/// is to be done. The host that gets the template drives it.
///
/// ```
/// queued -> asking -> checking -> placing -> finishing -> placed
///    |         |          |          |
///    +---------+----------+----------+-> removing -> failed, cancelled
/// ```
public struct TemplatePrefetch: Sendable, Hashable, Codable {
  /// Why what was made is removed.
  public enum Removal: Sendable, Hashable, Codable {
    /// Somebody asked for it.
    case cancellation(Reason)
    /// It cannot be done.
    case failure(Reason)
  }

  /// The phases of a prefetch.
  public enum Phase: Sendable, Hashable, Codable {
    /// Waits for its turn. Can become: asking, removing.
    case queued
    /// The source is asked. Can become: checking, removing.
    case asking
    /// The checks are made. Can become: placing, removing.
    case checking
    /// Layers are adopted or copied, one after the other. Can become: finishing, removing.
    case placing
    /// All layers are in place; the work folders go. Can become: placed.
    case finishing
    /// What was made and not published is removed. Can become: failed, cancelled.
    case removing(Removal)
    /// Ended: the template is in place.
    case placed
    /// Ended: it could not be done.
    case failed(Reason)
    /// Ended: it was cancelled.
    case cancelled(Reason)
  }

  /// The id, which is that of its order.
  public let id: MigrationID
  /// What was ordered.
  public let order: PrefetchOrder
  /// The host that the template comes from.
  public let source: HostAddress
  /// The trace that its order belongs to; nil where it is in none.
  public let trace: TraceContext?
  /// When it has to be done.
  public let deadline: Deadline

  /// Where it stands.
  public private(set) var phase = Phase.queued
  /// Counts the changes of the value: the journal refuses to store a revision that does not follow the stored one.
  public private(set) var revision = 1
  /// The layers, each after the one below it; empty while the source has not told them.
  public private(set) var layers: [TemplateLayer] = []
  /// The paths of the layers that are in place, by their ids.
  public private(set) var layerPaths: [Int: String] = [:]
  /// The bytes that had to be copied, by the layers' ids; 0 for one that was there.
  public private(set) var copiedBytes: [Int: UInt64] = [:]

  /// A prefetch that an order brings.
  public init(
    id: MigrationID, order: PrefetchOrder, source: HostAddress, deadlineSeconds: Int64, trace: TraceContext? = nil, at now: Now
  ) {
    self.id = id
    self.order = order
    self.source = source
    self.trace = trace
    deadline = Deadline(start: now, allowance: deadlineSeconds * 1000)
  }

  /// Takes an event. One that comes late or twice changes nothing.
  public mutating func apply(_ event: PrefetchEvent) {
    let before = self
    switch (phase, event) {
    case (.queued, .admitted): phase = .asking
    case (.asking, .described(let layers)) where !layers.isEmpty:
      self.layers = layers
      phase = .checking
    case (.checking, .checked): phase = .placing
    case (.asking, .refused(let reason)), (.checking, .refused(let reason)): phase = .removing(.failure(reason))
    case (.placing, .layerProvided(let id, let path, let copied)) where id == nextLayer?.id:
      layerPaths[id] = path
      copiedBytes[id] = copied
      if nextLayer == nil { phase = .finishing }
    case (.placing, .layerFailed(let id, let reason)) where id == nextLayer?.id: phase = .removing(.failure(reason))
    case (.finishing, .filesKept): phase = .placed
    case (.removing(.failure(let reason)), .filesRemoved): phase = .failed(reason)
    case (.removing(.cancellation(let reason)), .filesRemoved): phase = .cancelled(reason)
    case (.queued, .cancel(let reason)), (.asking, .cancel(let reason)), (.checking, .cancel(let reason)), (.placing, .cancel(let reason)):
      phase = .removing(.cancellation(reason))
    case (.queued, .deadlinePassed), (.asking, .deadlinePassed), (.checking, .deadlinePassed), (.placing, .deadlinePassed):
      phase = .removing(
        .failure(
          Reason(
            .deadlinePassed, "the template was not in place after \(deadline.allowance / 1000) s, which the host allows: order it again")))
    default: break
    }
    if self != before { revision = before.revision + 1 }
  }

  /// What is to be done for as long as the phase lasts.
  public func outstanding(at now: Now) -> [PrefetchEffect] {
    let timer = PrefetchEffect.awaitDeadline(milliseconds: deadline.remaining(at: now))
    return switch phase {
    case .queued: [.awaitAdmission, timer]
    case .asking: [.askSource, timer]
    case .checking: [.check, .holdOffer, timer]
    case .placing: (nextLayer.map { [.provideLayer($0.id)] } ?? []) + [.holdOffer, timer]
    case .finishing: [.keepFiles]
    case .removing: [.removeFiles]
    case .placed, .failed, .cancelled: []
    }
  }

  /// Whether it has ended.
  public var isTerminal: Bool {
    switch phase {
    case .placed, .failed, .cancelled: true
    default: false
    }
  }

  /// Whether the room for its layers is promised to it.
  public var hasRoom: Bool {
    switch phase {
    case .placing, .finishing: true
    default: false
    }
  }

  /// Why it cannot be cancelled any more; nil where it can.
  public var refusalToCancel: Reason? {
    switch phase {
    case .queued, .asking, .checking, .placing, .removing(.cancellation), .cancelled: nil
    case .finishing, .placed: Reason(.tooLate, "the template is in place already")
    case .removing(.failure), .failed: Reason(.tooLate, "the prefetch has failed already")
    }
  }

  /// The layer of an id.
  public func layer(_ id: Int) -> TemplateLayer? { layers.first { $0.id == id } }

  /// The first layer that is not in place yet.
  private var nextLayer: TemplateLayer? { layers.first { layerPaths[$0.id] == nil } }
}

extension TemplatePrefetch {
  /// How it stands, for who asks.
  ///
  /// - Parameter copied: The bytes of the layer that is copied now which have arrived.
  public func work(copied: UInt64 = 0) -> TemplateWork {
    var work = TemplateWork(id: id, kind: .prefetch, phase: .working, source: source.host)
    switch phase {
    case .queued: work.phase = .queued
    case .asking, .checking, .placing, .finishing: break
    case .removing(.cancellation(let reason)), .removing(.failure(let reason)): work.reason = reason
    case .placed: work.phase = .done
    case .failed(let reason):
      work.phase = .failed
      work.reason = reason
    case .cancelled(let reason):
      work.phase = .cancelled
      work.reason = reason
    }
    let next = phase == .placing ? nextLayer?.id : nil
    work.files = layers.map { layer in
      TemplateWork.File(
        pool: layer.pool, volume: layer.volume, fileSize: layer.fileSize,
        state: copiedBytes[layer.id].map { $0 == 0 ? .present : .copied } ?? (layer.id == next ? .working : .waiting))
    }
    // A layer that was there is none that has to be copied.
    let lacking = layers.filter { copiedBytes[$0.id] != 0 }
    work.bytesTotal = lacking.reduce(0) { $0 + $1.fileSize }
    work.bytesDone = min(work.bytesTotal, copiedBytes.values.reduce(0, +) + copied)
    return work
  }
}

extension HostPrefetches {
  /// What became of an order.
  public enum Acceptance: Sendable, Hashable {
    /// It begins this prefetch.
    case begins(TemplatePrefetch)
    /// It is what this prefetch, which has not ended, does already.
    case joins(TemplatePrefetch)
  }
}

/// The prefetches into a host that have not ended, and what the host decides about them.
public struct HostPrefetches: Sendable, Hashable {
  /// How many may work at once. Where it is lowered, those that work go on.
  public var limit: Int
  /// Those that have not ended.
  public private(set) var open: [MigrationID: TemplatePrefetch] = [:]

  /// The prefetches of a host, as its journal holds those that have not ended.
  public init(limit: Int, open: [TemplatePrefetch] = []) {
    self.limit = limit
    for prefetch in open { self.open[prefetch.id] = prefetch }
  }

  /// Takes over what is journalled. What has ended is forgotten.
  public mutating func adopt(_ prefetch: TemplatePrefetch) { open[prefetch.id] = prefetch.isTerminal ? nil : prefetch }

  /// What an order means: the same template to the same place is put there once, whoever orders it how often.
  public func accept(
    _ order: PrefetchOrder, id: MigrationID, source: HostAddress, deadlineSeconds: Int64, trace: TraceContext? = nil, at now: Now
  ) -> Acceptance {
    let same = open.values.filter { $0.order == order && $0.source == source && $0.isWanted }
    if let earlier = same.min(by: { $0.id.text < $1.id.text }) { return .joins(earlier) }
    return .begins(TemplatePrefetch(id: id, order: order, source: source, deadlineSeconds: deadlineSeconds, trace: trace, at: now))
  }

  /// A prefetch as an event leaves it; nil where it changes nothing, or the prefetch has ended.
  public func step(of event: PrefetchEvent, for id: MigrationID) -> TemplatePrefetch? {
    guard var prefetch = open[id] else { return nil }
    let before = prefetch
    prefetch.apply(event)
    return prefetch == before ? nil : prefetch
  }

  /// Those whose turn it is, the longest waiting first.
  public var admissible: [MigrationID] {
    let waiting = open.values.filter { $0.phase == .queued }
    return waiting.sorted { ($0.deadline.start.wall, $0.id.text) < ($1.deadline.start.wall, $1.id.text) }
      .prefix(max(0, limit - (open.count - waiting.count))).map(\.id)
  }
}

extension TemplatePrefetch {
  /// Whether it goes towards the template's place.
  fileprivate var isWanted: Bool {
    if case .removing = phase { false } else { !isTerminal }
  }
}

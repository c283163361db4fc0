import FoundationEssentials
import Logging
import LongshoreClient
import LongshoreMessages
import NIOCore
import ServiceLifecycle
import Synchronization

/// Tells browsers what has changed on their pages. A page is rendered once for all that look at it, and only what differs is sent.
actor LiveHub: Service {
  /// Bounds.
  struct Limits: Sendable {
    /// The browsers that are told at once.
    var readers = 200
    /// Messages that wait for one browser; one that is further behind is dropped, and comes again.
    var backlog = 8
    /// How long one write to a browser may take.
    var writeTime = Duration.seconds(15)
    /// How often pages are rendered.
    var interval = Duration.seconds(1)
    /// Rounds without news after which a browser is told that the connection is there.
    var roundsPerBeat = 15
  }

  /// The connection to one browser.
  final class Reader: Sendable {
    /// What it is to be sent.
    let messages: AsyncStream<ByteBuffer>
    fileprivate let teller: AsyncStream<ByteBuffer>.Continuation
    private let channel: any Channel
    private let writingSince = Mutex<ContinuousClock.Instant?>(nil)

    fileprivate init(_ channel: any Channel, backlog: Int) {
      self.channel = channel
      (messages, teller) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(backlog))
    }

    /// A write begins or ends.
    func isWriting(_ isWriting: Bool) { writingSince.withLock { $0 = isWriting ? .now : nil } }

    /// Sends a message; ends the reader where too many wait.
    /// - Returns: Whether it is still there.
    fileprivate func tell(_ message: ByteBuffer) -> Bool {
      guard case .dropped = teller.yield(message) else { return true }
      drop()
      return false
    }

    /// Whether a write has taken longer than that.
    fileprivate func isStuck(after time: Duration) -> Bool {
      writingSince.withLock { $0.map { ContinuousClock.now - $0 > time } ?? false }
    }

    /// Ends the reader when it has been sent what waits for it; at once where it does not take what is being sent.
    fileprivate func end() {
      if isStuck(after: .zero) { drop() } else { teller.finish() }
    }

    /// Ends the connection, whatever is being written.
    fileprivate func drop() {
      teller.finish()
      channel.close(mode: .all, promise: nil)
    }
  }

  private struct View {
    var readers: [Int: Reader] = [:]
    var shown: Shown
  }

  /// What browsers are told of a page.
  private struct Shown {
    var title: String
    var kind: Page.Kind
    var parts: [String: HTML]
  }

  private let state: ClusterState
  private let limits: Limits
  private let canAct: Bool
  private let now: @Sendable () -> Timestamp
  private var views: [PageAddress: View] = [:]
  private var nextReader = 0
  private var rounds = 0
  private var hasEnded = false

  init(_ state: ClusterState, limits: Limits = Limits(), canAct: Bool, now: @escaping @Sendable () -> Timestamp) {
    self.state = state
    self.limits = limits
    self.canAct = canAct
    self.now = now
  }

  /// The browsers that are told.
  var readerCount: Int { views.values.reduce(0) { $0 + $1.readers.count } }

  /// Begins to tell a browser of a page; nil where too many are told already.
  func subscribe(to address: PageAddress, over channel: any Channel) async -> (id: Int, reader: Reader)? {
    guard readerCount < limits.readers, !hasEnded else { return nil }
    let model = await state.model
    guard readerCount < limits.readers, !hasEnded else { return nil }
    let reader = Reader(channel, backlog: limits.backlog)
    let id = nextReader
    nextReader += 1
    // The page that the browser has may be newer than what the others were told last.
    refresh(address, model, isBeat: false)
    if views[address] == nil { views[address] = View(shown: rendered(address, model)) }
    views[address]?.readers[id] = reader
    if let view = views[address] { _ = reader.tell(message(view.shown)) }
    return (id, reader)
  }

  /// A browser has gone.
  func unsubscribe(_ id: Int, from address: PageAddress) {
    views[address]?.readers[id] = nil
    if views[address]?.readers.isEmpty == true { views[address] = nil }
  }

  /// Renders what is looked at and tells what has changed.
  func tick() async {
    rounds += 1
    let isBeat = rounds % limits.roundsPerBeat == 0
    guard !views.isEmpty else { return }
    let model = await state.model
    for address in views.keys { refresh(address, model, isBeat: isBeat) }
  }

  /// Renders a page that is looked at and tells what has changed. Where nobody is left who looks at it, it goes.
  private func refresh(_ address: PageAddress, _ model: ClusterModel, isBeat: Bool) {
    guard let view = views[address] else { return }
    let shown = rendered(address, model)
    var changes = shown
    changes.parts = shown.parts.filter { view.shown.parts[$0.key] != $0.value }
    // What is not on the page any more is emptied.
    for id in view.shown.parts.keys where shown.parts[id] == nil { changes.parts[id] = HTML.none }
    views[address]?.shown = shown
    let told: ByteBuffer?
    if !changes.parts.isEmpty || shown.title != view.shown.title || shown.kind != view.shown.kind {
      told = message(changes)
    } else {
      told = isBeat ? ByteBuffer(string: "event: beat\ndata:\n\n") : nil
    }
    for (id, reader) in view.readers {
      if reader.isStuck(after: limits.writeTime) {
        reader.drop()
        views[address]?.readers[id] = nil
      } else if let told, !reader.tell(told) {
        views[address]?.readers[id] = nil
      }
    }
    if views[address]?.readers.isEmpty == true { views[address] = nil }
  }

  /// Tells until the service is to end.
  func run() async throws {
    await cancelWhenGracefulShutdown { [limits] in
      while !Task.isCancelled {
        await self.tick()
        try? await Task.sleep(for: limits.interval)
      }
    }
    hasEnded = true
    for reader in views.values.flatMap(\.readers.values) { reader.end() }
    views = [:]
  }

  private func rendered(_ address: PageAddress, _ model: ClusterModel) -> Shown {
    let page = address.page(of: model, at: now(), canAct: canAct)
    let frame = PageFrame(model)
    var parts = ["connection": frame.connection, "banner": frame.banner]
    for part in page.parts { parts[part.id] = part.content }
    return Shown(title: "\(page.title) · Longshore", kind: page.kind, parts: parts)
  }

  private struct News: Encodable {
    var title: String
    var kind: Page.Kind
    var now: String
    var parts: [String: String]
  }

  private func message(_ shown: Shown) -> ByteBuffer {
    let news = News(title: shown.title, kind: shown.kind, now: now().description, parts: shown.parts.mapValues(\.text))
    var buffer = ByteBuffer(string: "event: parts\ndata: ")
    // JSON has no line feed outside of texts, where it is escaped: the message is one line.
    buffer.writeBytes(MessageCoding.encode(news))
    buffer.writeString("\n\n")
    return buffer
  }
}

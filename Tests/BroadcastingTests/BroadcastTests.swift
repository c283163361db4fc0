import Foundation
import Synchronization
import Testing

@testable import Broadcasting

@Suite("A broadcast", .timeLimit(.minutes(1)))
struct BroadcastTests {
  @Test("sends all elements to all sequences, in order")
  func order() async {
    let broadcast = Broadcast<Int>()
    let first = broadcast.subscribe()
    broadcast.send(1)
    let second = broadcast.subscribe(beginningWith: 0)
    broadcast.send(2)
    broadcast.send(3)
    broadcast.finish()
    broadcast.send(4)
    #expect(await Array(first) == [1, 2, 3])
    #expect(await Array(second) == [0, 2, 3])
    #expect(await Array(broadcast.subscribe(beginningWith: 5)) == [5])
  }

  @Test("sends in the same order to all where many send")
  func senders() async {
    let broadcast = Broadcast<Int>()
    let sequences = (0..<3).map { _ in broadcast.subscribe() }
    await withTaskGroup(of: Void.self) { group in
      for sender in 0..<4 {
        group.addTask { for number in 0..<500 { broadcast.send(sender * 500 + number) } }
      }
    }
    broadcast.finish()
    let first = await Array(sequences[0])
    #expect(first.sorted() == Array(0..<2_000))
    for sender in 0..<4 {
      let own = first.filter { $0 / 500 == sender }
      #expect(own == own.sorted())
    }
    for sequence in sequences.dropFirst() { #expect(await Array(sequence) == first) }
  }

  @Test("keeps nothing of sequences that are gone")
  func gone() async {
    let broadcast = Broadcast<Int>()
    do {
      var unread = broadcast.subscribe().makeAsyncIterator()
      broadcast.send(1)
      #expect(await unread.next() == 1)
      #expect(broadcast.receiverCount == 1)
    }
    #expect(broadcast.receiverCount == 0)
  }

  @Test("ends its sequences when it goes")
  func end() async throws {
    var broadcast: Broadcast<Int>? = Broadcast()
    let elements = try #require(broadcast?.subscribe())
    broadcast?.send(1)
    broadcast = nil
    #expect(await Array(elements) == [1])
  }

  /// Waking a task waits for its cancellation, and that for the end of its sequence: a lock between the two stops both for ever.
  @Test("goes on while readers are cancelled")
  func cancellation() async {
    let broadcast = Broadcast<Int>()
    await cancelReaders(of: { broadcast.subscribe() }, while: { broadcast.send(1) })
    #expect(broadcast.receiverCount == 0)
  }
}

@Suite("A current value", .timeLimit(.minutes(1)))
struct CurrentValueTests {
  @Test("is what watchers get first, then all that follow")
  func watching() async {
    let current = CurrentValue(1)
    let first = current.stream()
    current.set(2)
    #expect(current.value == 2)
    let second = current.stream()
    current.finish(3)
    #expect(await Array(first) == [1, 2, 3])
    #expect(await Array(second) == [2, 3])
    #expect(await Array(current.stream()) == [3])
    #expect(current.value == 3)
  }

  @Test("keeps the newest for who does not read")
  func newest() async {
    let current = CurrentValue(0)
    let values = current.stream()
    for value in 1...100 { current.set(value) }
    current.finish(101)
    #expect(await Array(values) == Array(38...101))
  }

  @Test("changes while watchers are cancelled")
  func cancellation() async {
    let current = CurrentValue(0)
    await cancelReaders(of: { current.stream() }, while: { current.set(1) })
  }
}

/// Cancels many readers while they are sent something, some times.
private func cancelReaders(
  of sequence: @Sendable () -> AsyncStream<Int>, while sends: @escaping @Sendable () -> Void
) async {
  for _ in 0..<5 {
    let (begun, begins) = AsyncStream<Void>.makeStream()
    let readers = (0..<200).map { _ in
      let elements = sequence()
      return Task {
        begins.yield()
        for await _ in elements {}
      }
    }
    _ = await begun.prefix(readers.count).reduce(0) { count, _ in count + 1 }
    await whileSending(sends) { for reader in readers { reader.cancel() } }
    for reader in readers { await reader.value }
  }
}

/// Does something while a thread sends.
private func whileSending(_ sends: @escaping @Sendable () -> Void, _ body: () -> Void) async {
  let (begun, begins) = AsyncStream<Void>.makeStream()
  let isDone = Flag()
  let (ended, ends) = AsyncStream<Void>.makeStream()
  Thread.detachNewThread {
    sends()
    begins.finish()
    while !isDone.isSet { sends() }
    ends.finish()
  }
  for await _ in begun {}
  body()
  isDone.set()
  for await _ in ended {}
}

private final class Flag: Sendable {
  private let value = Atomic(false)
  var isSet: Bool { value.load(ordering: .relaxed) }
  func set() { value.store(true, ordering: .relaxed) }
}

extension Array where Element: Sendable {
  fileprivate init(_ sequence: AsyncStream<Element>) async {
    self = await sequence.reduce(into: []) { $0.append($1) }
  }
}

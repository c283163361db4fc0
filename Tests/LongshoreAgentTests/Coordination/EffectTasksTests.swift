import Testing

@testable import LongshoreAgent

@Suite("The running effects of a machine", .timeLimit(.minutes(10)))
struct EffectTasksTests {
  private enum Note: Equatable {
    case began(String), ended(String)
  }

  private let notes = Recorder<Note>()

  /// An effect that runs until it is cancelled and then until its gate is open.
  private func effect(_ name: String, rest: Gate? = nil) -> @Sendable () async -> Void {
    { [notes] in
      notes.record(.began(name))
      await waitForCancellation()
      await rest?.pass()
      notes.record(.ended(name))
    }
  }

  @Test("What runs and is still wanted goes on")
  func keep() async {
    var tasks = EffectTasks<String>()
    tasks.reconcile(["a", "b"]) { effect($0) }
    await notes.wait { $0.count == 2 }
    tasks.reconcile(["b", "a"]) { effect($0) }
    tasks.start("a", effect("a"))
    await tasks.stopAll().value
    #expect(notes.elements.count == 4)
  }

  @Test("What is not wanted any more is cancelled, and at rest before the next begins")
  func replace() async {
    let rest = Gate()
    var tasks = EffectTasks<String>()
    tasks.reconcile(["a"]) { effect($0, rest: rest) }
    await notes.wait(for: .began("a"))
    tasks.reconcile(["b"]) { effect($0) }
    tasks.reconcile(["c"]) { effect($0) }
    #expect(notes.elements == [.began("a")])
    rest.open()
    await notes.wait(for: .began("c"))
    await tasks.stopAll().value
    // b was cancelled while it waited, and so never began.
    #expect(notes.elements == [.began("a"), .ended("a"), .began("c"), .ended("c")])
  }

  @Test("Work that has ended is not begun again while it is wanted")
  func done() async {
    var tasks = EffectTasks<String>()
    let body: @Sendable () async -> Void = { [notes] in notes.record(.began("a")) }
    tasks.reconcile(["a"]) { _ in body }
    await notes.wait(for: .began("a"))
    tasks.reconcile(["a"]) { _ in body }
    // Once it was not wanted, it is another effect.
    tasks.reconcile([]) { _ in body }
    tasks.reconcile(["a"]) { _ in body }
    await notes.wait(for: .began("a"), count: 2)
    await tasks.stopAll().value
    #expect(notes.elements.count == 2)
  }

  @Test("Stopping waits for all that was cancelled, earlier too")
  func stopAll() async {
    let rest = Gate()
    var tasks = EffectTasks<String>()
    tasks.reconcile(["a", "b"]) { effect($0, rest: rest) }
    await notes.wait { $0.count == 2 }
    tasks.reconcile(["b"]) { effect($0) }
    let end = tasks.stopAll()
    rest.open()
    await end.value
    for name in ["a", "b"] { #expect(notes.elements.count { $0 == .ended(name) } == 1) }
  }
}

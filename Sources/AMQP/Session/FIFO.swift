/// A first-in, first-out queue whose removals take constant time on average.
struct FIFO<Element> {
  private var storage: [Element?] = []
  private var head = 0

  var isEmpty: Bool { head == storage.count }

  var elements: [Element] { storage[head...].compactMap { $0 } }

  var first: Element? { head < storage.count ? storage[head] : nil }

  mutating func append(_ element: Element) { storage.append(element) }

  mutating func popFirst() -> Element? {
    guard head < storage.count else { return nil }
    let element = storage[head]
    storage[head] = nil
    head += 1
    // Half of the storage is spent: moving the rest costs no more than what was popped.
    if head * 2 >= storage.count {
      storage.removeFirst(head)
      head = 0
    }
    return element
  }

  mutating func removeAll() {
    storage = []
    head = 0
  }

  /// Removes the first element that matches; returns whether there was one.
  mutating func removeFirst(where matches: (Element) -> Bool) -> Bool {
    guard let index = storage[head...].firstIndex(where: { $0.map(matches) ?? false }) else { return false }
    storage.remove(at: index)
    return true
  }
}

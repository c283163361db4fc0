/// Things that happen, in the order of their times; those of one time in the order in which they were added.
struct TimeQueue<Element> {
  private var heap: [(time: Int64, number: Int, element: Element)] = []
  private var count = 0

  /// Adds something that happens at a time.
  mutating func add(_ element: Element, at time: Int64) {
    heap.append((time, count, element))
    count += 1
    var index = heap.count - 1
    while index > 0 {
      let parent = (index - 1) / 2
      guard isBefore(index, parent) else { return }
      heap.swapAt(index, parent)
      index = parent
    }
  }

  /// Takes what happens next; nil where nothing does.
  mutating func next() -> (time: Int64, element: Element)? {
    guard !heap.isEmpty else { return nil }
    heap.swapAt(0, heap.count - 1)
    let first = heap.removeLast()
    var index = 0
    while true {
      var least = index
      for child in [2 * index + 1, 2 * index + 2] where child < heap.count && isBefore(child, least) { least = child }
      guard least != index else { break }
      heap.swapAt(index, least)
      index = least
    }
    return (first.time, first.element)
  }

  private func isBefore(_ one: Int, _ other: Int) -> Bool { (heap[one].time, heap[one].number) < (heap[other].time, heap[other].number) }
}

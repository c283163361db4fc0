extension Array where Element: Sendable {
  /// Does work for all elements, at most `width` of them at once, and returns what came of it in their order.
  ///
  /// Where it fails for one, no more is begun, what runs is cancelled and waited for, and that error is thrown.
  func concurrentMap<Value: Sendable>(
    atMost width: Int, _ work: @escaping @Sendable (Element) async throws -> Value
  ) async rethrows -> [Value] {
    try await withThrowingTaskGroup(of: (Int, Value).self) { group in
      var results = [Value?](repeating: nil, count: count)
      for (index, element) in enumerated() {
        if index >= width, let (done, value) = try await group.next() { results[done] = value }
        group.addTask { (index, try await work(element)) }
      }
      while let (done, value) = try await group.next() { results[done] = value }
      return results.compactMap(\.self)
    }
  }
}

/// Walks breadth first over everything that can be reached.
struct StateWalk<Key: Hashable> {
  /// The states found, each once.
  private(set) var visited: Set<Key> = []
  /// How many steps were taken.
  private(set) var steps = 0

  /// Visits every state that is reachable from `start`.
  ///
  /// - Parameters:
  ///   - key: What makes two states the same. Counters that only ever grow are left out of it.
  ///   - next: The states that follow a state.
  mutating func run<State>(from start: State, key: (State) -> Key, next: (State) throws -> [State]) async rethrows {
    visited = [key(start)]
    var frontier = [start]
    while !frontier.isEmpty {
      var found: [State] = []
      for state in frontier {
        // There are as many threads as processors, and other tests whose time is limited.
        await Task.yield()
        for follower in try next(state) {
          steps += 1
          if visited.insert(key(follower)).inserted { found.append(follower) }
        }
      }
      frontier = found
    }
  }
}

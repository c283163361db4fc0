/// A world and what happens in it, in a form that can be kept in a file.
struct RecordedSchedule: Hashable {
  var setup: Setup
  var actions: [Action]

  init(_ setup: Setup, _ actions: [Action]) {
    self.setup = setup
    self.actions = actions
  }

  /// A line for the setup and one for each action.
  var text: String { ([setup.text] + actions.map(\.text)).joined(separator: "\n") + "\n" }

  /// Reads what ``text`` writes; empty lines and those that begin with `#` are passed over. Nil where a line is something else.
  init?(text: String) {
    let lines = text.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("#") }
    guard let first = lines.first, let setup = Setup(text: first) else { return nil }
    self.setup = setup
    actions = []
    for line in lines.dropFirst() {
      guard let action = Action(text: line) else { return nil }
      actions.append(action)
    }
  }

  /// The smallest schedule found in which the same invariant is violated: actions are left out as long as it is, larger pieces first.
  func shrunk(_ invariant: String, seams: Seams = Seams()) -> RecordedSchedule {
    func fails(_ schedule: RecordedSchedule) -> [Action]? {
      let run = Simulation(schedule.setup, schedule.actions, seams: seams)
      return run.outcome.violation?.invariant == invariant ? run.actions : nil
    }
    var best = self
    if let happened = fails(best) { best.actions = happened }
    for setup in setup.simpler {
      if let happened = fails(RecordedSchedule(setup, best.actions)) { best = RecordedSchedule(setup, happened) }
    }
    var size = max(1, best.actions.count / 2)
    while true {
      var start = 0
      var isSmaller = false
      while start < best.actions.count {
        var shorter = best
        shorter.actions.removeSubrange(start..<min(start + size, best.actions.count))
        if let happened = fails(shorter), happened.count < best.actions.count {
          best.actions = happened
          isSmaller = true
        } else {
          start += size
        }
      }
      if size == 1, !isSmaller { return best }
      size = max(1, size / 2)
    }
  }
}

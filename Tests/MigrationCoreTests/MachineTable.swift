/// The states of a machine as small numbers, with what each event makes of each of them worked out once.
struct MachineTable<Machine, Key: Hashable, Event: Hashable, Effect> {
  private struct Question: Hashable {
    var state: Int
    var event: Event
  }

  private(set) var machines: [Machine] = []
  private var numbers: [Key: Int] = [:]
  private var answers: [Question: (state: Int, effects: [Effect])] = [:]
  private let key: (Machine) -> Key
  private let take: (Event, Machine) -> (Machine, [Effect])

  /// A table of a machine.
  ///
  /// - Parameters:
  ///   - key: What makes two states the same.
  ///   - take: What an event makes of a state, and what is then to be done once.
  init(key: @escaping (Machine) -> Key, take: @escaping (Event, Machine) -> (Machine, [Effect])) {
    self.key = key
    self.take = take
  }

  /// The number of a state.
  mutating func number(of machine: Machine) -> Int {
    let key = key(machine)
    if let number = numbers[key] { return number }
    machines.append(machine)
    numbers[key] = machines.count - 1
    return machines.count - 1
  }

  /// The state that an event leads to.
  mutating func state(after event: Event, in state: Int) -> (state: Int, effects: [Effect]) {
    let question = Question(state: state, event: event)
    if let answer = answers[question] { return answer }
    let (machine, effects) = take(event, machines[state])
    let answer = (state: number(of: machine), effects: effects)
    answers[question] = answer
    return answer
  }
}

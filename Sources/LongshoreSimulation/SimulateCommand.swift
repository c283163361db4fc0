internal import Glibc

/// The command behind `contrib/simulate`.
public enum SimulateCommand {
  /// Runs the seeds of a share and prints what came of them, a line each; or one seed, or one recorded schedule, with its history.
  ///
  /// - Parameter arguments: `share FIRST COUNT STRIDE`, or `seed S`, or `schedule FILE`.
  /// - Returns: 0 where no invariant was violated, 1 where one was, 64 for wrong arguments.
  public static func run(_ arguments: [String]) -> Int32 {
    switch arguments.first {
    case "share":
      let numbers = arguments.dropFirst().compactMap { UInt64($0) }
      guard numbers.count == 3, numbers[2] > 0 else { return 64 }
      return share(first: numbers[0], count: numbers[1], stride: numbers[2])
    case "seed":
      guard arguments.count == 2, let seed = UInt64(arguments[1]) else { return 64 }
      return show(Simulation(seed: seed, isRecorded: true))
    case "schedule":
      guard arguments.count == 2, let schedule = contents(of: arguments[1]).flatMap(RecordedSchedule.init(text:)) else { return 64 }
      return show(Simulation(schedule.setup, schedule.actions, isRecorded: true))
    case "fleet":
      let numbers = arguments.dropFirst().compactMap { Int($0) }
      guard numbers.count == 2, numbers[0] >= 2, numbers[1] >= 1 else { return 64 }
      return FleetReport.run(hosts: numbers[0], guests: numbers[1])
    default: return 64
    }
  }

  private static func show(_ simulation: Simulation) -> Int32 {
    print(simulation.setup.text)
    for line in simulation.history { print(line) }
    for (outcome, count) in simulation.outcome.migrations.sorted(by: { $0.key < $1.key }) { print("migrations \(outcome): \(count)") }
    for (outcome, count) in simulation.outcome.drains.sorted(by: { $0.key < $1.key }) { print("drains \(outcome): \(count)") }
    guard let violation = simulation.outcome.violation else {
      print("no invariant is violated")
      return 0
    }
    print("\(violation.invariant) is violated: \(violation.message)")
    return 1
  }

  private static func share(first: UInt64, count: UInt64, stride: UInt64) -> Int32 {
    var faults: [String: Int] = [:]
    var migrations: [String: Int] = [:]
    var drains: [String: Int] = [:]
    var steps = 0
    var violations = 0
    for number in 0..<count {
      let seed = first + number * stride
      let simulation = Simulation(seed: seed)
      steps += simulation.outcome.steps
      faults.merge(simulation.outcome.faults, uniquingKeysWith: +)
      migrations.merge(simulation.outcome.migrations, uniquingKeysWith: +)
      drains.merge(simulation.outcome.drains, uniquingKeysWith: +)
      if let violation = simulation.outcome.violation {
        violations += 1
        report(violation, of: simulation, seed: seed)
      }
      if (number + 1) % 1000 == 0 { tell("progress \(number + 1)\n") }
    }
    for (fault, count) in faults.sorted(by: { $0.key < $1.key }) { print("fault:\(fault)\t\(count)") }
    for (outcome, count) in migrations.sorted(by: { $0.key < $1.key }) { print("migrations:\(outcome)\t\(count)") }
    for (outcome, count) in drains.sorted(by: { $0.key < $1.key }) { print("drains:\(outcome)\t\(count)") }
    print("total:seeds\t\(count)\ntotal:steps\t\(steps)\ntotal:violations\t\(violations)")
    return violations == 0 ? 0 : 1
  }

  /// Prints the smallest history that was found to violate the same.
  private static func report(_ violation: Violation, of simulation: Simulation, seed: UInt64) {
    let smallest = RecordedSchedule(simulation.setup, simulation.actions).shrunk(violation.invariant)
    let shrunk = Simulation(smallest.setup, smallest.actions).outcome.violation ?? violation
    print("violation:# seed \(seed), \(shrunk.invariant): \(shrunk.message)")
    for line in smallest.text.split(separator: "\n") { print("violation:\(line)") }
  }

  private static func tell(_ text: String) {
    var text = text
    text.withUTF8 { bytes in _ = write(STDERR_FILENO, bytes.baseAddress, bytes.count) }
  }

  private static func contents(of path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      guard count > 0 else { break }
      text += buffer[..<count]
    }
    return String(decoding: text, as: UTF8.self)
  }
}

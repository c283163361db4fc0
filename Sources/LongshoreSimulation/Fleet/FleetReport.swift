internal import Glibc

/// Large changes of fleets of several sizes, as tables.
enum FleetReport {
  /// Runs every occasion with fleets up to the one that is asked for, and prints what happened.
  ///
  /// - Returns: 0; 1 where a migration has not ended.
  static func run(hosts: Int, guests: Int) -> Int32 {
    tell(columns.map(\.title))
    var isWhole = true
    for size in sizes(upTo: hosts) {
      let shape = FleetShape(hosts: size, guests: Int(Double(guests) * Double(size) / Double(hosts)))
      let places = FleetPlaces(shape)
      for occasion in [FleetOccasion.rackDrained, FleetOccasion.poolEvacuated, FleetOccasion.rollingReboot] {
        let began = milliseconds()
        let figures = FleetSimulation(shape, occasion(shape, places)).figures
        let name = occasion(shape, places).name
        tell(cells(size, name, figures, took: milliseconds() - began))
        if figures.ended != figures.moves {
          print("\(figures.moves - figures.ended) of \(figures.moves) migrations have not ended")
          isWhole = false
        }
      }
    }
    return isWhole ? 0 : 1
  }

  /// A hundred, a thousand and so on, and the size itself.
  private static func sizes(upTo hosts: Int) -> [Int] {
    var sizes: [Int] = []
    var size = 100
    while size < hosts {
      sizes.append(size)
      size *= 10
    }
    return sizes + [hosts]
  }

  /// The columns of the table, with their widths.
  private static let columns: [(title: String, width: Int)] = [
    ("HOSTS", 5), ("WHAT", 16), ("MOVES", 6), ("TIME", 11), ("LEAST TIME", 11), ("RATIO", 5), ("LONGEST WAIT", 12), ("MESSAGES/MOVE", 13),
    ("PROGRESS/S", 10), ("BROKER/S", 8), ("AGENT/S", 7), ("INBOX", 5), ("STEPS/MOVE", 10), ("MS/MOVE", 7),
  ]

  /// Prints a line of the table at once: the larger fleets take a while.
  private static func tell(_ cells: [String]) {
    let padded = zip(columns, cells).map { column, cell in cell + String(repeating: " ", count: max(0, column.width - cell.count)) }
    print(padded.joined(separator: "  "))
    fflush(nil)
  }

  private static func cells(_ hosts: Int, _ name: String, _ figures: FleetSimulation.Figures, took: Double) -> [String] {
    let moves = Double(max(1, figures.moves))
    let seconds = max(1, Double(figures.makespan) / 1000)
    let messages = Double(figures.peerMessages + figures.events + figures.moves) / moves
    return [
      "\(hosts)", name, "\(figures.moves)", duration(Double(figures.makespan)), duration(figures.bound),
      rounded(Double(figures.makespan) / max(1, figures.bound), 2), duration(Double(figures.longestWait)), rounded(messages, 1),
      rounded(Double(figures.progress) / seconds, 0), "\(figures.busiestBroker)", "\(figures.busiestAgent)", "\(figures.deepestInbox)",
      rounded(Double(figures.steps) / moves, 1), rounded(took / moves, 2),
    ]
  }

  private static func duration(_ milliseconds: Double) -> String {
    let seconds = Int(milliseconds / 1000)
    return seconds < 3600 ? "\(seconds / 60) min \(seconds % 60) s" : "\(seconds / 3600) h \(seconds / 60 % 60) min"
  }

  private static func rounded(_ value: Double, _ digits: Int) -> String {
    var text = "\(Int((value * pow(10, Double(digits))).rounded()))"
    guard digits > 0 else { return text }
    while text.count <= digits { text = "0" + text }
    text.insert(".", at: text.index(text.endIndex, offsetBy: -digits))
    return text
  }

  private static func milliseconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) * 1000 + Double(time.tv_nsec) / 1e6
  }
}

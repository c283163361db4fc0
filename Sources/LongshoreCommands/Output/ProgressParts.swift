import LongshoreMessages

/// The parts of a migration's progress, each with the furthest it has come.
///
/// While the guest writes, what is left to copy can grow. A part then stays where it was, and says how much is left to catch
/// up, instead of running backwards.
struct ProgressParts: Hashable {
  /// One part: the templates, a disk, all disks where there are many, or the memory.
  struct Part: Hashable {
    /// What it is: `template`, `vda`, `memory`.
    var name: String
    /// Its bytes as last heard.
    var amount: Progress.Amount
    /// The furthest it has come, as a part of one.
    var furthest: Double
    /// Whether it has been further than it is now.
    var isCatchingUp: Bool
  }

  /// More disks than this are shown as one part.
  static let mostDisks = 4
  /// The names of the parts that are no disks.
  static let templateName = "template"
  static let memoryName = "memory"

  /// The parts, in the order in which they are copied.
  private(set) var all: [Part] = []
  /// All parts together.
  private(set) var whole = Part(
    name: "", amount: Progress.Amount(done: 0, remaining: 0, total: 0), furthest: 0, isCatchingUp: false)

  private var furthest: [String: Double] = [:]

  /// Takes in what was heard last.
  mutating func update(_ progress: Progress) {
    var amounts: [(String, Progress.Amount)] = []
    if let template = progress.template { amounts.append((Self.templateName, template)) }
    if progress.disks.count > Self.mostDisks {
      amounts.append(("\(progress.disks.count) disks", Self.sum(progress.disks.map(\.bytes))))
    } else {
      amounts += progress.disks.map { ($0.target.text, $0.bytes) }
    }
    if let memory = progress.memory { amounts.append((Self.memoryName, memory)) }
    all = amounts.map { part($0.0, $0.1) }
    whole = part("", Self.sum(amounts.map(\.1)))
  }

  private mutating func part(_ name: String, _ amount: Progress.Amount) -> Part {
    let fraction = Self.fraction(amount)
    let before = furthest[name] ?? 0
    furthest[name] = max(before, fraction)
    return Part(name: name, amount: amount, furthest: max(before, fraction), isCatchingUp: fraction < before)
  }

  /// The part of one that is done. What is left counts, not what was sent: pages of memory are sent more than once.
  private static func fraction(_ amount: Progress.Amount) -> Double {
    guard amount.total > 0 else { return amount.remaining == 0 ? 1 : 0 }
    return Double(amount.total - min(amount.remaining, amount.total)) / Double(amount.total)
  }

  private static func sum(_ amounts: [Progress.Amount]) -> Progress.Amount {
    amounts.reduce(Progress.Amount(done: 0, remaining: 0, total: 0)) { sum, next in
      Progress.Amount(
        done: add(sum.done, next.done), remaining: add(sum.remaining, next.remaining), total: add(sum.total, next.total))
    }
  }

  /// Numbers from the wire may be anything.
  private static func add(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let (sum, overflow) = left.addingReportingOverflow(right)
    return overflow ? .max : sum
  }
}

extension ProgressParts.Part {
  /// The bytes of the part in words: `3.2 of 7.4 GiB`, or how much is left to catch up.
  var bytes: String {
    if isCatchingUp { return "catching up, \(Quantity.bytes(amount.remaining)) left" }
    return Quantity.bytes(amount.total - min(amount.remaining, amount.total), of: amount.total)
  }
}

internal import Synchronization

/// Adds up the bytes of chunks that are copied at once.
final class ProgressCounter: Sendable {
  private let total: Mutex<UInt64>
  private let report: @Sendable (UInt64) -> Void

  init(initial: UInt64, report: @escaping @Sendable (UInt64) -> Void) {
    self.total = Mutex(initial)
    self.report = report
  }

  /// Adds bytes, and reports the sum before anybody else can add more.
  func add(_ bytes: UInt64) {
    total.withLock { total in
      total += bytes
      report(total)
    }
  }
}

/// The progress of one chunk, read from what `qemu-img convert -p` prints: `(12.34/100%)`.
final class ChunkProgress: Sendable {
  private let size: UInt64
  private let done = Mutex<UInt64>(0)
  private let counter: ProgressCounter

  init(size: UInt64, counter: ProgressCounter) {
    self.size = size
    self.counter = counter
  }

  /// The bytes that are copied, as far as was told.
  var copied: UInt64 { done.withLock(\.self) }

  /// Takes one line of the program's output.
  func read(_ line: some StringProtocol) {
    guard let percent = Self.percent(in: line) else { return }
    advance(to: UInt64(Double(size) * percent / 100))
  }

  /// The whole chunk is copied.
  func finish() {
    advance(to: size)
  }

  /// The percentage in `(12.34/100%)`, from 0 to 100; `nil` in any other line.
  static func percent(in line: some StringProtocol) -> Double? {
    guard let open = line.lastIndex(of: "("), let slash = line[open...].firstIndex(of: "/"),
      let percent = Double(line[line.index(after: open)..<slash]), (0...100).contains(percent)
    else { return nil }
    return percent
  }

  private func advance(to position: UInt64) {
    let step = done.withLock { done in
      let step = position > done ? position - done : 0
      done += step
      return step
    }
    if step > 0 { counter.add(step) }
  }
}

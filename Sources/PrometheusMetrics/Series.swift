internal import CoreMetrics
internal import Synchronization

/// One series: a metric with one combination of label values. It is what swift-metrics calls a handler, of every kind.
///
/// A kind that does not fit the metric's is passed over: a counter is not set, and a gauge does not count in buckets.
final class Series: Sendable, CounterHandler, FloatingPointCounterHandler, MeterHandler, RecorderHandler, TimerHandler {
  /// What a series has come to.
  struct Value: Sendable, Hashable {
    /// The value of a counter or a gauge, or the sum of a histogram.
    var number: Double
    /// How many values fell into each bucket of a histogram, and into none before.
    var counts: [UInt64]
  }

  let labels: [String]
  private let kind: MetricDescription.Kind
  private let state: Mutex<Value>

  init(_ kind: MetricDescription.Kind, labels: [String]) {
    self.kind = kind
    self.labels = labels
    let buckets = if case .histogram(let bounds) = kind { bounds.count + 1 } else { 0 }
    state = Mutex(Value(number: kind == .info ? 1 : 0, counts: [UInt64](repeating: 0, count: buckets)))
  }

  var value: Value { state.withLock { $0 } }

  // MARK: - Counters

  func increment(by amount: Int64) { increment(by: Double(amount)) }

  /// Adds to a counter or a gauge. A counter never falls.
  func increment(by amount: Double) {
    switch kind {
    case .counter: if amount > 0 { state.withLock { $0.number += amount } }
    case .gauge: state.withLock { $0.number += amount }
    case .histogram, .info: break
    }
  }

  func reset() {
    guard kind != .info else { return }
    state.withLock { value in
      value.number = 0
      value.counts = value.counts.map { _ in 0 }
    }
  }

  /// Makes a counter what something else has counted.
  func follow(_ count: Double) {
    guard kind == .counter else { return }
    state.withLock { $0.number = max($0.number, count) }
  }

  // MARK: - Gauges

  func set(_ value: Int64) { set(Double(value)) }

  func set(_ value: Double) {
    guard kind == .gauge else { return }
    state.withLock { $0.number = value }
  }

  func decrement(by amount: Double) {
    guard kind == .gauge else { return }
    state.withLock { $0.number -= amount }
  }

  // MARK: - Histograms

  func record(_ value: Int64) { record(Double(value)) }

  /// Counts a value in its bucket; a gauge becomes it.
  func record(_ value: Double) {
    switch kind {
    case .histogram(let bounds):
      guard !value.isNaN else { return }
      let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
      state.withLock { state in
        state.number += value
        state.counts[bucket] += 1
      }
    case .gauge: set(value)
    case .counter, .info: break
    }
  }

  /// Times are shown in seconds.
  func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
}

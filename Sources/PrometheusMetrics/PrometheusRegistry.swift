public import CoreMetrics
internal import Synchronization

/// A backend of swift-metrics that keeps what is described and shows it as Prometheus reads it.
///
/// What is not described is not kept, nor is what comes with other labels than the description has. Of each metric there are at most
/// ``maximumSeries`` series: what goes beyond is passed over and counted, so that labels that turn out to have no bound cost neither this
/// process nor the one that scrapes it its memory.
public final class PrometheusRegistry: MetricsFactory {
  /// The descriptions, in the order in which they are shown.
  public let descriptions: [MetricDescription]
  /// How many series a metric may have.
  public let maximumSeries: Int

  private struct State {
    var series: [String: [[String]: Series]] = [:]
    var dropped: UInt64 = 0
  }

  private let byName: [String: MetricDescription]
  private let state: Mutex<State>

  /// A registry of what is described. Series whose label values are all known are there from the start.
  ///
  /// - Throws: ``UnusableMetric`` where a description is wrong, or two have one name.
  public init(_ descriptions: [MetricDescription], maximumSeries: Int = 1000) throws {
    var state = State()
    var byName: [String: MetricDescription] = [:]
    for description in descriptions {
      if let fault = description.fault { throw UnusableMetric(description: fault) }
      guard byName.updateValue(description, forKey: description.name) == nil else {
        throw UnusableMetric(description: "\(description.name) is described twice")
      }
      let combinations = description.knownCombinations
      guard combinations.count <= maximumSeries else {
        throw UnusableMetric(description: "\(description.name) begins with \(combinations.count) series, and \(maximumSeries) are allowed")
      }
      state.series[description.name] = Dictionary(
        combinations.map { ($0, Series(description.kind, labels: $0)) }, uniquingKeysWith: { first, _ in first })
    }
    self.descriptions = descriptions
    self.maximumSeries = maximumSeries
    self.byName = byName
    self.state = Mutex(state)
  }

  /// How often something was measured for which there was no description or no room.
  public var droppedCount: UInt64 { state.withLock { $0.dropped } }

  // MARK: - Values

  /// Makes a counter what something else has counted: it never falls.
  public func follow(_ name: String, _ labels: [(String, String)] = [], count: Double) { series(name, labels)?.follow(count) }

  /// Makes the series of a gauge exactly these: others are gone, or 0 where their label values are known before.
  public func replace(_ name: String, with values: [(labels: [(String, String)], value: Double)]) {
    guard let description = byName[name], description.kind == .gauge else { return }
    let known = Set(description.knownCombinations)
    let wanted = values.compactMap { entry in combination(of: entry.labels, description).map { ($0, entry.value) } }
    state.withLock { state in
      var series: [[String]: Series] = [:]
      for combination in known { series[combination] = state.series[name]?[combination] ?? Series(.gauge, labels: combination) }
      for (_, one) in series { one.set(0.0) }
      for (combination, value) in wanted {
        guard series[combination] != nil || series.count < maximumSeries else {
          state.dropped += 1
          continue
        }
        let one = series[combination] ?? Series(.gauge, labels: combination)
        one.set(value)
        series[combination] = one
      }
      state.series[name] = series
    }
  }

  /// The values of all series of a metric, by the values of its labels.
  func values(of name: String) -> [(labels: [String], value: Series.Value)] {
    state.withLock { $0.series[name]?.values.map { ($0.labels, $0.value) } ?? [] }.sorted { $0.0.lexicographicallyPrecedes($1.0) }
  }

  private func combination(of labels: [(String, String)], _ description: MetricDescription) -> [String]? {
    guard labels.count == description.labels.count else { return nil }
    var values: [String] = []
    for label in description.labels {
      guard let value = labels.first(where: { $0.0 == label.name })?.1 else { return nil }
      values.append(value)
    }
    return values
  }

  private func series(_ name: String, _ labels: [(String, String)]) -> Series? {
    let description = byName[name]
    let combination = description.flatMap { self.combination(of: labels, $0) }
    return state.withLock { state in
      guard let description, let combination else {
        state.dropped += 1
        return nil
      }
      if let known = state.series[name]?[combination] { return known }
      guard state.series[name, default: [:]].count < maximumSeries else {
        state.dropped += 1
        return nil
      }
      let new = Series(description.kind, labels: combination)
      state.series[name, default: [:]][combination] = new
      return new
    }
  }

  private func handler(_ label: String, _ dimensions: [(String, String)]) -> Series {
    // What is not kept is counted by a handler that nobody sees.
    series(label, dimensions) ?? Series(.gauge, labels: [])
  }

  // MARK: - MetricsFactory

  public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler { handler(label, dimensions) }

  public func makeFloatingPointCounter(label: String, dimensions: [(String, String)]) -> any FloatingPointCounterHandler {
    handler(label, dimensions)
  }

  public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler { handler(label, dimensions) }

  public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
    handler(label, dimensions)
  }

  public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler { handler(label, dimensions) }

  /// Counters, gauges and histograms stay: a series that was shown and is not shown any more looks like a process that has ended.
  public func destroyCounter(_ handler: any CounterHandler) {}
  public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
  public func destroyMeter(_ handler: any MeterHandler) {}
  public func destroyRecorder(_ handler: any RecorderHandler) {}
  public func destroyTimer(_ handler: any TimerHandler) {}
}

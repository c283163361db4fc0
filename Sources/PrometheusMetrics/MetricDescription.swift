/// What a metric is: its name, its help and its labels. Only what is described is measured and shown.
public struct MetricDescription: Sendable, Hashable {
  /// What a metric's value is.
  public enum Kind: Sendable, Hashable {
    /// Counts up from 0, and begins again with the process.
    case counter
    /// Goes up and down.
    case gauge
    /// Counts values by size. The bounds are the upper ones, included, in rising order, without the last, which is infinite.
    case histogram(bounds: [Double])
    /// Always 1, with what it tells in its labels.
    case info
  }

  /// A label.
  public struct Label: Sendable, Hashable {
    /// The label's name.
    public var name: String
    /// The values that it has, where they are known before: series of them are shown from the start. Others may come.
    public var values: [String]

    /// A label, and the values that are known before.
    public init(_ name: String, _ values: [String] = []) {
      self.name = name
      self.values = values
    }
  }

  /// The name: a counter's ends in `_total`, an info's in `_info`.
  public var name: String
  /// What is measured, in one sentence.
  public var help: String
  /// What the value is.
  public var kind: Kind
  /// The labels. All series of the metric have them all.
  public var labels: [Label]

  /// Describes a metric.
  public init(_ name: String, _ kind: Kind, labels: [Label] = [], help: String) {
    self.name = name
    self.kind = kind
    self.labels = labels
    self.help = help
  }

  /// The kind in a word, as the text format has it. OpenMetrics has one more.
  public var type: String {
    switch kind {
    case .counter: "counter"
    case .gauge, .info: "gauge"
    case .histogram: "histogram"
    }
  }

  /// What keeps the description from being used, in a sentence; nil where nothing does.
  var fault: String? {
    guard Self.isName(name, allowsColon: true) else { return "\(name) is no name of a metric: use a-z, A-Z, 0-9, _ and :" }
    guard !help.isEmpty else { return "\(name) has no help" }
    switch kind {
    case .counter: guard name.hasSuffix("_total") else { return "\(name) counts, and does not end in _total" }
    case .info: guard name.hasSuffix("_info") else { return "\(name) is always 1, and does not end in _info" }
    case .gauge, .histogram:
      for suffix in ["_total", "_info", "_bucket", "_count", "_sum", "_created"] where name.hasSuffix(suffix) {
        return "\(name) ends in \(suffix), which says something else"
      }
    }
    if case .histogram(let bounds) = kind {
      guard !bounds.isEmpty, bounds.allSatisfy(\.isFinite), zip(bounds, bounds.dropFirst()).allSatisfy({ $0 < $1 }) else {
        return "the bounds of \(name) do not rise"
      }
    }
    var names: Set<String> = []
    for label in labels {
      guard Self.isName(label.name, allowsColon: false), !label.name.hasPrefix("__") else {
        return "\(label.name) is no name of a label of \(name): use a-z, A-Z, 0-9 and _, and no __ before it"
      }
      if case .histogram = kind, label.name == "le" { return "\(name) has a label le, which is the buckets'" }
      guard names.insert(label.name).inserted else { return "\(name) has the label \(label.name) twice" }
    }
    return nil
  }

  private static func isName(_ text: String, allowsColon: Bool) -> Bool {
    guard let first = text.utf8.first, !isDigit(first) else { return false }
    return text.utf8.allSatisfy { isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "_") || (allowsColon && $0 == UInt8(ascii: ":")) }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
  }

  /// All combinations of the labels' known values; none where a label has no known ones.
  var knownCombinations: [[String]] {
    labels.reduce([[]]) { combinations, label in combinations.flatMap { before in label.values.map { before + [$0] } } }
  }
}

/// A metric that cannot be described so.
public struct UnusableMetric: Error, CustomStringConvertible {
  public let description: String
}

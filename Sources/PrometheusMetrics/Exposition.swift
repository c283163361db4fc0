/// The format in which metrics are shown.
public enum ExpositionFormat: Sendable, Hashable {
  /// Prometheus' text format 0.0.4.
  case text
  /// OpenMetrics 1.0.0.
  case openMetrics

  /// The value of `Content-Type`.
  public var contentType: String {
    switch self {
    case .text: "text/plain; version=0.0.4; charset=utf-8"
    case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
    }
  }

  /// What a scraper wants by its header `Accept`: OpenMetrics where it asks for it and likes nothing better, else the text format.
  public init(accept: String?) {
    var best = (open: 0.0, text: 0.0)
    for range in (accept ?? "").split(separator: ",") {
      let parts = range.split(separator: ";").map { $0.filter { !$0.isWhitespace }.lowercased() }
      guard let type = parts.first else { continue }
      let quality = parts.dropFirst().first { $0.hasPrefix("q=") }.map { Double($0.dropFirst(2)) ?? 0 } ?? 1
      let version = parts.dropFirst().first { $0.hasPrefix("version=") }?.dropFirst(8)
      switch type {
      case "application/openmetrics-text": if version.map({ $0 == "1.0.0" }) ?? true { best.open = max(best.open, quality) }
      case "text/plain", "text/*", "*/*": if version.map({ $0 == "0.0.4" }) ?? true { best.text = max(best.text, quality) }
      default: break
      }
    }
    self = best.open > 0 && best.open >= best.text ? .openMetrics : .text
  }
}

extension PrometheusRegistry {
  /// All metrics as text.
  public func exposition(_ format: ExpositionFormat = .text) -> String {
    var text = ""
    for description in descriptions { Exposition(description, format).append(values(of: description.name), to: &text) }
    if format == .openMetrics { text += "# EOF\n" }
    return text
  }
}

/// Writes one metric.
private struct Exposition {
  let description: MetricDescription
  let format: ExpositionFormat

  init(_ description: MetricDescription, _ format: ExpositionFormat) {
    self.description = description
    self.format = format
  }

  func append(_ series: [(labels: [String], value: Series.Value)], to text: inout String) {
    let name = description.name
    // OpenMetrics names the family without the ending of its samples.
    var family = name
    var type = description.type
    if format == .openMetrics {
      if description.kind == .counter { family = String(name.dropLast("_total".count)) }
      if description.kind == .info {
        family = String(name.dropLast("_info".count))
        type = "info"
      }
    }
    text += "# HELP \(family) \(escaped(description.help, quotes: format == .openMetrics))\n# TYPE \(family) \(type)\n"
    for (labels, value) in series {
      let pairs = zip(description.labels, labels).map { "\($0.name)=\"\(escaped($1, quotes: true))\"" }
      guard case .histogram(let bounds) = description.kind else {
        text += "\(name)\(braces(pairs)) \(number(value.number))\n"
        continue
      }
      var count: UInt64 = 0
      for (bound, more) in zip(bounds + [.infinity], value.counts) {
        count += more
        text += "\(name)_bucket\(braces(pairs + ["le=\"\(limit(bound))\""])) \(count)\n"
      }
      text += "\(name)_sum\(braces(pairs)) \(number(value.number))\n\(name)_count\(braces(pairs)) \(count)\n"
    }
  }

  private func braces(_ pairs: [String]) -> String { pairs.isEmpty ? "" : "{\(pairs.joined(separator: ","))}" }

  private func escaped(_ text: String, quotes: Bool) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\"" where quotes: result += "\\\""
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// A bound as both formats have it: `0.5`, `1.0`, `+Inf`.
  private func limit(_ bound: Double) -> String { bound == .infinity ? "+Inf" : "\(bound)" }

  private func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
    return value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
  }
}

import LongshoreClient
import LongshoreMessages

/// The rates of a migration over time, as a chart of SVG.
enum RateChart {
  private static let width = 720
  private static let height = 170
  private static let left = 96
  private static let bottom = 24
  private static let top = 10

  /// The chart with its legend. There are at least two samples.
  static func figure(_ samples: [RateHistory.Sample]) -> HTML {
    guard let first = samples.first, let last = samples.last else { return .none }
    let highest = samples.reduce(UInt64(0)) { max($0, $1.rate, $1.dirtyRate ?? 0) }
    // Where nothing moves, half of the scale is a rate to be read all the same.
    let most = max(highest, 1 << 20)
    let span = max(1, last.time.milliseconds - first.time.milliseconds)
    func x(_ sample: RateHistory.Sample) -> Int {
      left + Int(Double(width - left - 8) * Double(sample.time.milliseconds - first.time.milliseconds) / Double(span))
    }
    func y(_ rate: UInt64) -> Int {
      top + Int(Double(height - top - bottom) * (1 - Double(rate) / Double(most)))
    }
    let copied = samples.map { sample -> HTML in "\(x(sample)),\(y(sample.rate)) " }
    let dirtied = samples.compactMap { sample in sample.dirtyRate.map { rate -> HTML in "\(x(sample)),\(y(rate)) " } }
    let base = height - bottom
    let dirtyLine: HTML = dirtied.count < 2 ? .none : "<polyline class=\"dirty\" points=\"\(dirtied)\"/>"
    let now: HTML = last.dirtyRate.map { rate -> HTML in ", memory changed at \(Quantity.rate(rate))" } ?? .none
    let dirtyLegend: HTML =
      dirtied.count < 2 ? .none : "<span class=\"key dirty\"><span aria-hidden=\"true\">┅</span> memory changed by the guest</span>"
    return """
      <figure class="chart"><svg viewBox="0 0 \(width) \(height)" role="img" aria-labelledby="chart-title" preserveAspectRatio="none">
      <title id="chart-title">Copied at most at \(Quantity.rate(highest)), at the end at \(Quantity.rate(last.rate))\(now)</title>
      <path class="grid" d="M\(left) \(top)H\(width - 8)M\(left) \((top + base) / 2)H\(width - 8)M\(left) \(base)H\(width - 8)"/>
      <polygon class="area" points="\(x(first)),\(base) \(copied)\(x(last)),\(base)"/>
      <polyline class="rate" points="\(copied)"/>\(dirtyLine)
      <text x="\(left - 8)" y="\(top + 4)" text-anchor="end">\(Quantity.rate(most))</text>
      <text x="\(left - 8)" y="\((top + base) / 2 + 4)" text-anchor="end">\(Quantity.rate(most / 2))</text>
      <text x="\(left - 8)" y="\(base + 4)" text-anchor="end">0</text>
      <text x="\(width - 8)" y="\(height - 6)" text-anchor="end">\(Quantity.seconds(Double(span) / 1000)) later</text>
      </svg><figcaption><span class="key rate"><span aria-hidden="true">━</span> copied</span> \(dirtyLegend)</figcaption></figure>
      """
  }
}

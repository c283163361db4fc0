/// A number of bytes, as people read it.
public struct ByteCount: Sendable, CustomStringConvertible {
  private let bytes: UInt64

  /// A number of bytes.
  public init(_ bytes: UInt64) { self.bytes = bytes }

  public var description: String {
    var value = Double(bytes)
    var unit = "B"
    // What would be shown as 1024.0 of a unit is 1.0 of the next.
    for larger in ["KiB", "MiB", "GiB", "TiB", "PiB"] where value >= 1023.95 {
      value /= 1024
      unit = larger
    }
    if unit == "B" { return "\(bytes) B" }
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10) \(unit)"
  }
}

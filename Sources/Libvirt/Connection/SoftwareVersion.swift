/// A version of libvirt or of a hypervisor.
public struct SoftwareVersion: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// The first number.
  public let major: Int
  /// The second number.
  public let minor: Int
  /// The third number.
  public let release: Int

  /// Makes a version.
  public init(_ major: Int, _ minor: Int = 0, _ release: Int = 0) {
    self.major = major
    self.minor = minor
    self.release = release
  }

  /// Reads libvirt's form, major × 1,000,000 + minor × 1,000 + release.
  public init(number: UInt) {
    self.init(Int(number / 1_000_000), Int(number / 1_000 % 1_000), Int(number % 1_000))
  }

  /// Reads what ``description`` gives; nothing where it is something else.
  public init?(text: String) {
    let numbers = text.split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
    guard (1...3).contains(numbers.count), numbers.allSatisfy({ ($0 ?? -1) >= 0 }) else { return nil }
    func number(_ index: Int) -> Int { index < numbers.count ? numbers[index] ?? 0 : 0 }
    self.init(number(0), number(1), number(2))
  }

  /// Compares number by number.
  public static func < (left: SoftwareVersion, right: SoftwareVersion) -> Bool {
    (left.major, left.minor, left.release) < (right.major, right.minor, right.release)
  }

  /// Such as `9.0.0`.
  public var description: String { "\(major).\(minor).\(release)" }
}

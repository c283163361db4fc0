/// A number that libvirt defines, kept as it is.
///
/// The known numbers have named constants. A number from a newer libvirt is preserved and compares unequal to all of
/// them, so that it is never taken for something else.
public protocol LibvirtConstant: RawRepresentable<Int32>, Hashable, Sendable, CustomStringConvertible {
  /// Takes libvirt's number as it is.
  init(rawValue: Int32)

  /// The words for the known numbers.
  static var words: [Self: String] { get }
}

extension LibvirtConstant {
  /// The word for the number, or the number itself when it is not a known one.
  public var description: String { Self.words[self] ?? "unknown (\(rawValue))" }

  /// The number of a C enumeration's constant.
  init<Constant: RawRepresentable<UInt32>>(_ constant: Constant) {
    self.init(rawValue: Int32(bitPattern: constant.rawValue))
  }
}

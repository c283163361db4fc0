internal import Digests
internal import LongshoreMessages

/// The name of a template that is put beside another file of its name: the same for the same content, whoever brings it, so that the next
/// guest finds it there.
struct ContentName: Sendable, Hashable {
  /// How many hexadecimal digits of the content's digest are in the name.
  static let digits = 12

  /// What tells the content with all that is below it, in hexadecimal digits: the layer's digest where nothing is below.
  let identity: String

  /// The identity of a layer.
  ///
  /// - Parameters:
  ///   - sha256: The digest of the layer itself.
  ///   - below: The identity of the layer below; nil where there is none.
  init(sha256: String, below: ContentName?) {
    identity = below.map { SHA256.digest(of: Array("\(sha256) \($0.identity)".utf8)) } ?? sha256
  }

  /// The name, made of the one that is taken: `debian-12.qcow2` becomes `debian-12-15971524bde2.qcow2`.
  func name(besides volume: ResourceName) -> ResourceName {
    let (stem, ending) = Self.parts(of: volume.text)
    let tail = "-\(identity.prefix(Self.digits))\(ending)"
    var head = stem
    while head.utf8.count + tail.utf8.count > ResourceName.maximumLength, !head.isEmpty { head.removeLast() }
    // Both parts come of a name, and are not too long together.
    return ResourceName("\(head)\(tail)") ?? volume
  }

  /// The name in words, where the digest is not known yet.
  static func words(besides volume: ResourceName) -> String {
    let (stem, ending) = parts(of: volume.text)
    return "\(stem)-<the first \(digits) digits of its SHA-256>\(ending)"
  }

  /// A name without its ending, and the ending with its dot.
  private static func parts(of name: String) -> (stem: String, ending: String) {
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex, name[dot...].utf8.count <= 16 else { return (name, "") }
    return (String(name[..<dot]), String(name[dot...]))
  }
}

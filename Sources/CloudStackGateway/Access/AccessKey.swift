import LongshoreMessages

/// A key of the gateway: who may ask what of which guests.
struct AccessKey: Sendable, Hashable {
  /// What a key lets its holder do; each role includes those before it.
  enum Role: String, Sendable, Hashable, CaseIterable, Comparable {
    /// Look.
    case read
    /// Move guests, and cancel that.
    case migrate
    /// Change settings of all hosts.
    case admin

    static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
  }

  /// The key, which requests name.
  var key: String
  /// The secret that they are signed with.
  var secret: Secret
  /// Whose it is, for the log; also the user's name in answers.
  var name: String
  /// What it lets its holder do.
  var role: Role
  /// The guests that it is for, by UUID or by a pattern of names in which `*` stands for any text; nil for all.
  var guests: [String]?

  /// Whether it is for a guest.
  func covers(_ guest: GuestReference) -> Bool { covers(uuid: guest.uuid, name: guest.name) }

  /// Whether it is for a guest.
  func covers(uuid: String, name: String) -> Bool {
    guard let guests else { return true }
    return guests.contains { $0.lowercased() == uuid.lowercased() || Self.matches(Array(name.utf8)[...], Array($0.utf8)[...]) }
  }

  private static func matches(_ text: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
    var (text, pattern) = (text, pattern)
    // Where to go on when what follows the last `*` does not fit.
    var retry: (text: ArraySlice<UInt8>, pattern: ArraySlice<UInt8>)?
    while !text.isEmpty {
      if pattern.first == UInt8(ascii: "*") {
        pattern = pattern.dropFirst()
        retry = (text, pattern)
      } else if let byte = pattern.first, byte == text.first {
        text = text.dropFirst()
        pattern = pattern.dropFirst()
      } else if let last = retry {
        text = last.text.dropFirst()
        pattern = last.pattern
        retry = (text, pattern)
      } else {
        return false
      }
    }
    return pattern.allSatisfy { $0 == UInt8(ascii: "*") }
  }
}

/// Bytes that no log and no message shows.
struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The bytes.
  let bytes: [UInt8]

  /// A secret of a text.
  init(_ text: String) { bytes = Array(text.utf8) }

  var description: String { "(secret)" }
  var debugDescription: String { description }
  var customMirror: Mirror { Mirror(self, children: [:]) }
}

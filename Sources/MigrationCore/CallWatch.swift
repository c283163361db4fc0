/// Judges a call of libvirt's migrate that has not returned by what the source shows meanwhile.
///
/// libvirt's daemon can hang over a transfer whose guest has ended or whose destination is gone, and the call with it: there is nothing
/// left then for it to bring, and the looks at both hosts find out what became of the guest.
public struct CallWatch: Sendable, Hashable {
  /// What the source shows of the guest.
  public enum Sight: Sendable, Hashable, CaseIterable {
    /// A migration runs on it.
    case moving
    /// It is here, and no migration runs on it.
    case stayed
    /// It does not run here any more.
    case left
    /// libvirt does not tell.
    case unknown
  }

  private let patience: Int64
  private var hasMoved = false
  private var idleSince: Int64?

  /// A watch beside a call that begins. `patience` is for how long the call may show nothing, in milliseconds.
  public init(patience: Int64) { self.patience = patience }

  /// Takes in what was seen, `now` in milliseconds of the boot clock, and tells whether the call is lost.
  ///
  /// One whose migration was not seen yet may still begin it, however late, as long as the guest is here.
  public mutating func isLost(seeing sight: Sight, at now: Int64) -> Bool {
    hasMoved = hasMoved || sight == .moving
    guard sight == .left || (hasMoved && sight != .moving) else {
      idleSince = nil
      return false
    }
    let since = idleSince ?? now
    idleSince = since
    return now - since >= patience
  }
}

internal import LongshoreMessages

extension PeerUser {
  /// Why a message is not believed; nil where it is its sender's.
  ///
  /// - Parameter user: Who sent it, as the broker has checked it; nil where the message names nobody.
  func objection(to message: PeerMessage, from user: String?) -> Reason? {
    objection(to: message.from, from: user).map { Reason(.notAuthorised, $0) }
  }
}

/// The keys of the log's metadata.
enum LogKeys {
  static let migration = "migration.id"
  static let guest = "guest.uuid"
  static let guestName = "guest.name"
  static let peer = "peer.host"
  static let phase = "migration.phase"
  static let reason = "reason"
  static let error = "error"
  static let request = "request.id"
  static let setting = "setting"
  static let from = "from"
  static let to = "to"
  static let messageType = "message.type"
  static let exchange = "amqp.exchange"
  static let pool = "storage.pool"
  static let path = "file.path"
}

/// AMQP's short string: up to 255 bytes. librabbitmq does not check the length.
enum ShortString {
  static func check(_ value: String, _ what: String, operation: String) throws(AMQPError) {
    guard value.utf8.count > 255 else { return }
    throw AMQPError(
      .invalidArgument, operation: operation,
      message: "the \(what) has \(value.utf8.count) bytes, AMQP carries up to 255")
  }
}

extension [String: FieldValue] {
  /// Refuses keys that AMQP can't carry.
  func validate(operation: String) throws(AMQPError) {
    for (key, value) in self {
      try ShortString.check(key, "table key '\(key.prefix(40))…'", operation: operation)
      try value.validate(operation: operation)
    }
  }
}

extension FieldValue {
  fileprivate func validate(operation: String) throws(AMQPError) {
    switch self {
    case .table(let table): try table.validate(operation: operation)
    case .array(let values): for value in values { try value.validate(operation: operation) }
    default: break
    }
  }
}

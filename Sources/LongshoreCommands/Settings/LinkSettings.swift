import LongshoreMessages

/// Where the broker is and how to log in to it.
struct LinkSettings: Sendable, Hashable {
  /// The broker as an AMQP URL; it may carry a password.
  var broker: String
  /// The cluster whose hosts are asked.
  var cluster: NodeName
  /// The user's password, read from a file; nil for the URL's.
  var password: String?
  /// A PEM file of the authorities that the broker's certificate is checked against; nil for the system's.
  var caFile: String?
  /// A PEM file with the certificate to show to the broker.
  var certificateFile: String?
  /// A PEM file with the certificate's key.
  var keyFile: String?
  /// Whether the connection's log is wanted on the standard error stream.
  var isVerbose = false
}

extension LinkSettings: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The cluster alone: the broker's URL and the password may be secret.
  var description: String { "cluster \(cluster)" }
  /// The same as ``description``.
  var debugDescription: String { description }
  /// Nothing, so that `dump` does not show secrets.
  var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// Where an NBD server listens.
public enum NBDServer: Sendable, Hashable, CustomStringConvertible {
  /// At a Unix socket's path.
  case unix(path: String)
  /// At a host's name or address, which its certificate must have where TLS is used.
  ///
  /// - `credentials`: the folder of the client's X.509 credentials, as QEMU and libnbd name them (`ca-cert.pem`, `client-cert.pem`,
  ///   `client-key.pem`); nil for no TLS. With them nothing is read from a server without TLS.
  case tcp(host: String, port: UInt16, credentials: String?)

  public var description: String {
    switch self {
    case .unix(let path): path
    case .tcp(let host, let port, _): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
  }
}

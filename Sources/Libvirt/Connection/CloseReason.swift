internal import CLibvirt

/// Why a connection is closed (`virConnectCloseReason`).
public struct CloseReason: LibvirtConstant {
  /// libvirt's number.
  public let rawValue: Int32

  /// Takes libvirt's number as it is.
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// An input or output error.
  public static let error = CloseReason(VIR_CONNECT_CLOSE_REASON_ERROR)
  /// The daemon closed it.
  public static let endOfFile = CloseReason(VIR_CONNECT_CLOSE_REASON_EOF)
  /// The daemon did not answer in time.
  public static let keepAlive = CloseReason(VIR_CONNECT_CLOSE_REASON_KEEPALIVE)
  /// The client closed it.
  public static let client = CloseReason(VIR_CONNECT_CLOSE_REASON_CLIENT)

  /// The words for the known numbers.
  public static let words: [CloseReason: String] = [
    .error: "error",
    .endOfFile: "eof",
    .keepAlive: "keepalive",
    .client: "client",
  ]
}

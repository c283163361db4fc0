import AMQP
import Digests
import FoundationEssentials
import NIOCore
import NIOPosix
import NIOSSL

/// A certificate on the way to the broker, and for how long it is valid.
package struct CertificateDates: Sendable, Hashable {
  /// Whose it is, as a part of a sentence: `the certificate of the broker rabbit1:5671`.
  package var name: String
  /// From when until when it is valid, in seconds since 1970-01-01T00:00:00Z; nil where it cannot be read.
  package var validity: ClosedRange<Int>?

  /// A certificate.
  package init(name: String, validity: ClosedRange<Int>?) {
    self.name = name
    self.validity = validity
  }
}

extension LinkSettings {
  /// How long a node of the broker may take to show its certificate.
  private static let patience = TimeAmount.seconds(5)

  /// The certificates that protect the way to the broker: the one that is shown to it, and those that its nodes show. Nodes that show none
  /// in time are left out; without TLS there are none.
  package func certificates() async -> [CertificateDates] {
    guard let configuration = try? configuration(), let tls = configuration.tls else { return [] }
    var found: [CertificateDates] = []
    if let path = tls.certificateFile {
      let bytes = FileManager.default.contents(atPath: path).map { [UInt8]($0) }
      found.append(CertificateDates(name: "this command's certificate \(path)", validity: bytes.flatMap { Certificate(pem: $0)?.validity }))
    }
    for address in configuration.addresses {
      guard let validity = await Self.validity(at: address.host, Int(address.port), name: tls.serverName ?? address.host) else { continue }
      found.append(CertificateDates(name: "the certificate of the broker \(address)", validity: validity))
    }
    return found
  }

  /// What a server's certificate says of its validity, whoever has signed it: nothing is said over the connection.
  private static func validity(at host: String, _ port: Int, name: String) async -> ClosedRange<Int>? {
    guard let context = try? NIOSSLContext(configuration: .makeClientConfiguration()) else { return nil }
    let loop = MultiThreadedEventLoopGroup.singleton.any()
    let nothing: ClosedRange<Int>? = nil
    let found = loop.makePromise(of: ClosedRange<Int>?.self)
    // A name of a host is told to the server, an address is not (RFC 6066).
    let serverName = (try? SocketAddress(ipAddress: name, port: port)) == nil ? name : nil
    let connecting = ClientBootstrap(group: loop).connectTimeout(patience).channelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        let handler = try NIOSSLClientHandler(context: context, serverHostname: serverName) { certificates, verified in
          let dates = certificates.first.map { (Int($0.notValidBefore), Int($0.notValidAfter)) }
          let validity: ClosedRange<Int>? = dates.flatMap { first, last in first <= last ? first...last : nil }
          found.succeed(validity)
          verified.succeed(NIOSSLVerificationResult.failed)
        }
        try channel.pipeline.syncOperations.addHandler(handler)
      }
    }.connect(host: host, port: port)
    connecting.whenFailure { _ in found.succeed(nothing) }
    connecting.whenSuccess { channel in
      let limit = channel.eventLoop.scheduleTask(in: patience) { channel.close(promise: nil) }
      channel.closeFuture.whenComplete { _ in
        limit.cancel()
        found.succeed(nothing)
      }
    }
    do {
      return try await found.futureResult.get()
    } catch {
      return nil
    }
  }
}

import FoundationEssentials
import LongshoreMessages
import LongshoreTestKit
import NIOCore
import NIOPosix
import NIOSSL
import Testing

@testable import LongshoreClient

@Suite("The certificates on the way to the broker", .timeLimit(.minutes(10))) struct BrokerCertificatesTests {
  /// What SampleServerCertificate says, in seconds since 1970-01-01T00:00:00Z.
  private static let validity = 1_795_722_871...4_949_322_871

  /// Runs a server that shows a certificate and hears nothing.
  private func withServer(_ use: (Int) async throws -> Void) async throws {
    let chain = try NIOSSLCertificate.fromPEMBytes(Array(SampleServerCertificate.certificate.utf8))
    let key = try NIOSSLPrivateKey(bytes: Array(SampleServerCertificate.key.utf8), format: .pem)
    let configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
    let context = try NIOSSLContext(configuration: configuration)
    let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton).childChannelInitializer { channel in
      channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context)) }
    }.bind(host: "127.0.0.1", port: 0).get()
    do {
      try await use(try #require(server.localAddress?.port))
    } catch {
      try await server.close()
      throw error
    }
    try await server.close()
  }

  private func settings(_ broker: String) -> LinkSettings { LinkSettings(broker: broker, cluster: MessageSamples.source.cluster) }

  @Test("are those that the nodes show, whoever has signed them, and the command's own")
  func shown() async throws {
    try await withServer { port in
      let file = FileManager.default.temporaryDirectory.appending(path: "longshore-certificate-\(UUID().uuidString)")
      try Data(SampleServerCertificate.certificate.utf8).write(to: file)
      defer { try? FileManager.default.removeItem(at: file) }
      var settings = settings("amqps://u@127.0.0.1:\(port),localhost:\(port)")
      settings.certificateFile = file.path
      settings.keyFile = file.path
      let found = await settings.certificates()
      #expect(found.map(\.validity) == [Self.validity, Self.validity, Self.validity], "\(found)")
      #expect(found.first?.name.contains(file.path) == true && found.last?.name.contains("localhost:\(port)") == true)
      settings.certificateFile = "/nonexistent.pem"
      #expect(await settings.certificates().first == CertificateDates(name: "this command's certificate /nonexistent.pem", validity: nil))
    }
  }

  @Test("are none without TLS, and none of nodes that are away")
  func missing() async throws {
    #expect(await settings("amqp://127.0.0.1").certificates().isEmpty)
    var port = 0
    try await withServer { port = $0 }
    #expect(await settings("amqps://127.0.0.1:\(port)").certificates().isEmpty)
  }
}

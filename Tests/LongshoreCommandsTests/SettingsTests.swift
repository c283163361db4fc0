import ArgumentParser
import FoundationEssentials
import LongshoreClient
import LongshoreMessages
import Testing

@testable import LongshoreCommands

@Suite struct SettingsTests {
  @Test func flagsComeBeforeTheEnvironmentBeforeTheFile() async throws {
    try await withFile("cluster: from-file\nbroker: amqp://file\ncaFile: /file/ca.pem\n") { file in
      let variables = ["LONGSHORE_CLUSTER": "from-environment", "LONGSHORE_BROKER": "amqp://environment"]
      let reader = SettingsReader(environment: variables, file: file)
      let settings = try await reader.settings(flags: try ConnectionOptions.parse(["--broker", "amqp://flag"]))
      #expect(settings.broker == "amqp://flag")
      #expect(settings.cluster.text == "from-environment")
      #expect(settings.caFile == "/file/ca.pem")
      #expect(settings.certificateFile == nil)
    }
  }

  @Test func howTheAgentsUsersAreNamedComesFromTheFileOrTheEnvironment() async throws {
    try await withFile("cluster: lab\npeers:\n  user: agent-{host}\n") { file in
      let flags = try ConnectionOptions.parse([])
      #expect(try await SettingsReader(environment: [:], file: file).settings(flags: flags).peerUser == PeerUser("agent-{host}"))
      let variables = ["LONGSHORE_PEERS_USER": "longshore"]
      #expect(try await SettingsReader(environment: variables, file: file).settings(flags: flags).peerUser == PeerUser("longshore"))
      let none = SettingsReader(environment: ["LONGSHORE_CLUSTER": "lab"], file: nil)
      #expect(try await none.settings(flags: flags).peerUser == nil)
    }
  }

  @Test func thePasswordComesFromAFileWithoutItsLineFeed() async throws {
    try await withFile("s3 cret\n") { file in
      let reader = SettingsReader(
        environment: ["LONGSHORE_CLUSTER": "lab", "LONGSHORE_PASSWORD_FILE": file], file: nil)
      let settings = try await reader.settings(flags: try ConnectionOptions.parse([]))
      #expect(settings.password == "s3 cret")
    }
  }

  @Test func secretsAreNotShown() {
    let settings = LinkSettings(broker: "amqp://u:s3cret@h", cluster: Sample.cluster, password: "s3cret")
    var dumped = ""
    dump(settings, to: &dumped)
    #expect(!"\(settings) \(String(reflecting: settings)) \(dumped)".contains("s3cret"))
  }

  @Test func aWrongClusterOfTheEnvironmentIsAUsageError() async throws {
    let reader = SettingsReader(environment: ["LONGSHORE_CLUSTER": "Lab 1"], file: nil)
    let flags = try ConnectionOptions.parse([])
    let failure = await #expect(throws: CommandFailure.self) { try await reader.settings(flags: flags) }
    #expect(failure?.exit == .usage)
    #expect(failure?.message.contains("'Lab 1' is not a cluster's name") == true)
  }

  @Test(arguments: [nil, "/nonexistent/longshore.yaml"])
  func aFileThatIsNamedMustBeThere(file: String?) async throws {
    let reader = SettingsReader(environment: [:], file: file)
    let flags = try ConnectionOptions.parse(["--cluster", "lab"])
    if file == nil {
      #expect(try await reader.settings(flags: flags).broker == SettingsReader.defaultBroker)
    } else {
      await #expect(throws: CommandFailure.self) { try await reader.settings(flags: flags) }
    }
  }

  @Test func subscriptionsHearTheirHostsAlone() {
    let host = Subscription(.host(Sample.alpha))
    #expect(host.bindingKey == "lab.alpha.#")
    #expect(host.covers(source: "/clusters/lab/hosts/alpha"))
    #expect(!host.covers(source: "/clusters/lab/hosts/beta"))
    let cluster = Subscription(.cluster(Sample.cluster), history: .seconds(60))
    #expect(cluster.bindingKey == "lab.#")
    #expect(cluster.covers(source: "/clusters/lab/hosts/beta"))
    #expect(!cluster.covers(source: "/clusters/lab2/hosts/beta"))
    #expect(Subscription.nothing.bindingKey == nil)
  }

  @Test func theGatewayFindsItsPlaceInFlagsTheEnvironmentAndTheFile() async throws {
    let file = "gateway:\n  listen: 127.0.0.1:1\n  keys: /file/keys\n  tls:\n    certificate: /file/certificate\n    key: /file/key\n"
    try await withFile(file) { file in
      let place = try await SettingsReader(environment: ["LONGSHORE_GATEWAY_LISTEN": "[::1]:8080"], file: file)
        .gateway(listen: nil, keys: "/flag/keys", certificate: nil, key: nil)
      #expect(place.host == "::1" && place.port == 8080)
      #expect(place.keys == "/flag/keys")
      #expect(place.tls?.certificate == "/file/certificate" && place.tls?.key == "/file/key")
    }
    let reader = SettingsReader(environment: [:], file: nil)
    let usual = try await reader.gateway(listen: nil, keys: "/keys", certificate: nil, key: nil)
    #expect(usual.host == "127.0.0.1" && usual.port == 8080 && usual.tls == nil)
    await #expect(throws: CommandFailure.self) { try await reader.gateway(listen: nil, keys: nil, certificate: nil, key: nil) }
    await #expect(throws: CommandFailure.self) { try await reader.gateway(listen: nil, keys: "/keys", certificate: "/c", key: nil) }
    await #expect(throws: CommandFailure.self) { try await reader.gateway(listen: "8080", keys: "/keys", certificate: nil, key: nil) }
  }

  private func withFile(_ text: String, _ use: (String) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory
    let file = folder.appending(path: "longshore-settings-\(UUID().uuidString)")
    try Data(text.utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    try await use(file.path)
  }
}

import Testing

@testable import AMQP

struct URLTests {
  @Test func theShortestURLTakesTheDefaults() throws {
    let configuration = try AMQPConfiguration(url: "amqp://")
    #expect(configuration.addresses == [AMQPConfiguration.Address(host: "localhost", port: 5672)])
    #expect(configuration.virtualHost == "/")
    #expect(configuration.user == "guest")
    #expect(configuration.tls == nil)
    #expect(configuration.authentication == .password)
  }

  @Test func allPartsArePercentDecoded() throws {
    let configuration = try AMQPConfiguration(url: "amqp://us%40er:p%3A%2Fw%C3%A9@broker:1234/a%2Fb")
    #expect(configuration.user == "us@er")
    #expect(configuration.password == "p:/wé")
    #expect(configuration.addresses == [AMQPConfiguration.Address(host: "broker", port: 1234)])
    #expect(configuration.virtualHost == "a/b")
  }

  @Test func anEmptyPathIsAnEmptyVirtualHost() throws {
    #expect(try AMQPConfiguration(url: "amqp://host/").virtualHost.isEmpty)
    #expect(try AMQPConfiguration(url: "amqp://host/%2F").virtualHost == "/")
  }

  @Test func severalHostsAndIPv6AreTakenInOrder() throws {
    let configuration = try AMQPConfiguration(url: "amqps://u:p@one,two:1,[::1]:2,[fe80::1]/v")
    #expect(configuration.addresses.map(\.description) == ["one:5671", "two:1", "[::1]:2", "[fe80::1]:5671"])
    #expect(configuration.addresses[2].host == "::1")
  }

  @Test func queryItemsSetTLSAndTimes() throws {
    let configuration = try AMQPConfiguration(
      url: "amqps://h?cacertfile=/ca.pem&certfile=/c.pem&keyfile=/k.pem&server_name_indication=name&heartbeat=7"
        + "&connection_timeout=3&name=agent%201&verify=verify_none&auth_mechanism=EXTERNAL")
    #expect(configuration.authentication == .certificate)
    #expect(
      configuration.tls
        == AMQPConfiguration.TLS(
          caFile: "/ca.pem", certificateFile: "/c.pem", keyFile: "/k.pem", serverName: "name", verifiesServer: false))
    #expect(configuration.heartbeat == .seconds(7))
    #expect(configuration.connectTimeout == .seconds(3))
    #expect(configuration.connectionName == "agent 1")
  }

  @Test(arguments: [
    "broker", "http://broker", "amqp://u:s3cret@h:0", "amqp://u:s3cret@h:x", "amqp://u:s3cret@h:70000",
    "amqp://u:s3cret%2@h", "amqp://u:s3cret%ff@h", "amqp://u:s3cret@::1", "amqp://u:s3cret@[::1", "amqp://u:s3cret@h/a/b",
    "amqp://u:s3cret@h?verify=verify_none", "amqps://u:s3cret@h?verify=maybe", "amqp://u:s3cret@h?heartbeat=-1",
    "amqp://u:s3cret@h?unknown=1", "amqp://u:s3cret@h#fragment", "amqps://u:s3cret@h?certfile=/c.pem",
    "amqps://u:s3cret@h?auth_mechanism=external", "amqps://u:s3cret@h?auth_mechanism=digest",
  ])
  func aWrongURLIsRefusedWithoutShowingThePassword(url: String) throws {
    let error = #expect(throws: AMQPError.self) { try AMQPConfiguration(url: url) }
    #expect(error?.code == .invalidConfiguration)
    #expect(error?.description.contains("s3cret") == false)
  }

  @Test func noDescriptionShowsThePassword() throws {
    let configuration = try AMQPConfiguration(url: "amqp://user:s3cret@host/v")
    var dumped = ""
    dump(configuration, to: &dumped)
    for text in ["\(configuration)", String(reflecting: configuration), dumped] { #expect(!text.contains("s3cret")) }
    #expect("\(configuration)" == "amqp://user@host:5672/v")
  }
}

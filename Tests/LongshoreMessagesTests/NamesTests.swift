import LongshoreMessages
import LongshoreTestKit
import Testing

@Suite("Names")
struct NamesTests {
  @Test("Cluster and host names", arguments: ["a", "-", "0", "host-1", String(repeating: "z", count: 63)])
  func nodeName(_ text: String) { #expect(NodeName(text)?.text == text) }

  @Test(
    "What is no name of a cluster or host",
    arguments: ["", "A", "a.b", "a_b", "a b", "é", "*", "#", "../a", String(repeating: "z", count: 64)])
  func noNodeName(_ text: String) { #expect(NodeName(text) == nil) }

  @Test(
    "Names of libvirt's things",
    arguments: ["a", "...", ".a", "web 1", "büro", "-", "a\\b", "*", String(repeating: "é", count: 127)])
  func resourceName(_ text: String) { #expect(ResourceName(text)?.text == text) }

  @Test(
    "Paths are no names",
    arguments: [
      "", ".", "..", "/", "/etc/passwd", "../x", "a/b", "a/", String(repeating: "é", count: 128), String(repeating: "x", count: 256),
      String(repeating: "x", count: 10_000),
    ])
  func noResourceName(_ text: String) { #expect(ResourceName(text) == nil) }

  @Test("Control characters are in no name")
  func controlCharacters() {
    for value in Array(UInt8(0)..<0x20) + [0x7f] {
      let text = "a" + String(UnicodeScalar(value))
      #expect(NodeName(text) == nil)
      #expect(ResourceName(text) == nil)
      #expect(MigrationID(text) == nil)
    }
  }

  @Test(
    "Ids",
    arguments: ["a", "A-1", "0", "7f1c2a34-5b6d-4e8f-9a0b-1c2d3e4f5a6b", "a-", String(repeating: "a", count: 64)])
  func migrationID(_ text: String) { #expect(MigrationID(text)?.text == text) }

  @Test(
    "What is no id",
    arguments: ["", "-a", "a/b", "a.b", "a b", "{a}", "ä", "..", String(repeating: "a", count: 65)])
  func noMigrationID(_ text: String) { #expect(MigrationID(text) == nil) }

  @Test("A host's addresses")
  func addresses() {
    let host = MessageSamples.source
    #expect(host.routingKey == "north.alpha")
    #expect(host.inbox == "longshore.host.north.alpha")
    #expect(host.eventSource == "/clusters/north/hosts/alpha")
  }

  @Test("The longest names fit into a routing key and a queue's name, which have 255 bytes")
  func longestAddresses() throws {
    let name = MessageSamples.node(String(repeating: "z", count: NodeName.maximumLength))
    let host = HostAddress(cluster: name, host: name)
    let event = try #require(MessageSamples.events(of: .needsAttention).first)
    #expect(host.inbox.utf8.count <= 255)
    #expect(event.routingKey(host: host).utf8.count <= 255)
  }

  @Test("Routing keys of events", arguments: MigrationEventData.Kind.allCases)
  func eventRoutingKey(_ kind: MigrationEventData.Kind) throws {
    let event = try #require(MessageSamples.events(of: kind).first)
    #expect(event.routingKey(host: MessageSamples.source) == "north.alpha.\(MessageSamples.guest.uuid).\(kind.rawValue)")
    #expect(event.type == "io.longshore.migration.\(kind.rawValue).v1")
  }

  @Test("The routing key of progress")
  func progressRoutingKey() throws {
    let event = try #require(MessageSamples.progressEvents.first)
    #expect(event.routingKey(host: MessageSamples.source) == "north.alpha.\(MessageSamples.guest.uuid).progress")
  }

  @Test(
    "Sequences have ten digits, ids do not",
    arguments: [(1, "0000000001"), (42, "0000000042"), (9_999_999_999, "9999999999")])
  func sequence(number: Int, text: String) throws {
    let data = try #require(MessageSamples.events(of: .accepted).first).data
    let event = MigrationEvent(
      migration: MessageSamples.migration, host: MessageSamples.source, sequence: number, time: MessageSamples.time,
      data: data)
    #expect(event.sequence == text)
    #expect(event.id == "\(MessageSamples.migration)/\(number)")
  }

  @Test("Terminal kinds")
  func terminalKinds() {
    #expect(MigrationEventData.Kind.allCases.filter(\.isTerminal) == [.completed, .failed, .cancelled])
  }

  @Test("A disk's pool is its own, else the default, else none")
  func poolOfDisk() {
    let (vda, vdb) = (MessageSamples.resource("vda"), MessageSamples.resource("vdb"))
    let (fast, slow) = (MessageSamples.resource("fast"), MessageSamples.resource("slow"))
    var order = MigrateCommand(guest: vda, destination: .init(host: MessageSamples.destination.host))
    #expect(order.pool(forDisk: vda) == nil)
    order.pools = .init(default: slow, disks: [vdb: fast])
    #expect(order.pool(forDisk: vda) == slow)
    #expect(order.pool(forDisk: vdb) == fast)
  }

  @Test("A chain is followed down, and a circle is not followed for ever")
  func chain() {
    var plan = MessageSamples.fullPlan
    #expect(plan.chain(below: 2).map(\.id) == [2, 1])
    #expect(plan.chain(below: nil) == [])
    #expect(plan.chain(below: 9) == [])
    plan.layers[0].backing = 2
    #expect(plan.chain(below: 2).map(\.id) == [2, 1])
  }
}

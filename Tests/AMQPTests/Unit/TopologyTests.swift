import Testing

@testable import AMQP

struct TopologyTests {
  @Test func exchangesComeBeforeQueuesBeforeBindings() {
    let topology = Topology(
      exchanges: [Exchange("e", kind: .topic)], queues: [Queue("q")],
      bindings: [Binding(.queue("q"), to: "e", routingKey: "#")])
    #expect(
      topology.elements.map(\.operation.description) == [
        "declare exchange 'e'", "declare queue 'q'", "bind queue 'q' to exchange 'e'",
      ])
  }

  @Test func aQueueDeclaresItsArguments() {
    let queue = Queue(
      "q", kind: .quorum, singleActiveConsumer: true, deadLetterExchange: "dead", arguments: ["x-max-length": 5])
    #expect(
      queue.declaredArguments == [
        "x-queue-type": "quorum", "x-single-active-consumer": true, "x-dead-letter-exchange": "dead", "x-max-length": 5,
      ])
    #expect(Queue("q").declaredArguments.isEmpty)
  }

  @Test func longNamesAreRefusedWithTheirObject() {
    let name = String(repeating: "n", count: 256)
    for element: Topology.Element in [
      .exchange(Exchange(name, kind: .direct)), .queue(Queue(name)), .binding(Binding(.exchange(name), to: "e")),
      .binding(Binding(.queue("q"), to: "e", routingKey: name)),
    ] {
      let error = #expect(throws: AMQPError.self) { try Topology([element]).validate() }
      #expect(error?.code == .invalidArgument)
    }
  }
}

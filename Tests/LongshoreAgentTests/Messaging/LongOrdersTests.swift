import AMQP
import Testing

@testable import LongshoreAgent

@Suite struct LongOrdersTests {
  private func delivery(_ body: String, correlation: String? = nil) -> Delivery {
    var message = Message(body)
    message.properties.correlationID = correlation
    return Delivery(message: message, exchange: "longshore.requests", routingKey: "north.alpha") { _ in }
  }

  @Test("what comes again while it is at work joins the work, and ends with it")
  func joins() async {
    let orders = LongOrders(limit: 1)
    #expect(await orders.enter(delivery("purge", correlation: "1")) == .begins)
    #expect(await orders.enter(delivery("purge", correlation: "2")) == .joins)
    #expect(await orders.all(like: delivery("purge")).map(\.properties.correlationID) == ["1", "2"])
    #expect(await orders.leave(delivery("purge")).count == 2)
    #expect(await orders.all(like: delivery("purge")).isEmpty)
    #expect(await orders.enter(delivery("purge")) == .begins)
  }

  @Test("there is a limit to what is at work, and what ends makes room")
  func full() async {
    let orders = LongOrders(limit: 2)
    #expect(await orders.enter(delivery("a")) == .begins)
    #expect(await orders.enter(delivery("b")) == .begins)
    #expect(await orders.enter(delivery("c")) == .full)
    #expect(await orders.enter(delivery("a")) == .joins)
    _ = await orders.leave(delivery("b"))
    #expect(await orders.enter(delivery("c")) == .begins)
  }

  @Test("what is given back at the agent's end is not at work any more")
  func givenBack() async {
    let orders = LongOrders(limit: 2)
    _ = await orders.enter(delivery("a"))
    _ = await orders.enter(delivery("b"))
    #expect(await Set(orders.leaveAll().map(\.body)) == [Array("a".utf8), Array("b".utf8)])
    #expect(await orders.all(like: delivery("a")).isEmpty)
  }
}

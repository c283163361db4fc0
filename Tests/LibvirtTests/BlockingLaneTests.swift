import Testing

@testable import Libvirt

@Suite("A lane")
struct BlockingLaneTests {
  @Test("runs no more calls at a time than its limit, and the others in order")
  func limit() async throws {
    let lane = BlockingLane(limit: 2)
    let (started, continuation) = AsyncStream.makeStream(of: Int.self)
    let gates = (0..<4).map { _ in Gate() }
    for number in gates.indices {
      lane.submit {
        continuation.yield(number)
        gates[number].waitBlocking()
      }
    }
    var order = started.makeAsyncIterator()
    var first: Set<Int> = []
    for _ in 0..<2 { first.insert(try #require(await order.next())) }
    #expect(first == [0, 1])
    gates[0].open()
    // Had the limit been three, the third would have come before the second was through.
    #expect(await order.next() == 2)
    gates[1].open()
    #expect(await order.next() == 3)
    gates[2].open()
    gates[3].open()
  }

  @Test("gives back what a call returns and throws what it throws")
  func results() async throws {
    let lane = BlockingLane(limit: 1)
    let call = Call(operation: "add")
    #expect(try await lane.run(call) { _ throws(LibvirtError) in 1 + 1 } == 2)
    let error = await #expect(throws: LibvirtError.self) {
      try await lane.run(call) { call throws(LibvirtError) -> Int in
        throw LibvirtError(code: .overflow, message: "too large", operation: call.operation)
      }
    }
    #expect(error?.code == .overflow)
  }

  @Test("does all of very many calls")
  func many() async throws {
    let lane = BlockingLane(limit: 3)
    let sum = await withTaskGroup(of: Int.self) { group in
      for number in 0..<1_000 {
        group.addTask {
          let call = Call(operation: "count")
          return (try? await lane.run(call) { _ throws(LibvirtError) in number }) ?? 0
        }
      }
      return await group.reduce(0, +)
    }
    #expect(sum == 499_500)
  }
}

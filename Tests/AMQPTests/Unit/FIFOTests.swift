import Testing

@testable import AMQP

struct FIFOTests {
  @Test func elementsLeaveInTheOrderInWhichTheyCame() {
    var queue = FIFO<Int>()
    var left: [Int] = []
    for number in 0..<100 {
      queue.append(number)
      if number % 3 != 0, let element = queue.popFirst() { left.append(element) }
    }
    #expect(queue.elements == Array(left.count..<100))
    while let element = queue.popFirst() { left.append(element) }
    #expect(left == Array(0..<100))
    #expect(queue.isEmpty)
  }

  @Test func oneElementCanBeTakenFromTheMiddle() {
    var queue = FIFO<Int>()
    for number in 0..<5 { queue.append(number) }
    let first = queue.popFirst()
    #expect(first == 0)
    let hadThree = queue.removeFirst { $0 == 3 }
    #expect(hadThree)
    let hadZero = queue.removeFirst { $0 == 0 }
    #expect(!hadZero)
    #expect(queue.elements == [1, 2, 4])
  }
}

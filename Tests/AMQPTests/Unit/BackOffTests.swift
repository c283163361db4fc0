import AMQP
import Testing

struct BackOffTests {
  private let backOff = BackOff(minimum: .milliseconds(100), maximum: .seconds(5))

  @Test func theLimitDoublesUpToTheMaximum() {
    let limits = (1...9).map { backOff.delay(afterFailures: $0, jitter: 1) / .milliseconds(1) }
    #expect(limits == [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000])
  }

  @Test func theJitterTakesUpToHalf() {
    #expect(backOff.delay(afterFailures: 4, jitter: 0) == .milliseconds(400))
    #expect(backOff.delay(afterFailures: 4, jitter: 0.5) == .milliseconds(600))
  }

  @Test(arguments: [Int.min, -1, 0, 1, 1_000_000])
  func theDelayStaysWithinItsBounds(failures: Int) {
    for jitter in [-1, 0, 0.3, 1, 2] {
      let delay = backOff.delay(afterFailures: failures, jitter: jitter)
      #expect(delay >= .milliseconds(100) && delay <= .seconds(5))
    }
  }
}

import Testing

@testable import LongshoreAgent

@Suite("The rate of a stream")
struct RateMeterTests {
  private static let mebibyte = 1 << 20

  @Test("leaves out what a shaper lets through at once")
  func burst() {
    var meter = RateMeter()
    // 2 MiB at once, then 1 MiB every tenth of a second.
    meter.note(bytes: 2 * Self.mebibyte, at: 100)
    for step in 1...20 { meter.note(bytes: (2 + step) * Self.mebibyte, at: 100 + Double(step) / 10) }
    let rate = Double(meter.bytesPerSecond ?? 0) / Double(Self.mebibyte)
    #expect(abs(rate - 10) < 0.01)
    #expect(meter.total == 22 * Self.mebibyte)
  }

  @Test("is that of all where little came")
  func little() {
    var meter = RateMeter()
    meter.note(bytes: 100, at: 1)
    meter.note(bytes: 1100, at: 3)
    #expect(meter.bytesPerSecond == 500)
  }

  @Test("is unknown where nothing came, or all at once")
  func unknown() {
    var meter = RateMeter()
    #expect(meter.bytesPerSecond == nil)
    meter.note(bytes: 100, at: 1)
    #expect(meter.bytesPerSecond == nil)
    meter.note(bytes: 200, at: 1)
    #expect(meter.bytesPerSecond == nil)
  }
}

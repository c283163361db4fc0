import Testing

@testable import LongshoreMessages

@Suite struct QuantityTests {
  @Test(
    arguments: [
      (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (10 << 20, "10 MiB"), (1023 << 20, "1023 MiB"),
      ((1024 << 20) - 1, "1.0 GiB"), (99_999_999_999, "93 GiB"), (UInt64.max, "16 EiB"),
    ] as [(UInt64, String)])
  func bytesAreShownInBinaryUnits(count: UInt64, text: String) {
    #expect(Quantity.bytes(count) == text)
  }

  @Test func aPartIsShownInTheUnitOfTheWholeWhereItCan() {
    #expect(Quantity.bytes(1 << 30, of: 4 << 30) == "1.0 of 4.0 GiB")
    #expect(Quantity.bytes(1 << 20, of: 4 << 30) == "1.0 MiB of 4.0 GiB")
    #expect(Quantity.bytes(0, of: 12) == "0 of 12 B")
  }

  @Test(
    arguments: [
      (-1, "0s"), (0, "0s"), (0.25, "0.3s"), (3, "3s"), (9.96, "10s"), (59.4, "59s"), (59.6, "1m 00s"), (134, "2m 14s"),
      (3_900, "1h 05m"), (273_600, "3d 4h"), (.infinity, "0s"), (1e300, "forever"),
    ] as [(Double, String)])
  func durationsHaveAtMostTwoUnits(seconds: Double, text: String) {
    #expect(Quantity.seconds(seconds) == text)
  }

  @Test func onlyTheWholeIsAHundredPercent() {
    #expect(Quantity.percent(0.9999) == "99 %")
    #expect(Quantity.percent(1) == "100 %")
    #expect(Quantity.percent(-0.1) == "0 %")
    #expect(Quantity.percent(7) == "100 %")
  }
}

import Testing

@testable import LongshoreAgent

@Suite("Times in configurations")
struct DurationTextTests {
  @Test(
    "A whole number and a unit, or 0",
    arguments: [
      ("0", 0), ("0s", 0), ("1s", 1000), ("90s", 90_000), ("30m", 1_800_000), ("24h", 86_400_000), ("7d", 604_800_000),
    ] as [(String, Int64)])
  func read(_ text: String, _ milliseconds: Int64) { #expect(DurationText.milliseconds(text) == milliseconds) }

  @Test(
    "Other texts are none",
    arguments: ["", "s", "1", "-1s", "1.5h", "1 s", "1S", "1ms", "s1", "0x1s", "9223372036854775807s", "99999999999999999999d"])
  func refuse(_ text: String) { #expect(DurationText.milliseconds(text) == nil) }
}

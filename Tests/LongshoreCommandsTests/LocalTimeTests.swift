import Testing

@testable import LongshoreCommands

@Suite struct LocalTimeTests {
  @Test func timesAreShownInTheZone() {
    #expect(TimeZoneOffset.fixed(0).dateAndTime(of: Sample.start) == "2026-01-31 18:30:00")
    #expect(TimeZoneOffset.fixed(6 * 3_600).dateAndTime(of: Sample.start) == "2026-02-01 00:30:00")
    #expect(TimeZoneOffset.fixed(-5_400).time(of: Sample.start) == "17:00:00")
  }
}

import LongshoreMessages
import Testing

@Suite("Times")
struct TimestampTests {
  @Test(
    "Are read with any fraction and offset",
    arguments: [
      ("1970-01-01T00:00:00Z", 0),
      ("2026-01-31T18:30:00Z", 1_769_884_200_000),
      ("2026-01-31t18:30:00z", 1_769_884_200_000),
      ("2026-01-31T18:30:00.5Z", 1_769_884_200_500),
      ("2026-01-31T18:30:00.123Z", 1_769_884_200_123),
      ("2026-01-31T18:30:00.123999999999999999999999Z", 1_769_884_200_123),
      ("2026-01-31T18:30:00+01:00", 1_769_880_600_000),
      ("2026-01-31T18:30:00.25-05:30", 1_769_904_000_250),
      ("2026-01-31T18:30:00-00:00", 1_769_884_200_000),
      ("2016-12-31T23:59:60Z", 1_483_228_800_000),
      ("2024-02-29T00:00:00Z", 1_709_164_800_000),
      ("2000-02-29T12:00:00Z", 951_825_600_000),
      ("1969-12-31T23:59:59.999Z", -1),
      ("0000-01-01T00:00:00Z", -62_167_219_200_000),
      ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
    ] as [(String, Int64)])
  func reading(text: String, milliseconds: Int64) {
    #expect(Timestamp(text)?.milliseconds == milliseconds)
  }

  @Test(
    "Are refused where the text is none",
    arguments: [
      "", "now", "1769884200", "2026-01-31", "2026-01-31T18:30:00", "2026-01-31 18:30:00Z", "20260131T183000Z",
      "2026-1-31T18:30:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-02-30T00:00:00Z",
      "2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-31T24:00:00Z",
      "2026-01-31T18:60:00Z", "2026-01-31T18:30:61Z", "2026-01-31T18:30:00.Z", "2026-01-31T18:30:00+0100",
      "2026-01-31T18:30:00+24:00", "2026-01-31T18:30:00+01:60", "2026-01-31T18:30:00Zulu", " 2026-01-31T18:30:00Z",
      "٢٠٢٦-01-31T18:30:00Z", "9999-12-31T23:59:59-00:01", "0000-01-01T00:00:00+00:01",
    ])
  func refusing(text: String) {
    #expect(Timestamp(text) == nil)
  }

  @Test(
    "Are written in UTC with milliseconds, and lose none",
    arguments: [
      (0, "1970-01-01T00:00:00.000Z"), (999, "1970-01-01T00:00:00.999Z"), (-1, "1969-12-31T23:59:59.999Z"),
      (1_769_884_200_123, "2026-01-31T18:30:00.123Z"), (951_782_399_999, "2000-02-28T23:59:59.999Z"),
      (951_868_799_999, "2000-02-29T23:59:59.999Z"), (951_868_800_000, "2000-03-01T00:00:00.000Z"),
    ] as [(Int64, String)])
  func writing(milliseconds: Int64, text: String) {
    #expect(Timestamp(milliseconds: milliseconds).description == text)
  }

  @Test("Come back from text as they were")
  func roundTrip() {
    // A prime number of milliseconds, about 97 days, so that all times of day and all months come up.
    let times = stride(from: Timestamp.range.lowerBound, through: Timestamp.range.upperBound, by: 8_380_000_037)
      .map(Timestamp.init(milliseconds:))
    #expect(times.filter { Timestamp($0.description) != $0 } == [])
  }

  @Test("Stay in the years 0000 to 9999")
  func limits() {
    #expect(Timestamp(milliseconds: .max).description == "9999-12-31T23:59:59.999Z")
    #expect(Timestamp(milliseconds: .min).description == "0000-01-01T00:00:00.000Z")
    let time = Timestamp(milliseconds: 1000)
    #expect(time.adding(milliseconds: 500).milliseconds == 1500)
    #expect(time.adding(milliseconds: .max).milliseconds == Timestamp.range.upperBound)
    #expect(Timestamp(milliseconds: -1000).adding(milliseconds: .min).milliseconds == Timestamp.range.lowerBound)
  }

  @Test("Are ordered")
  func order() {
    #expect(Timestamp(milliseconds: 1) < Timestamp(milliseconds: 2))
  }
}

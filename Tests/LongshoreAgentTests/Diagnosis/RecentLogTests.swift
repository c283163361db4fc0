import Logging
import LongshoreMessages
import Testing

@testable import LongshoreAgent

@Suite("The last lines of the log")
struct RecentLogTests {
  private struct Silent: LogHandler {
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }
    func log(event: LogEvent) {}
  }

  @Test("those of a migration, with problems that are nobody's")
  func lines() throws {
    let recent = RecentLog()
    let id = try #require(MigrationID("m-1"))
    let logger = Logger(label: "test") { _ in RecentLogHandler(Silent(), recent) }
    var own = logger
    own[metadataKey: LogKeys.migration] = "m-1"
    own.info("it begins", metadata: ["phase": "preparing"])
    logger.info("something else")
    logger.info("of another", metadata: [LogKeys.migration: "m-2"])
    logger.warning("the broker is away")
    logger.warning("of another", metadata: [LogKeys.migration: "m-2"])
    logger.debug("it goes on", metadata: [LogKeys.migration: "m-1"])
    let lines = recent.lines(of: id).map { String($0.drop { $0 != " " }.dropFirst()) }
    #expect(
      lines == [
        "info it begins migration.id=m-1 phase=preparing", "warning the broker is away", "debug it goes on migration.id=m-1",
      ])
  }

  @Test("the oldest are forgotten")
  func bounded() throws {
    let recent = RecentLog()
    let id = try #require(MigrationID("m-1"))
    let text = String(repeating: "x", count: 1000)
    for number in 0..<2000 { recent.note("\(number) \(text)", of: "m-1", isProblem: false) }
    let lines = recent.lines(of: id)
    #expect(lines.count > 300 && lines.count < 530)
    #expect(lines.last?.hasPrefix("1999 ") == true)
    recent.note(String(repeating: "y", count: 1 << 20), of: "m-1", isProblem: false)
    #expect(recent.lines(of: id).reduce(0) { $0 + $1.utf8.count } < 3 << 19)
  }
}

@Suite("What is taken out of reports")
struct RedactionTests {
  @Test(
    "passwords and keys",
    arguments: [
      ("<graphics type='vnc' passwd='s3cret' port='5900'/>", "<graphics type='vnc' passwd='(removed)' port='5900'/>"),
      (#"<graphics passwd="s3cret" passwdValidTo='2026'/>"#, "<graphics passwd='(removed)' passwdValidTo='2026'/>"),
      (
        #"-object {"qom-type":"secret","id":"vdb-luks","data":"9eR+/w==","keyid":"masterKey0"}"#,
        #"-object {"qom-type":"secret","id":"vdb-luks","data":"(removed)","keyid":"masterKey0"}"#
      ),
      (#"{"password" : "a\"b", "x":1}"#, #"{"password":"(removed)", "x":1}"#),
      ("amqp://u password=hunter2, next", "amqp://u password=(removed), next"),
      ("the guest web-1 has 2 disks; 'data' is a word", "the guest web-1 has 2 disks; 'data' is a word"),
    ])
  func secrets(text: String, expected: String) { #expect(Redaction.redacted(text) == expected) }

  @Test("what is too long loses its beginning, by whole lines")
  func bounded() {
    let section = MigrationReports.section("log", (0..<30_000).map { "line \($0)\n" }.joined())
    #expect(section.text.utf8.count < 151 << 10)
    #expect(section.text.hasPrefix("(the first ") && section.text.hasSuffix("line 29999\n"))
    #expect(section.text.split(separator: "\n")[1].hasPrefix("line "))
    #expect(MigrationReports.section("log", "short\n").text == "short\n")
  }
}

import AMQP
import Logging
import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import LongshoreAgent

@Suite("The lines of the log", .timeLimit(.minutes(10)))
struct LineLogHandlerTests {
  private let lines = Recorder<String>()

  private func logger(_ format: LogFormat, level: Logger.Level = .info) -> Logger {
    var logger = Logger(label: "longshored") { [lines] _ in
      LineLogHandler(format: format, now: { Timestamp(milliseconds: 0) }, write: { lines.record($0) })
    }
    logger.logLevel = level
    return logger
  }

  @Test("are words, quoted where that is needed")
  func logfmt() {
    let logger = logger(.logfmt)
    logger.info("A migration goes on", metadata: ["b": "x=1", "a": "plain", "c": "two\nlines \"q\" \\", "d": "", LogKeys.migration: "m-1"])
    logger.debug("not shown")
    #expect(
      lines.elements == [
        #"time=1970-01-01T00:00:00.000Z level=info message="A migration goes on" migration.id=m-1 a=plain b="x=1" c="two\nlines \"q\" \\" d="" module=LongshoreAgentTests"#
          + "\n"
      ])
  }

  @Test("are JSON, one object each, whatever the texts are")
  func json() throws {
    logger(.json).warning("a \"b\"\u{2028}\u{1}", metadata: ["k": "v\r\n\t\u{85}é"])
    let line = try #require(lines.elements.first)
    #expect(line.hasSuffix("}\n") && line.count { $0.isNewline } == 1)
    let object = try MessageCoding.decode([String: String].self, from: Array(line.utf8))
    #expect(
      object == [
        "time": "1970-01-01T00:00:00.000Z", "level": "warning", "message": "a \"b\"\u{2028}\u{1}", "k": "v\r\n\t\u{85}é",
        "module": "LongshoreAgentTests",
      ])
  }

  @Test("name the migration that a task works for, and another where that is said")
  func migration() async {
    let logger = logger(.logfmt)
    await withWork(of: MigrationSamples.id, in: nil) {
      logger.info("inside")
      logger.info("other", metadata: [LogKeys.migration: "o"])
      await Task { logger.info("begun") }.value
      logger.info("connected", source: "Libvirt")
    }
    logger.info("outside")
    #expect(lines.elements.map { $0.contains("migration.id=\(MigrationSamples.id)") } == [true, false, true, false, false])
    #expect(lines.elements[1].contains(" migration.id=o "))
  }

  @Test("never have the broker's password, whatever the level and whatever fails")
  func secrets() async throws {
    let password = "a-Secret-that-stands-out"
    var configuration = AMQPConfiguration()
    configuration.addresses = [AMQPConfiguration.Address(host: "127.0.0.1", port: 1)]
    configuration.password = password
    let connection = try AMQPConnection(configuration: configuration, logger: logger(.logfmt, level: .trace))
    let running = Task { try await connection.run() }
    await lines.wait { $0.count >= 3 }
    connection.beginShutdown()
    _ = await running.result
    #expect(!lines.elements.contains { $0.contains(password) })
    #expect(!"\(connection.state)".contains(password))
  }
}

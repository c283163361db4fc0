import FoundationEssentials
import LongshoreMessages
import LongshoreTestKit
import MigrationCore
import Testing

/// Recorded histories, in `Histories/*.json`: today's machines must read what earlier ones wrote, take the same events, and come
/// to the same ends.
///
/// To record a new one, add the name of a history to ``SourceHistory/golden`` or ``DestinationHistory/golden`` and run
/// `LONGSHORE_RECORD_HISTORIES=1 swift test --filter GoldenHistoryTests`: it writes the files that are missing. A file that is
/// there is never rewritten, because journals in the field hold what it holds. Where a change of behaviour is meant, delete the
/// file and record it again.
@Suite struct GoldenHistoryTests {
  private static let folder = {
    var path = #filePath
    path.removeLast("GoldenHistoryTests.swift".count)
    return path + "Histories"
  }()

  private static let files: [String] =
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { $0.hasSuffix(".json") }.sorted()

  private static let isRecording = ProcessInfo.processInfo.environment["LONGSHORE_RECORD_HISTORIES"] == "1"

  /// A history with all that came of it.
  struct Recording<Machine: Codable, Event: Codable, Output: Codable>: Codable {
    struct Step: Codable {
      var at: Now
      var event: Event
    }

    var about: String
    var first: Machine
    var steps: [Step]
    /// The numbered events at the source, the messages at the destination.
    var output: [Output]
    var last: Machine
  }

  typealias SourceRecording = Recording<SourceMigration, SourceEvent, MigrationEventData>
  typealias DestinationRecording = Recording<DestinationMigration, DestinationEvent, PeerMessage.Body>

  @Test(arguments: files.filter { $0.hasPrefix("source-") })
  func theSourceComesToTheSameEnd(file: String) throws {
    let recording = try MessageCoding.decode(SourceRecording.self, from: read(file))
    var migration = recording.first
    var output: [MigrationEventData] = []
    for step in recording.steps {
      let taken = SourceStep(step.event, to: migration, at: step.at)
      #expect(taken.violations == [])
      for case .emit(let data) in taken.effects ?? [] { output.append(data) }
      migration = taken.after
    }
    #expect(output == recording.output)
    #expect(migration == recording.last)
  }

  @Test(arguments: files.filter { $0.hasPrefix("destination-") })
  func theDestinationComesToTheSameEnd(file: String) throws {
    let recording = try MessageCoding.decode(DestinationRecording.self, from: read(file))
    var migration = recording.first
    var output: [PeerMessage.Body] = []
    for step in recording.steps {
      let taken = DestinationStep(step.event, to: migration, at: step.at)
      #expect(taken.violations == [])
      for case .tell(let body) in taken.effects { output.append(body) }
      migration = taken.after
    }
    #expect(output == recording.output)
    #expect(migration == recording.last)
  }

  @Test func everyGoldenHistoryIsRecorded() throws {
    if Self.isRecording { try record() }
    let expected =
      SourceHistory.golden.map { Self.file("source", $0.name) } + DestinationHistory.golden.map { Self.file("destination", $0.name) }
    let recorded = try FileManager.default.contentsOfDirectory(atPath: Self.folder)
    #expect(Set(expected).subtracting(recorded) == [])
    #expect(expected.count >= 8)
  }

  // MARK: - Files

  private func read(_ file: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(filePath: "\(Self.folder)/\(file)"))) }

  private func record() throws {
    for history in SourceHistory.golden {
      var run = SourceRun(history)
      let first = run.migration
      for step in history.steps { run.take(step) }
      try write(
        SourceRecording(
          about: history.name, first: first,
          steps: run.applied.map {
            SourceRecording.Step(at: $0.time, event: $0.event)
          }, output: Array(run.emitted.dropFirst()), last: run.migration),
        to: Self.file("source", history.name))
    }
    for history in DestinationHistory.golden {
      var run = DestinationRun()
      let first = run.migration
      for event in history.events { run.take(event) }
      try write(
        DestinationRecording(
          about: history.name, first: first,
          steps: history.events.map { DestinationRecording.Step(at: MigrationSamples.now(), event: $0) }, output: run.told,
          last: run.migration),
        to: Self.file("destination", history.name))
    }
  }

  private func write(_ recording: some Encodable, to file: String) throws {
    let path = "\(Self.folder)/\(file)"
    guard !FileManager.default.fileExists(atPath: path) else { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
    try encoder.encode(recording).write(to: URL(filePath: path))
  }

  private static func file(_ side: String, _ name: String) -> String {
    side + "-" + name.filter { $0.isLetter || $0 == " " }.split(separator: " ").joined(separator: "-") + ".json"
  }
}

extension SourceHistory {
  /// The histories that are recorded.
  static let golden = all.filter {
    [
      "the guest moves", "the guest moves, fenced", "libvirt reports an error, and the destination has the guest",
      "the operator is called while nothing can be decided, and no more when it can", "the destination refuses",
      "both hosts run the guest",
      "both hosts run the guest, and the operator had named the destination there", "cancelled while transferring, to the end",
      "deadline while preparing",
      "the source's disks cannot be moved away at first", "verified", "verified, and another range",
      "tuned and raised, and suspended by force", "suspended, and the transfer fails",
      "told what the destination lets come",
      "waits here for two things, is moved, and waits at the destination",
    ].contains($0.name)
  }
}

extension DestinationHistory {
  /// The histories that are recorded.
  static let golden = all.filter {
    [
      "waits for two things, is moved, and gets its turn", "the guest arrives", "a template cannot be copied", "not as planned at first",
      "rollback when prepared",
    ].contains($0.name)
  }
}

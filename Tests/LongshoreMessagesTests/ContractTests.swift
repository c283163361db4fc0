import LongshoreMessages
import LongshoreTestKit
import Testing

/// Every message that the code can make is what `contrib/asyncapi.yaml` promises to clients.
@Suite("The contract")
struct ContractTests {
  @Test("Every sample is valid", .enabled("\(ContractChecker.requirement)") { await ContractChecker.isAvailable() })
  func samples() async throws {
    #expect(try await ContractChecker.violations(in: WireEntries.all) == [])
  }

  @Test(
    "A broken message is refused, by field",
    .enabled("\(ContractChecker.requirement)") { await ContractChecker.isAvailable() },
    arguments: [
      ("request.cancel", #""migration":"\#(MessageSamples.migration)""#, #""migration":"../x""#, "migration"),
      ("request.migrate", #""handover":"fenced""#, #""handover":"quick""#, "options.handover"),
      ("request.migrate", #""cluster":"north","dead"#, #""Cluster":"north","dead"#, "cluster"),
      ("reply.rejected", #""code":"no-space""#, #""code":7"#, "reasons.0.code"),
      ("event.completed", #""bytes":"#, #""octets":"#, "bytes"),
      ("event.failed", "io.longshore.migration.failed.v1", "io.longshore.migration.completed.v1", "type"),
      ("progress", #""done":1,"#, #""done":-1,"#, "data.memory.done"),
      ("peer.prepare", #""volume":"web-1.qcow2""#, #""volume":"..""#, "plan.disks.0.volume"),
    ])
  func brokenMessage(message: String, part: String, breakage: String, field: String) async throws {
    let sound = try #require(WireEntries.all.last { $0.message == message })
    let text = String(decoding: sound.payload, as: UTF8.self)
    let parts = text.split(separator: part, maxSplits: 1, omittingEmptySubsequences: false)
    try #require(parts.count == 2, "the sample has no \(part)")
    let broken = ContractChecker.Entry(message, payload: Array((parts[0] + breakage + parts[1]).utf8))

    let violations = try await ContractChecker.violations(in: [sound, broken])

    #expect(violations.count == 1)
    #expect(violations.allSatisfy { $0.hasPrefix("line 2: \(message): ") && $0.contains(field) }, "\(violations)")
  }

  @Test(
    "A contract that does not hold together is refused",
    .enabled("\(ContractChecker.requirement)") { await ContractChecker.isAvailable() },
    arguments: [
      ("{$ref: '#/components/schemas/Phase'}", "{$ref: '#/components/schemas/Faze'}", "leads nowhere"),
      ("address: '{cluster}'", "address: '{town}'", "address and parameters do not agree"),
      ("guest: web-1", "guest: web/1", "components.messages.request.migrate.examples.0: guest"),
      ("type: array", "type: row", "is not valid under any of the given schemas"),
    ])
  func brokenContract(part: String, breakage: String, complaint: String) async throws {
    let contract = try Repository.text("contrib/asyncapi.yaml")
    try #require(contract.contains(part))
    #expect(try await ContractChecker.violations(inContract: contract) == [])

    let broken = contract.replacing(part, with: breakage, maxReplacements: 1)
    let violations = try await ContractChecker.violations(inContract: broken)

    #expect(violations.contains { $0.contains(complaint) }, "\(violations)")
  }

  @Test("The contract names the exchanges and queues of the code")
  func names() throws {
    let contract = try Repository.text("contrib/asyncapi.yaml")
    for name in [Wire.requests, Wire.peers, Wire.replies, Wire.events, Wire.progress, Wire.deadLetters] {
      #expect(contract.contains("exchange: {name: \(name), "))
    }
    #expect(contract.contains("queue: {name: \(Wire.history), "))
    #expect(contract.contains("required: [\(Wire.deadLetterReasonHeader)]"))
    #expect(contract.contains("schema: {const: \(Wire.schema)}"))
    #expect(contract.contains("content_type: {const: \(Wire.jsonContentType)}"))
    #expect(contract.contains("contentType: \(Wire.eventContentType)\n"))
    #expect(contract.contains("maximum: \(Request.deadlineRange.upperBound)\n"))
    #expect(contract.contains("maximum: \(MigrationOptions.bandwidthRange.upperBound)\n"))
    #expect(contract.contains("maximum: \(MigrationOptions.downtimeRange.upperBound)\n"))
  }

  @Test("Samples have every optional field absent and present, and every word")
  func coverage() {
    var coverage = MessageCoverage()
    for request in MessageSamples.requests { coverage.add(request) }
    for reply in MessageSamples.replies { coverage.add(reply) }
    for message in MessageSamples.peerMessages { coverage.add(message) }
    for event in MessageSamples.events { coverage.add(event) }
    for event in MessageSamples.progressEvents { coverage.add(event) }
    for event in MessageSamples.drainEvents { coverage.add(event) }
    // The trace is no part of the JSON: it goes in the header fields.
    #expect(coverage.gaps == ["PeerMessage.trace is never present", "Request.trace is never present"])
    #expect(
      coverage.vocabularyNames == [
        "Check.Outcome", "MigrationOptions.Handover", "ImageFormat", "MigrationEventData.Kind", "MigrationEventData.Stage",
        "MigrationEstimate.Disk.Kind", "Verification.Outcome",
        "MigrationPhase", "SetAsideDisk.State", "Orphan.Kind", "Orphan.State", "MissingMedium", "ImageProperties.Preallocation",
        "TemplateConflict", "DeadlineAction", "LimitChange.Limit", "TemplateWork.Kind", "TemplateWork.Phase", "TemplateWork.File.State",
        "MigrationPriority", "DrainFailureRule", "DrainSteering.Action", "DrainGuest.State", "DrainStatus.Phase", "DrainEventData.Kind",
        "HostSettings.Name", "HostSettings.Value.Origin",
      ])
    #expect(coverage.optionalFieldCount > 30)
  }

  @Test("Samples of a kind are of that kind")
  func kinds() {
    for kind in MessageSamples.RequestKind.allCases {
      let samples = MessageSamples.requests(of: kind)
      #expect(!samples.isEmpty)
      #expect(samples.allSatisfy { .init($0.command) == kind && $0.typeName == kind.rawValue })
    }
    for kind in MessageSamples.ReplyKind.allCases {
      let samples = MessageSamples.replies(of: kind)
      #expect(!samples.isEmpty)
      #expect(samples.allSatisfy { .init($0.body) == kind && $0.typeName == kind.rawValue })
    }
    for kind in MessageSamples.PeerKind.allCases {
      let samples = MessageSamples.peerMessages(of: kind)
      #expect(!samples.isEmpty)
      #expect(samples.allSatisfy { .init($0.body) == kind && $0.body.typeName == kind.rawValue })
    }
    for kind in MigrationEventData.Kind.allCases {
      let samples = MessageSamples.events(of: kind)
      #expect(!samples.isEmpty)
      #expect(samples.allSatisfy { $0.data.kind == kind })
    }
  }

  @Test("The contract lists exactly the reason codes of the code")
  func reasonCodes() throws {
    let source = try Repository.text("Sources/LongshoreMessages/Reason.swift")
    let declared = source.split(separator: "\n").compactMap { line -> String? in
      guard line.contains("public static let "), let start = line.firstRange(of: "Reason.Code(\"") else { return nil }
      return String(line[start.upperBound...].prefix { $0 != "\"" })
    }
    let contract = try Repository.text("contrib/asyncapi.yaml")
    let table = try #require(contract.firstRange(of: "    ReasonCode:\n"))
    let listed = contract[table.upperBound...].prefix { $0 != "^" }.split(separator: "\n")
      .filter { $0.contains("        | `") }
      .compactMap { $0.split(separator: "`").dropFirst().first.map(String.init) }

    #expect(declared.count > 40)
    #expect(listed.sorted() == declared.sorted())
  }
}

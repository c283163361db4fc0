internal import AMQP
internal import CloudStackGateway
internal import DomainXML
internal import FoundationEssentials
internal import LongshoreAgent
internal import LongshoreCommands
internal import LongshoreMessages
internal import MigrationCore

/// One reader of bytes that come from outside, and what must hold whatever the bytes are: no crash, no hang, and what was read can
/// be written and read again without a difference.
package enum FuzzTarget: String, CaseIterable, Sendable {
  case request
  case reply
  case peerMessage = "peer-message"
  case event
  case progress
  case history
  case brokerInput = "broker-input"
  case domainXML = "domain-xml"
  case imageInfo = "image-info"
  case imageHeader = "image-header"
  case configuration
  case gatewayRequest = "gateway-request"

  /// What became of an input.
  package enum Outcome: Sendable, Equatable {
    case read
    /// It is not what the reader reads, and the reader says so.
    case refused
    /// What must hold does not, in words.
    case violation(String)
  }

  /// Reads the bytes.
  package func outcome(of bytes: [UInt8]) async -> Outcome {
    switch self {
    case .request: message(Request.self, bytes)
    case .reply: message(Reply.self, bytes) { Self.shown(UntrustedAnswers.lines(of: $0)) }
    case .peerMessage:
      message(PeerMessage.self, bytes) { message in
        UntrustedInput.takeIn(message)
        return .read
      }
    case .event: event(MigrationEvent.self, bytes) { Self.shown(UntrustedAnswers.lines(of: $0)) }
    case .progress: event(ProgressEvent.self, bytes) { Self.shown(UntrustedAnswers.lines(of: $0)) }
    case .history: history(bytes)
    case .brokerInput: await brokerInput(bytes)
    case .domainXML: domain(bytes)
    case .imageInfo: (try? UntrustedInput.readImageChain(bytes)) == nil ? .refused : .read
    case .imageHeader: (try? UntrustedInput.readImageHeader(bytes)) == nil ? .refused : .read
    case .configuration: await configuration(bytes)
    case .gatewayRequest: gatewayRequest(bytes)
    }
  }

  private static let differs = Outcome.violation("it reads differently when it is written again")

  // MARK: - Messages

  private func message<Message: WireMessage & Equatable>(
    _ type: Message.Type, _ bytes: [UInt8], use: (Message) -> Outcome = { _ in .read }
  ) -> Outcome {
    let message: Message
    do throws(UnreadableMessage) {
      message = try MessageCoding.read(type, from: bytes)
    } catch {
      return error.reasons.isEmpty ? .violation("it is refused without a reason") : .refused
    }
    let written = MessageCoding.encode(message)
    // What is written for a message of nearly the size limit may be longer than it: numbers and escapes are spelled out.
    if written.count <= Wire.maximumMessageSize, (try? MessageCoding.read(type, from: written)) != message { return Self.differs }
    return use(message)
  }

  private func event<Event: Codable & Equatable>(_ type: Event.Type, _ bytes: [UInt8], use: (Event) -> Outcome) -> Outcome {
    guard let event = try? MessageCoding.decode(type, from: bytes) else { return .refused }
    return Self.survivesWriting(event) ? use(event) : Self.differs
  }

  private static func survivesWriting(_ value: some Codable & Equatable) -> Bool {
    func again<Value: Codable & Equatable>(_ value: Value) -> Bool {
      (try? MessageCoding.decode(Value.self, from: MessageCoding.encode(value))) == value
    }
    return again(value)
  }

  /// Control characters of ASCII or of Latin-1 would change what a terminal does.
  private static func shown(_ lines: [String]) -> Outcome {
    let isPlain = lines.allSatisfy { $0.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control } }
    return isPlain ? .read : .violation("it is shown with control characters")
  }

  // MARK: - What a journal holds

  /// A machine as a journal holds it, and events that came after.
  private struct Record<Machine: Decodable, Event: Decodable>: Decodable {
    struct Step: Decodable {
      var at: Now
      var event: Event
    }

    var first: Machine
    var steps: [Step]
  }

  private func history(_ bytes: [UInt8]) -> Outcome {
    if let record = try? MessageCoding.decode(Record<SourceMigration, SourceEvent>.self, from: bytes) {
      var migration = record.first
      for step in record.steps {
        _ = try? migration.apply(step.event, at: step.at)
        _ = (migration.outstanding(at: step.at), migration.publicPhase, migration.reasons)
      }
      return Self.survivesWriting(migration) ? .read : Self.differs
    }
    if let record = try? MessageCoding.decode(Record<DestinationMigration, DestinationEvent>.self, from: bytes) {
      var migration = record.first
      for step in record.steps {
        _ = migration.apply(step.event, at: step.at)
        _ = migration.outstanding
      }
      return Self.survivesWriting(migration) ? .read : Self.differs
    }
    return .refused
  }

  // MARK: - Brokers

  private func brokerInput(_ bytes: [UInt8]) async -> Outcome {
    do {
      let outcome = try await BrokerInput.outcome(of: bytes)
      if let violation = outcome.violations.first { return .violation(violation) }
      return outcome.isGivenUp || outcome.frames == 0 ? .refused : .read
    } catch {
      return .violation("it cannot be tried: \(error)")
    }
  }

  // MARK: - Domains

  private func domain(_ bytes: [UInt8]) -> Outcome {
    guard var document = try? DomainDocument(parsing: bytes) else { return .refused }
    guard (try? DomainDocument(parsing: document.serialized())) == document else { return Self.differs }
    _ = (document.memoryKiB, document.interfaces, document.graphics, document.hostDevices, document.operatingSystem)
    _ = (document.characterDevices, document.tpms, document.fileSystems, document.virtualCPUs, document.numa)
    let path = "/pool/<\"größer\" & 'kleiner'>.qcow2"
    for target in Set(document.disks.map(\.target)) {
      guard (try? document.setSource(ofDisk: target, toFile: path)) != nil else { continue }
      guard let edited = try? DomainDocument(parsing: document.serialized()), edited == document else {
        return .violation("it cannot be read again once the source of \(target) was set")
      }
      guard edited.disk(target)?.source?.path == path else {
        return .violation("the source of \(target) is not the one that was set")
      }
    }
    return .read
  }

  // MARK: - Configurations

  private func configuration(_ bytes: [UInt8]) async -> Outcome {
    let file = FileManager.default.temporaryDirectory.appending(path: "longshore-fuzz-\(UUID().uuidString).yaml")
    defer { try? FileManager.default.removeItem(at: file) }
    do {
      try Data(bytes).write(to: file)
    } catch {
      return .violation("the file cannot be written: \(error)")
    }
    do {
      guard let problem = try await UntrustedInput.problem(inConfigurationAt: file.path) else { return .read }
      return problem.isEmpty ? .violation("it is refused without a reason") : .refused
    } catch {
      return .violation("it is refused with an error that names neither file nor key: \(error)")
    }
  }

  // MARK: - Clients of CloudStack

  private func gatewayRequest(_ bytes: [UInt8]) -> Outcome {
    switch UntrustedRequest.outcome(of: bytes) {
    case .read: .read
    case .refused: .refused
    case .violation(let what): .violation(what)
    }
  }
}

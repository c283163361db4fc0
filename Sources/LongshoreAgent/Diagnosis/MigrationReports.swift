internal import DomainXML
internal import FoundationEssentials
internal import Libvirt
internal import LongshoreMessages
internal import MigrationCore
internal import MigrationJournal

/// Puts together what this host knows of a migration, for a report of a defect.
struct MigrationReports: Sendable {
  /// How much of each section is told, in bytes: its end.
  private static let limit = 150 << 10
  /// How long libvirt may take, in milliseconds.
  private static let libvirtLimit: Int64 = 5_000

  let here: HostAddress
  let journal: Journal
  let libvirt: LibvirtLink
  let recent: RecentLog
  let clock: any HostClock

  /// All that is known; nil where the migration is not.
  ///
  /// - Throws: Where the journal cannot be read.
  func make(_ id: MigrationID) async throws(JournalError) -> HostReport? {
    let source = try journal.source(id)
    let destination = try journal.destination(id)
    guard source != nil || destination != nil else { return nil }
    var sections = [HostReport.Section("host", await describe())]
    if let source {
      sections.append(Self.section("migration, from this host", Self.laidOut(source)))
      sections.append(Self.section("its history", Self.lines(try journal.sourceHistory(of: id))))
      sections.append(Self.section("its events", try journal.events(of: id).map { Self.line($0) }.joined()))
    }
    if let destination {
      sections.append(Self.section("migration, to this host", Self.laidOut(destination)))
      sections.append(Self.section("its history", Self.lines(try journal.destinationHistory(of: id))))
    }
    var files = ""
    for side in Side.allCases { files += try journal.files(of: id, host: side).map { Self.words($0) }.joined() }
    if !files.isEmpty { sections.append(Self.section("registered files", files)) }
    if let guest = source?.guest ?? destination?.plan.map({ GuestReference(uuid: $0.guest.uuid, name: $0.guest.name.text) }) {
      sections.append(Self.section("the guest here", await definition(of: guest)))
      sections.append(Self.section("libvirt's log of the guest's QEMU", await QEMULog(guest: guest.name).lastLines()))
    }
    sections.append(Self.section("log of the agent", recent.lines(of: id).map { $0 + "\n" }.joined()))
    let hosts = source.map { [$0.source.host, $0.destination.host] } ?? [destination?.source.host, here.host].compactMap(\.self)
    return HostReport(time: clock.now().wall, hosts: hosts, sections: sections)
  }

  // MARK: - Sections

  /// A section without secrets, of bounded size.
  static func section(_ title: String, _ text: String) -> HostReport.Section {
    let text = Redaction.redacted(text)
    guard text.utf8.count > limit else { return HostReport.Section(title, text) }
    let end = text.utf8.suffix(limit).drop { $0 != UInt8(ascii: "\n") }.dropFirst()
    return HostReport.Section(
      title, "(the first \(text.utf8.count - end.count) bytes are left out)\n" + String(decoding: end, as: UTF8.self))
  }

  private static func laidOut(_ value: some Encodable) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return ((try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? "(cannot be written)") + "\n"
  }

  private static func line(_ value: some Encodable) -> String { String(decoding: MessageCoding.encode(value), as: UTF8.self) + "\n" }

  private static func lines<Migration, Event>(_ history: History<Migration, Event>?) -> String {
    guard let history else { return "(none)\n" }
    return history.entries.map { "\($0.at.wall) \($0.revision) " + line($0.event) }.joined()
  }

  private static func words(_ file: RegisteredFile) -> String {
    let inode = file.inode.map { ", inode \($0)" } ?? ", not made"
    let origin = file.originalPath.map { ", from \($0)" } ?? ""
    let status = FileProbe.inode(of: file.path).map { $0 == file.inode ? ", there" : ", another file is there" } ?? ", not there"
    return "\(file.side.rawValue) \(file.role.rawValue) \(file.path)\(inode)\(origin)\(status)\n"
  }

  // MARK: - The host

  private func describe() async -> String {
    let versions = await withLimit(milliseconds: Self.libvirtLimit, clock) { [libvirt] in
      (try? await libvirt.connection().versions()).map { "libvirt \($0.daemon), QEMU \($0.hypervisor)" }
    }
    return
      "\(here.host) of cluster \(here.cluster)\nLongshore \(LongshoreVersion.current), \((versions ?? nil) ?? "libvirt does not answer")\n"
  }

  /// The definition by which the guest runs here, without what libvirt keeps secret.
  private func definition(of guest: GuestReference) async -> String {
    let found = await withLimit(milliseconds: Self.libvirtLimit, clock) { [libvirt] () -> String in
      do {
        guard let domain = try await libvirt.connection().domain(uuid: guest.uuid) else { return "(not defined)\n" }
        return "<!-- \(try await domain.state()) -->\n" + (try await domain.xml([]))
      } catch {
        return "(\(Reason.of(error, "read the guest").message))\n"
      }
    }
    return found ?? "(libvirt does not answer)\n"
  }
}

extension QEMULog {
  /// The end of the log.
  func lastLines() async -> String {
    let log = self
    let text = try? await BlockingWork.run { () throws(ImageError) in
      (try? log.read()).map { String(decoding: $0, as: UTF8.self) }
    }
    return (text ?? nil) ?? "(cannot be read)\n"
  }
}

internal import Digests
internal import FoundationEssentials
internal import Libvirt
internal import LongshoreMessages
internal import MigrationCore

/// Looks whether all is well at this host, and on the ways from it to others. Changes nothing.
struct HostDiagnosis: Sendable {
  /// How long libvirt may take to answer, in milliseconds.
  private static let libvirtLimit: Int64 = 8_000
  /// How long another host may take for its checks of the way to it, in milliseconds.
  private static let wayLimit: Int64 = 25_000
  /// For how long certificates should be valid, in seconds: 30 days.
  private static let certificateReserve = 30 * 86_400
  /// What should be free where the journal is, in bytes: SQLite's log of the longest burst, and the copy that a checkpoint makes.
  private static let journalReserve: UInt64 = 64 << 20

  /// What the configuration names.
  struct Files: Sendable, Hashable {
    /// Certificates (PEM).
    var certificates: [String] = []
    /// Passwords and private keys.
    var secrets: [String] = []
    /// The journal.
    var journal: String
  }

  let here: HostAddress
  let libvirt: LibvirtLink
  let checks: DestinationChecks
  let coordinator: MigrationCoordinator
  let orphans: Orphans
  let files: Files
  let dryRuns: DryRuns
  let peers: any PeerLink
  let clock: any HostClock

  /// Makes all checks.
  ///
  /// - Parameters:
  ///   - order: What is looked at.
  ///   - id: The question's id.
  func make(_ order: DiagnosisOrder, id: MigrationID) async -> Diagnosis {
    async let ofHost = order.waysOnly == true ? [] : checkHost()
    async let ways = checkWays(to: order.waysTo, id: id)
    let found = await ofHost + ways
    return Diagnosis(time: clock.now().wall, checks: found)
  }

  private func checkHost() async -> [Check] {
    var found = await checkLibvirt()
    found.append(checkJournal())
    found += Self.check(certificates: files.certificates, at: clock.now().wall.milliseconds / 1000, on: here.host)
    found += [checkSecrets(), await checkMigrations()].compactMap(\.self)
    return found
  }

  // MARK: - libvirt and the pools

  private func checkLibvirt() async -> [Check] {
    let rule = CheckRule.hostLibvirt
    // A new connection: the agent's own may hang with a daemon that still holds it.
    let outcome = await withLimit(milliseconds: Self.libvirtLimit, clock) { [uri = libvirt.uri] () -> Result<String, Reason.Failure> in
      do {
        let connection = try await LibvirtConnection.open(uri)
        let versions = try await connection.versions()
        await connection.close()
        return .success("libvirt \(versions.daemon) and QEMU \(versions.hypervisor) answer at \(uri)")
      } catch {
        return .failure(Reason.Failure(Reason.of(error, "use libvirt")))
      }
    }
    switch outcome {
    case .success(let found)?: return [rule.passed(on: here.host, found)] + (await checkPools()) + [await checkLeftOvers()]
    case .failure(let failure)?: return [rule.failed(on: here.host, failure.reason.message)]
    case nil: return [rule.failed(on: here.host, "libvirt did not answer within \(Self.libvirtLimit / 1000) s")]
    }
  }

  private func checkPools() async -> [Check] {
    do {
      var found: [Check] = []
      for pool in try await libvirt.connection().pools().sorted(by: { $0.name < $1.name }) where checks.allows(pool.name) {
        found += try await check(pool)
      }
      return found
    } catch {
      return [CheckRule.activePool.failed(on: here.host, Reason.of(error, "look at the pools").message)]
    }
  }

  private func check(_ pool: StoragePool) async throws -> [Check] {
    let name = "the pool \(pool.name)"
    guard try await pool.isActive() else { return [CheckRule.activePool.waived(on: here.host, "\(name) is not active")] }
    let configuration = try await pool.configuration()
    guard [.directory, .fileSystem, .networkFileSystem].contains(configuration.kind), let folder = configuration.targetPath else {
      return [CheckRule.filePool.waived(on: here.host, "\(name) is of the type \(configuration.kind), which guests are not moved into")]
    }
    let answer = await checks.checkAnswer(of: pool.name, folder)
    guard answer.outcome != .refused else { return [answer] }
    if let mount = checks.checkMount(of: pool.name, configuration.kind, folder), mount.outcome == .refused { return [mount] }
    let writing = checks.checkWriting(to: pool.name, folder)
    guard writing.outcome != .refused else { return [writing] }
    guard let total = FileProbe.totalBytes(in: folder), let available = FileProbe.availableBytes(in: folder) else { return [writing] }
    let found = "\(ByteCount(available)) of \(ByteCount(total)) are free in \(name)"
    let room = available < total / 20 ? CheckRule.spareRoom.failed(on: here.host, found) : CheckRule.spareRoom.passed(on: here.host, found)
    return [writing, room]
  }

  private func checkLeftOvers() async -> Check {
    let rule = CheckRule.nothingLeftOver
    do {
      let count = try await orphans.list().count
      return count == 0
        ? rule.passed(on: here.host, "nothing is left over")
        : rule.failed(on: here.host, count == 1 ? "one thing is left over" : "\(count) things are left over")
    } catch {
      return rule.unknown(on: here.host, Reason.of(error, "look for what is left over").message)
    }
  }

  // MARK: - The agent's own

  private func checkJournal() -> Check {
    let rule = CheckRule.journalRoom
    let folder = PathText.folder(of: files.journal)
    guard let available = FileProbe.availableBytes(in: folder) else {
      return rule.unknown(on: here.host, "what is free in \(folder), where the journal is, cannot be found out")
    }
    let found = "\(ByteCount(available)) are free in \(folder), where the journal is"
    return available < Self.journalReserve ? rule.failed(on: here.host, found) : rule.passed(on: here.host, found)
  }

  private func checkMigrations() async -> Check? {
    let rule = CheckRule.noneNeedsAttention
    do {
      let waiting = try await coordinator.allSources(includeEnded: false).filter { $0.publicPhase == .needsAttention }
      guard let first = waiting.first else { return rule.passed(on: here.host, "no migration out of \(here.host) needs the operator") }
      let more = waiting.count == 1 ? "" : ", and \(waiting.count - 1) more"
      return rule.failed(
        on: here.host, "the migration of \(first.guest.name) needs the operator\(more)",
        advice: "`longshore status \(first.id)` tells why and what to do")
    } catch {
      return rule.unknown(on: here.host, Reason.of(error, "read the migrations").message)
    }
  }

  private func checkSecrets() -> Check? {
    guard !files.secrets.isEmpty else { return nil }
    let open = files.secrets.filter { FileProbe.isReadableByAll($0) }
    let rule = CheckRule.secretsKept
    return open.isEmpty
      ? rule.passed(on: here.host, "no file with a password or a key can be read by everybody")
      : rule.failed(
        on: here.host, "everybody can read \(open.joined(separator: " and "))", advice: "`chmod o-rwx \(open.joined(separator: " "))`")
  }

  /// The certificates that are not valid, and that of all others which ends first.
  ///
  /// - Parameter now: In seconds since 1970-01-01T00:00:00Z.
  static func check(certificates: [String], at now: Int64, on host: NodeName) -> [Check] {
    var found: [Check] = []
    var first: (path: String, end: Int)?
    for path in certificates {
      guard let bytes = FileManager.default.contents(atPath: path), let validity = Certificate(pem: [UInt8](bytes))?.validity else {
        found.append(CheckRule.certificatesValid.failed(on: host, "the certificate \(path) cannot be read"))
        continue
      }
      if now < validity.lowerBound {
        found.append(CheckRule.certificatesValid.failed(on: host, "\(path) is not valid before \(date(validity.lowerBound))"))
      } else if now > validity.upperBound {
        found.append(CheckRule.certificatesValid.failed(on: host, "\(path) is not valid any more since \(date(validity.upperBound))"))
      } else if first.map({ validity.upperBound < $0.end }) ?? true {
        first = (path, validity.upperBound)
      }
    }
    guard let first else { return found }
    let text = "\(path(first.path)) is valid until \(date(first.end))"
    found.append(
      first.end - Int(now) < certificateReserve
        ? CheckRule.certificatesLast.failed(on: host, text) : CheckRule.certificatesLast.passed(on: host, text))
    return found
  }

  private static func path(_ path: String) -> String { "of the certificates that are valid the first to end, \(path)," }

  private static func date(_ seconds: Int) -> String { "\(Timestamp(milliseconds: Int64(seconds) * 1000))" }

  // MARK: - Ways

  private func checkWays(to hosts: [NodeName], id: MigrationID) async -> [Check] {
    let versions = try? await libvirt.connection().versions()
    let told = versions.map { HostVersions(libvirt: "\($0.daemon)", hypervisor: "\($0.hypervisor)") }
    return await withTaskGroup(of: (Int, [Check]).self) { group in
      for (number, host) in hosts.enumerated() where host != here.host {
        group.addTask { (number, await checkWay(to: host, told, MigrationID("\(id.text.prefix(58))-\(number)") ?? id)) }
      }
      return await group.reduce(into: [Int: [Check]]()) { $0[$1.0] = $1.1 }.sorted { $0.key < $1.key }.flatMap(\.value)
    }
  }

  private func checkWay(to host: NodeName, _ versions: HostVersions?, _ question: MigrationID) async -> [Check] {
    @Sendable func silent(_ found: String, advice: String? = nil) -> [Check] {
      [CheckRule.destinationAnswers.failed(on: here.host, found, advice: advice)]
    }
    let fallback = silent(
      "the agent of \(host) did not say within \(Self.wayLimit / 1000) s whether \(here.host) reaches it",
      advice: "see whether it runs, and is of a version that knows the question")
    return await dryRuns.answer(of: question, fallback: fallback, milliseconds: Self.wayLimit, clock: clock) { [peers, here] in
      do {
        try await peers.send(.checkWay(versions), of: question, to: HostAddress(cluster: here.cluster, host: host))
        return nil
      } catch is PeerUnknown {
        return silent("no agent of the host \(host) has ever joined the broker", advice: "see whether its name is right")
      } catch {
        return fallback
      }
    }.checks
  }
}

extension DestinationChecks {
  /// Whether guests may be moved into a pool.
  func allows(_ pool: String) -> Bool { allowedPools?.contains(pool) ?? true }

  /// Checks the way from another host to this one, apart from any guest.
  ///
  /// - Parameters:
  ///   - source: The other host, which waits for the answer.
  ///   - versions: What runs there; nil where it does not know.
  ///   - question: The id of the question.
  func checkWay(from source: HostAddress, versions: HostVersions?, of question: MigrationID) async -> [Check] {
    var found = await path.check(of: question, from: source, needsTemplates: true, measures: false).checks
    guard let there = versions.flatMap({ SoftwareVersion(text: $0.hypervisor) }),
      let versionsHere = try? await libvirt.connection().versions()
    else { return found }
    let version = versionsHere.hypervisor
    let text = "QEMU is \(version) on \(here.host) and \(there) on \(source.host)"
    let rule = CheckRule.hypervisorNotOlder
    found.append(version < there ? rule.failed(on: here.host, text) : rule.passed(on: here.host, text))
    if let libvirtThere = versions.flatMap({ SoftwareVersion(text: $0.libvirt) }) {
      let both = KnownFaults.Versions(sourceLibvirt: libvirtThere, sourceQEMU: there, libvirt: versionsHere.daemon, qemu: version)
      found += Self.checkFaults(of: both, from: source.host, on: here.host)
    }
    return found
  }

  /// Checks whether guests that come from another host meet a known fault of the versions. Which they are, no guest is looked at for.
  static func checkFaults(of versions: KnownFaults.Versions, from source: NodeName, on host: NodeName) -> [Check] {
    let rule = CheckRule.possibleFaults
    let faults = KnownFaults.ofSomeGuests(versions)
    guard !faults.isEmpty else {
      return [
        rule.passed(on: host, "no fault is known of libvirt \(versions.sourceLibvirt) on \(source) and \(versions.libvirt) on \(host)")
      ]
    }
    return faults.map { rule.failed(on: host, "of guests that come from \(source): \($0)") }
  }
}

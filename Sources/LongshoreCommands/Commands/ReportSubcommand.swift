import ArgumentParser
import LongshoreClient
import LongshoreMessages
import SystemPackage

/// `longshore report`: all about one migration in one file.
struct ReportSubcommand: OperatorCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Pack all that is known of one migration into one file, for a report of a defect.",
    discussion: """
      All hosts are asked: what their journals have of the migration, its events and files, the guest's definition, libvirt's log of its \
      QEMU, and the agents' last lines about it. Passwords and keys are taken out. Names, paths and addresses stay: read the file before \
      you hand it on. A file that is there is not overwritten. With --format the hosts' answers go to standard output, where no file is \
      named.

      EXAMPLES:
        longshore report 6f1c5a52-2b0e-4c6e-9d0a-0c3a1f6f7a11
        longshore report 6f1c5a52-2b0e-4c6e-9d0a-0c3a1f6f7a11 --output - | less

      \(CommandExit.help([.done, .refused, .notPermitted, .usage, .brokerUnreachable, .noAnswer]))
      """)

  @Argument(help: "The migration's id.", completion: BusCompletion.of(.migration), transform: NameArgument.migration)
  var id: MigrationID

  @Option(
    name: [.customShort("o"), .customLong("output")],
    help: ArgumentHelp("Where to write it; - for standard output (default: longshore-report-ID.txt).", valueName: "file"))
  var destination: String?

  @Option(
    help: ArgumentHelp("How long hosts may take to answer (default: 10s).", valueName: "duration"), transform: DurationArgument.parse)
  var timeout: Duration = .seconds(10)

  @OptionGroup(title: "Connection options") var connection: ConnectionOptions
  @OptionGroup(title: "Output options") var output: OutputOptions

  func perform(_ session: CommandSession) async throws -> CommandExit {
    try await session.withLink(.nothing) { [id, timeout, file = destination] link in
      var replies: [Reply] = []
      var reports: [(host: HostAddress, report: HostReport)] = []
      let request = session.request(.report(migration: id), within: timeout)
      for try await reply in link.askAll(request, in: session.cluster, within: timeout) {
        replies.append(reply)
        guard case .report(let report) = reply.body else { continue }
        reports.append((reply.from, report))
        // The others know nothing of it.
        if Set(report.hosts).isSubset(of: reports.map(\.host.host)) { break }
      }
      guard !replies.isEmpty else { throw HostQuestion(session: session, link: link, time: timeout).nobodyAnswered }
      reports.sort { $0.host.host.text < $1.host.host.text }
      // That a host knows nothing of it is an answer; that it does not tell is none.
      let isUntold = session.complainOfRefusals(
        in: replies.filter { reply in
          if case .rejected(let reasons) = reply.body { !reasons.contains { $0.code == .unknownMigration } } else { false }
        })
      guard !reports.isEmpty else {
        if isUntold {
          throw CommandFailure(
            .refused, "whether the migration \(id) is known is not told", while: "asking the hosts of cluster \(session.cluster)")
        }
        let hosts = replies.map(\.from.host.text).sorted().joined(separator: ", ")
        throw CommandFailure(
          .refused, "no host that answered knows the migration \(id) (\(hosts))", while: "asking the hosts of cluster \(session.cluster)",
          advice: "`longshore list --all` shows the migrations that are known.")
      }
      let answered = Set(replies.map(\.from.host))
      for host in Set(reports.flatMap(\.report.hosts)).subtracting(reports.map(\.host.host)).sorted(by: { $0.text < $1.text }) {
        let why = answered.contains(host) ? "has told nothing of the migration" : "has not answered"
        session.complain(["\(host) \(why): its half is missing. Ask again when it tells."])
      }
      let isForPrograms = session.options.format.isForPrograms
      let text =
        isForPrograms
        ? session.text(of: replies.filter { $0.typeName == "report" })
        : ReportText.text(of: id, reports, madeAt: session.environment.now())
      let path = file ?? (isForPrograms ? "-" : "longshore-report-\(id).txt")
      guard path != "-" else {
        session.environment.writeResult(text)
        return .done
      }
      try Self.write(text, to: path)
      session.write([path])
      if !session.options.quiet {
        let hosts = reports.map(\.host.host.text).joined(separator: " and ")
        session.complain([
          "Of \(hosts), \(Quantity.bytes(UInt64(text.utf8.count))). Read it before you hand it on: names, paths and addresses are in it."
        ])
      }
      return .done
    }
  }

  private static func write(_ text: String, to path: String) throws(CommandFailure) {
    do {
      let file = try FileDescriptor.open(
        FilePath(path), .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec], permissions: .ownerReadWrite)
      try file.closeAfter { _ = try file.writeAll(text.utf8) }
    } catch {
      let isThere = (error as? Errno) == .fileExists
      throw CommandFailure(
        .usage, isThere ? "the file is there already" : "\(error)", while: "writing \(path)",
        advice: isThere ? "Name another one with --output." : nil)
    }
  }
}

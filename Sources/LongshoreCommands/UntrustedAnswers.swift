import LongshoreClient
package import LongshoreMessages

/// The commands' texts for what agents say, for tests that have them say rubbish. No text may hold what would change the state
/// of a terminal, and none may crash.
package enum UntrustedAnswers {
  private static let style = Style(colour: false, unicode: true)
  private static let zone = TimeZoneOffset.fixed(3600)
  private static let now = Timestamp(milliseconds: 1_800_000_000_000)

  /// The lines that a reply becomes, however it was asked for.
  package static func lines(of reply: Reply) -> [String] {
    let id = reply.id ?? MigrationID("00000000-0000-4000-8000-000000000000")
    var lines: [String] = []
    switch reply.body {
    case .accepted, .rejected, .checked: break
    case .tuned(let changes): lines += TuneSubcommand.lines(changes)
    case .forced(let reason): lines.append(reason.words)
    case .status(let status):
      lines += ResultText.status(status, zone: zone, style: style)
      lines += shown([.status(status)], at: status.updatedAt)
    case .migrations(let migrations): lines += ResultText.migrations(migrations, zone: zone, style: style)
    case .host(let host): lines += ResultText.hosts([(reply.from, host)], style: style)
    case .inventory(let inventory): lines += InventoryText.host(inventory, of: reply.from.host, zone: zone, style: style)
    case .configured(let settings, let changes):
      lines += InventoryText.settings(settings, zone: zone) + InventoryText.changes(changes)
    case .grace(let disks):
      let host = reply.from.host
      lines += LeftoverText.grace(disks.map { (host, $0) }, at: now, zone: zone, style: style)
      lines += LeftoverText.purged(disks, host: host, style: style) + LeftoverText.notPurged(disks, host: host, style: style)
      lines.append(LeftoverText.question(disks, host: host))
    case .templates(let templates):
      lines += TemplateText.templates(templates.map { (reply.from.host, $0) }, zone: zone, style: style)
    case .templateWork: break
    case .queue(let entries): lines += QueueText.queue(entries, at: now, zone: zone, style: style)
    case .drain(let drain):
      lines += DrainText.status(drain, zone: zone, style: style) + DrainText.plan(drain, style: style)
      lines += DrainText.changes(from: nil, to: drain, style: style)
      for width in [0, 20, 200] { lines += DrainText.progress(drain, width: width, style: style) }
      let outcome = DrainText.outcome(drain, style: style)
      lines += outcome.result + outcome.problem
    case .drains(let drains): lines += DrainText.drains(drains, zone: zone, style: style)
    case .maintenance(let maintenance): lines.append(DrainText.maintenance(maintenance, of: reply.from.host, zone: zone))
    case .report(let report):
      if let id { lines += ReportText.text(of: id, [(reply.from, report)], madeAt: now).split(separator: "\n").map(String.init) }
    case .diagnosis(let diagnosis): lines += DiagnosisText.lines(diagnosis.checks, showsAll: true, style: style)
    case .orphans(let orphans):
      let all = orphans.map { (host: reply.from.host, orphan: $0) }
      lines += LeftoverText.orphans(all, answered: 1, at: now, style: style) + LeftoverText.removed(all, at: now, style: style)
    }
    if case .templateWork(let work) = reply.body {
      let host = reply.from.host
      lines.append(TemplateText.line(work, on: host, style: style))
      for width in [0, 20, 200] { lines += TemplateText.progress(work, on: host, width: width, style: style) }
      lines += TemplateText.verified(work, against: nil, style: style) + TemplateText.verified(work, against: (host, work), style: style)
      if let file = work.files.first { lines += TemplateText.placed(work, file.volume, on: host, style: style) }
    }
    if let id { lines += followed([.answered(reply), .interrupted], migration: id) }
    return lines
  }

  /// The lines that an event becomes.
  package static func lines(of event: MigrationEvent) -> [String] {
    [EventLine.watched(event, zone: zone, style: style)] + shown([.event(event)], at: event.time)
      + followed([.notice(.event(event)), .interrupted], migration: event.subject)
  }

  /// The lines that a progress event becomes.
  package static func lines(of progress: ProgressEvent) -> [String] { shown([.progress(progress)], at: progress.time) }

  private static func followed(_ inputs: [FollowMachine.Input], migration: MigrationID) -> [String] {
    var machine = FollowMachine(ordering: migration, until: .attention)
    var lines: [String] = []
    for case .end(let outcome) in inputs.flatMap({ machine.apply($0) }) {
      let text = OutcomeText.lines(outcome, guest: "guest", migration: migration, style: style)
      lines += text.result + text.problem
      _ = outcome.exit
    }
    return lines
  }

  private static func shown(_ reports: [FollowReport], at now: Timestamp) -> [String] {
    var state = FollowedState(guest: "guest", phase: "", heardAt: now)
    var plain = PlainPresenter(state: state, zone: zone, style: style)
    var lines: [String] = []
    for report in reports {
      lines += plain.present(report, at: now).split(separator: "\n").map(String.init)
      state.apply(report, at: now)
      for width in [0, 20, 200] { lines += ProgressBlock.lines(state, at: now, width: width, zone: zone, style: style) }
    }
    return lines
  }
}

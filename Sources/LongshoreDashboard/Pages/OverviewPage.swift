import LongshoreClient
import LongshoreMessages

/// What the whole cluster does.
enum OverviewPage {
  /// The most rows of one table; the rest is counted.
  static let mostRows = 200
  /// The ended ones that are shown.
  static let recent = 8

  static func page(_ model: ClusterModel, at now: Timestamp) -> Page {
    let alarms = model.alarms(at: now)
    let running = model.running
    let queue = model.queue
    let links = model.links
    let urgent = alarms.filter { $0.severity == .alarm }.count
    return Page(
      title: urgent > 0 ? "\(Quantity.count(urgent, "alarm")) · Overview" : "Overview",
      place: .overview, head: "<h1 class=\"unseen\">Overview of cluster \(model.cluster)</h1>",
      parts: [
        Page.Part(id: "alarms", content: self.alarms(alarms)),
        Page.Part(id: "figures", content: figures(model, running: running, queue: queue, alarms: alarms, links: links)),
        Page.Part(id: "running", content: self.running(model, running, at: now)),
        Page.Part(id: "queue", content: self.queue(model, queue)),
        Page.Part(id: "drains", content: drains(model.allDrains.filter { !$0.phase.isTerminal }, title: "Drains")),
        Page.Part(id: "links", content: self.links(links)),
        Page.Part(id: "hosts", content: hosts(model)),
        Page.Part(id: "recent", content: recentlyEnded(model)),
      ])
  }

  /// What wants somebody to look; nothing where nothing does.
  static func alarms(_ alarms: [ClusterModel.Alarm]) -> HTML {
    guard !alarms.isEmpty else { return .none }
    let items = alarms.prefix(mostRows).map { alarm -> HTML in
      let isAlarm = alarm.severity == .alarm
      let sign: HTML = isAlarm ? "▲ Alarm" : "△ Warning"
      let link: HTML? =
        alarm.migration.map { id -> HTML in "<a href=\"/migrations/\(url: id.text)\">See the migration and what to do</a>" }
        ?? alarm.host.map { host -> HTML in "<a href=\"/hosts/\(url: host.text)\">See the host</a>" }
      return """
        <li class="notice \(isAlarm ? "bad" : "warn")" data-key="\(alarm.key)" data-alarm="\(alarm.key)"><p><strong><span class="sign">\(sign)</span> \
        <span data-alarm-text>\(alarm.text).</span></strong> <span class="quiet">since \(Piece.time(alarm.since))</span> \(link)</p>
        \(Piece.reasons(alarm.reasons))</li>
        """
    }
    return Piece.section("alarms", "Look at this", count: alarms.count, "<ul class=\"alarms\">\(items)</ul>")
  }

  private static func figures(
    _ model: ClusterModel, running: [MigrationRecord], queue: [MigrationRecord], alarms: [ClusterModel.Alarm],
    links: [ClusterModel.LinkLoad]
  ) -> HTML {
    let rate = links.reduce(0.0) { $0 + Double($1.rate) }
    let silent = model.hosts.values.filter(\.isSilent).count
    let unheard = model.hosts.values.filter { $0.description == nil && !$0.isSilent }.count
    let hosts: HTML =
      model.hosts.isEmpty ? "none known" : silent > 0 ? "\(silent) silent" : unheard > 0 ? "\(unheard) not heard of yet" : "all answer"
    return """
      <dl class="figures">
      <div><dt>under way</dt><dd>\(running.count)</dd></div>
      <div><dt>waiting</dt><dd>\(queue.count)</dd></div>
      <div><dt>moving now</dt><dd>\(Quantity.rate(UInt64(min(rate, 1e18))))</dd></div>
      <div><dt>hosts, \(hosts)</dt><dd>\(model.hosts.count)</dd></div>
      <div><dt>ended, in the list</dt><dd>\(model.ended.rows.count)</dd></div>
      </dl>
      """
  }

  /// Migrations that are under way.
  static func running(_ model: ClusterModel, _ records: [MigrationRecord], at now: Timestamp) -> HTML {
    guard !records.isEmpty else {
      return Piece.section("running", "Under way", Piece.empty(model, "No migration is under way."))
    }
    let rows = records.prefix(mostRows).map { record in (key: record.id.text, cells: runningCells(record, at: now)) }
    return Piece.section(
      "running", "Under way", count: records.count,
      Piece.table(
        "Migrations that are under way",
        columns: [
          Piece.Column("Guest"), Piece.Column("From → to"), Piece.Column("Phase"), Piece.Column("Copied"),
          Piece.Column("Rate", isNumber: true), Piece.Column("Left", isNumber: true), Piece.Column("Why", isProse: true),
        ], rows: Array(rows)) + more(records.count))
  }

  private static func runningCells(_ record: MigrationRecord, at now: Timestamp) -> [HTML] {
    let progress = record.progress
    let isMoving = record.phase == .transferring || record.phase == .preparing
    let rate: HTML = isMoving ? progress?.rateBps.map { rate -> HTML in "\(Quantity.rate(rate))" } ?? "–" : "–"
    let left: HTML =
      isMoving ? progress?.remainingSeconds.map { seconds -> HTML in "\(Quantity.seconds(seconds))" } ?? "–" : "–"
    let trouble =
      record.phase == .needsAttention ? nil : record.trouble.map { _, text -> HTML in "<p class=\"trouble\">\(text)</p>" }
    let bar =
      record.phase == .verifying
      ? record.verification.map { Piece.bar($0, of: "\(record.guest.name), comparison:", dirtyRate: nil) }
      : Piece.bar(record.bar, of: record.guest.name, dirtyRate: progress?.dirtyRateBps)
    return [
      Piece.guest(record.guest, record.id), Piece.way(record.source, record.destination),
      "\(Piece.phase(record.phase))<span class=\"under\">since \(Piece.clock(record.phaseSince))</span>", bar ?? .none, rate, left,
      "\(trouble)\(Piece.reasons(Array(record.reasons.prefix(2))))",
    ]
  }

  /// Migrations that wait.
  static func queue(_ model: ClusterModel, _ records: [MigrationRecord]) -> HTML {
    guard !records.isEmpty else { return Piece.section("queue", "Waiting", Piece.empty(model, "Nothing waits for its turn.")) }
    let rows = records.prefix(mostRows).map { record -> (key: String, cells: [HTML]) in
      let place: HTML = record.waiting.map { waiting -> HTML in "\(waiting.position) at \(Piece.host(waiting.host))" } ?? "–"
      let start: HTML = record.expectedStart.map { Piece.clock($0) } ?? "–"
      return (
        key: record.id.text,
        cells: [
          Piece.guest(record.guest, record.id), Piece.way(record.source, record.destination), place, Piece.reasons(record.reasons),
          Piece.time(record.phaseSince), start,
        ]
      )
    }
    return Piece.section(
      "queue", "Waiting", count: records.count,
      Piece.table(
        "Migrations that wait for their turn",
        columns: [
          Piece.Column("Guest"), Piece.Column("From → to"), Piece.Column("Place"), Piece.Column("Waits for", isProse: true),
          Piece.Column("Since"),
          Piece.Column("Expected"),
        ], rows: Array(rows)) + more(records.count))
  }

  /// Drains, each as one bar; nothing where there are none.
  static func drains(_ drains: [DrainRecord], title: HTML) -> HTML {
    guard !drains.isEmpty else { return .none }
    let rows = drains.prefix(mostRows).map { drain -> (key: String, cells: [HTML]) in
      let counts = drain.counts
      let left: HTML? = counts.left > 0 ? ", <strong>\(counts.left) \(counts.left == 1 ? "stays" : "stay" as HTML)</strong>" : nil
      let end: HTML =
        drain.phase.isTerminal
        ? Piece.time(drain.updatedAt)
        : drain.expectedSeconds.map { seconds -> HTML in "in \(Quantity.seconds(seconds))" } ?? "–"
      return (
        key: drain.id.text,
        cells: [
          Piece.host(drain.host), "\(drain.phase.rawValue)",
          """
          <progress max="1000" value="\(Int(drain.furthest * 1000))" aria-label="Drain of \(drain.host)">\(Int(drain.furthest * 100)) %</progress>\
          <span class="under">\(counts.done) of \(counts.total) gone, \(counts.moving) moving, \(counts.waiting) waiting\(left)</span>
          """, end, Piece.reasons(drain.reasons),
        ]
      )
    }
    return Piece.section(
      "drains", title, count: drains.count,
      Piece.table(
        "Drains",
        columns: [
          Piece.Column("Host"), Piece.Column("Phase"), Piece.Column("Guests"), Piece.Column("End"), Piece.Column("Why", isProse: true),
        ],
        rows: Array(rows)))
  }

  private static func links(_ links: [ClusterModel.LinkLoad]) -> HTML {
    guard !links.isEmpty else { return .none }
    let rows = links.prefix(mostRows).map { link -> (key: String, cells: [HTML]) in
      let highest = max(link.highest, link.rate, 1)
      let part = Int((Double(link.rate) / Double(highest) * 1000).rounded())
      return (
        key: "\(link.source) \(link.destination)",
        cells: [
          Piece.way(link.source, link.destination), "\(link.moving)", "\(link.waiting)",
          """
          <meter min="0" max="1000" value="\(part)" aria-label="Load from \(link.source) to \(link.destination)">\(part / 10) %</meter>\
          <span class="under">\(Quantity.rate(link.rate)), at most \(Quantity.rate(link.highest)) so far</span>
          """,
        ]
      )
    }
    return Piece.section(
      "links", "Links", count: links.count,
      Piece.table(
        "Links between hosts",
        columns: [
          Piece.Column("Link"), Piece.Column("Moving", isNumber: true), Piece.Column("Waiting", isNumber: true), Piece.Column("Load"),
        ], rows: Array(rows)) + more(links.count))
  }

  private static func hosts(_ model: ClusterModel) -> HTML {
    guard !model.hosts.isEmpty else { return Piece.section("hosts", "Hosts", Piece.empty(model, "No host is known.")) }
    var traffic: [NodeName: (out: Int, into: Int)] = [:]
    for record in model.running + model.queue {
      traffic[record.source, default: (0, 0)].out += 1
      traffic[record.destination, default: (0, 0)].into += 1
    }
    let hosts = model.hosts.values.sorted { $0.name.text < $1.name.text }
    let rows = hosts.prefix(mostRows).map { host -> (key: String, cells: [HTML]) in
      let (out, into) = traffic[host.name] ?? (0, 0)
      let guests: HTML =
        host.description.map { description -> HTML in
          "\(description.guests.filter { $0.state == "running" }.count) of \(description.guests.count) \(description.guests.count == 1 ? "runs" : "run" as HTML)"
        } ?? "–"
      return (
        key: host.name.text,
        cells: [Piece.host(host.name), HostPage.state(host), "\(out)", "\(into)", guests, "\(host.description?.agentVersion ?? "–")"]
      )
    }
    return Piece.section(
      "hosts", "Hosts", count: hosts.count,
      Piece.table(
        "Hosts of the cluster",
        columns: [
          Piece.Column("Host"), Piece.Column("State"), Piece.Column("Out", isNumber: true), Piece.Column("In", isNumber: true),
          Piece.Column("Guests"), Piece.Column("Agent"),
        ], rows: Array(rows)) + more(hosts.count))
  }

  private static func recentlyEnded(_ model: ClusterModel) -> HTML {
    let page = model.ended.page(1, of: recent, .all)
    guard page.count > 0 else { return Piece.section("recent", "Ended", Piece.empty(model, "None has ended.")) }
    return Piece.section(
      "recent", "Ended last",
      EndedPage.table(page.rows) + "<p><a href=\"/ended\">See all (\(page.count))</a></p>")
  }

  private static func more(_ count: Int) -> HTML {
    count > mostRows ? "<p class=\"quiet\">And \(count - mostRows) more.</p>" : .none
  }
}

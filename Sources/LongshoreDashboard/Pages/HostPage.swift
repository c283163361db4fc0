import LongshoreClient
import LongshoreMessages

/// One host: what moves in and out, its pools and guests.
enum HostPage {
  /// The most guests that are shown.
  static let mostGuests = 500

  /// The page; nil where the host is not known.
  /// - Parameter action: What lets the reader move its guests; nothing where that is not possible.
  static func page(_ model: ClusterModel, _ name: NodeName, at now: Timestamp, action: HTML = .none) -> Page? {
    guard let host = model.hosts[name] else { return nil }
    let (out, into) = model.moving(name)
    let drains = model.allDrains.filter { $0.host == name }
    let ended = model.ended.page(1, of: 10, EndedList.Filter(host: name))
    let last: HTML =
      ended.count == 0
      ? Piece.empty(model, "None has ended.")
      : EndedPage.table(ended.rows) + "<p><a href=\"/ended?host=\(url: name.text)\">See all of this host (\(ended.count))</a></p>"
    return Page(
      title: name.text, place: .elsewhere, head: "<h1>Host \(name)</h1>",
      parts: [
        Page.Part(id: "state", content: facts(host) + action),
        Page.Part(id: "out", content: traffic(model, out, "out", "Leaving", at: now)),
        Page.Part(id: "into", content: traffic(model, into, "into", "Coming", at: now)),
        Page.Part(id: "drains", content: OverviewPage.drains(drains, title: "Drains")),
        Page.Part(id: "pools", content: pools(host)),
        Page.Part(id: "guests", content: guests(host)),
        Page.Part(id: "recent", content: Piece.section("recent", "Ended last", last)),
      ])
  }

  /// Whether it answers, and takes guests.
  static func state(_ host: HostRecord) -> HTML {
    if host.isSilent {
      let since = host.silentSince.map { time -> HTML in "<span class=\"under\">since \(Piece.clock(time))</span>" }
      return "<span class=\"phase bad\"><span aria-hidden=\"true\">▲</span> does not answer</span>\(since)"
    }
    guard let description = host.description else {
      return "<span class=\"phase quiet\"><span aria-hidden=\"true\">◌</span> no answer yet</span>"
    }
    if description.libvirtVersion == nil { return "<span class=\"phase bad\"><span aria-hidden=\"true\">▲</span> libvirt is away</span>" }
    if description.maintenance?.isOn == true {
      return "<span class=\"phase warn\"><span aria-hidden=\"true\">⊘</span> in maintenance</span>"
    }
    return "<span class=\"phase ok\"><span aria-hidden=\"true\">●</span> answers</span>"
  }

  private static func facts(_ host: HostRecord) -> HTML {
    let description = host.description
    let answered: HTML = host.answeredAt.map { Piece.time($0) } ?? "never"
    return """
      <dl class="facts">
      <div><dt>State</dt><dd>\(state(host))</dd></div>
      <div><dt>Agent</dt><dd>\(description?.agentVersion ?? "–")</dd></div>
      <div><dt>libvirt</dt><dd>\(description?.libvirtVersion ?? "–")</dd></div>
      <div><dt>QEMU</dt><dd>\(description?.hypervisorVersion ?? "–")</dd></div>
      <div><dt>Answered last</dt><dd>\(answered)</dd></div>
      </dl>
      """
  }

  private static func traffic(
    _ model: ClusterModel, _ records: [MigrationRecord], _ id: StaticString, _ title: HTML, at now: Timestamp
  ) -> HTML {
    guard !records.isEmpty else { return Piece.section(id, title, Piece.empty(model, "None.")) }
    let rows = records.prefix(OverviewPage.mostRows).map { record -> (key: String, cells: [HTML]) in
      (
        key: record.id.text,
        cells: [
          Piece.guest(record.guest, record.id), Piece.way(record.source, record.destination), Piece.phase(record.phase),
          Piece.bar(record.bar, of: record.guest.name, dirtyRate: record.progress?.dirtyRateBps), Piece.reasons(record.reasons),
        ]
      )
    }
    return Piece.section(
      id, title, count: records.count,
      Piece.table(
        title,
        columns: [
          Piece.Column("Guest"), Piece.Column("From → to"), Piece.Column("Phase"), Piece.Column("Copied"),
          Piece.Column("Why", isProse: true),
        ], rows: Array(rows)))
  }

  private static func pools(_ host: HostRecord) -> HTML {
    guard let pools = host.description?.pools, !pools.isEmpty else { return .none }
    let rows = pools.sorted { $0.name < $1.name }.prefix(OverviewPage.mostRows).map { pool -> (key: String, cells: [HTML]) in
      let used = pool.capacity - min(pool.available, pool.capacity)
      let part = pool.capacity == 0 ? 0 : Int((Double(used) / Double(pool.capacity) * 1000).rounded())
      let grace: HTML = pool.grace.map { grace -> HTML in "\(Quantity.bytes(grace))" } ?? "–"
      let state: HTML = pool.active ? "active" : "<strong>inactive</strong>"
      // Of one that is inactive libvirt does not know the size.
      let room: HTML =
        pool.capacity == 0
        ? "–"
        : """
        <meter min="0" max="1000" high="900" value="\(part)" aria-label="\(pool.name) used">\(part / 10) %</meter>\
        <span class="under">\(Quantity.bytes(pool.available, of: pool.capacity)) free</span>
        """
      return (
        key: pool.name,
        cells: [
          "\(pool.name)", "\(pool.type)", state, room, grace,
        ]
      )
    }
    return Piece.section(
      "pools", "Pools", count: pools.count,
      Piece.table(
        "Storage pools",
        columns: [
          Piece.Column("Pool"), Piece.Column("Type"), Piece.Column("State"), Piece.Column("Used"),
          Piece.Column("Kept of moved guests", isNumber: true),
        ], rows: Array(rows)))
  }

  private static func guests(_ host: HostRecord) -> HTML {
    guard let guests = host.description?.guests, !guests.isEmpty else { return .none }
    let rows = guests.sorted { ($0.name, $0.uuid) < ($1.name, $1.uuid) }.prefix(mostGuests).map { guest -> (key: String, cells: [HTML]) in
      (key: guest.uuid, cells: ["\(guest.name)", "\(guest.state)", "<code>\(guest.uuid)</code>"])
    }
    let more: HTML = guests.count > mostGuests ? "<p class=\"quiet\">And \(guests.count - mostGuests) more.</p>" : .none
    return Piece.section(
      "guests", "Guests", count: guests.count,
      "<details><summary>Show the guests</summary>"
        + Piece.table("Guests", columns: [Piece.Column("Guest"), Piece.Column("State"), Piece.Column("UUID")], rows: Array(rows)) + more
        + "</details>")
  }
}

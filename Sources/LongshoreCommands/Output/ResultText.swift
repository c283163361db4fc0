import LongshoreMessages

/// The results of commands, as text for people.
enum ResultText {
  /// A disk's way: `vda primary/web-1-root → fast/web-1-root, 4.0 GiB, linked clone`.
  static func disk(_ disk: MigrationEventData.Disk, style: Style) -> String {
    let way = "\(disk.from.pool)/\(disk.from.volume) \(style.arrow) \(disk.to.pool)/\(disk.to.volume)"
    let kind = disk.linkedClone ? "linked clone" : "full clone"
    return "\(disk.target) \(way), \(Quantity.bytes(disk.virtualSize)), \(kind)".printable
  }

  /// The table of a dry run, and what the migration is expected to take.
  static func checks(
    _ checks: [Check], disks: [MigrationEventData.Disk], estimate: MigrationEstimate? = nil, style: Style
  ) -> [String] {
    var table = TextTable("CHECK", "HOST", "OUTCOME", "FOUND")
    for check in checks { table.add(check.code.text, check.host.text, check.outcome.rawValue, check.message) }
    var lines = table.lines(style: style)
    for check in checks where check.outcome != .passed { lines += [""] + remedy(check, style: style) }
    if !disks.isEmpty {
      lines.append("")
      lines += diskTable(disks, style: style)
    }
    if let estimate { lines += EstimateText.lines(estimate, style: style) }
    lines.append("")
    let refused = checks.filter { $0.outcome == .refused }.count
    let warnings = checks.filter { $0.outcome == .warning }.count
    let noted = warnings == 0 ? "" : " (\(Quantity.count(warnings, "warning")))"
    lines.append(
      refused == 0
        ? style.green("The migration would run.") + noted
        : style.red("The migration would be refused: \(Quantity.count(refused, "check")) of \(checks.count) failed."))
    return lines
  }

  /// What a check that was not passed found and expected, and what to do about it.
  private static func remedy(_ check: Check, style: Style) -> [String] {
    let head = "\(check.code) on \(check.host): \(check.message)".printable
    return [check.outcome == .refused ? style.red(head) : head]
      + [check.expected.map { "  expected: \($0.printable)" }, check.advice.map { "  to do:    \($0.printable)" }].compactMap(\.self)
  }

  /// The disks of a migration.
  static func diskTable(_ disks: [MigrationEventData.Disk], style: Style) -> [String] {
    var table = TextTable("DISK", "FROM", "TO", "SIZE", "KIND")
    for disk in disks {
      table.add(
        disk.target.text, "\(disk.from.pool)/\(disk.from.volume)", "\(disk.to.pool)/\(disk.to.volume)",
        Quantity.bytes(disk.virtualSize), disk.linkedClone ? "linked clone" : "full clone")
    }
    return table.lines(style: style)
  }

  /// The answers of hosts about themselves.
  static func hosts(_ hosts: [(from: HostAddress, host: HostDescription)], style: Style) -> [String] {
    var table = TextTable("HOST", "AGENT", "LIBVIRT", "QEMU", "MIGRATIONS", "GUESTS", "POOLS")
    for (from, host) in hosts {
      let running = host.guests.filter { $0.state == "running" }.count
      let pools = host.pools.map { pool in
        guard pool.active else { return "\(pool.name) (inactive)" }
        let held = pool.grace.map { $0 == 0 ? "" : ", \(Quantity.bytes($0)) in grace" } ?? ""
        return "\(pool.name) (\(Quantity.bytes(pool.available, of: pool.capacity)) free\(held))"
      }
      table.add(
        from.host.text + (host.maintenance?.isOn == true ? " (maintenance)" : ""), host.agentVersion, host.libvirtVersion ?? "away",
        host.hypervisorVersion ?? "away",
        String(host.migrations), "\(running) of \(host.guests.count) run", pools.joined(separator: ", "))
    }
    return table.lines(style: style)
  }

  /// Migrations, one a row.
  static func migrations(_ migrations: [MigrationStatus], zone: TimeZoneOffset, style: Style) -> [String] {
    var table = TextTable("ID", "GUEST", "FROM", "TO", "PHASE", "DONE", "ACCEPTED", "LAST EVENT")
    for migration in migrations {
      let (accepted, updated) = (zone.dateAndTime(of: migration.acceptedAt), zone.dateAndTime(of: migration.updatedAt))
      // The day only where it is another one.
      let isSameDay = accepted.prefix { $0 != " " } == updated.prefix { $0 != " " }
      table.add(
        migration.id.text, migration.guest.name, migration.sourceHost.text, migration.destinationHost.text,
        migration.phase.words, done(migration), accepted, isSameDay ? zone.time(of: migration.updatedAt) : updated)
    }
    return table.lines(style: style)
  }

  /// The story of a migration.
  static func status(_ status: MigrationStatus, zone: TimeZoneOffset, style: Style) -> [String] {
    let way = "\(status.sourceHost) \(style.arrow) \(status.destinationHost)"
    var lines = [style.bold("\(status.guest.name.printable)  \(way)  \(status.phase.words)")]
    lines.append("id \(status.id), guest \(status.guest.uuid.printable)")
    lines.append("")
    let events = (status.events ?? []).sorted { $0.sequence < $1.sequence }
    for event in events {
      let after = Double(max(0, event.time.milliseconds - status.acceptedAt.milliseconds)) / 1000
      let time = "\(zone.dateAndTime(of: event.time))  \(("+" + Quantity.seconds(after)).leftPadded(to: 8))"
      let kind = event.data.kind.words
      let padding = String(repeating: " ", count: max(0, 15 - kind.columns))
      let reasons = event.data.reasons ?? []
      let detail = reasons.isEmpty ? EventLine.detail(of: event) : ""
      let shown = EventLine.coloured(event.data.kind, style)
      lines.append(detail.isEmpty ? "\(time)  \(shown)" : "\(time)  \(shown)\(padding)  \(detail)")
      lines += reasons.map { "    - \($0.words)" }
      if event.data.kind == .preparing { lines += (event.data.disks ?? []).map { "    - \(disk($0, style: style))" } }
    }
    if events.isEmpty {
      lines.append("\(zone.dateAndTime(of: status.acceptedAt))  accepted")
      lines.append("\(zone.dateAndTime(of: status.updatedAt))  \(status.phase.words)")
    }
    if !events.contains(where: { $0.data.reasons?.isEmpty == false }) {
      lines += (status.reasons ?? []).map { "    - \($0.words)" }
    }
    if status.phase == .needsAttention {
      lines += ["", style.yellow("What to do:")]
      lines += Advice.inAttention(status).map { "  - \($0.printable)" }
    }
    if !status.phase.isTerminal, let progress = status.progress {
      lines.append("")
      lines += progressTable(progress, style: style)
      lines += (progress.reasons ?? []).map { style.yellow($0.words) }
    }
    return lines
  }

  private static func progressTable(_ progress: Progress, style: Style) -> [String] {
    var parts = ProgressParts()
    parts.update(progress)
    var table = TextTable("PART", "DONE", "BYTES")
    for part in parts.all { table.add(part.name, Quantity.percent(part.furthest), part.bytes) }
    return table.lines(style: style)
  }

  private static func done(_ migration: MigrationStatus) -> String {
    if migration.phase == .completed { return "100 %" }
    guard !migration.phase.isTerminal, let progress = migration.progress else { return "" }
    var parts = ProgressParts()
    parts.update(progress)
    return parts.all.isEmpty ? "" : Quantity.percent(parts.whole.furthest)
  }
}

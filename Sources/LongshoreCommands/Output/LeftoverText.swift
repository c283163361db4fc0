import LongshoreMessages

/// What migrations have left on hosts, as text for people: disks in their time of grace, and orphans.
enum LeftoverText {
  // MARK: - Grace

  /// Disks that are set aside, the one that is deleted first first.
  static func grace(
    _ disks: [(host: NodeName, disk: SetAsideDisk)], at now: Timestamp, zone: TimeZoneOffset, style: Style
  ) -> [String] {
    var table = TextTable("HOST", "GUEST", "SIZE", "DELETED", "IN", "MIGRATION")
    for (host, disk) in disks {
      table.add(
        host.text, disk.guest?.name ?? "", disk.size.map(Quantity.bytes) ?? "missing", zone.dateAndTime(of: disk.deleteAt),
        Quantity.seconds(Double(disk.deleteAt.milliseconds - now.milliseconds) / 1000), disk.migration.text)
    }
    let details = disks.map { _, disk in
      [disk.originalPath.map { "was \($0)" }, "now \(disk.path)"].compactMap(\.self) + (disk.reason.map { ["kept: \($0.words)"] } ?? [])
    }
    return table.lines(style: style, details: details) + ["", "\(amount(disks.map(\.disk))) set aside."]
  }

  /// What became of disks that were to be deleted.
  static func purged(_ disks: [SetAsideDisk], host: NodeName, style: Style) -> [String] {
    let deleted = disks.filter { $0.state == .deleted }
    let head = deleted.isEmpty ? "Nothing deleted on \(host)." : style.green("Deleted on \(host):") + " \(amount(deleted))."
    return [head] + deleted.map { "  \($0.path.printable)" }
  }

  /// Why disks were not deleted; empty where all were.
  static func notPurged(_ disks: [SetAsideDisk], host: NodeName, style: Style) -> [String] {
    disks.filter { $0.state == .kept }.flatMap { disk in
      [style.yellow("Kept on \(host):") + " \(disk.path.printable)"] + (disk.reason.map { ["  - \($0.words)"] } ?? [])
    }
  }

  /// The question before disks are deleted.
  static func question(_ disks: [SetAsideDisk], host: NodeName) -> String {
    let guests = Set(disks.compactMap(\.guest?.name)).sorted().joined(separator: ", ")
    let whose = guests.isEmpty ? "" : " of \(guests.printable)"
    return "Delete \(amount(disks))\(whose) on \(host) for good? [y/N] "
  }

  private static func amount(_ disks: [SetAsideDisk]) -> String {
    "\(Quantity.count(disks.count, "disk")) of \(Quantity.bytes(sum(disks.compactMap(\.size))))"
  }

  // MARK: - Orphans

  /// What belongs to no migration that runs, and what of it can be removed.
  ///
  /// - Parameter answered: How many hosts have told; those that are away may have more.
  static func orphans(
    _ orphans: [(host: NodeName, orphan: Orphan)], answered: Int, at now: Timestamp, style: Style
  ) -> [String] {
    table(orphans, at: now, style: style) + [""] + summary(orphans.map(\.orphan), answered: answered)
  }

  /// What has become of it.
  static func removed(_ orphans: [(host: NodeName, orphan: Orphan)], at now: Timestamp, style: Style) -> [String] {
    let removed = orphans.map(\.orphan).filter { $0.state == .removed }
    let freed = sum(removed.compactMap(\.size))
    return table(orphans, at: now, style: style) + [
      "", "\(removed.count) of \(Quantity.count(orphans.count, "orphan")) removed\(freed == 0 ? "" : ", \(Quantity.bytes(freed))").",
    ]
  }

  private static func table(_ orphans: [(host: NodeName, orphan: Orphan)], at now: Timestamp, style: Style) -> [String] {
    var table = TextTable("HOST", "KIND", "SIZE", "AGE", "STATE", "NAME")
    for (host, orphan) in orphans {
      let age = orphan.since.map { Quantity.seconds(Double(now.milliseconds - $0.milliseconds) / 1000) }
      table.add(
        host.text, orphan.kind.words, orphan.size.map(Quantity.bytes) ?? "", age ?? "", orphan.state.rawValue, orphan.name)
    }
    let details = orphans.map { _, orphan in
      (orphan.migration.map { ["migration \($0)"] } ?? []) + [orphan.why]
    }
    return table.lines(style: style, details: details)
  }

  private static func summary(_ orphans: [Orphan], answered: Int) -> [String] {
    let removable = orphans.filter { $0.state == .removable }
    let count = "\(Quantity.count(orphans.count, "orphan")) on \(Quantity.count(answered, "host")) that answered"
    guard !removable.isEmpty else { return ["\(count), none of which can be removed."] }
    let size = sum(removable.compactMap(\.size))
    let freed = size == 0 ? "" : " (\(Quantity.bytes(size)))"
    return ["\(count), \(removable.count) of them removable\(freed).", "`longshore orphans --remove` removes those."]
  }

  private static func sum(_ sizes: [UInt64]) -> UInt64 {
    sizes.reduce(0) { sum, next in
      let (more, overflow) = sum.addingReportingOverflow(next)
      return overflow ? .max : more
    }
  }
}

extension Orphan.Kind {
  /// The kind, for people.
  fileprivate var words: String { rawValue.replacing("-", with: " ") }
}

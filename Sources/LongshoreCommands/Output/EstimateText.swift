import LongshoreMessages

/// What a migration is expected to take, as text for people.
enum EstimateText {
  /// The tables of disks, templates and pools, the expectation and what it rests on; each part after an empty line.
  static func lines(_ estimate: MigrationEstimate, style: Style) -> [String] {
    var lines: [String] = []
    if !estimate.disks.isEmpty { lines += [""] + disks(estimate.disks, style: style) }
    if !estimate.templates.isEmpty { lines += [""] + templates(estimate.templates, style: style) }
    if !estimate.pools.isEmpty { lines += [""] + pools(estimate.pools, style: style) }
    return lines + [""] + expectation(estimate, style: style)
  }

  private static func disks(_ disks: [MigrationEstimate.Disk], style: Style) -> [String] {
    var table = TextTable("DISK", "KIND", "TO COPY", "WRITTEN", "CHAIN")
    for disk in disks {
      table.add(
        disk.target.text, disk.kind == .linkedClone ? "linked clone" : "full clone", Quantity.bytes(disk.bytes),
        disk.writeBps.map(Quantity.rate) ?? "unknown", disk.chain.map(\.text).joined(separator: " on "))
    }
    return table.lines(style: style)
  }

  private static func templates(_ templates: [MigrationEstimate.Template], style: Style) -> [String] {
    var table = TextTable("TEMPLATE", "SIZE", "AT THE DESTINATION")
    for template in templates {
      table.add(
        "\(template.pool)/\(template.volume)", Quantity.bytes(template.bytes),
        template.isPresent ? "there, will be compared" : "lacks, will be copied")
    }
    return table.lines(style: style)
  }

  private static func pools(_ pools: [MigrationEstimate.Pool], style: Style) -> [String] {
    var table = TextTable("POOL", "HOST", "FREE NOW", "AFTERWARDS", "AFTER THE GRACE")
    for pool in pools {
      table.add(
        pool.pool.text, pool.host.text, Quantity.bytes(pool.availableBefore, of: pool.capacity), Quantity.bytes(pool.availableAfter),
        pool.availableAfterGrace.map(Quantity.bytes) ?? "")
    }
    return table.lines(style: style)
  }

  private static func expectation(_ estimate: MigrationEstimate, style: Style) -> [String] {
    let moved = "to move \(estimate.bytes.words)"
    var head = style.bold("Expected:")
    if let seconds = estimate.seconds {
      head += " about \(Quantity.seconds(seconds))" + (estimate.downtimeMs.map { ", downtime \($0) ms" } ?? "") + ", \(moved)"
    } else {
      head += " \(moved), in a time that cannot be told"
    }
    var lines = [head + "."]
    if let parts = estimate.parts {
      let named = [
        ("preparation", parts.preparation), ("templates", parts.templates), ("disks", parts.disks), ("memory", parts.memory),
        ("handover", parts.handover),
      ]
      lines.append("  " + named.filter { $0.1 > 0 }.map { "\($0.0) \(Quantity.seconds($0.1))" }.joined(separator: ", "))
    }
    lines += estimate.reasons.map { "  - \($0.printable)" }
    switch estimate.converges {
    case true?: lines.append("It is expected to converge: the copies catch up with the guest.")
    case false?: lines.append(style.yellow("It is not expected to converge:") + " the copies do not catch up with the guest.")
    case nil: break
    }
    return lines + (estimate.advice ?? []).map { "Advice: \($0.printable)." }
  }
}

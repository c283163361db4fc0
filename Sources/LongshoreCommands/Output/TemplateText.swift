import LongshoreMessages

/// Templates, and work on them, in words.
enum TemplateText {
  // MARK: - The list

  /// Templates in a table, and how many there are.
  static func templates(
    _ templates: [(host: NodeName, template: TemplateFile)], zone: TimeZoneOffset, style: Style
  ) -> [String] {
    var table = TextTable("HOST", "POOL", "TEMPLATE", "SIZE", "FORMAT", "IMAGES", "DIGEST", "ORIGIN")
    for (host, template) in templates {
      table.add(
        host.text, template.pool.text, template.volume.text, Quantity.bytes(template.fileSize), template.format.rawValue,
        "\(template.images)", template.digest.map(\.short) ?? "unknown", origin(of: template, zone))
    }
    let total = templates.map(\.template.fileSize).reduce(0, &+)
    return table.lines(style: style) + ["", "\(Quantity.count(templates.count, "template")) of \(Quantity.bytes(total))."]
  }

  private static func origin(of template: TemplateFile, _ zone: TimeZoneOffset) -> String {
    let state = template.isReadOnly ? "read-only" : "writable"
    guard let copied = template.copied else { return state }
    return "copied from \(copied.from) \(zone.dateAndTime(of: copied.at)), \(state)"
  }

  // MARK: - Progress

  /// Work that goes on, in a line.
  static func line(_ work: TemplateWork, on host: NodeName, style: Style) -> String {
    var parts = [title(work, on: host, style), phase(work)]
    if work.phase == .working, work.bytesTotal > 0 {
      parts.append("\(Quantity.percent(work.fraction)), \(Quantity.bytes(work.bytesDone, of: work.bytesTotal))")
    }
    return parts.joined(separator: ": ")
  }

  /// Work that goes on, for a terminal; no line is wider than `width` columns.
  static func progress(_ work: TemplateWork, on host: NodeName, width: Int, style: Style) -> [String] {
    let head = "\(title(work, on: host, style)) \(style.dot) \(phase(work))"
    var lines = [style.bold(head.truncated(to: width))]
    guard work.phase == .working, work.bytesTotal > 0 else { return lines }
    let tail = " \(Quantity.percent(work.fraction)) \(style.dot) \(Quantity.bytes(work.bytesDone, of: work.bytesTotal))"
    let bar = min(40, width - 2 - tail.columns)
    lines.append("  " + ProgressBar.draw(work.fraction, width: bar, style: style) + tail.truncated(to: max(0, width - 2)))
    return lines
  }

  private static func title(_ work: TemplateWork, on host: NodeName, _ style: Style) -> String {
    work.source.map { "\($0) \(style.arrow) \(host)" } ?? host.text
  }

  private static func phase(_ work: TemplateWork) -> String {
    if work.phase == .queued { return "waits for its turn" }
    guard let file = work.files.first(where: { $0.state == .working }) else {
      return work.kind == .prefetch && work.files.isEmpty ? "asking" : "working"
    }
    return "\(work.kind == .prefetch ? "copying" : "reading") \(file.name.printable)"
  }

  // MARK: - A prefetch's end

  /// What a prefetch has done.
  static func placed(_ work: TemplateWork, _ template: ResourceName, on host: NodeName, style: Style) -> [String] {
    let isNew = work.files.contains { $0.state == .copied }
    let head = isNew ? style.green("In place on \(host):") : "On \(host) already:"
    return ["\(head) \(template.text.printable)"]
      + work.files.map { file in
        "  \(file.name.printable)  \(Quantity.bytes(file.fileSize))  \(file.state == .copied ? "copied" : "was there, the same")"
      }
  }

  // MARK: - A verification's end

  /// What a verification has found, beside what another host has, where one was asked.
  static func verified(_ work: TemplateWork, against other: (host: NodeName, work: TemplateWork)?, style: Style) -> [String] {
    var table =
      if let other {
        TextTable("POOL", "TEMPLATE", "SIZE", "CONTENT", "ON \(other.host.text.uppercased())", "DIGEST")
      } else {
        TextTable("POOL", "TEMPLATE", "SIZE", "CONTENT", "DIGEST")
      }
    for file in work.files {
      let digest = file.digest.map(\.short) ?? "unknown"
      let start = [file.pool.text, file.volume.text, Quantity.bytes(file.fileSize), file.state.words]
      if let other {
        table.add(start[0], start[1], start[2], start[3], Comparison(file, in: other.work).words, digest)
      } else {
        table.add(start[0], start[1], start[2], start[3], digest)
      }
    }
    let details = work.files.map { file in
      (file.reason.map { [$0.words] } ?? [])
        + (other.flatMap { Comparison(file, in: $0.work).detail(on: $0.host) }.map { [$0] } ?? [])
    }
    return table.lines(style: style, details: details)
  }

  /// How a file stands to that of the same pool and name on another host.
  enum Comparison: Hashable {
    case same
    case differs(LayerDigest)
    case absent
    case unknown

    init(_ file: TemplateWork.File, in work: TemplateWork) {
      guard let twin = work.files.first(where: { $0.pool == file.pool && $0.volume == file.volume }) else {
        self = .absent
        return
      }
      guard let here = file.digest, let there = twin.digest else {
        self = .unknown
        return
      }
      self = here == there ? .same : .differs(there)
    }

    var words: String {
      switch self {
      case .same: "same"
      case .differs: "differs"
      case .absent: "not there"
      case .unknown: "unknown"
      }
    }

    func detail(on host: NodeName) -> String? {
      guard case .differs(let digest) = self else { return nil }
      return "on \(host) it has \(Quantity.bytes(digest.fileSize)) and the digest \(digest.short)"
    }
  }
}

extension TemplateWork {
  /// The part of the bytes that is done.
  fileprivate var fraction: Double { bytesTotal == 0 ? 0 : min(1, Double(bytesDone) / Double(bytesTotal)) }

  /// Whether a verification has found nothing that is not as it was.
  var isClean: Bool { files.allSatisfy { $0.state == .same || $0.state == .new } }
}

extension TemplateWork.File {
  /// The file with its pool: `primary/debian-12.qcow2`.
  var name: String { "\(pool)/\(volume)" }
}

extension TemplateWork.File.State {
  fileprivate var words: String {
    switch self {
    case .same: "as remembered"
    case .new: "remembered now"
    case .differs: "DIFFERS"
    case .unreadable: "UNREADABLE"
    case .waiting, .working, .present, .copied: rawValue
    }
  }
}

extension LayerDigest {
  /// The digest's beginning, as people compare it.
  var short: String { String(sha256.printable.prefix(12)) }
}

import LongshoreClient
import LongshoreMessages

/// One migration: where it stands, its disks, its rates, its story and its plan.
enum MigrationPage {
  /// The page; nil where nothing is known of the migration.
  /// - Parameter actions: What lets the reader change or end it; nothing where that is not possible.
  static func page(_ model: ClusterModel, _ id: MigrationID, at now: Timestamp, actions: HTML = .none) -> Page? {
    guard let record = model.migration(id) else { return model.ended.row(of: id).map(rowAlone) }
    let name = record.guest.name.isEmpty ? record.guest.uuid : record.guest.name
    return Page(
      title: "\(name) · \(record.phase.words)", place: .elsewhere,
      head: """
        <h1>\(name)</h1>
        <p class="ids">migration <code>\(id)</code> · guest <code>\(record.guest.uuid)</code></p>
        """,
      parts: [
        Page.Part(id: "advice", content: advice(record, at: now)),
        Page.Part(id: "standing", content: standing(record) + (record.end == nil ? actions : .none)),
        Page.Part(id: "copy", content: copy(record, at: now)),
        Page.Part(id: "rates", content: rates(record)),
        Page.Part(id: "story", content: story(model, record)),
        Page.Part(id: "plan", content: plan(record)),
        Page.Part(id: "checks", content: checks(record.checks)),
        Page.Part(id: "raw", content: raw(record)),
      ])
  }

  /// What is left of a migration whose story is not kept.
  private static func rowAlone(_ row: EndedList.Row) -> Page {
    Page(
      title: "\(row.guest.name) · \(row.phase.words)", place: .elsewhere,
      head: """
        <h1>\(row.guest.name)</h1>
        <p class="ids">migration <code>\(row.id)</code> · guest <code>\(row.guest.uuid)</code></p>
        """,
      parts: [
        Page.Part(
          id: "standing",
          content: EndedPage.table([row])
            + """
            <p>It ended so long ago that its story is not kept here. Its source may have it: \
            <code>longshore status \(row.id)</code></p>
            """)
      ])
  }

  // MARK: What to do

  private static func advice(_ record: MigrationRecord, at now: Timestamp) -> HTML {
    guard let trouble = record.trouble else { return record.phase == .failed ? afterFailure(record) : .none }
    let isAlarm = trouble.0 == .alarm
    var steps: [HTML] = []
    if record.phase == .needsAttention {
      steps = AttentionAdvice(
        for: record.reasons, of: record.id, guest: record.guest, from: record.source, to: record.destination
      ).steps.map(Piece.prose)
    } else if record.isUnknownToSource {
      steps = [
        "Its journal may be gone, or its last event is still under way. Ask: <code>longshore status \(record.id)</code>",
        "See which host runs the guest: <code>virsh domstate \(record.guest.uuid)</code>",
      ]
    } else {
      steps = [
        "The guest runs on at \(Piece.host(record.source)); nothing is lost by waiting.",
        """
        Let it converge: <code>longshore tune \(record.id) --max-downtime …</code>, or suspend the guest for the rest of the copy: \
        <code>longshore force-complete \(record.id)</code>
        """, "Or stop it: <code>longshore cancel \(record.id)</code>",
      ]
    }
    return """
      <section class="notice \(isAlarm ? "bad" : "warn")" aria-labelledby="advice-heading" data-alarm="migration \(record.id)">
      <h2 id="advice-heading"><span class="sign">\(isAlarm ? "▲ Alarm" : "△ Warning")</span> <span data-alarm-text>\(record.guest.name): \(trouble.1).</span></h2>
      \(Piece.reasons(record.reasons))
      <h3>What to do</h3><ol>\(steps.map { step -> HTML in "<li>\(step)</li>" })</ol></section>
      """
  }

  private static func afterFailure(_ record: MigrationRecord) -> HTML {
    let refused = record.checks.filter { $0.outcome == .refused && $0.advice != nil }
    let steps: [HTML] =
      refused.isEmpty
      ? ["Mend what the reasons name, then order it again. Nothing of this attempt is left at \(Piece.host(record.destination))."]
      : refused.map { check -> HTML in "On \(Piece.host(check.host)): \(check.advice ?? "") <code>\(check.code.text)</code>" }
    let stage = record.end?.event?.stage.map { stage -> HTML in " at \(stage.words)" }
    return """
      <section class="notice warn" aria-labelledby="advice-heading">
      <h2 id="advice-heading">It failed\(stage); the guest was not moved</h2>
      \(Piece.reasons(record.reasons))
      <h3>What to do</h3><ol>\(steps.map { step -> HTML in "<li>\(step)</li>" })</ol></section>
      """
  }

  // MARK: Where it stands

  private static func standing(_ record: MigrationRecord) -> HTML {
    let place = record.place, end = record.end
    func card(_ host: NodeName, _ role: HTML) -> HTML {
      let isHere = place == host
      let words: HTML = end?.event?.hasGuestEnded == true ? "the guest is here and does not run" : "the guest runs here"
      let mark: HTML = isHere ? "<span class=\"here\"><span aria-hidden=\"true\">●</span> \(words)</span>" : .none
      return """
        <div class="card\(isHere ? " is-here" : .none as HTML)"><p class="role">\(role)</p><p class="name">\(Piece.host(host))</p>\(mark)</div>
        """
    }
    let unknown: HTML =
      place == nil ? "<p class=\"quiet\">Which host has the guest is being found out.</p>" : .none
    let downtime: HTML? = end?.event?.downtimeMs.map { downtime -> HTML in fact("Downtime", "\(downtime) ms") }
    let bytes: HTML? = end?.event?.bytes.map { bytes -> HTML in fact("Moved", "\(bytes.words)") }
    let console: HTML? = end?.event?.console.map { console -> HTML in
      fact("Console", "\(console.type) \(console.address), port \(console.port)")
    }
    let time: HTML =
      end.map { end -> HTML in fact("Ended", Piece.time(end.at)) + took(record, end) }
      ?? fact("In this phase since", Piece.time(record.phaseSince)) + fact("Heard of last", Piece.age(record.heardAt))
    return """
      <div class="ways">\(card(record.source, "from"))<span class="arrow" aria-hidden="true">→</span>\(card(record.destination, "to"))</div>
      \(unknown)
      <dl class="facts">\(fact("Phase", Piece.phase(record.phase)))\(fact("Accepted", Piece.time(record.acceptedAt)))\(time)\(downtime)\(bytes)\(console)</dl>
      """
  }

  private static func took(_ record: MigrationRecord, _ end: MigrationRecord.End) -> HTML {
    fact("Took", end.event?.seconds.map { seconds -> HTML in "\(Quantity.seconds(seconds))" } ?? "–")
  }

  private static func fact(_ name: HTML, _ value: HTML) -> HTML { "<div><dt>\(name)</dt><dd>\(value)</dd></div>" }

  // MARK: The copy

  private static func copy(_ record: MigrationRecord, at now: Timestamp) -> HTML {
    if record.isQueued {
      let place: HTML? = record.waiting.map { waiting -> HTML in
        fact("Place", "\(waiting.position) at \(Piece.host(waiting.host)), for \(waiting.limit)")
      }
      let start: HTML? = record.expectedStart.map { time -> HTML in fact("Expected", Piece.time(time)) }
      return Piece.section(
        "copy", "It waits for its turn",
        "<dl class=\"facts\">\(place)\(start)\(fact("Since", Piece.time(record.phaseSince)))</dl>" + Piece.reasons(record.reasons))
    }
    guard !record.bar.parts.isEmpty || record.verification != nil else { return .none }
    let progress = record.progress
    let dirty = progress?.dirtyRateBps
    let rows = record.bar.parts.map { part -> (key: String, cells: [HTML]) in
      let thousandths = Int((part.copied * 1000).rounded(.down))
      let behind: HTML =
        record.end == nil
        ? part.behind.map { left -> HTML in left > 0 ? "\(Quantity.bytes(left)) to catch up" : "nothing" }
          ?? "\(Quantity.bytes(part.amount.remaining)) left" : "–"
      return (
        key: part.name,
        cells: [
          "\(part.name)",
          "<progress max=\"1000\" value=\"\(thousandths)\" aria-label=\"\(part.name) copied once\">\(thousandths / 10) %</progress>",
          "\(Quantity.percent(part.copied))", behind, "\(Quantity.bytes(part.amount.total))",
        ]
      )
    }
    let isCopying = record.end == nil && (record.phase == .transferring || record.phase == .preparing)
    let facts: [HTML?] =
      isCopying
      ? [
        progress?.rateBps.map { rate -> HTML in fact("Rate", "\(Quantity.rate(rate, of: progress?.budgetBps))") },
        dirty.map { rate -> HTML in fact("Memory changed at", "\(Quantity.rate(rate))") },
        progress?.remainingSeconds.map { seconds -> HTML in fact("Left", "\(Quantity.seconds(seconds))") },
        progress?.expectedDowntimeMs.map { downtime -> HTML in fact("Expected downtime", "\(downtime) ms") },
        progress?.iteration.map { iteration -> HTML in fact("Pass over the memory", "\(iteration)") },
        progress?.throttlePercent.map { percent -> HTML in fact("Guest slowed down by", "\(percent) %") },
        record.movedAt.map { time -> HTML in fact("Bytes moved last", Piece.age(time)) },
      ] : []
    let compared: HTML? = record.verification.map { bar -> HTML in
      "<h3>Comparison of the disks</h3><p class=\"whole\">\(Piece.bar(bar, of: "Comparison", dirtyRate: nil, isEnded: record.end != nil))</p>"
    }
    let parts: HTML =
      rows.isEmpty
      ? .none
      : Piece.table(
        "Parts of the copy",
        columns: [
          Piece.Column("Part"), Piece.Column("Copied once"), Piece.Column("", isNumber: true),
          Piece.Column("Still to move", isNumber: true), Piece.Column("Size", isNumber: true),
        ], rows: rows)
    return Piece.section(
      "copy", "The copy",
      """
      <div class="whole" id="whole">\(Piece.bar(record.bar, of: record.guest.name, dirtyRate: dirty, isEnded: record.end != nil))</div>
      \(isCopying ? "<dl class=\"facts\">\(facts.compactMap(\.self))</dl>" : .none as HTML)
      \(parts)\(compared)\(record.end == nil && record.trouble == nil ? Piece.reasons(record.reasons) : .none)
      """)
  }

  private static func rates(_ record: MigrationRecord) -> HTML {
    guard record.rates.samples.count >= 2 else { return .none }
    return Piece.section("rates", "Rates", RateChart.figure(record.rates.samples))
  }

  // MARK: The story

  private static func story(_ model: ClusterModel, _ record: MigrationRecord) -> HTML {
    guard !record.events.isEmpty else {
      return Piece.section("story", "Time line", Piece.empty(model, "Its events were not heard; its host alone told of it."))
    }
    let items = record.events.map { event -> HTML in
      let after = Double(max(0, event.time.milliseconds - record.acceptedAt.milliseconds)) / 1000
      return """
        <li data-key="\(event.sequence)"><p>\(Piece.phaseWord(event.data.kind)) <span class="quiet">\(Piece.time(event.time)), \
        \(Quantity.seconds(after)) after acceptance</span></p>\(Piece.reasons(event.data.reasons ?? event.data.waiting.map { [$0.reason] } ?? []))</li>
        """
    }
    return Piece.section("story", "Time line", "<ol class=\"story\">\(items)</ol>")
  }

  private static func plan(_ record: MigrationRecord) -> HTML {
    guard !record.disks.isEmpty else { return .none }
    let rows = record.disks.map { disk -> (key: String, cells: [HTML]) in
      (
        key: disk.target.text,
        cells: [
          "\(disk.target.text)", "\(disk.from.pool.text)/\(disk.from.volume.text)", "\(disk.to.pool.text)/\(disk.to.volume.text)",
          "\(disk.to.format.rawValue)", "\(Quantity.bytes(disk.virtualSize))", "\(disk.linkedClone ? "linked clone" : "full clone")",
        ]
      )
    }
    return Piece.section(
      "plan", "Disks",
      Piece.table(
        "Disks and where they go",
        columns: [
          Piece.Column("Disk"), Piece.Column("From"), Piece.Column("To"), Piece.Column("Format"), Piece.Column("Size", isNumber: true),
          Piece.Column("Kind"),
        ], rows: rows))
  }

  /// What was looked at before anything was made.
  static func checks(_ checks: [Check]) -> HTML {
    guard !checks.isEmpty else { return .none }
    let bad = checks.filter { $0.outcome != .passed }.count
    let rows = checks.enumerated().map { index, check -> (key: String, cells: [HTML]) in
      let outcome: HTML =
        switch check.outcome {
        case .passed: "<span class=\"phase ok\"><span aria-hidden=\"true\">✓</span> passed</span>"
        case .warning: "<span class=\"phase warn\"><span aria-hidden=\"true\">△</span> warning</span>"
        case .refused: "<span class=\"phase bad\"><span aria-hidden=\"true\">✕</span> refused</span>"
        }
      let advice: HTML? = check.outcome == .passed ? nil : check.advice.map { text -> HTML in "<span class=\"under\">\(text)</span>" }
      return (
        key: "\(index) \(check.code.text)",
        cells: ["<code>\(check.code.text)</code>", Piece.host(check.host), outcome, "\(check.message)\(advice)"]
      )
    }
    let summary: HTML = bad == 0 ? "passed" : "\(bad) not passed"
    return Piece.section(
      "checks", "Checks", count: checks.count,
      "<details\("open", if: bad > 0)><summary>\(Quantity.count(checks.count, "check")), \(summary)</summary>"
        + Piece.table(
          "Checks before anything was made",
          columns: [Piece.Column("Check"), Piece.Column("Host"), Piece.Column("Outcome"), Piece.Column("Found", isProse: true)], rows: rows)
        + "</details>")
  }

  private static func raw(_ record: MigrationRecord) -> HTML {
    let lines = record.events.map { String(decoding: MessageCoding.encode($0), as: UTF8.self) }.joined(separator: "\n")
    guard !lines.isEmpty else { return .none }
    return """
      <details class="raw"><summary>Events as JSON</summary><p><a href="/migrations/\(url: record.id.text)/events.jsonl">Download</a></p>\
      <pre tabindex="0">\(lines)</pre></details>
      """
  }
}

extension MigrationRecord {
  /// The host that has the guest; nil where that is being found out.
  var place: NodeName? {
    if let end { return end.event?.runsAt ?? (end.phase == .completed ? destination : source) }
    switch phase {
    case .switching, .confirming, .needsAttention: return nil
    case .verifying, .releasing, .completed: return destination
    default: return source
    }
  }
}

extension Piece {
  /// What an event says happened, with a sign.
  static func phaseWord(_ kind: MigrationEventData.Kind) -> HTML {
    let (style, sign): (HTML, HTML) =
      switch kind {
      case .completed: ("ok", "✓")
      case .failed: ("bad", "✕")
      case .cancelled: ("quiet", "⊘")
      case .needsAttention: ("bad", "▲")
      case .queued: ("wait", "◷")
      default: ("busy", "")
      }
    return "<strong class=\"phase \(style)\">\(kind.words) <span aria-hidden=\"true\">\(sign)</span></strong>"
  }
}

import LongshoreClient
import LongshoreMessages

/// The page of something that is not known: not yet, while there is something left to look at, or not at all.
enum SearchPage {
  /// What is looked for.
  enum Subject: Sendable, Hashable {
    case migration(MigrationID)
    case host(NodeName)
  }

  /// The page.
  static func page(_ model: ClusterModel, _ subject: Subject, at now: Timestamp) -> Page {
    model.isComplete ? missing(model, subject) : searching(model, subject, at: now)
  }

  private static func name(_ subject: Subject) -> HTML {
    switch subject {
    case .migration(let id): "migration <code>\(id)</code>"
    case .host(let name): "host named <b>\(name)</b>"
    }
  }

  /// All has been looked at.
  private static func missing(_ model: ClusterModel, _ subject: Subject) -> Page {
    let items = lookedAt(model, subject).map { item -> HTML in "<li>\(item)</li>" }
    let steps = advice(model, subject).map { step -> HTML in "<li>\(step)</li>" }
    return Page(
      title: "Not found", place: .elsewhere, head: "<h1>Not found</h1>",
      parts: [
        Page.Part(
          id: "message",
          content: """
            <p>No \(name(subject)) is known in cluster \(model.cluster). This page shows it as soon as something of it is heard.</p>
            <h3>What was looked at</h3><ul>\(items)</ul>
            <h3>What to do</h3><ol>\(steps)</ol>
            <p><a href="/">To the overview</a></p>
            """)
      ], status: 404, kind: .missing)
  }

  private static func lookedAt(_ model: ClusterModel, _ subject: Subject) -> [HTML] {
    var items: [HTML] = []
    if let history = model.broker.history {
      let oldest: HTML =
        history.read.map { read -> HTML in "the oldest is of \(Piece.time(read.lowerBound))" } ?? "there are none"
      items.append("the events since \(Piece.time(history.since)): \(oldest)")
    }
    let answers = model.hosts.values.filter { $0.description != nil && !$0.isSilent }.count
    let hosts = Quantity.count(model.hosts.count, "host")
    guard !model.hosts.isEmpty else {
      items.append("the hosts, none of which has answered")
      return items
    }
    switch subject {
    case .migration:
      let some: HTML =
        answers == model.hosts.count ? "all \(hosts)" : "\(answers) of \(hosts); a host that does not answer may know it"
      items.append("the migrations that have not ended, at \(some)")
      if let horizon = model.ended.horizon {
        items.append("those that have ended since \(Piece.time(horizon)): there is no room for more")
      }
    case .host: items.append("the hosts that answer: \(answers) of \(hosts) that are known")
    }
    return items
  }

  private static func advice(_ model: ClusterModel, _ subject: Subject) -> [HTML] {
    switch subject {
    case .migration(let id):
      [
        "Compare the id: a migration that was refused, or only checked, leaves no trace here.",
        "Ask the hosts, whose journals may have it: <kbd>longshore status \(id)</kbd>",
        """
        If it is older, start the dashboard with a longer history, such as <kbd>longshore dashboard --history 30d</kbd>, which reaches back \
        as far as the broker keeps events.
        """,
      ]
    case .host:
      [
        "See which hosts answer: <kbd>longshore hosts --cluster \(model.cluster)</kbd>",
        "See there whether its agent runs, and of which cluster it is: <kbd>systemctl status longshored</kbd>",
      ]
    }
  }

  /// Something is left to look at.
  private static func searching(_ model: ClusterModel, _ subject: Subject, at now: Timestamp) -> Page {
    Page(
      title: "Not found yet", place: .elsewhere, head: "<h1>Not found yet</h1>",
      parts: [
        Page.Part(
          id: "message",
          content: """
            <p>No \(name(subject)) has been heard of so far.</p>\(left(model, at: now))
            <p>This page shows it as soon as it is found.</p><p><a href="/">To the overview</a></p>
            """)
      ], status: 503, kind: .searching)
  }

  /// What is left to look at.
  private static func left(_ model: ClusterModel, at now: Timestamp) -> HTML {
    if model.broker.awayBecause != nil {
      return "<p>The broker is away. What the hosts have told is read when it is back.</p>"
    }
    guard model.broker.isReading, let history = model.broker.history else {
      return model.broker.isReading
        ? "<p>The history of events is being read.</p>" : "<p>The history of events has been read; the hosts are being asked.</p>"
    }
    guard let read = history.read else {
      return "<p>The history of events since \(Piece.time(history.since)) is being read.</p>"
    }
    let thousandths = history.thousandths(at: now)
    return """
      <p>The history of events is being read, from \(Piece.time(read.lowerBound)) to now. It has come to \(Piece.time(read.upperBound)):</p>
      <p class="whole"><progress max="1000" value="\(thousandths)" aria-label="History that is read">\(thousandths / 10) %</progress>\
      <span class="under">\(thousandths / 10) % of the time is read</span></p>
      """
  }
}

extension ClusterModel.History {
  /// How much of the time from its oldest event to now has been read.
  func thousandths(at now: Timestamp) -> Int {
    guard let read else { return 0 }
    let whole = now.milliseconds - read.lowerBound.milliseconds
    guard whole > 0 else { return 1000 }
    return Int(min(1, max(0, Double(read.upperBound.milliseconds - read.lowerBound.milliseconds) / Double(whole))) * 1000)
  }
}

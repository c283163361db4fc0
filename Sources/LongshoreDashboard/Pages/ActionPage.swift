import LongshoreClient
import LongshoreMessages

/// Pages of those who may do more than look.
enum ActionPage {
  /// Asks for the token.
  /// - Parameter action: What is to be done after that.
  static func logIn(for action: ActionAddress?, problem: String? = nil, status: Int = 200) -> Page {
    let target: HTML? = action.map { action -> HTML in "<input type=\"hidden\" name=\"for\" value=\"\(action.path)\">" }
    return Page(
      title: "Log in", place: .elsewhere, head: "<h1>Log in</h1>",
      parts: [
        Page.Part(
          id: "form",
          content: """
            \(notice(problem))<p>The dashboard only shows things. Whoever has the token of <code>--action-token-file</code> can also move \
            guests, and cancel and tune migrations.</p>
            <form class="filter" method="post" action="/login">\(target)
            <label>Token <input type="password" name="token" autocomplete="current-password" required autofocus></label>
            <button>Log in</button></form>
            """)
      ], status: status)
  }

  private static func notice(_ problem: String?) -> HTML? {
    problem.map { problem -> HTML in "<p class=\"notice bad\" role=\"alert\">\(problem)</p>" }
  }

  private static func hidden(_ formToken: String) -> HTML { "<input type=\"hidden\" name=\"form\" value=\"\(formToken)\">" }

  /// Asks whether a migration is really to be cancelled.
  static func confirm(_ record: MigrationRecord, formToken: String) -> Page {
    Page(
      title: "Cancel \(record.guest.name)?", place: .elsewhere, head: "<h1>Cancel the migration of \(record.guest.name)?</h1>",
      parts: [
        Page.Part(
          id: "form",
          content: """
            <p>\(Piece.way(record.source, record.destination)), \(Piece.phase(record.phase)), \(Quantity.percent(record.bar.copied)) copied.</p>
            <p>The guest stays at \(Piece.host(record.source)), unchanged; what was copied is removed from \(Piece.host(record.destination)). \
            Once the guest has switched it is too late, and the host refuses.</p>
            <form class="filter" method="post" action="/migrations/\(url: record.id.text)/cancel">
            \(hidden(formToken))<button class="danger">Cancel the migration</button>
            <a href="/migrations/\(url: record.id.text)">Let it go on</a></form>
            """)
      ])
  }

  /// The host has not done it.
  /// - Parameters:
  ///   - title: What is not so now.
  ///   - back: Where to go from here, as a link.
  static func refused(_ title: HTML, _ refusal: ActionRefusal, back: HTML) -> Page {
    let message: HTML? = refusal.message.map { message -> HTML in "<p>\(message)</p>" }
    return Page(
      title: "Not done", place: .elsewhere, head: "<h1>\(title)</h1>",
      parts: [Page.Part(id: "message", content: "\(message)\(Piece.reasons(refusal.reasons))<p>\(back)</p>")], status: 409)
  }
}

// MARK: - Limits

extension ActionPage {
  /// Asks what a migration may take.
  static func tune(_ record: MigrationRecord, formToken: String, problem: String? = nil) -> Page {
    Page(
      title: "Tune \(record.guest.name)", place: .elsewhere, head: "<h1>Change the limits of \(record.guest.name)’s migration</h1>",
      parts: [
        Page.Part(
          id: "form",
          content: """
            \(notice(problem))<p>\(Piece.way(record.source, record.destination)), \(Piece.phase(record.phase)), \
            \(Quantity.percent(record.bar.copied)) copied. What is left empty stays as it is.</p>
            <form class="filter" method="post" action="/migrations/\(url: record.id.text)/tune">\(hidden(formToken))
            <label>Longest pause of the guest, in ms <input type="number" name="downtime" \(range(MigrationOptions.downtimeRange))></label>
            <label>Bandwidth of all of it, in MiB/s <input type="number" name="bandwidth" \(range(MigrationOptions.bandwidthRange))></label>
            <label>Time in all, in minutes <input type="number" name="deadline" min="1" max="\(Request.deadlineRange.upperBound / 60)"></label>
            <button>Change</button> <a href="/migrations/\(url: record.id.text)">Leave it</a></form>
            """)
      ], status: problem == nil ? 200 : 400)
  }

  private static func range(_ range: ClosedRange<UInt64>) -> HTML { "min=\"\(range.lowerBound)\" max=\"\(range.upperBound)\"" }

  /// What was changed.
  static func tuned(_ record: MigrationRecord, _ changes: [LimitChange]) -> Page {
    let items = changes.map { change -> HTML in
      let (name, unit): (HTML, HTML) =
        switch change.limit {
        case .maxDowntimeMs: ("the longest pause of the guest", " ms")
        case .memoryBandwidthMiBps: ("the bandwidth of its memory", " MiB/s")
        case .bandwidthMiBps: ("the bandwidth of all of it", " MiB/s")
        case .deadlineSeconds: ("the time in all", " s")
        }
      let from: HTML = change.from.map { from -> HTML in ", before \(from)\(unit)" } ?? ", where there was no limit"
      return "<li>\(name): <b>\(change.to)\(unit)</b>\(from)</li>"
    }
    return Page(
      title: "Changed", place: .elsewhere, head: "<h1>The limits of \(record.guest.name)’s migration are changed</h1>",
      parts: [
        Page.Part(
          id: "message",
          content: "<ul>\(items)</ul><p><a href=\"/migrations/\(url: record.id.text)\">Back to the migration</a></p>")
      ])
  }
}

// MARK: - Moves

/// What the form of a move says.
struct MoveForm: Sendable, Hashable {
  /// The guest's UUID.
  var guest: String
  var destination: String
  /// The pool for all disks; empty for the pools of the same names.
  var pool: String
  var priority: String

  init(guest: String = "", destination: String = "", pool: String = "", priority: String = "") {
    self.guest = guest
    self.destination = destination
    self.pool = pool
    self.priority = priority
  }

  init(_ fields: [String: String]) {
    self.init(
      guest: fields["guest"] ?? "", destination: fields["to"] ?? "", pool: fields["pool"] ?? "", priority: fields["priority"] ?? "")
  }

  /// The order; nil with what is wrong with it.
  func order() throws(FormProblem) -> MigrateCommand {
    guard let guest = ResourceName(guest) else { throw FormProblem("Choose a guest.") }
    guard let destination = NodeName(destination) else { throw FormProblem("Choose the host that it goes to.") }
    var pools: MigrateCommand.Pools?
    if !pool.isEmpty {
      guard let pool = ResourceName(pool) else { throw FormProblem("“\(pool)” is no pool’s name.") }
      pools = MigrateCommand.Pools(default: pool)
    }
    return MigrateCommand(
      guest: guest, destination: MigrateCommand.Destination(host: destination), pools: pools,
      priority: MigrationPriority(rawValue: priority))
  }
}

/// What is wrong with a form, for who filled it in.
struct FormProblem: Error {
  let message: String

  init(_ message: String) { self.message = message }
}

extension ActionPage {
  /// Asks which guest of a host is to go where.
  static func move(
    _ host: HostRecord, _ model: ClusterModel, _ form: MoveForm, formToken: String, problem: String? = nil
  ) -> Page {
    let guests = (host.description?.guests ?? []).filter { ["running", "paused"].contains($0.state) }
      .sorted { ($0.name, $0.uuid) < ($1.name, $1.uuid) }
    let others = model.hosts.keys.filter { $0 != host.name }.sorted { $0.text < $1.text }
    let pools = Set(others.flatMap { model.hosts[$0]?.description?.pools.map(\.name) ?? [] }).sorted()
    let priorities = MigrationPriority.allCases.map { priority -> HTML in
      option(
        priority.rawValue, priority.rawValue, isChosen: form.priority.isEmpty ? priority == .normal : priority.rawValue == form.priority)
    }
    return Page(
      title: "Move a guest of \(host.name)", place: .elsewhere, head: "<h1>Move a guest of \(host.name)</h1>",
      parts: [
        Page.Part(
          id: "form",
          content: """
            \(notice(problem))<p>Both hosts check everything first, which moves nothing; then you decide.</p>
            <form class="filter" method="post" action="/hosts/\(url: host.name.text)/move">\(hidden(formToken))
            <input type="hidden" name="step" value="check">
            <label>Guest <select name="guest" required>\(guests.map { option($0.uuid, $0.name, isChosen: $0.uuid == form.guest) })</select></label>
            <label>To <select name="to" required>\(others.map { option($0.text, $0.text, isChosen: $0.text == form.destination) })</select></label>
            <label>Pool for its disks <input name="pool" list="pools" value="\(form.pool)" placeholder="of the same name"></label>
            <datalist id="pools">\(pools.map { pool -> HTML in "<option value=\"\(pool)\">" })</datalist>
            <label>Priority <select name="priority">\(priorities)</select></label>
            <button>Check</button> <a href="/hosts/\(url: host.name.text)">Back to the host</a></form>
            """)
      ], status: problem == nil ? 200 : 400)
  }

  private static func option(_ value: String, _ text: String, isChosen: Bool) -> HTML {
    "<option value=\"\(value)\"\("selected", if: isChosen)>\(text)</option>"
  }

  /// What the checks have found, and whether the guest is to go.
  /// - Parameter id: The id that the migration will have, so that a form that is sent twice orders once.
  static func checked(
    _ host: HostRecord, _ form: MoveForm, guest: String, _ move: CheckedMove, id: MigrationID, formToken: String
  ) -> Page {
    let fields: HTML = """
      \(hidden(formToken))<input type="hidden" name="guest" value="\(form.guest)"><input type="hidden" name="to" value="\(form.destination)">\
      <input type="hidden" name="pool" value="\(form.pool)"><input type="hidden" name="priority" value="\(form.priority)">
      """
    let verdict: HTML =
      move.isPossible
      ? "<p class=\"notice info\">The migration would run. \(expectation(move.estimate))</p>"
      : "<p class=\"notice bad\" role=\"alert\">The migration would be refused. Mend what is marked below, then check again.</p>"
    let button: HTML =
      move.isPossible
      ? "<input type=\"hidden\" name=\"step\" value=\"move\"><input type=\"hidden\" name=\"id\" value=\"\(id)\"><button>Move \(guest)</button>"
      : "<input type=\"hidden\" name=\"step\" value=\"check\"><button>Check again</button>"
    return Page(
      title: "Move \(guest)?", place: .elsewhere, head: "<h1>Move \(guest) from \(host.name) to \(form.destination)?</h1>",
      parts: [
        Page.Part(
          id: "form",
          content: """
            \(verdict)<form class="filter" method="post" action="/hosts/\(url: host.name.text)/move">\(fields)\(button)
            <a href="/hosts/\(url: host.name.text)">Let it be</a></form>
            """), Page.Part(id: "checks", content: MigrationPage.checks(move.checks)),
      ])
  }

  private static func expectation(_ estimate: MigrationEstimate?) -> HTML {
    guard let estimate else { return .none }
    let time: HTML = estimate.seconds.map { seconds -> HTML in "about \(Quantity.seconds(seconds))" } ?? "a time that cannot be told"
    let pause: HTML? = estimate.downtimeMs.map { pause -> HTML in ", the guest pauses for some \(pause) ms" }
    return "Expected: \(time)\(pause), \(estimate.bytes.words) to move."
  }

  /// The move is ordered.
  static func ordered(_ guest: String, _ id: MigrationID) -> Page {
    Page(
      title: "Ordered", place: .elsewhere, head: "<h1>\(guest) is on its way</h1>",
      parts: [
        Page.Part(
          id: "message",
          content: "<p>The source has taken the order. <a href=\"/migrations/\(url: id.text)\">Watch the migration</a>.</p>")
      ])
  }
}

import FoundationEssentials
import HTTPTypes
import HummingbirdCore
import LongshoreClient
import LongshoreMessages

/// What those may do who have logged in. Every page of it asks first, by GET, and its form, by POST, carries the session's form token.
extension DashboardResponder {
  /// Answers a request for an action's page, or one of its forms.
  func act(_ action: ActionAddress, _ request: HTTPQuestion, _ gate: ActionGate) async -> Response {
    let isForm = request.method == .post
    guard isForm || request.method == .get || request.method == .head else { return await notAllowed("GET, HEAD, POST") }
    guard let session = await gate.session(Self.cookie(of: request)) else {
      return isForm ? await refused() : redirect(to: "/login?for=\(action.path)")
    }
    var fields: [String: String]?
    if isForm {
      fields = await form(request)
      guard await gate.accepts(formToken: fields?["form"], of: session) else { return await refused() }
    }
    let model = await state.model
    switch action {
    case .cancel(let id), .tune(let id):
      guard let record = model.migration(id) else {
        return await page(SearchPage.page(model, .migration(id), at: now()), of: model, isLive: false, request)
      }
      guard record.end == nil || !isForm else {
        return await message("Too late", "The migration has ended: <a href=\"/migrations/\(url: id.text)\">see how</a>.", .conflict)
      }
      let source = HostAddress(cluster: model.cluster, host: record.source)
      let shown =
        if case .cancel = action { await cancel(record, at: source, fields, session) } else {
          await tune(record, at: source, fields, session)
        }
      guard let shown else { return redirect(to: "/migrations/\(id)") }
      return await page(shown, isLive: false, request)
    case .move(let name):
      guard let host = model.hosts[name] else {
        return await page(SearchPage.page(model, .host(name), at: now()), of: model, isLive: false, request)
      }
      let query = FormText.fields(request.uri.query ?? "") ?? [:]
      return await page(await move(host, model, fields, asked: MoveForm(query), session), isLive: false, request)
    }
  }

  /// Stops a migration; nil where that is done.
  private func cancel(
    _ record: MigrationRecord, at source: HostAddress, _ fields: [String: String]?, _ session: ActionGate.Session
  ) async -> Page? {
    guard fields != nil else { return ActionPage.confirm(record, formToken: session.formToken) }
    do {
      try await actions.cancel(record.id, at: source)
      return nil
    } catch {
      let refusal = Self.refusal(error)
      return ActionPage.refused(
        refusal.isCertain
          ? "The migration of \(record.guest.name) is not cancelled"
          : "It is not known whether the migration of \(record.guest.name) is cancelled", refusal, back: Self.back(to: record))
    }
  }

  /// Changes the limits of a migration.
  private func tune(
    _ record: MigrationRecord, at source: HostAddress, _ fields: [String: String]?, _ session: ActionGate.Session
  ) async -> Page? {
    guard let fields else { return ActionPage.tune(record, formToken: session.formToken) }
    let limits: TransferLimits
    do throws(FormProblem) {
      limits = try TransferLimits(fields)
    } catch {
      return ActionPage.tune(record, formToken: session.formToken, problem: error.message)
    }
    do {
      return ActionPage.tuned(record, try await actions.tune(record.id, limits, at: source))
    } catch {
      let refusal = Self.refusal(error)
      return ActionPage.refused(
        refusal.isCertain
          ? "The limits of \(record.guest.name)’s migration are not changed"
          : "It is not known whether the limits of \(record.guest.name)’s migration are changed", refusal, back: Self.back(to: record))
    }
  }

  /// Checks a move, then orders it.
  private func move(
    _ host: HostRecord, _ model: ClusterModel, _ fields: [String: String]?, asked: MoveForm, _ session: ActionGate.Session
  ) async -> Page {
    guard let fields else { return ActionPage.move(host, model, asked, formToken: session.formToken) }
    let form = MoveForm(fields)
    let order: MigrateCommand
    do throws(FormProblem) {
      order = try form.order()
    } catch {
      return ActionPage.move(host, model, form, formToken: session.formToken, problem: error.message)
    }
    let guest = host.description?.guests.first { $0.uuid == form.guest }?.name ?? form.guest
    let source = HostAddress(cluster: model.cluster, host: host.name)
    let ordered = fields["step"] == "move" ? fields["id"].flatMap { MigrationID($0) } : nil
    do {
      if let id = ordered {
        try await actions.migrate(order, as: id, at: source)
        return ActionPage.ordered(guest, id)
      }
      guard let id = MigrationID(UUID().uuidString.lowercased()) else { preconditionFailure("a UUID is an id") }
      return ActionPage.checked(
        host, form, guest: guest, try await actions.check(order, at: source), id: id, formToken: session.formToken)
    } catch {
      let refusal = Self.refusal(error)
      if let id = ordered, !refusal.isCertain {
        return ActionPage.refused(
          "It is not known whether \(guest) is moved", refusal, back: "<a href=\"/migrations/\(url: id.text)\">Look at the migration</a>")
      }
      return ActionPage.refused(
        "\(guest) is not moved", refusal, back: "<a href=\"/hosts/\(url: host.name.text)\">Back to the host</a>")
    }
  }

  private static func refusal(_ error: any Error) -> ActionRefusal {
    error as? ActionRefusal ?? ActionRefusal(reasons: [], message: "\(error)")
  }

  private static func back(to record: MigrationRecord) -> HTML {
    "<a href=\"/migrations/\(url: record.id.text)\">Back to the migration</a>"
  }
}

extension TransferLimits {
  /// The limits of a form whose empty fields change nothing.
  fileprivate init(_ fields: [String: String]) throws(FormProblem) {
    func number(_ name: String, _ words: String, _ range: ClosedRange<UInt64>) throws(FormProblem) -> UInt64? {
      guard let text = fields[name], !text.isEmpty else { return nil }
      guard let number = UInt64(text), range.contains(number) else {
        throw FormProblem("\(words) is a whole number from \(range.lowerBound) to \(range.upperBound).")
      }
      return number
    }
    let longest = UInt64(Request.deadlineRange.upperBound / 60)
    self.init(
      maxDowntimeMs: try number("downtime", "The longest pause", MigrationOptions.downtimeRange),
      bandwidthMiBps: try number("bandwidth", "The bandwidth", MigrationOptions.bandwidthRange),
      deadlineSeconds: try number("deadline", "The time in all", 1...longest).map { Int64($0) * 60 })
    if isEmpty { throw FormProblem("Give at least one limit.") }
  }
}

import FoundationEssentials
import HTTPTypes
import HummingbirdCore
import LongshoreClient
import LongshoreMessages
import NIOCore

/// A request of HTTP, beside those of the bus.
typealias HTTPQuestion = HummingbirdCore.Request

/// Answers requests.
struct DashboardResponder: Sendable {
  /// The longest path and query, in bytes.
  static let longestTarget = 2_048
  /// The largest form, in bytes.
  static let largestForm = 4_096
  /// The cookie of a session.
  static let cookie = "longshore-session"

  let state: ClusterState
  let hub: LiveHub
  /// Who may do more than look; nil where nobody may.
  let gate: ActionGate?
  /// What does more than look.
  let actions: any DashboardActions
  let now: @Sendable () -> Timestamp

  /// Answers a request.
  /// - Parameter channel: The connection that it came by.
  @concurrent func respond(to request: HTTPQuestion, over channel: any Channel) async -> Response {
    var response = await answer(request, channel)
    response.headers[.date] = Self.httpDate(now())
    response.headers[.contentSecurityPolicy] =
      "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    response.headers[.xContentTypeOptions] = "nosniff"
    response.headers[HTTPField.Name.referrerPolicy] = "same-origin"
    response.headers[HTTPField.Name.frameOptions] = "DENY"
    response.headers[HTTPField.Name.openerPolicy] = "same-origin"
    response.headers[HTTPField.Name.resourcePolicy] = "same-origin"
    return request.method == .head ? response.createHeadResponse() : response
  }

  private func answer(_ request: HTTPQuestion, _ channel: any Channel) async -> Response {
    guard request.uri.string.utf8.count <= Self.longestTarget else {
      return await message("Address too long", "The address has more than \(Self.longestTarget) bytes.", .uriTooLong)
    }
    guard let path = FormDecoding.decoded(request.uri.path.replacing("+", with: "%2B")),
      let query = FormText.fields(request.uri.query ?? "")
    else { return await message("Bad request", "The address is not well-formed.", .badRequest) }
    let isRead = request.method == .get || request.method == .head
    switch path {
    case "/healthz": return isRead ? text("alive\n") : await notAllowed("GET, HEAD")
    case "/readyz": return isRead ? await readiness() : await notAllowed("GET, HEAD")
    case "/live": return isRead ? await live(request, query, channel) : await notAllowed("GET, HEAD")
    case "/login", "/logout": if let gate { return await session(path, request, gate) }
    default: break
    }
    if let asset = Asset.all[path] { return isRead ? file(asset, request) : await notAllowed("GET, HEAD") }
    let parts = path.split(separator: "/").map(String.init)
    if parts.count == 3, parts[0] == "migrations", let id = MigrationID(parts[1]) {
      if parts[2] == "events.jsonl" { return isRead ? await events(id) : await notAllowed("GET, HEAD") }
    }
    if let gate, let action = ActionAddress(path: path) { return await act(action, request, gate) }
    guard let address = PageAddress(path: path, query: query) else {
      return await page(MessagePage.notFound("Nothing is at this address."), isLive: false, request)
    }
    guard isRead else { return await notAllowed("GET, HEAD") }
    let model = await state.model
    let shown = address.page(of: model, at: now(), canAct: gate != nil)
    return await page(shown, of: model, isLive: true, request)
  }

  // MARK: Pages

  func page(_ page: Page, of model: ClusterModel? = nil, isLive: Bool, _ request: HTTPQuestion? = nil) async -> Response {
    var known = model
    if known == nil { known = await state.model }
    guard let known else { return Response(status: .internalServerError) }
    let document = page.document(PageFrame(known, session: await sessionLinks(request)), isLive: isLive)
    var headers = HTTPFields()
    headers[.contentType] = "text/html; charset=utf-8"
    headers[.cacheControl] = "no-store"
    if page.kind == .searching { headers[.retryAfter] = "3" }
    return Response(
      status: HTTPResponse.Status(code: page.status), headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: document.text)))
  }

  func message(_ title: String, _ text: HTML, _ status: HTTPResponse.Status) async -> Response {
    await page(MessagePage.message(title, text, status: status.code), isLive: false)
  }

  func notAllowed(_ methods: String) async -> Response {
    var response = await message("Method not allowed", "This address takes \(methods).", .methodNotAllowed)
    response.headers[.allow] = methods
    return response
  }

  /// A time as HTTP's headers write it.
  static func httpDate(_ time: Timestamp) -> String {
    let days = time.milliseconds / 86_400_000
    // 1 January 1970 was a Thursday.
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][Int(((days % 7) + 7) % 7)]
    let text = time.description
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let month = months[(Int(text.dropFirst(5).prefix(2)) ?? 1) - 1]
    return "\(weekday), \(text.dropFirst(8).prefix(2)) \(month) \(text.prefix(4)) \(text.dropFirst(11).prefix(8)) GMT"
  }

  private func text(_ text: String, _ status: HTTPResponse.Status = .ok, type: String = "text/plain; charset=utf-8") -> Response {
    var headers = HTTPFields()
    headers[.contentType] = type
    headers[.cacheControl] = "no-store"
    return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
  }

  private func file(_ asset: Asset, _ request: HTTPQuestion) -> Response {
    var headers = HTTPFields()
    headers[.eTag] = asset.tag
    headers[.cacheControl] = "no-cache"
    headers[.contentType] = asset.contentType
    if request.headers[.ifNoneMatch] == asset.tag { return Response(status: .notModified, headers: headers) }
    return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: asset.text)))
  }

  private func readiness() async -> Response {
    let model = await state.model
    let broker = model.broker
    if let reason = broker.awayBecause { return text("the broker is away: \(reason.printable)\n", .serviceUnavailable) }
    guard !broker.isReading else { return text("the history of events is being read\n", .serviceUnavailable) }
    guard model.hasAsked else { return text("the hosts are being asked\n", .serviceUnavailable) }
    return text("ready\n")
  }

  private func events(_ id: MigrationID) async -> Response {
    let model = await state.model
    guard let record = model.migration(id) else {
      return await page(SearchPage.page(model, .migration(id), at: now()), of: model, isLive: false)
    }
    let lines = record.events.map { String(decoding: MessageCoding.encode($0), as: UTF8.self) + "\n" }.joined()
    return text(lines, type: "application/jsonl; charset=utf-8")
  }

  // MARK: What changes

  private func live(_ request: HTTPQuestion, _ query: [String: String], _ channel: any Channel) async -> Response {
    let wanted = (query["page"] ?? "/").split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    guard let path = FormDecoding.decoded(String(wanted.first ?? "/").replacing("+", with: "%2B")),
      let fields = FormText.fields(wanted.count > 1 ? String(wanted[1]) : ""), let address = PageAddress(path: path, query: fields)
    else { return text("there is no such page\n", .notFound) }
    var headers = HTTPFields()
    headers[.contentType] = "text/event-stream; charset=utf-8"
    headers[.cacheControl] = "no-store"
    // A proxy that gathers what it passes on, as nginx does by default, would keep back what changes.
    headers[HTTPField.Name.buffering] = "no"
    guard request.method == .get else { return Response(status: .ok, headers: headers) }
    guard let (id, reader) = await hub.subscribe(to: address, over: channel) else {
      var response = text("too many pages are looked at\n", .serviceUnavailable)
      response.headers[.retryAfter] = "30"
      return response
    }
    return Response(
      status: .ok, headers: headers,
      body: ResponseBody { [hub] writer in
        do {
          for await message in reader.messages {
            reader.isWriting(true)
            try await writer.write(message)
            reader.isWriting(false)
          }
          await hub.unsubscribe(id, from: address)
          try await writer.finish(nil)
        } catch {
          await hub.unsubscribe(id, from: address)
          throw error
        }
      })
  }

  // MARK: Who may act

  private func sessionLinks(_ request: HTTPQuestion?) async -> HTML {
    guard let gate, let request else { return .none }
    guard let session = await gate.session(Self.cookie(of: request)) else { return "<a class=\"session\" href=\"/login\">Log in</a>" }
    return """
      <div class="session"><form method="post" action="/logout"><input type="hidden" name="form" value="\(session.formToken)">\
      <button>Log out</button></form></div>
      """
  }

  static func cookie(of request: HTTPQuestion) -> String? {
    for part in (request.headers[.cookie] ?? "").split(separator: ";") {
      let pair = part.split(separator: "=", maxSplits: 1)
      guard pair.count == 2, pair[0].drop(while: { $0 == " " }) == Self.cookie else { continue }
      return String(pair[1])
    }
    return nil
  }

  /// Whether a request comes from a page of this very server, as the browser says.
  private static func isOwn(_ request: HTTPQuestion) -> Bool {
    guard let authority = request.head.authority, let origin = request.headers[.origin] else { return false }
    return origin == "http://\(authority)" || origin == "https://\(authority)"
  }

  /// The fields of a form of this server; nil where it is none.
  func form(_ request: HTTPQuestion) async -> [String: String]? {
    guard Self.isOwn(request), request.headers[.contentType]?.hasPrefix("application/x-www-form-urlencoded") == true else { return nil }
    guard let body = try? await request.body.collect(upTo: Self.largestForm) else { return nil }
    return FormText.fields(String(buffer: body))
  }

  private func session(_ path: String, _ request: HTTPQuestion, _ gate: ActionGate) async -> Response {
    if path == "/logout" {
      guard request.method == .post else { return await notAllowed("POST") }
      let id = Self.cookie(of: request)
      guard let session = await gate.session(id), let fields = await form(request),
        await gate.accepts(formToken: fields["form"], of: session)
      else { return await refused() }
      await gate.logOut(id)
      return redirect(to: "/", cookie: "\(Self.cookie)=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0")
    }
    switch request.method {
    case .get, .head:
      let query = FormText.fields(request.uri.query ?? "") ?? [:]
      return await page(ActionPage.logIn(for: query["for"].flatMap(ActionAddress.init)), isLive: false)
    case .post:
      guard let fields = await form(request) else { return await refused() }
      do throws(ActionGate.Refusal) {
        let id = try await gate.logIn(token: fields["token"] ?? "")
        let target = fields["for"].flatMap(ActionAddress.init)?.path ?? "/"
        return redirect(
          to: target, cookie: "\(Self.cookie)=\(id); Path=/; HttpOnly; SameSite=Strict; Max-Age=\(ActionGate.lifetime / 1000)")
      } catch {
        let isLate = error == .tooManyTries
        return await page(
          ActionPage.logIn(
            for: fields["for"].flatMap(ActionAddress.init),
            problem: isLate ? "Too many wrong tokens were tried; wait a minute." : "That is not the token.", status: isLate ? 429 : 403),
          isLive: false)
      }
    default: return await notAllowed("GET, HEAD, POST")
    }
  }

  func refused() async -> Response {
    await message(
      "Refused",
      """
      This form was not sent by a page of this dashboard, or your session has ended. <a href="/login">Log in</a> and try again.
      """, .forbidden)
  }

  func redirect(to target: String, cookie: String? = nil) -> Response {
    var headers = HTTPFields()
    headers[.location] = target
    headers[.cacheControl] = "no-store"
    if let cookie { headers[.setCookie] = cookie }
    return Response(status: .seeOther, headers: headers)
  }
}

extension HTTPField.Name {
  fileprivate static let referrerPolicy = known("Referrer-Policy")
  fileprivate static let frameOptions = known("X-Frame-Options")
  fileprivate static let openerPolicy = known("Cross-Origin-Opener-Policy")
  fileprivate static let buffering = known("X-Accel-Buffering")
  fileprivate static let resourcePolicy = known("Cross-Origin-Resource-Policy")

  private static func known(_ name: String) -> HTTPField.Name {
    guard let name = HTTPField.Name(name) else { preconditionFailure("\(name) is a header's name") }
    return name
  }
}

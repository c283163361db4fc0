import FoundationEssentials
import HTTPTypes
import HummingbirdCore
import Logging
import LongshoreClient
import LongshoreMessages
import NIOCore

/// A request of HTTP, beside those of the bus.
typealias HTTPQuestion = HummingbirdCore.Request

/// Answers requests of HTTP.
struct GatewayResponder: Sendable {
  /// The longest path and query, in bytes.
  static let longestTarget = 32 * 1024
  /// Where the interface is.
  static let path = "/client/api"

  let verifier: Verifier
  let runner: CommandRunner
  let now: @Sendable () -> Timestamp

  /// Answers a request.
  @concurrent func respond(to request: HTTPQuestion) async -> Response {
    let path = request.uri.path
    let isRead = request.method == .get || request.method == .head
    switch path {
    case "/healthz" where isRead: return Self.text("alive\n", .ok)
    case "/readyz" where isRead: return await readiness()
    case Self.path, "\(Self.path)/": break
    default: return Self.text("nothing is here; the interface is at \(Self.path)\n", .notFound)
    }
    let (answer, format) = await answer(request)
    var headers = HTTPFields()
    headers[.contentType] = format.contentType
    headers[.cacheControl] = "no-store"
    headers[.xContentTypeOptions] = "nosniff"
    if let text = answer.errorText { headers[HTTPField.Name.description] = Self.headerText(text) }
    if answer.status == APIError.Code.methodNotAllowed.rawValue { headers[.allow] = "GET, POST" }
    return Response(
      status: HTTPResponse.Status(code: answer.status), headers: headers,
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body(format))))
  }

  private func answer(_ request: HTTPQuestion) async -> (Answer, Answer.Format) {
    let query = request.uri.query
    var form: String?
    // What cannot be read is answered in the format that it seems to ask for.
    func refused(_ error: APIError) -> (Answer, Answer.Format) {
      (Answer(to: nil, error), "\(query ?? "")&\(form ?? "")".contains("response=json") ? .json : .xml)
    }
    guard request.uri.string.utf8.count <= Self.longestTarget else {
      return refused(APIError(.malformedParameter, "The address has more than \(Self.longestTarget) bytes: use POST"))
    }
    switch request.method {
    case .get: break
    case .post:
      guard let body = try? await request.body.collect(upTo: Parameters.longest) else {
        return refused(APIError(.malformedParameter, "The body has more than \(Parameters.longest) bytes, or does not come"))
      }
      let type = request.headers[.contentType]
      guard body.readableBytes == 0 || type == nil || type?.lowercased().hasPrefix("application/x-www-form-urlencoded") == true else {
        return refused(APIError(.badRequest, "The body has to be of type application/x-www-form-urlencoded"))
      }
      guard let text = String(validating: body.readableBytesView, as: UTF8.self) else {
        return refused(APIError(.malformedParameter, "The body is not UTF-8"))
      }
      form = text
    default: return refused(APIError(.methodNotAllowed, "Use GET or POST"))
    }
    do throws(APIError) {
      let parameters = try Parameters(query: query, form: form)
      return (await answer(parameters, in: TraceContext(request.headers)), parameters["response"]?.lowercased() == "json" ? .json : .xml)
    } catch {
      return refused(error)
    }
  }

  /// Answers what parameters ask.
  func answer(_ parameters: Parameters, in trace: TraceContext? = nil) async -> Answer {
    guard let command = parameters["command"], !command.isEmpty else {
      return Answer(to: nil, APIError(.unsupportedAction, "No command is given"))
    }
    do throws(APIError) {
      guard command != "login" else {
        throw APIError(
          .account, "Failed to authenticate user: this server has no sessions, sign requests with an API key", .permissionDenied)
      }
      let caller = try verifier.caller(of: parameters, at: now())
      guard let spec = CommandTable.byName[command] else { throw .unsupported(command) }
      guard caller.key.role >= spec.role else {
        throw APIError(.unauthorized, "The given command:\(spec.name) is not available for the key \(caller.key.name)")
      }
      return try await runner.run(CommandRunner.Call(arguments: try Arguments(spec, parameters), caller: caller, trace: trace))
    } catch {
      return Answer(to: command, error)
    }
  }

  private func readiness() async -> Response {
    let broker = await runner.state.model.broker
    if let reason = broker.awayBecause { return Self.text("the broker is away: \(reason.printable)\n", .serviceUnavailable) }
    guard broker.isReplayed else { return Self.text("the history of events is being read\n", .serviceUnavailable) }
    return Self.text("ready\n", .ok)
  }

  private static func text(_ text: String, _ status: HTTPResponse.Status) -> Response {
    var headers = HTTPFields()
    headers[.contentType] = "text/plain; charset=utf-8"
    headers[.cacheControl] = "no-store"
    return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
  }

  /// A text that can stand in a header.
  static func headerText(_ text: String) -> String {
    String(
      decoding: text.utf8.prefix(500).map { (0x20..<0x7f).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
  }
}

extension TraceContext {
  /// The trace that a request names by its header fields; nil where it names none, or none that is valid.
  fileprivate init?(_ headers: HTTPFields) {
    guard let parent = headers[.traceParent] else { return nil }
    self.init(traceparent: parent, tracestate: headers[.traceState])
  }
}

extension HTTPField.Name {
  fileprivate static let description = known("X-Description")
  fileprivate static let traceParent = known(TraceContext.parentField)
  fileprivate static let traceState = known(TraceContext.stateField)

  private static func known(_ name: String) -> HTTPField.Name {
    guard let name = HTTPField.Name(name) else { preconditionFailure("\(name) is a header's name") }
    return name
  }
}

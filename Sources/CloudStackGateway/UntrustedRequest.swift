import Digests
import FoundationEssentials
import LongshoreMessages

/// Reads the parameters of a request of anybody, to be tried with rubbish.
package enum UntrustedRequest {
  /// What became of an input.
  package enum Outcome: Sendable, Equatable {
    case read
    /// It is not well-formed, and the answer says so.
    case refused
    /// What must hold does not, in words.
    case violation(String)
  }

  private static let key = AccessKey(
    key: "key", secret: Secret("0123456789abcdef0123456789abcdef"), name: "somebody", role: .admin, guests: nil)
  private static let now = Timestamp(milliseconds: 1_800_000_000_000)

  /// Reads a query and, after a line feed, a form. Whatever they are: nothing crashes, nobody is let in whose signature is not right, a
  /// right one holds for this request and for none that differs from it, and every answer is one that clients can read.
  package static func outcome(of bytes: [UInt8]) -> Outcome {
    let parts = bytes.split(separator: UInt8(ascii: "\n"), maxSplits: 1, omittingEmptySubsequences: false)
    guard let query = String(validating: parts[0], as: UTF8.self) else { return .refused }
    var form: String?
    if parts.count > 1 {
      guard let text = String(validating: parts[1], as: UTF8.self) else { return .refused }
      form = text
    }
    let parameters: Parameters
    do throws(APIError) {
      parameters = try Parameters(query: query, form: form)
    } catch {
      return problem(in: Answer(to: nil, error)).map { .violation($0) } ?? .refused
    }
    return (problem(in: parameters) ?? problem(ofCommandIn: parameters)).map { .violation($0) } ?? .read
  }

  // MARK: Signatures

  private static func problem(in parameters: Parameters) -> String? {
    let verifier = Verifier(keys: [key.key: key], rules: Verifier.Rules())
    let canonical = CanonicalRequest(parameters)
    guard let again = try? Parameters(query: written(parameters.pairs)), again.pairs == parameters.pairs else {
      return "its parameters read differently when they are written again"
    }
    let secret = key.secret.bytes
    for form in CanonicalRequest.Form.allCases {
      for hash in HMAC.Hash.allCases {
        let code = HMAC.code(of: canonical.text(form).utf8, key: secret, hash)
        guard canonical.isSigned(by: Base64.text(code), secret: secret) else { return "a right signature does not hold" }
        var wrong = code
        wrong[0] ^= 1
        guard !canonical.isSigned(by: Base64.text(wrong), secret: secret) else { return "a wrong signature holds" }
        for other in changed(parameters.pairs) {
          guard let changed = try? Parameters(query: written(other)) else { continue }
          guard !CanonicalRequest(changed).isSigned(by: Base64.text(code), secret: secret) else {
            return "a signature holds for another request"
          }
        }
      }
    }
    let isLetIn = (try? verifier.caller(of: parameters, at: now)) != nil
    let isRight =
      parameters["apikey"] == key.key && parameters["signature"].map { canonical.isSigned(by: $0, secret: secret) } == true
    return isLetIn && !isRight ? "somebody is let in without a signature" : nil
  }

  /// The same parameters with one of them gone, one more, and each with another value, or a part of the next one in its own.
  private static func changed(_ pairs: [Parameters.Pair]) -> [[Parameters.Pair]] {
    let signed = pairs.filter { $0.name.lowercased() != "signature" }
    var all = [signed + [Parameters.Pair(name: "onemore", value: "")]]
    for index in signed.indices.prefix(8) {
      var other = signed
      other.remove(at: index)
      all.append(other)
      other = signed
      other[index].value += "x"
      all.append(other)
      guard index + 1 < signed.count else { continue }
      other = signed
      other[index].value += "&\(signed[index + 1].name)=\(signed[index + 1].value)"
      other.remove(at: index + 1)
      all.append(other)
    }
    return all
  }

  private static func written(_ pairs: [Parameters.Pair]) -> String {
    func encoded(_ text: String) -> String {
      text.utf8.map { "%" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
    return pairs.map { "\(encoded($0.name))=\(encoded($0.value))" }.joined(separator: "&")
  }

  // MARK: Commands

  private static func problem(ofCommandIn parameters: Parameters) -> String? {
    guard let command = parameters["command"] else { return nil }
    guard let spec = CommandTable.byName[command] else { return problem(in: Answer(to: command, .unsupported(command))) }
    do throws(APIError) {
      let arguments = try Arguments(spec, parameters)
      for parameter in spec.parameters where parameter.kind == .map { _ = try arguments.objects(parameter.name) }
      var row = ResponseObject()
      for pair in parameters.pairs { row.add("name", pair.value) }
      return problem(in: try arguments.answer([row]))
    } catch {
      return problem(in: Answer(to: command, error))
    }
  }

  private static func problem(in answer: Answer) -> String? {
    struct Anything: Decodable { init(from decoder: any Decoder) throws { _ = try decoder.container(keyedBy: AnyKey.self) } }
    struct AnyKey: CodingKey {
      var stringValue: String
      var intValue: Int? { nil }
      init?(stringValue: String) { self.stringValue = stringValue }
      init?(intValue: Int) { nil }
    }
    guard let top = try? JSONDecoder().decode([String: Anything].self, from: Data(answer.body(.json))), top.count == 1,
      top.keys.first?.hasSuffix("response") == true
    else { return "the answer is not JSON of one key" }
    guard String(validating: answer.body(.xml), as: UTF8.self) != nil else { return "the answer is not UTF-8" }
    let header = GatewayResponder.headerText(answer.errorText ?? "")
    return header.utf8.allSatisfy { (0x20..<0x7f).contains($0) } ? nil : "the header has what no header has"
  }
}

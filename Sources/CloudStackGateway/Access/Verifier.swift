import Digests
import LongshoreMessages

/// Finds out whose request it is.
struct Verifier: Sendable {
  /// What is asked of requests.
  struct Rules: Sendable, Hashable {
    /// Whether signatures with SHA-1 are taken; most clients know nothing else.
    var acceptsSHA1 = true
    /// Whether requests need signature version 3 with a time of expiry at most this far ahead, in seconds; nil where those without are
    /// taken as well. Who hears one without can send it again at any time.
    var longestExpiry: Int64?
  }

  /// A request that is what it says.
  struct Caller: Sendable, Hashable {
    /// Whose it is.
    var key: AccessKey
    /// An id that no other request has, and this one whenever it is sent again; nil for requests that may be sent again at any time.
    var requestID: String?
  }

  /// The keys.
  let keys: [String: AccessKey]
  /// What is asked of requests.
  let rules: Rules

  /// Whose request it is.
  /// - Throws: ``APIError`` with 401.
  func caller(of parameters: Parameters, at now: Timestamp) throws(APIError) -> Caller {
    let canonical = CanonicalRequest(parameters)
    let hashes: [HMAC.Hash] = rules.acceptsSHA1 ? [.sha1, .sha512] : [.sha512]
    guard let name = parameters["apikey"], let signature = parameters["signature"] else { throw .unverified }
    // An unknown key takes as long as a wrong signature.
    let key = keys[name]
    let isSigned = canonical.isSigned(by: signature, secret: key?.secret.bytes ?? Self.nobody, hashes: hashes)
    guard let key, isSigned else { throw .unverified }
    guard parameters["signatureversion"] == "3" else {
      guard rules.longestExpiry == nil else {
        throw APIError(.unauthorized, "This server takes requests with signatureVersion=3 and expires only")
      }
      return Caller(key: key, requestID: nil)
    }
    guard let text = parameters["expires"], let expiry = CloudStackTime.time(text) else {
      throw APIError(.unauthorized, "Missing or invalid parameter expires: use a time such as 2030-01-01T00:00:00+0000")
    }
    guard now <= expiry else {
      throw APIError(.unauthorized, "The request has expired: signature is no longer valid")
    }
    if let longest = rules.longestExpiry, expiry.milliseconds - now.milliseconds > longest * 1000 {
      throw APIError(.unauthorized, "The request expires too far ahead: at most \(longest) seconds are allowed")
    }
    // One form for all, whichever the client has signed.
    let content = canonical.text(CanonicalRequest.Form(sortsLowerCase: true, keepsTilde: false))
    return Caller(key: key, requestID: StableID.make("request", "\(key.key)\0\(content)"))
  }

  private static let nobody = Array("the secret of a key that nobody has".utf8)
}

import FoundationEssentials
import Glibc
import SystemPackage
import Yams

/// The file with the gateway's keys: YAML, readable by its owner alone.
///
/// ```yaml
/// keys:
///   - name: ansible
///     apiKey: 4f1c…
///     secretKey: 9b0e…
///     role: migrate
///     guests: [ "web-*" ]
/// ```
struct KeyFile: Sendable {
  /// Why a file cannot be used.
  struct Problem: Error, Hashable, CustomStringConvertible {
    /// What is wrong, in a sentence without a full stop that shows no secret.
    var description: String
  }

  /// The fewest characters of a secret: what is shorter can be guessed from a signature.
  static let shortestSecret = 32
  /// The fewest characters of a key.
  static let shortestKey = 8
  /// The longest file, in bytes.
  static let longest = 1 << 20

  /// The keys, by what requests name them.
  let keys: [String: AccessKey]

  /// Reads a file.
  static func read(_ path: String) throws(Problem) -> KeyFile {
    let bytes: [UInt8]
    do {
      let file = try FileDescriptor.open(path, .readOnly)
      defer { try? file.close() }
      var attributes = stat()
      guard fstat(file.rawValue, &attributes) == 0 else { throw Problem(description: "\(path) cannot be read") }
      guard attributes.st_mode & 0o007 == 0 else {
        throw Problem(description: "\(path) can be read or changed by everybody, and has secrets: chmod 600 \(path)")
      }
      guard attributes.st_size <= Self.longest else { throw Problem(description: "\(path) has more than \(Self.longest) bytes") }
      var content = [UInt8](repeating: 0, count: Int(attributes.st_size))
      let count = try content.withUnsafeMutableBytes { try file.read(fromAbsoluteOffset: 0, into: $0) }
      bytes = Array(content.prefix(count))
    } catch let problem as Problem {
      throw problem
    } catch {
      throw Problem(description: "\(path) cannot be read: \(error)")
    }
    do {
      return try KeyFile(yaml: bytes)
    } catch {
      throw Problem(description: "\(path): \(error)")
    }
  }

  /// Reads a file's content.
  init(yaml bytes: [UInt8]) throws(Problem) {
    guard let text = String(validating: bytes, as: UTF8.self) else { throw Problem(description: "it is not UTF-8") }
    let content: Content
    do {
      content = try YAMLDecoder().decode(Content.self, from: text)
    } catch let error as DecodingError {
      throw Problem(description: Self.words(error))
    } catch {
      // A parser's message quotes the text, which may be a secret.
      throw Problem(description: "it is not YAML of the form that is expected")
    }
    guard !content.keys.isEmpty else { throw Problem(description: "it has no keys") }
    var keys: [String: AccessKey] = [:]
    for (index, entry) in content.keys.enumerated() {
      let place = "the key number \(index + 1)"
      guard entry.name.utf8.count <= 255, !entry.name.isEmpty else { throw Problem(description: "\(place) needs a name") }
      guard entry.apiKey.utf8.count >= Self.shortestKey, entry.apiKey.utf8.count <= 255 else {
        throw Problem(description: "\(place) needs an apiKey of \(Self.shortestKey) to 255 characters")
      }
      guard entry.secretKey.utf8.count >= Self.shortestSecret else {
        throw Problem(description: "\(place) needs a secretKey of at least \(Self.shortestSecret) characters: openssl rand -hex 32")
      }
      guard let role = AccessKey.Role(rawValue: entry.role) else {
        throw Problem(description: "\(place) needs a role: read, migrate or admin")
      }
      let key = AccessKey(key: entry.apiKey, secret: Secret(entry.secretKey), name: entry.name, role: role, guests: entry.guests)
      guard keys.updateValue(key, forKey: entry.apiKey) == nil else { throw Problem(description: "\(place) has the apiKey of another one") }
    }
    self.keys = keys
  }

  private struct Content: Decodable {
    var keys: [Entry]
  }

  private struct Entry: Decodable {
    var name: String
    var apiKey: String
    var secretKey: String
    var role: String
    var guests: [String]?
  }

  private static func words(_ error: DecodingError) -> String {
    let path: [any CodingKey]
    switch error {
    case .keyNotFound(let key, let context): path = context.codingPath + [key]
    case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context): path = context.codingPath
    @unknown default: path = []
    }
    let place = path.map { $0.intValue.map { String($0 + 1) } ?? $0.stringValue }.joined(separator: ".")
    return place.isEmpty ? "it is not YAML of the form that is expected" : "\(place) is missing or not of the kind that is expected"
  }
}

/// Why a domain document could not be read or edited.
///
/// The `code` is what callers compare; the `description` is a full sentence that names the operation, for logs and
/// for people.
public struct DomainXMLError: Error, Sendable, Equatable {
  /// The kind of a failure. The set is open: treat an unknown code as "the document is not usable".
  public struct Code: RawRepresentable, Sendable, Hashable {
    /// The stable, machine-readable name of the code.
    public let rawValue: String

    /// Makes a code from its name.
    public init(rawValue: String) {
      self.rawValue = rawValue
    }

    /// The text is not well-formed XML (namespaces included).
    public static let malformed = Code(rawValue: "malformed")
    /// The document has a document type declaration, which could bring entities and external files.
    public static let documentTypeRefused = Code(rawValue: "document-type-refused")
    /// The document is longer than ``DomainDocument/maximumSize``.
    public static let tooLarge = Code(rawValue: "too-large")
    /// The bytes are not UTF-8, or the document declares another encoding.
    public static let notUTF8 = Code(rawValue: "not-utf8")
    /// The XML is well-formed but is not one libvirt domain with a type and a name.
    public static let notADomain = Code(rawValue: "not-a-domain")
    /// The domain has no device or element of the given identity.
    public static let notFound = Code(rawValue: "not-found")
    /// The domain has several devices of the given identity.
    public static let ambiguous = Code(rawValue: "ambiguous")
    /// The edit does not apply to a device of this kind.
    public static let notApplicable = Code(rawValue: "not-applicable")
    /// The new value cannot be written: it is empty or holds characters that XML has no way to express.
    public static let invalidValue = Code(rawValue: "invalid-value")
    /// libxml2 could not get memory.
    public static let outOfMemory = Code(rawValue: "out-of-memory")
  }

  /// The kind of the failure.
  public let code: Code
  /// What was being done, for example `set the source of disk vda`.
  public let operation: String
  /// What went wrong, without the operation.
  public let message: String
  /// The line of the document, counted from 1, where the parser stopped.
  public let line: Int?

  /// Makes an error.
  public init(_ code: Code, operation: String, message: String, line: Int? = nil) {
    self.code = code
    self.operation = operation
    self.message = message
    self.line = line
  }
}

extension DomainXMLError: CustomStringConvertible {
  /// The operation and the reason in one sentence.
  public var description: String {
    let place = line.map { " (line \($0))" } ?? ""
    return "cannot \(operation): \(message)\(place)"
  }
}

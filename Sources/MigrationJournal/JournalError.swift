/// What went wrong with the journal.
///
/// Switch on ``code``; show ``description``. An error of ``Journal/commit(_:)`` means that nothing of the step was stored.
public struct JournalError: Error, Sendable, Hashable {
  /// What kind of failure it was.
  public var code: Code
  /// What was being done, such as `commit revision 3 of the migration 7c9e at its source`.
  public var operation: String
  /// What happened, and what to do about it.
  public var message: String

  /// Creates an error.
  public init(_ code: Code, operation: String, message: String) {
    self.code = code
    self.operation = operation
    self.message = message
  }

  /// Whether the same call can succeed later without a change to the journal's file or to the caller.
  public var isRetriable: Bool { [.diskFull, .locked, .ioFailed].contains(code) }
}

extension JournalError {
  /// The kinds of failure. New ones may be added.
  public struct Code: Sendable, Hashable, CustomStringConvertible {
    private enum Name: String {
      case cannotOpen, notAJournal, newerSchema, corrupted
      case diskFull, readOnly, locked, ioFailed
      case unknownShape, unreadableRecord
      case invalidStep, guestBusy, alreadyRegistered, notRegistered
      case internalError
    }

    private let name: Name

    /// The file cannot be opened or made, for instance because its folder is missing.
    public static let cannotOpen = Code(name: .cannotOpen)
    /// The file is not a database, or one of another program.
    public static let notAJournal = Code(name: .notAJournal)
    /// The file was written by a later version of Longshore.
    public static let newerSchema = Code(name: .newerSchema)
    /// The file is damaged.
    public static let corrupted = Code(name: .corrupted)
    /// The file system is full.
    public static let diskFull = Code(name: .diskFull)
    /// The file, its folder or its file system cannot be written.
    public static let readOnly = Code(name: .readOnly)
    /// Another process, or another ``Journal`` of this one, has the file open.
    public static let locked = Code(name: .locked)
    /// Reading or writing the file failed.
    public static let ioFailed = Code(name: .ioFailed)
    /// A record has a shape that this version does not know.
    public static let unknownShape = Code(name: .unknownShape)
    /// A record has a known shape and cannot be read all the same.
    public static let unreadableRecord = Code(name: .unreadableRecord)
    /// The parts of a step contradict each other or what is stored.
    public static let invalidStep = Code(name: .invalidStep)
    /// A migration that has not ended moves the same guest.
    public static let guestBusy = Code(name: .guestBusy)
    /// The migration has registered a file of this path.
    public static let alreadyRegistered = Code(name: .alreadyRegistered)
    /// The migration has registered no file of this path.
    public static let notRegistered = Code(name: .notRegistered)
    /// SQLite refused a statement for another reason.
    public static let internalError = Code(name: .internalError)

    /// The constant's name.
    public var description: String { name.rawValue }
  }
}

extension JournalError {
  /// Whether one record cannot be read, while the journal itself can be: trying again is of no use.
  public var isOfOneRecord: Bool { [.unknownShape, .unreadableRecord].contains(code) }
}

extension JournalError: CustomStringConvertible {
  /// One line: operation, message and code.
  public var description: String { "\(operation): \(message) [\(code)]" }
}

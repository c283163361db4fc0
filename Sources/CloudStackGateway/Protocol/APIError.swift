/// A request that is not done, as CloudStack says it.
struct APIError: Error, Hashable {
  /// What kind of error it is: the status of the HTTP answer, and the field `errorcode`.
  enum Code: Int, Sendable, Hashable, CaseIterable {
    case badRequest = 400
    case unauthorized = 401
    case methodNotAllowed = 405
    case tooManyRequests = 429
    case malformedParameter = 430
    case parameter = 431
    case unsupportedAction = 432
    case serviceUnavailable = 503
    case internalError = 530
    case account = 531
    case insufficientCapacity = 533
    case resourceUnavailable = 534
    case resourceInUse = 536
  }

  /// The class of the exception that CloudStack would have thrown, by its number in the field `cserrorcode`.
  enum Exception: Int, Sendable, Hashable {
    case cloudRuntime = 4250
    case agentUnavailable = 4285
    case insufficientStorageCapacity = 4340
    case invalidParameterValue = 4350
    case permissionDenied = 4365
    case resourceInUse = 4375
    case resourceUnavailable = 4380
    case virtualMachineMigration = 4395
    case plain = 9999
  }

  /// What kind of error it is.
  var code: Code
  /// The exception's class; an answer with 401 does not name it.
  var exception: Exception
  /// What happened, and what to do about it.
  var text: String
  /// Whether the answer's key is `errorresponse` instead of the command's: nobody knows the command.
  var isOfNoCommand = false

  /// An error.
  init(_ code: Code, _ text: String, _ exception: Exception = .plain) {
    self.code = code
    self.text = text
    self.exception = exception
  }

  /// Who sends it has no key that this server knows, or has not signed it.
  static let unverified = APIError(.unauthorized, "unable to verify user credentials and/or request signature")

  /// A parameter that a command needs is not there.
  static func missing(_ parameter: String, of command: String) -> APIError {
    APIError(.parameter, "Unable to execute API command \(command.lowercased()) due to missing parameter \(parameter)")
  }

  /// A parameter's value is none, or names nothing that is here. The words are those that clients look for.
  static func invalid(_ parameter: String, _ value: String, of command: String) -> APIError {
    APIError(
      .parameter,
      """
      Unable to execute API command \(command.lowercased()) due to invalid value. Invalid parameter \(parameter) value=\
      \(value.prefix(100)) due to incorrect long value format, or entity does not exist or due to incorrect parameter annotation \
      for the field in api cmd class.
      """, .invalidParameterValue)
  }

  /// A command or what it asks for is not offered.
  static func unsupported(_ command: String) -> APIError {
    var error = APIError(
      .unsupportedAction,
      "The given command '\(command.prefix(100))' either does not exist, is not available for user, or not available from this server")
    error.isOfNoCommand = true
    return error
  }
}

internal import DomainXML
internal import Libvirt
internal import LongshoreMessages

extension Reason {
  /// The reason for what a failed call makes fail.
  init(_ code: Reason.Code = .operationFailed, _ operation: String, failedWith error: any Error) {
    let cause =
      switch error {
      case let error as LibvirtError: error.description
      case let error as DomainXMLError: error.description
      case let error as ImageError: error.description
      case let error as Reason.Failure: error.reason.message
      default: "\(error)"
      }
    self.init(code, "cannot \(operation): \(cause)")
  }

  /// A reason as an error, for work that is given up with it.
  struct Failure: Error {
    var reason: Reason

    init(_ code: Reason.Code, _ message: String) { reason = Reason(code, message) }
    init(_ reason: Reason) { self.reason = reason }
  }

  /// The reason that an error carries, or one that says what could not be done.
  static func of(_ error: any Error, _ operation: String) -> Reason {
    (error as? Failure)?.reason ?? Reason(operation, failedWith: error)
  }
}

extension Reason {
  fileprivate init(_ operation: String, failedWith error: any Error) {
    let isFull = (error as? ImageError)?.code == .noSpace
    self.init(isFull ? .noSpace : .operationFailed, operation, failedWith: error)
  }
}

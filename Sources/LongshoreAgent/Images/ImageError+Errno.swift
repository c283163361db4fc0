internal import Glibc
internal import SystemPackage

extension ImageError {
  /// The error of a failed system call.
  init(_ errno: Errno, operation: String) {
    let code: Code =
      switch errno {
      case .noSuchFileOrDirectory: .notFound
      case .fileExists: .alreadyExists
      case .noSpace, .diskQuotaExceeded: .noSpace
      default: .system
      }
    self.init(code, operation: operation, message: "\(errno)")
  }

  /// The error of the system call that just failed on this thread.
  static func last(operation: String) -> ImageError {
    ImageError(Errno(rawValue: errno), operation: operation)
  }

  /// Runs calls of `FileDescriptor`, which throw `Errno` and nothing else.
  static func wrapping<Value>(
    _ operation: String, _ body: () throws -> Value
  ) throws(ImageError) -> Value {
    do {
      return try body()
    } catch let error as ImageError {
      throw error
    } catch let error as Errno {
      throw ImageError(error, operation: operation)
    } catch {
      throw ImageError(.system, operation: operation, message: "\(error)")
    }
  }

  /// Makes sure that a path can go to QEMU's tools: absolute, so that it is neither an option nor a protocol such as
  /// `nbd:`, and without line breaks and NUL.
  static func check(path: String, operation: String) throws(ImageError) {
    guard path.hasPrefix("/"), !path.utf8.contains(where: { $0 == 0 || $0 == 0x0A }) else {
      throw ImageError(.invalidArgument, operation: operation, message: "\(path) is not an absolute path")
    }
  }
}

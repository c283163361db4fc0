internal import CLibvirt
internal import Glibc

/// One synchronous call to libvirt, with the words for its error.
///
/// libvirt keeps the last error for each thread (virterror.h, `virGetLastError`). A call and the check of its result
/// therefore stand in one synchronous closure, on one thread.
struct Call: Sendable {
  /// What is tried, in words that follow "cannot".
  let operation: String

  /// Makes a call, which sees to it that libvirt is initialised.
  ///
  /// Every function of libvirt begins with clearing the thread's last error. Before `virInitialize` the key of that
  /// thread-local value is 0, which is another library's: even the helpers that need no connection
  /// (`virTypedParamsAdd…`) would write into what belongs to GLib or to the runtime.
  init(operation: String) {
    self.operation = operation
    _ = Self.initialized
  }

  /// What `virInitialize` returned, which is called once in the life of the process.
  private static let initialized = virInitialize()

  /// Throws when libvirt could not be initialised; nothing else works then.
  func checkInitialized() throws(LibvirtError) {
    try check(Self.initialized)
  }

  /// The error of the call that has just failed on this thread.
  func failure() -> LibvirtError {
    // The error belongs to the thread and stays valid until its next libvirt call; everything is copied here.
    guard let pointer = unsafe virGetLastError(), unsafe pointer.pointee.code != 0 else {
      return LibvirtError(code: .internalError, message: "libvirt gave no reason", operation: operation)
    }
    return unsafe LibvirtError(
      code: LibvirtError.Code(rawValue: pointer.pointee.code),
      domain: LibvirtError.ErrorDomain(rawValue: pointer.pointee.domain),
      level: LibvirtError.Level(pointer.pointee.level),
      message: pointer.pointee.message.map { unsafe String(cString: $0) } ?? "libvirt gave no reason",
      operation: operation)
  }

  /// Throws the call's error when its result is negative, libvirt's sign of failure.
  @discardableResult
  func check(_ result: Int32) throws(LibvirtError) -> Int32 {
    guard result >= 0 else { throw failure() }
    return result
  }

  /// Throws the call's error when it gave no object.
  func check(_ pointer: OpaquePointer?) throws(LibvirtError) -> OpaquePointer {
    guard let pointer = unsafe pointer else { throw failure() }
    return unsafe pointer
  }

  /// The object, or nothing when the call failed with `missing`, which says that there is no such object.
  func find(_ pointer: OpaquePointer?, missing: LibvirtError.Code) throws(LibvirtError) -> OpaquePointer? {
    if let pointer = unsafe pointer { return unsafe pointer }
    let error = failure()
    guard error.code == missing else { throw error }
    return nil
  }

  /// Copies a string that the caller owns (`char *`) and frees it.
  func takeString(_ pointer: UnsafeMutablePointer<CChar>?) throws(LibvirtError) -> String {
    guard let pointer = unsafe pointer else { throw failure() }
    defer { unsafe free(pointer) }
    return unsafe String(cString: pointer)
  }

  /// Copies a string that belongs to its object (`const char *`).
  func copyString(_ pointer: UnsafePointer<CChar>?) throws(LibvirtError) -> String {
    guard let pointer = unsafe pointer else { throw failure() }
    return unsafe String(cString: pointer)
  }

  /// Copies a UUID in its text form, which libvirt writes in lower case.
  @safe
  func uuid(_ write: (UnsafeMutablePointer<CChar>) -> Int32) throws(LibvirtError) -> String {
    // VIR_UUID_STRING_BUFLEN: 36 characters and the zero.
    let text: String? = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(VIR_UUID_STRING_BUFLEN)) {
      guard let start = $0.baseAddress, unsafe write(start) == 0 else { return nil }
      return unsafe String(cString: start)
    }
    guard let text else { throw failure() }
    return text
  }

  /// Takes over the list that a `virConnectListAll…` call made: `take` gets each object, the array is freed.
  @safe
  func takeList<Element>(
    _ list: (UnsafeMutablePointer<UnsafeMutablePointer<OpaquePointer?>?>) -> Int32,
    _ take: (OpaquePointer) throws(LibvirtError) -> Element
  ) throws(LibvirtError) -> [Element] {
    var objects: UnsafeMutablePointer<OpaquePointer?>?
    let count = try check(unsafe list(&objects))
    defer { unsafe free(objects) }
    var elements: [Element] = []
    for index in 0..<Int(count) {
      guard let object = unsafe objects?[index] else { continue }
      elements.append(try unsafe take(object))
    }
    return elements
  }
}

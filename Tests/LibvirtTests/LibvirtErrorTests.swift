import Testing

@testable import Libvirt

@Suite("An error")
struct LibvirtErrorTests {
  @Test("is one line that says what, why and the code")
  func description() {
    let cause = LibvirtError(code: .noConnection, message: "refused", operation: "open qemu:///system")
    let error = LibvirtError(
      code: .notConnected, message: "there is no connection", operation: "use qemu:///system", cause: cause)
    #expect(
      error.description == "cannot use qemu:///system: there is no connection [not connected]; "
        + "cannot open qemu:///system: refused [VIR_ERR_NO_CONNECT]")
    #expect(error.cause == cause)
    #expect(cause.cause == nil)
  }

  @Test("keeps a code that is not known")
  func unknown() {
    let code = LibvirtError.Code(rawValue: 4_711)
    #expect(code.description == "unknown (4711)")
    #expect(code != .internalError)
  }

  @Test(
    "tells a lost connection from a failed call",
    arguments: [
      (LibvirtError.Code.internalError, LibvirtError.ErrorDomain.rpc, true),
      (.internalError, .qemu, false), (.systemError, .rpc, true), (.systemError, .storage, false),
      (.rpc, .remote, true),
      (.operationAborted, .qemu, false), (.notConnected, .none, true),
    ])
  func connectionLost(code: LibvirtError.Code, domain: LibvirtError.ErrorDomain, isLost: Bool) {
    let error = LibvirtError(code: code, domain: domain, message: "", operation: "")
    #expect(error.isConnectionLost == isLost)
    #expect(error.isRetriable == isLost)
  }

  @Test("of a lock that was not obtained in time can be tried again")
  func timeout() {
    let error = LibvirtError(code: .operationTimeout, domain: .qemu, message: "", operation: "")
    #expect(error.isRetriable)
    #expect(!error.isConnectionLost)
  }
}

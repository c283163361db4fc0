import LongshoreMessages
import Testing

@testable import LongshoreAgent

@Suite("Reasons of failures") struct ReasonTests {
  @Test(
    "a full file system has a code of its own, and another failure has the general one",
    arguments: [
      (ImageError.Code.noSpace, Reason.Code.noSpace), (.toolFailed, .operationFailed),
    ])
  func codes(of failure: ImageError.Code, expected: Reason.Code) {
    let reason = Reason.of(ImageError(failure, operation: "copy it", message: "it did not fit"), "put the template in place")
    #expect(reason.code == expected)
    #expect(reason.message.contains("put the template in place") && reason.message.contains("it did not fit"))
  }
}

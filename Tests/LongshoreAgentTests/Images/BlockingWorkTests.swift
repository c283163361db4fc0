import Glibc
import Testing

@testable import LongshoreAgent

@Suite("Work that blocks")
struct BlockingWorkTests {
  /// The niceness of the calling thread.
  private static func niceness() -> CInt { getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0) }

  @Test("yields to the rest of the host where it is done in the background, and there alone")
  func background() async throws {
    let usual = Self.niceness()
    let background = try await BlockingWork.runCancellable(inBackground: true) { _ throws(ImageError) in Self.niceness() }
    #expect(background == max(usual, BlockingWork.backgroundNiceness))
    #expect(try await BlockingWork.runCancellable { _ throws(ImageError) in Self.niceness() } == usual)
    #expect(try await BlockingWork.run { () throws(ImageError) in Self.niceness() } == usual)
    #expect(Self.niceness() == usual)
  }
}

import LongshoreTestKit
import Testing

extension Browser {
  /// Why a test is skipped where there is no browser.
  static let missing = Comment(rawValue: requirement)

  /// Looks at the page as on a screen of a size, light or dark, and keeps what is seen with the test.
  func keepScreenshot(_ name: String, width: Int = 1280, height: Int = 1000, isDark: Bool = false) async throws {
    let seen = try await look(width: width, height: height, isDark: isDark)
    #expect(seen.overflow == 0, "\(name): the page is wider than the screen")
    Attachment.record(seen.picture, named: "\(name).png")
  }
}

import SystemPackage

/// The repository that the tests were built from: files that tests read besides the code.
public enum Repository {
  private static let root = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()

  /// The absolute path of a file or folder, named from the root.
  public static func path(_ path: String) -> String { root.appending(path).string }

  /// A file's text, named from the root.
  public static func text(_ path: String) throws -> String {
    let file = try FileDescriptor.open(root.appending(path), .readOnly)
    return try file.closeAfter {
      var bytes: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 1 << 16)
      while true {
        let count = try buffer.withUnsafeMutableBytes { try file.read(into: $0) }
        if count == 0 { return String(decoding: bytes, as: UTF8.self) }
        bytes += buffer.prefix(count)
      }
    }
  }
}

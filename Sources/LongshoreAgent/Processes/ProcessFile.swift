internal import Glibc
internal import SystemPackage

/// A file below `/proc`, which is made while it is read.
enum ProcessFile {
  /// The whole content.
  static func contents(of path: String) throws(Errno) -> [UInt8] {
    do {
      let file = try FileDescriptor.open(FilePath(path), .readOnly, options: [.closeOnExec])
      return try file.closeAfter {
        var contents: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while case let count = try buffer.withUnsafeMutableBytes({ try file.read(into: $0) }), count > 0 {
          contents += buffer[..<count]
        }
        return contents
      }
    } catch {
      // `FileDescriptor` throws nothing else.
      throw error as? Errno ?? .ioError
    }
  }

  /// The fields of a `stat` file from the third on, which is the state: what comes before holds the name, which may contain anything.
  static func statusFields(of path: String) throws(Errno) -> [ArraySlice<UInt8>] {
    let bytes = try contents(of: path)
    guard let end = bytes.lastIndex(of: UInt8(ascii: ")")) else { return [] }
    return bytes[(end + 1)...].split(separator: UInt8(ascii: " "))
  }
}

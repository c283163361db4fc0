internal import Glibc

/// What is in a folder.
enum FolderListing {
  /// The names in a folder, sorted, without `.` and `..`.
  ///
  /// - Throws: ``ImageError/Code/notFound`` where there is no folder of that name.
  static func names(in directory: String, operation: String) throws(ImageError) -> [String] {
    guard let stream = opendir(directory) else { throw .last(operation: operation) }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }
}

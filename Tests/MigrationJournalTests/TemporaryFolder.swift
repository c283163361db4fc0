import Glibc
import MigrationJournal

/// A folder of a test's own, removed with all that is in it when the body has ended.
func withTemporaryFolder<Value>(_ body: (String) async throws -> Value) async throws -> Value {
  var template = Array("/tmp/longshore-journal.XXXXXX".utf8CString)
  let made = template.withUnsafeMutableBufferPointer { $0.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) } }
  guard let folder = made else { throw SystemFailure(number: errno) }
  // Other users may enter it: a test takes the place of one.
  chmod(folder, 0o755)
  defer {
    for name in names(in: folder) { unlink("\(folder)/\(name)") }
    rmdir(folder)
  }
  return try await body(folder)
}

/// A failed call of the system.
struct SystemFailure: Error {
  var number: Int32
}

/// The names of the files in a folder, sorted.
func names(in folder: String) -> [String] {
  guard let stream = opendir(folder) else { return [] }
  defer { closedir(stream) }
  var names: [String] = []
  while let entry = readdir(stream) {
    let name = withUnsafePointer(to: &entry.pointee.d_name) {
      $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
    }
    if name != ".", name != ".." { names.append(name) }
  }
  return names.sorted()
}

/// The content of a file.
func content(of path: String) throws -> [UInt8] {
  let descriptor = open(path, O_RDONLY)
  guard descriptor >= 0 else { throw SystemFailure(number: errno) }
  defer { close(descriptor) }
  var bytes = [UInt8](repeating: 0, count: Int(lseek(descriptor, 0, SEEK_END)))
  guard pread(descriptor, &bytes, bytes.count, 0) == bytes.count else { throw SystemFailure(number: errno) }
  return bytes
}

/// Writes bytes over those that a file has at an offset.
func overwrite(_ path: String, at offset: Int = 0, with bytes: [UInt8]) throws {
  let descriptor = open(path, O_WRONLY | O_CREAT, 0o600)
  guard descriptor >= 0 else { throw SystemFailure(number: errno) }
  defer { close(descriptor) }
  guard pwrite(descriptor, bytes, bytes.count, off_t(offset)) == bytes.count else { throw SystemFailure(number: errno) }
}

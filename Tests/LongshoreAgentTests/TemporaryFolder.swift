import Glibc
import Subprocess
import SystemPackage
import Testing

/// A folder for one test, deleted with everything in it when the test ends.
struct TemporaryFolder {
  let path: String

  /// The folder's own name, which no other test has: for what tests share, such as the names of exports.
  var name: String { String(path.drop { $0 != "-" }.dropFirst()) }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Writes a file.
  func write(_ bytes: [UInt8], to name: String) throws -> String {
    let path = file(name)
    let descriptor = try FileDescriptor.open(
      FilePath(path), .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite])
    try descriptor.closeAfter { _ = try descriptor.writeAll(bytes) }
    return path
  }

  /// Writes over a part of a file.
  func overwrite(_ path: String, at offset: Int, with bytes: [UInt8]) throws {
    let descriptor = try FileDescriptor.open(FilePath(path), .writeOnly)
    try descriptor.closeAfter { _ = try descriptor.writeAll(toAbsoluteOffset: Int64(offset), bytes) }
  }

  /// Reads a whole file.
  func read(_ path: String) throws -> [UInt8] {
    let descriptor = try FileDescriptor.open(FilePath(path), .readOnly)
    return try descriptor.closeAfter {
      let size = Int(try descriptor.seek(offset: 0, from: .end))
      return try [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
        while count < size {
          let part = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[count...])
          count += try descriptor.read(fromAbsoluteOffset: Int64(count), into: part)
        }
      }
    }
  }

  func exists(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
  }

  /// The space that a file takes, in bytes.
  func allocated(_ path: String) -> Int {
    var status = stat()
    return lstat(path, &status) == 0 ? Int(status.st_blocks) * 512 : 0
  }

  /// Runs a program that must succeed.
  func run(_ program: String, _ arguments: String...) async throws { try await run(program, arguments) }

  /// Runs a program that must succeed, with arguments that were put together.
  func run(_ program: String, _ arguments: [String]) async throws {
    let result = try await Subprocess.run(
      .name(program), arguments: Arguments(arguments), workingDirectory: FilePath(path), output: .discarded,
      error: .string(limit: 1 << 16))
    guard result.terminationStatus.isSuccess else {
      throw ProgramFailed(program: program, arguments: arguments, message: result.standardError)
    }
  }

  struct ProgramFailed: Error {
    let program: String
    let arguments: [String]
    let message: String
  }
}

/// Makes a folder for a body.
func withTemporaryFolder(_ body: (TemporaryFolder) async throws -> Void) async throws {
  var template = Array("/tmp/longshore-agent-XXXXXX".utf8CString)
  try #require(mkdtemp(&template) != nil)
  let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  let result = await Result { try await body(TemporaryFolder(path: path)) }
  _ = try await Subprocess.run(.name("rm"), arguments: ["-rf", "--", path], output: .discarded)
  try result.get()
}

extension Result where Failure == any Error {
  /// What a body gives or throws, so that things can be cleaned up before it is thrown on.
  init(_ body: () async throws -> Success) async {
    do {
      self = .success(try await body())
    } catch {
      self = .failure(error)
    }
  }
}

/// Whether QEMU's image programs are there.
enum ImagePrograms {
  static let missing: Comment = "qemu-img or qemu-nbd is not installed (Debian: qemu-utils)"
  static let areInstalled = ["qemu-img", "qemu-nbd"].allSatisfy { program in
    ["/usr/bin", "/usr/local/bin", "/bin"].contains { access("\($0)/\(program)", X_OK) == 0 }
  }
}

/// Bytes that differ by position and seed, without any pattern that compresses.
func noise(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
  var state = seed
  var bytes: [UInt8] = []
  bytes.reserveCapacity(count + 8)
  while bytes.count < count {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    withUnsafeBytes(of: state >> 16) { bytes.append(contentsOf: $0.prefix(6)) }
  }
  return Array(bytes.prefix(count))
}

/// A qcow2 header with clusters of 64 KiB and a virtual size of 1 GiB, and what follows it.
func qcow2Image(version: UInt8 = 3, backing: String = "", incompatible: UInt8 = 0, contents: [UInt8] = []) -> [UInt8] {
  var bytes: [UInt8] = [0x51, 0x46, 0x49, 0xFB, 0, 0, 0, version]
  bytes += [0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, UInt8(backing.utf8.count)]
  bytes += [0, 0, 0, 16, 0, 0, 0, 0, 0x40, 0, 0, 0]
  bytes += [UInt8](repeating: 0, count: 72 - bytes.count)
  bytes += [0, 0, 0, 0, 0, 0, 0, incompatible]
  bytes += [UInt8](repeating: 0, count: 96 - bytes.count) + [0, 0, 0, 4, 0, 0, 0, 112]
  bytes += [UInt8](repeating: 0, count: 256 - bytes.count) + Array(backing.utf8)
  return bytes + [UInt8](repeating: 0, count: 65_536 - bytes.count) + contents
}

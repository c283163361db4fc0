import FoundationEssentials
import LongshoreFuzzing
import LongshoreTestKit

/// The inputs that fuzzing starts from, and those that once broke a reader: files below `contrib/fuzzing`, a folder for each reader.
struct Seed {
  let name: String
  let bytes: [UInt8]
  /// Whether the reader must refuse it.
  let isRefused: Bool

  static func of(_ target: FuzzTarget) throws -> [Seed] {
    let folder = Repository.path("contrib/fuzzing/\(target.rawValue)")
    return try FileManager.default.contentsOfDirectory(atPath: folder).sorted().map { name in
      Seed(
        name: "\(target.rawValue)/\(name)", bytes: [UInt8](try Data(contentsOf: URL(filePath: "\(folder)/\(name)"))),
        isRefused: name.hasPrefix("unreadable-"))
    }
  }
}

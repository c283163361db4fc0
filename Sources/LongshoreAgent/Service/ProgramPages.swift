internal import Glibc

/// The pages of code that are mapped into the process: the program's, and its libraries'.
enum ProgramPages {
  /// Gives back the pages of code. Those that are used again are mapped again, from the page cache.
  ///
  /// The start of an agent touches nearly all of its code once, and the kernel maps 64 KiB around each page that is touched. What
  /// an agent at rest needs of it is a small part.
  static func giveBack() {
    guard let maps = try? ProcessFile.contents(of: "/proc/self/maps") else { return }
    for range in code(in: String(decoding: maps, as: UTF8.self)) {
      // Code is mapped privately from a file and not written to, so that nothing is lost. A refusal leaves it where it is.
      _ = madvise(UnsafeMutableRawPointer(bitPattern: range.lowerBound), Int(range.upperBound - range.lowerBound), MADV_DONTNEED)
    }
  }

  /// Where code of files is mapped, by what the kernel tells of a process.
  static func code(in maps: String) -> [Range<UInt>] {
    maps.split(separator: "\n").compactMap { line in
      // 55e4a63a9000-55e4a7a44000 r-xp 00658000 fe:00 1234  /usr/bin/longshored
      let fields = line.split(separator: " ", maxSplits: 5)
      guard fields.count == 6, fields[1] == "r-xp", fields[5].drop(while: { $0 == " " }).hasPrefix("/") else { return nil }
      let bounds = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
      return bounds.count == 2 && bounds[0] < bounds[1] ? bounds[0]..<bounds[1] : nil
    }
  }
}

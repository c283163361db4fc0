import Glibc
import Testing

@testable import LongshoreAgent

/// NBD servers for tests.
enum ExportFixture {
  /// An exporter on the loopback address, with a part of the private port range that depends on the test's process, so
  /// that two runs at once seldom look at the same ports; what is taken is passed over.
  static func exporter(
    in folder: TemporaryFolder, ports: ClosedRange<UInt16>? = nil, credentials: String? = nil
  ) -> NBDExporter {
    let first = UInt16(49_152 + UInt32(getpid()) % 100 * 160)
    return NBDExporter(
      address: "127.0.0.1", ports: ports ?? first...(first + 159), directory: folder.path, credentials: credentials)
  }
}

import Glibc
import Libvirt
import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import LongshoreAgent

@Suite("What a host finds of itself")
struct HostDiagnosisTests {
  private static let end: Int64 = 4_949_253_906
  private static let day: Int64 = 86_400

  @Test(
    "certificates",
    arguments: [
      (1_795_653_905, .refused), (1_795_653_906, .passed), (end - 31 * day, .passed), (end - 29 * day, .warning), (end, .warning),
      (end + 1, .refused),
    ] as [(Int64, Check.Outcome)])
  func certificates(now: Int64, outcome: Check.Outcome) async throws {
    try await withTemporaryFolder { folder in
      let path = try folder.write(Array(SampleCertificate.pem.utf8), to: "certificate.pem")
      let host = try #require(NodeName("alpha"))
      let checks = HostDiagnosis.check(certificates: [path, path], at: now, on: host)
      #expect(checks.map(\.outcome) == (outcome == .refused ? [.refused, .refused] : [outcome]))
      #expect(checks.allSatisfy { $0.code == .certificateExpires && $0.message.contains(path) })
      #expect(HostDiagnosis.check(certificates: ["\(folder.path)/none.pem"], at: now, on: host).map(\.outcome) == [.refused])
      #expect(HostDiagnosis.check(certificates: [], at: now, on: host).isEmpty)
    }
  }

  @Test(
    "versions that are known to fail with some guests",
    arguments: [("9.0.0", "9.10.0", "vmx"), ("10.2.0", "10.2.0", "other disks"), ("9.0.0", "9.0.0", nil)] as [(String, String, String?)])
  func versions(source: String, here: String, fault: String?) throws {
    let (alpha, beta) = (try #require(NodeName("alpha")), try #require(NodeName("beta")))
    let qemu = SoftwareVersion(7, 2)
    let versions = KnownFaults.Versions(
      sourceLibvirt: try #require(SoftwareVersion(text: source)), sourceQEMU: qemu, libvirt: try #require(SoftwareVersion(text: here)),
      qemu: qemu)
    let checks = DestinationChecks.checkFaults(of: versions, from: alpha, on: beta)
    #expect(checks.map(\.outcome) == [fault == nil ? .passed : .warning])
    #expect(
      checks.allSatisfy { $0.code == .knownFault && $0.host == beta && $0.message.contains(fault ?? "no fault is known") }, "\(checks)")
  }

  @Test("files that everybody can read")
  func secrets() async throws {
    try await withTemporaryFolder { folder in
      let path = try folder.write(Array("secret".utf8), to: "password")
      for (mode, isOpen) in [(0o600, false), (0o640, false), (0o644, true), (0o604, true)] {
        #expect(chmod(path, mode_t(mode)) == 0)
        #expect(FileProbe.isReadableByAll(path) == isOpen, "\(String(mode, radix: 8))")
      }
      #expect(!FileProbe.isReadableByAll(folder.file("none")))
    }
  }
}

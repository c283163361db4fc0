import Logging
import LongshoreMessages
import LongshoreTestKit
import Testing

@testable import LongshoreAgent

@Suite("A configuration that is read anew")
struct SettingsChangeTests {
  /// A value other than the default for each setting, alone or with what it needs.
  private static let others: [Setting: String] = [
    .cluster: "other", .host: "gamma", .hostUUID: "3a1f0c5e-8b7d-4e2a-9c6f-5d4e3f2a1b0c", .brokerAddresses: "rabbit",
    .brokerVirtualHost: "v",
    .brokerUsername: "agent", .brokerPassword: "secret", .brokerHeartbeat: "20s", .libvirtURI: "qemu+unix:///system",
    .libvirtReachableAs: "qemu+tls://kvm9/system", .migrationAddress: "192.0.2.9", .migrationTLSName: "kvm9",
    .migrationAllowedAddresses: "kvm2", .migrationDeadline: "2h", .migrationGrace: "1h", .migrationAnswerTimeout: "7s",
    .migrationAttentionAfter: "7s", .nbdAddress: "192.0.2.10", .nbdFirstPort: "20000", .nbdLastPort: "20001", .incomingAllowed: "false",
    .incomingOvercommitMemory: "true", .requestsUsers: "cloud", .peersUser: "guest", .poolsAllowed: "fast", .limitsOutgoing: "1",
    .limitsIncoming: "2", .limitsPair: "1", .limitsPool: "1", .limitsTemplatesOutgoing: "1", .limitsTemplatesIncoming: "1",
    .bandwidthOutgoing: "100", .bandwidthIncoming: "100", .bandwidthLinks: "beta 100", .journalPath: "/j", .runDirectory: "/r",
    .metricsListen: "127.0.0.1:1", .logLevel: "debug", .logFormat: "json", .brokerTLSEnabled: "true",
  ]

  private func configuration(_ values: [Setting: String]) async throws -> AgentConfiguration {
    let flags = values.merging([.cluster: "lab", .host: "alpha"]) { own, _ in own }.map { "\($0.key.rawValue)=\($0.value)" }
    let reader = try await SettingsReader(file: "/nowhere", fileIsRequired: false, flags: flags, environment: [:])
    return try AgentConfiguration(settings: reader)
  }

  @Test("is none where the defaults that the reference tells are given")
  func defaults() async throws {
    let old = try await configuration([:])
    var told: Set<Setting> = []
    for line in try Repository.text("Sources/LongshoreCommands/Longshore.docc/reference/configuration.md").split(separator: "\n") {
      let cells = line.split(separator: "|")
      guard line.hasPrefix("| `"), cells.count == 3 else { continue }
      let (keys, values) = (Self.quoted(cells[0]), Self.quoted(cells[2]))
      // Others are made of another setting, or of the host.
      for (key, value) in zip(keys, values) where Setting(rawValue: value) == nil && !value.contains("HOSTNAME") {
        let setting = try #require(Setting(rawValue: key))
        told.insert(setting)
        let change = SettingsChange(from: old, to: try await configuration([setting: value]))
        #expect(change.applied + change.needRestart == [], "\(key) is not \(value) by default")
      }
    }
    #expect(told.count >= 28, "\(told.map(\.rawValue).sorted())")
  }

  private static func quoted(_ cell: Substring) -> [String] { cell.matches(of: /`([^`]+)`/).map { String($0.output.1) } }

  @Test("counts, or needs a restart, setting by setting", arguments: Self.others.keys.sorted { $0.rawValue < $1.rawValue })
  func settings(_ setting: Setting) async throws {
    let old = try await configuration([:])
    let new = try await configuration([setting: try #require(Self.others[setting])])
    let change = SettingsChange(from: old, to: new)
    let found = change.applied + change.needRestart
    #expect(found.contains(setting), "\(found)")
    // A default that is made of the setting changes with it; nothing that counts at once is made of what needs a restart.
    #expect(setting.countsAtOnce ? found == [setting] : change.applied.isEmpty, "\(found)")

    let live = LiveConfiguration(old)
    #expect(live.adopt(new) == change)
    let rest = SettingsChange(from: live.now, to: new)
    #expect(rest.applied == [] && rest.needRestart == change.needRestart)
    let kept = SettingsChange(from: old, to: live.now)
    #expect(kept.applied == change.applied && kept.needRestart == [])
    #expect(live.adopt(old).applied == change.applied)
    #expect(SettingsChange(from: old, to: live.now).isEmpty)
  }

  @Test("is looked at with every setting there is")
  func completeness() {
    // The password's file is judged by the password that is in it, and the rest of TLS with TLS alone.
    let apart: Set<Setting> = [
      .brokerAuthentication, .brokerPasswordFile, .brokerTLSCAFile, .brokerTLSCertificateFile, .brokerTLSKeyFile, .brokerTLSServerName,
      .brokerTLSVerify,
      .nbdCredentials,
    ]
    #expect(Set(Self.others.keys).union(apart) == Set(Setting.allCases))
  }

  @Test(
    "needs a restart for what of TLS is different",
    arguments: [
      (Setting.brokerTLSCAFile, "/ca.pem"), (.brokerTLSCertificateFile, "/c.pem"), (.brokerTLSKeyFile, "/k.pem"),
      (.brokerTLSServerName, "rabbit"), (.brokerTLSVerify, "false"),
    ])
  func tls(_ setting: Setting, value: String) async throws {
    let old = try await configuration([.brokerTLSEnabled: "true"])
    let new = try await configuration([.brokerTLSEnabled: "true", setting: value])
    #expect(SettingsChange(from: old, to: new).needRestart == [setting])
  }

  @Test("needs a restart for another way to prove who the agent is")
  func authentication() async throws {
    let tls: [Setting: String] = [
      .brokerTLSEnabled: "true", .brokerTLSCertificateFile: "/c.pem", .brokerTLSKeyFile: "/k.pem", .brokerUsername: "a",
    ]
    let new = try await configuration(tls.merging([.brokerAuthentication: "certificate"]) { $1 })
    // With a certificate there is no password.
    let change = SettingsChange(from: try await configuration(tls), to: new)
    #expect(change.applied == [] && change.needRestart.contains(.brokerAuthentication), "\(change)")
  }

  @Test("is nothing where the same is said in other words")
  func sameValue() async throws {
    let old = try await configuration([:])
    let new = try await configuration([.migrationDeadline: "24h", .limitsOutgoing: "4", .logLevel: "info", .incomingAllowed: "true"])
    #expect(SettingsChange(from: old, to: new).isEmpty)
  }

  @Test("raises and lowers the level of all loggers that were made of one")
  func logLevel() {
    let logger = Logger(label: "test") { _ in LineLogHandler(format: .logfmt, write: { _ in }) }
    var copy = logger
    copy[metadataKey: "part"] = "copy"
    var level = logger
    level.logLevel = .trace
    #expect(copy.logLevel == .trace && logger.logLevel == .trace)
    level.logLevel = .error
    #expect(copy.logLevel == .error)
  }
}

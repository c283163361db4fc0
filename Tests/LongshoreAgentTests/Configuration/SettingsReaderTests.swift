import Testing

@testable import LongshoreAgent

@Suite("Reading settings")
struct SettingsReaderTests {
  // MARK: - Where values come from

  @Test("The command line goes before the environment, and the environment before the file")
  func precedence() async throws {
    try await withSettings(
      file: "cluster: file\nhost: file\njournal:\n  path: /file\n", flags: ["cluster=flag"],
      environment: ["LONGSHORED_CLUSTER": "environment", "LONGSHORED_HOST": "environment"]
    ) { settings throws in
      #expect(try settings.text(.cluster) == "flag")
      #expect(try settings.text(.host) == "environment")
      #expect(try settings.text(.journalPath) == "/file")
      #expect(try settings.text(.libvirtURI) == nil)
    }
  }

  @Test("Every setting can be given in all three places, and errors name the place", arguments: Setting.allCases)
  func places(_ setting: Setting) async throws {
    let (text, yaml) = Self.example(of: setting)
    let keys = setting.rawValue.split(separator: ".")
    var file = ""
    for (depth, key) in keys.enumerated() {
      file += String(repeating: "  ", count: depth) + "\(key):" + (depth < keys.count - 1 ? "\n" : " ")
    }
    try await withSettings(file: file + yaml + "\n") { settings throws in
      #expect(try Self.value(of: setting, in: settings) == text)
      #expect(settings.wrong(setting, "m").place.hasSuffix("longshored.yaml"))
    }
    try await withSettings(environment: [setting.environmentName: text]) { settings throws in
      #expect(try Self.value(of: setting, in: settings) == text)
      #expect(settings.wrong(setting, "m").place == "the environment")
    }
    try await withSettings(flags: ["\(setting.rawValue)=\(text)"]) { settings throws in
      #expect(try Self.value(of: setting, in: settings) == text)
      #expect(settings.wrong(setting, "m").place == "the command line")
    }
  }

  @Test("Names in the environment part words where the key does")
  func environmentNames() {
    #expect(Setting.brokerPasswordFile.environmentName == "LONGSHORED_BROKER_PASSWORD_FILE")
    #expect(Setting.brokerTLSCAFile.environmentName == "LONGSHORED_BROKER_TLS_CA_FILE")
    #expect(Setting.libvirtURI.environmentName == "LONGSHORED_LIBVIRT_URI")
    #expect(Set(Setting.allCases.map(\.environmentName)).count == Setting.allCases.count)
  }

  @Test("Other variables of the environment are none of its business")
  func otherVariables() async throws {
    try await withSettings(environment: ["PATH": "/bin", "LONGSHORE_CLUSTER": "c1"]) { settings throws in
      #expect(try settings.text(.cluster) == nil)
    }
  }

  // MARK: - Unknown keys

  @Test("An unknown key in the file is named with those that there are")
  func unknownInFile() async throws {
    let error = try await failure(file: "cluster: c1\nbroker:\n  adress: [a]\n")
    #expect(error.key == "broker.adress")
    #expect(error.place.hasSuffix("longshored.yaml"))
    #expect(error.message.contains("broker.addresses"))
  }

  @Test("An unknown name in the environment is named with those that there are")
  func unknownInEnvironment() async throws {
    let error = try await failure(environment: ["LONGSHORED_BROKER_ADRESS": "a"])
    #expect(error.key == "LONGSHORED_BROKER_ADRESS")
    #expect(error.place == "the environment")
    #expect(error.message.contains("LONGSHORED_BROKER_ADDRESSES"))
  }

  @Test("An unknown point to crash at is named with those that there are, and a known one is no setting")
  func crashPoint() async throws {
    let error = try await failure(environment: ["LONGSHORED_CRASH_AT": "somewhere"])
    #expect(error.key == "LONGSHORED_CRASH_AT")
    #expect(error.message.contains(CrashPoint.migrateCalled.rawValue))
    try await withSettings(environment: ["LONGSHORED_CRASH_AT": CrashPoint.migrateCalled.rawValue]) { settings throws in
      #expect(try settings.text(.cluster) == nil)
    }
  }

  @Test("An unknown key on the command line is named with those that there are", arguments: ["adress=a", "cluster", "=c1"])
  func unknownFlag(_ flag: String) async throws {
    let error = try await failure(flags: [flag])
    #expect(error.key == String(flag.prefix { $0 != "=" }))
    #expect(error.place == "the command line")
    #expect(error.message.contains("broker.addresses"))
  }

  // MARK: - Wrong values

  @Test(
    "A value of a wrong type is refused with the kind that it should be",
    arguments: [
      ("cluster:\n  - a\n", Setting.cluster), ("broker:\n  addresses: a\n", .brokerAddresses),
      ("limits:\n  outgoing: many\n", .limitsOutgoing), ("limits:\n  outgoing: 1.5\n", .limitsOutgoing),
      ("broker:\n  tls:\n    enabled: 7\n", .brokerTLSEnabled), ("migration:\n  grace: soon\n", .migrationGrace),
      ("migration:\n  grace: 90\n", .migrationGrace), ("migration:\n  grace: [1h]\n", .migrationGrace),
    ])
  func wrongTypeInFile(_ text: String, _ setting: Setting) async throws {
    try await withSettings(file: text) { settings throws in
      let error = #expect(throws: ConfigurationError.self) { try Self.value(of: setting, in: settings) }
      #expect(error?.key == setting.rawValue)
      #expect(error?.place.hasSuffix("longshored.yaml") == true)
      #expect(error?.message.contains(setting.kind.rawValue) == true)
    }
  }

  @Test("A value of a wrong type in the environment is refused")
  func wrongTypeInEnvironment() async throws {
    try await withSettings(environment: ["LONGSHORED_LIMITS_OUTGOING": "many"]) { settings throws in
      let error = #expect(throws: ConfigurationError.self) { try settings.integer(.limitsOutgoing, in: 1...64) }
      #expect(error?.description == "the environment: limits.outgoing: the value is not a whole number")
    }
  }

  @Test(
    "A value of a wrong type on the command line is refused", arguments: ["limits.outgoing=many", "broker.tls.enabled=perhaps"])
  func wrongTypeInFlag(_ flag: String) async throws {
    let error = try await failure(flags: [flag])
    #expect(error.key == String(flag.prefix { $0 != "=" }))
    #expect(error.place == "the command line")
  }

  @Test("A wrong value in a place that goes before others is not passed over for theirs")
  func wrongValueGoesFirst() async throws {
    try await withSettings(file: "limits:\n  outgoing: 2\n", environment: ["LONGSHORED_LIMITS_OUTGOING": "many"]) { settings throws in
      let error = #expect(throws: ConfigurationError.self) { try settings.integer(.limitsOutgoing, in: 1...64) }
      #expect(error?.place == "the environment")
    }
  }

  @Test("Numbers and times out of their range are refused with the range")
  func ranges() async throws {
    try await withSettings(file: "limits:\n  outgoing: 65\nmigration:\n  grace: 2d\n") { settings throws in
      let number = #expect(throws: ConfigurationError.self) { try settings.integer(.limitsOutgoing, in: 1...64) }
      #expect(number?.message == "65 is not from 1 to 64")
      let time = #expect(throws: ConfigurationError.self) { try settings.duration(.migrationGrace, in: 1000...60_000) }
      #expect(time?.message == "2d is not from 1s to 60s")
    }
  }

  @Test("A time of 0 needs no unit, where 0 is allowed", arguments: ["0", "0s", "\"0\""])
  func zero(_ text: String) async throws {
    try await withSettings(file: "migration:\n  grace: \(text)\n") { settings throws in
      #expect(try settings.duration(.migrationGrace, in: 0...1000) == 0)
      #expect(throws: ConfigurationError.self) { try settings.duration(.migrationGrace, in: 1...1000) }
    }
  }

  // MARK: - The file

  @Test("A file with nothing but comments gives no settings", arguments: ["", "\n", "# nothing\n"])
  func emptyFile(_ text: String) async throws {
    try await withSettings(file: text) { settings throws in #expect(try settings.text(.cluster) == nil) }
  }

  @Test("A file that is no mapping is refused", arguments: ["- a\n- b\n", "text\n"])
  func notAMapping(_ text: String) async throws {
    let error = try await failure(file: text)
    #expect(error.message.contains("keys and values"))
  }

  @Test("A file that is not YAML is refused with the line")
  func notYAML() async throws {
    let error = try await failure(file: "cluster: c1\nbroker: [a\n")
    #expect(error.message.contains("not YAML"))
    #expect(error.message.contains("line 3"))
  }

  @Test("A file that was named must be there, and the default one need not")
  func missingFile() async throws {
    try await withTemporaryFolder { folder in
      let path = folder.file("none.yaml")
      let error = await #expect(throws: ConfigurationError.self) {
        _ = try await SettingsReader(file: path, fileIsRequired: true, flags: [], environment: [:])
      }
      #expect(error?.description == "\(path): the file is missing or cannot be read")
      let settings = try await SettingsReader(file: path, fileIsRequired: false, flags: [], environment: [:])
      #expect(try settings.text(.cluster) == nil)
    }
  }

  // MARK: - Secrets

  @Test(
    "A password is in no message, whatever is wrong with the file",
    arguments: [
      "broker:\n  password: \"hunter2\n", "broker:\n  password: hunter2: x\n", "broker:\n  password: [hunter2]\n",
      "broker:\n  password: {a: hunter2}\n", "broker:\n\tpassword: hunter2\n", "broker:\n  password: a\n  password: hunter2\n",
      "broker:\n  password: *hunter2\n", "broker:\n  password: [{a: hunter2}]\n",
    ])
  func secretInFile(_ text: String) async throws {
    try await withTemporaryFolder { folder in
      let path = try folder.write(Array(text.utf8), to: "longshored.yaml")
      do {
        let settings = try await SettingsReader(file: path, fileIsRequired: true, flags: [], environment: [:])
        _ = try settings.text(.brokerPassword)
        #expect(text.contains("password: a\n"), "a password of another type is refused")
      } catch let error as ConfigurationError {
        #expect(!"\(error)".contains("hunter2"))
      }
    }
  }

  // MARK: - Tools

  /// A value of a setting as a text, and in YAML.
  private static func example(of setting: Setting) -> (text: String, yaml: String) {
    switch setting.kind {
    case .text: ("a/b:c", "a/b:c")
    case .list: ("a,b", "[a, b]")
    case .integer: ("17", "17")
    case .truth: ("true", "true")
    case .duration: ("90s", "90s")
    }
  }

  /// The value of a setting by its kind, in the text of ``example(of:)``.
  private static func value(of setting: Setting, in settings: SettingsReader) throws -> String? {
    switch setting.kind {
    case .text: try settings.text(setting)
    case .list: try settings.list(setting)?.joined(separator: ",")
    case .integer: try settings.integer(setting, in: 0...100).map(String.init)
    case .truth: try settings.truth(setting).map(String.init)
    case .duration: try settings.duration(setting, in: 0...1_000_000).map { "\($0 / 1000)s" }
    }
  }

  private func failure(
    file: String = "", flags: [String] = [], environment: [String: String] = [:]
  ) async throws -> ConfigurationError {
    let failure = await #expect(throws: ConfigurationError.self) {
      try await withSettings(file: file, flags: flags, environment: environment) { _ in }
    }
    return try #require(failure)
  }
}

/// Reads settings from a file of this text and the other places.
func withSettings(
  file: String = "", flags: [String] = [], environment: [String: String] = [:], _ body: (SettingsReader) async throws -> Void
) async throws {
  try await withTemporaryFolder { folder in
    let path = try folder.write(Array(file.utf8), to: "longshored.yaml")
    try await body(try await SettingsReader(file: path, fileIsRequired: true, flags: flags, environment: environment))
  }
}

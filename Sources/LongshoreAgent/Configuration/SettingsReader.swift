internal import Configuration
internal import FoundationEssentials
internal import SystemPackage
internal import Yams

/// Reads settings from the command line, the environment and a YAML file, in this order, and refuses unknown keys and bad values by
/// their names.
struct SettingsReader {
  private let reader: ConfigReader
  /// Where each setting that is given is given first.
  private let places: [Setting: String]

  /// Reads a file and the environment.
  ///
  /// - Parameters:
  ///   - file: The path of the YAML file; it may be missing only if `fileIsRequired` is false.
  ///   - flags: The `KEY=VALUE` texts of the command line.
  ///   - environment: The environment's variables.
  init(file: String, fileIsRequired: Bool, flags: [String], environment: [String: String]) async throws {
    var places: [Setting: String] = [:]
    let fileKeys = try Self.keys(inFile: file, isRequired: fileIsRequired)
    for key in (fileKeys ?? []).sorted() {
      guard let setting = Setting(rawValue: key) else { throw Self.unknown(key, in: file) }
      places[setting] = file
    }
    var given: [String: String] = [:]
    for (name, value) in environment where name.hasPrefix("LONGSHORED_") {
      if name == CrashPoint.variable {
        try CrashPoint.check(value)
        continue
      }
      guard let setting = Setting.allCases.first(where: { $0.environmentName == name }) else {
        throw ConfigurationError(
          place: "the environment", key: name,
          message: "no such setting; there are \(Setting.allCases.map(\.environmentName).joined(separator: ", "))")
      }
      places[setting] = "the environment"
      given[name] = value
    }
    var values: [AbsoluteConfigKey: ConfigValue] = [:]
    for flag in flags {
      guard let equals = flag.firstIndex(of: "="), let setting = Setting(rawValue: String(flag[..<equals])) else {
        throw Self.unknown(String(flag.prefix { $0 != "=" }), in: "the command line")
      }
      values[AbsoluteConfigKey(setting.rawValue.split(separator: ".").map(String.init))] = try Self.value(
        String(flag[flag.index(after: equals)...]), of: setting)
      places[setting] = "the command line"
    }
    self.places = places
    var providers: [any ConfigProvider] = [
      InMemoryProvider(name: "flags", values: values),
      EnvironmentVariablesProvider(environmentVariables: given).prefixKeys(with: "longshored"),
    ]
    do {
      if fileKeys != nil { providers.append(try await FileProvider<YAMLSnapshot>(filePath: FilePath(file))) }
      reader = ConfigReader(providers: providers)
    } catch {
      throw ConfigurationError(place: file, key: nil, message: "the file cannot be read as YAML: \(error)")
    }
  }

  // MARK: - Values

  func text(_ setting: Setting) throws -> String? {
    try check(reader.string(forKey: key(setting), isSecret: setting.isSecret), setting)
  }

  func list(_ setting: Setting) throws -> [String]? {
    try check(reader.stringArray(forKey: key(setting)), setting)
  }

  func truth(_ setting: Setting) throws -> Bool? { try check(reader.bool(forKey: key(setting)), setting) }

  func integer(_ setting: Setting, in range: ClosedRange<Int>) throws -> Int? {
    let value = try check(reader.int(forKey: key(setting)), setting)
    guard let value, !range.contains(value) else { return value }
    throw wrong(setting, "\(value) is not from \(range.lowerBound) to \(range.upperBound)")
  }

  /// A time in milliseconds.
  func duration(_ setting: Setting, in range: ClosedRange<Int64>) throws -> Int64? {
    // A bare 0 is a number in YAML, and the only one that needs no unit.
    if places[setting] != nil, reader.int(forKey: key(setting)) == 0, range.contains(0) { return 0 }
    guard let text = try text(setting) else { return nil }
    guard let value = DurationText.milliseconds(text) else { throw wrong(setting, "\(text) is not \(setting.kind.rawValue)") }
    guard range.contains(value) else {
      throw wrong(setting, "\(text) is not from \(range.lowerBound / 1000)s to \(range.upperBound / 1000)s")
    }
    return value
  }

  /// Where a setting is given.
  func place(of setting: Setting) -> String { places[setting] ?? "the configuration" }

  /// The error of a value that cannot be used.
  func wrong(_ setting: Setting, _ message: String) -> ConfigurationError {
    ConfigurationError(place: place(of: setting), key: setting.rawValue, message: message)
  }

  private func key(_ setting: Setting) -> ConfigKey { ConfigKey(setting.rawValue.split(separator: ".").map(String.init)) }

  /// A value that is given and was not read has the wrong type.
  private func check<Value>(_ value: Value?, _ setting: Setting) throws -> Value? {
    if value == nil, places[setting] != nil { throw wrong(setting, "the value is not \(setting.kind.rawValue)") }
    return value
  }

  // MARK: - Keys

  /// The keys that a file gives; nil where it is missing and may be, or has nothing but comments.
  private static func keys(inFile path: String, isRequired: Bool) throws -> [String]? {
    guard let bytes = FileManager.default.contents(atPath: path) else {
      guard isRequired else { return nil }
      throw ConfigurationError(place: path, key: nil, message: "the file is missing or cannot be read")
    }
    do {
      guard let root = try Yams.compose(yaml: String(decoding: bytes, as: UTF8.self)) else { return nil }
      guard case .mapping = root else {
        throw ConfigurationError(place: path, key: nil, message: "the file must hold keys and values, such as `cluster: c1`")
      }
      return keys(in: root, under: "")
    } catch let error as YamlError {
      throw ConfigurationError(place: path, key: nil, message: "the file is not YAML: \(problem(of: error))")
    }
  }

  /// What is wrong with a YAML file and where, without its text, which may hold a secret.
  private static func problem(of error: YamlError) -> String {
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _), .composer(_, let problem, let mark, _):
      "line \(mark.line), column \(mark.column): \(problem)"
    case .reader(let problem, _, _, _): problem
    case .duplicatedKeysInMapping(let keys, _): "a key is given twice: \(keys.sorted().joined(separator: ", "))"
    default: "it cannot be parsed"
    }
  }

  private static func keys(in node: Node, under prefix: String) -> [String] {
    guard case .mapping(let mapping) = node else { return [prefix] }
    return mapping.flatMap { key, value in
      keys(in: value, under: prefix.isEmpty ? key.string ?? "?" : "\(prefix).\(key.string ?? "?")")
    }
  }

  private static func unknown(_ key: String, in place: String) -> ConfigurationError {
    ConfigurationError(
      place: place, key: key, message: "no such setting; there are \(Setting.allCases.map(\.rawValue).joined(separator: ", "))")
  }

  private static func value(_ text: String, of setting: Setting) throws -> ConfigValue {
    func wrong() -> ConfigurationError {
      ConfigurationError(place: "the command line", key: setting.rawValue, message: "\(text) is not \(setting.kind.rawValue)")
    }
    switch setting.kind {
    case .text, .duration: return ConfigValue(.string(text), isSecret: setting.isSecret)
    case .list: return ConfigValue(.stringArray(text.split(separator: ",").map(String.init)), isSecret: false)
    case .integer:
      guard let number = Int(text) else { throw wrong() }
      return ConfigValue(.int(number), isSecret: false)
    case .truth:
      guard let truth = Bool(text) else { throw wrong() }
      return ConfigValue(.bool(truth), isSecret: false)
    }
  }
}

/// Times as people write them in configurations: a whole number and one of `s`, `m`, `h`, `d`; or `0`.
enum DurationText {
  /// The time in milliseconds; nil where the text is none.
  static func milliseconds(_ text: String) -> Int64? {
    if text == "0" { return 0 }
    guard let unit = text.last, let number = Int64(text.dropLast()), number >= 0 else { return nil }
    let factor: Int64? =
      switch unit {
      case "s": 1000
      case "m": 60_000
      case "h": 3_600_000
      case "d": 86_400_000
      default: nil
      }
    guard let factor else { return nil }
    let (product, overflow) = number.multipliedReportingOverflow(by: factor)
    return overflow ? nil : product
  }
}

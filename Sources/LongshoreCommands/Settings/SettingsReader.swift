import Configuration
import FoundationEssentials
import LongshoreClient
import LongshoreMessages

/// Finds the settings: flags before the environment before the configuration file.
///
/// | setting | environment | key in the file |
/// | --- | --- | --- |
/// | broker's URL | `LONGSHORE_BROKER` | `broker` |
/// | cluster | `LONGSHORE_CLUSTER` | `cluster` |
/// | file with the password | `LONGSHORE_PASSWORD_FILE` | `passwordFile` |
/// | authorities | `LONGSHORE_CA_FILE` | `caFile` |
/// | certificate | `LONGSHORE_CERTIFICATE_FILE` | `certificateFile` |
/// | certificate's key | `LONGSHORE_KEY_FILE` | `keyFile` |
struct SettingsReader {
  /// The file read where no other is named; it may be missing.
  static let defaultFile = "/etc/longshore/longshore.yaml"
  /// The broker where nothing names one.
  static let defaultBroker = "amqp://localhost"

  private static let operation = "reading the settings"

  /// The variables of the environment.
  let environment: [String: String]
  /// The file; nil for ``defaultFile``.
  let file: String?

  /// Reads the settings that flags leave open.
  func settings(flags: ConnectionOptions) async throws(CommandFailure) -> LinkSettings {
    let values = ConfigReader(providers: [
      EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: "longshore"),
      try await fileProvider(),
    ])
    guard let cluster = flags.cluster?.text ?? values.string(forKey: "cluster") else {
      throw problem("no cluster is named", advice: "Give --cluster NAME, or set LONGSHORE_CLUSTER.")
    }
    guard let clusterName = NodeName(cluster) else {
      throw problem("'\(cluster)' is not a cluster's name: use 1 to 63 of a-z, 0-9 and -")
    }
    var settings = LinkSettings(
      broker: flags.broker ?? values.string(forKey: "broker", isSecret: true) ?? Self.defaultBroker, cluster: clusterName)
    if let passwordFile = flags.passwordFile ?? values.string(forKey: "passwordFile") {
      settings.password = try Self.password(from: passwordFile)
    }
    settings.caFile = flags.caFile ?? values.string(forKey: "caFile")
    settings.certificateFile = flags.certificateFile ?? values.string(forKey: "certificateFile")
    settings.keyFile = flags.keyFile ?? values.string(forKey: "keyFile")
    settings.isVerbose = flags.verbose
    return settings
  }

  private func fileProvider() async throws(CommandFailure) -> FileProvider<YAMLSnapshot> {
    let place = ConfigReader(
      provider: InMemoryProvider(values: [
        "filePath": ConfigValue(.string(file ?? Self.defaultFile), isSecret: false),
        "allowMissing": ConfigValue(.bool(file == nil), isSecret: false),
      ]))
    do {
      return try await FileProvider<YAMLSnapshot>(config: place)
    } catch {
      throw problem("\(file ?? Self.defaultFile) cannot be read: \(error)")
    }
  }

  /// The password in a file, without the line feed at its end.
  private static func password(from file: String) throws(CommandFailure) -> String {
    do {
      let bytes = try Data(contentsOf: URL(filePath: file))
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw CommandFailure(.usage, "the password in \(file) is not UTF-8", while: operation)
      }
      return text.hasSuffix("\n") ? String(text.dropLast()) : text
    } catch let failure as CommandFailure {
      throw failure
    } catch {
      throw CommandFailure(.usage, "the password file \(file) cannot be read", while: operation)
    }
  }

  private func problem(_ message: String, advice: String? = nil) -> CommandFailure {
    CommandFailure(.usage, message, while: Self.operation, advice: advice)
  }
}

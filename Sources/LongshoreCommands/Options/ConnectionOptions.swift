import ArgumentParser
import LongshoreMessages

/// The options of every command that say where the broker is.
struct ConnectionOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The broker, as amqp:// or amqps:// URL; several hosts with commas. Also LONGSHORE_BROKER.", valueName: "url"))
  var broker: String?

  @Option(
    help: ArgumentHelp("The cluster of the hosts. Also LONGSHORE_CLUSTER.", valueName: "name"),
    transform: NameArgument.node)
  var cluster: NodeName?

  @Option(
    help: ArgumentHelp("A file with the broker's password. Also LONGSHORE_PASSWORD_FILE.", valueName: "file"),
    completion: .file())
  var passwordFile: String?

  @Option(
    help: ArgumentHelp("The authorities (PEM) for the broker's certificate.", valueName: "file"), completion: .file())
  var caFile: String?

  @Option(help: ArgumentHelp("The certificate (PEM) to show to the broker.", valueName: "file"), completion: .file())
  var certificateFile: String?

  @Option(help: ArgumentHelp("The certificate's key (PEM).", valueName: "file"), completion: .file())
  var keyFile: String?

  @Option(
    help: ArgumentHelp(
      "The configuration file (default: \(SettingsReader.defaultFile), which may be missing).", valueName: "file"),
    completion: .file())
  var config: String?

  @Flag(name: .shortAndLong, help: "Show the log of the connection on the standard error stream.")
  var verbose = false

  func validate() throws {
    if (certificateFile == nil) != (keyFile == nil) {
      throw ValidationError("--certificate-file and --key-file go together: give both or neither.")
    }
  }
}

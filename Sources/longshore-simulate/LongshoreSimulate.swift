internal import Glibc
internal import LongshoreSimulation

@main
enum LongshoreSimulate {
  static func main() { exit(SimulateCommand.run(Array(CommandLine.arguments.dropFirst()))) }
}

import LongshoreCommands

@main
enum Longshore {
  static func main() async { await LongshoreCommand.main() }
}

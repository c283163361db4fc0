internal import LongshoreAgent

@main
enum Longshored {
  static func main() async { await LongshoredCommand.main() }
}

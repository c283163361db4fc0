import LongshoreClient
import LongshoreMessages

/// What hosts know of a migration, as one text.
enum ReportText {
  /// The text: a head, and for each host its sections under a line of their own. What hosts tell is made printable, but for its lines.
  static func text(of id: MigrationID, _ reports: [(host: HostAddress, report: HostReport)], madeAt now: Timestamp) -> String {
    var text = """
      Report of the migration \(id), made at \(now) by longshore \(LongshoreVersion.current).
      Passwords and keys have been taken out; names, paths and addresses have not.

      """
    for (host, report) in reports {
      text += "\nHOST \(host.host), at \(report.time) by its own clock\n"
      for section in report.sections {
        text += "\n===== \(host.host): \(section.title.printable) =====\n"
        for line in section.text.split(separator: "\n", omittingEmptySubsequences: false) { text += String(line).printable + "\n" }
      }
    }
    return text
  }
}

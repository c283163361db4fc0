/// What one host knows of a migration, for a report of a defect. Names, paths and addresses are in it, passwords and keys are not.
public struct HostReport: Sendable, Hashable, Codable {
  /// One kind of what is known.
  public struct Section: Sendable, Hashable, Codable {
    /// What it is, such as `journal` or `log`. The set is open.
    public var title: String
    /// Lines for people; one that is too long has lost its beginning, and says so.
    public var text: String

    /// A section.
    public init(_ title: String, _ text: String) {
      self.title = title
      self.text = text
    }
  }

  /// The host's clock when it answered.
  public var time: Timestamp
  /// The hosts of the migration: its source and its destination.
  public var hosts: [NodeName]
  /// What is known, in an order that people read.
  public var sections: [Section]

  /// A report.
  public init(time: Timestamp, hosts: [NodeName], sections: [Section]) {
    self.time = time
    self.hosts = hosts
    self.sections = sections
  }
}

package import LongshoreMessages

/// What is known of a cluster, shared by what hears and what answers.
package actor ClusterState {
  /// What is known now.
  package private(set) var model: ClusterModel
  private let now: @Sendable () -> Timestamp

  /// A state that begins with a model.
  package init(_ model: ClusterModel, now: @escaping @Sendable () -> Timestamp) {
    self.model = model
    self.now = now
  }

  /// Takes in what was heard.
  package func apply(_ input: ClusterModel.Input) { model.apply(input, at: now()) }

  /// What is known of one migration: its story, or where that is not kept the row of its end.
  package func migration(_ id: MigrationID) -> (record: MigrationRecord?, row: EndedList.Row?) {
    let record = model.migration(id)
    return (record, record == nil ? model.ended.row(of: id) : nil)
  }
}

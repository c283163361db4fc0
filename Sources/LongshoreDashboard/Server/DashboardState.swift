import LongshoreMessages

/// What the dashboard knows, shared by what hears and what shows.
actor DashboardState {
  /// What is known now.
  private(set) var model: DashboardModel
  private let now: @Sendable () -> Timestamp

  /// Whether hosts have been asked and have answered since the start, or could not.
  private(set) var hasAsked = false

  /// A state that begins with a model.
  init(_ model: DashboardModel, now: @escaping @Sendable () -> Timestamp) {
    self.model = model
    self.now = now
  }

  /// Takes in what was heard.
  func apply(_ input: DashboardModel.Input) {
    if case .round = input { hasAsked = true }
    model.apply(input, at: now())
  }

  /// Notes that hosts were asked, whatever came of it.
  func noteAsked() { hasAsked = true }
}

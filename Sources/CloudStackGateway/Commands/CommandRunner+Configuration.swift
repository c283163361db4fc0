import Logging
import LongshoreClient
import LongshoreMessages

/// A configuration of CloudStack's that means something here, or that clients ask for.
private struct Configuration: Sendable {
  var name: String
  var category: String
  var standard: String
  var text: String
  var isDynamic = false
}

extension CommandRunner {
  /// The name of the deadline of migrations.
  static let deadlineName = "kvm.storage.online.migration.wait"

  private static let known: [Configuration] = [
    Configuration(
      name: "default.page.size", category: "Advanced", standard: String(Arguments.defaultPageSize),
      text: "Default page size for API list* commands"),
    Configuration(
      name: deadlineName, category: "Storage", standard: "86400",
      text: "Timeout in seconds for online (live) storage migration to complete on KVM: the whole time that a migration may take",
      isDynamic: true),
  ]

  /// What scopes CloudStack knows beside the global one.
  private static let scopes = ["zoneid", "clusterid", "storageid", "accountid", "domainid", "imagestoreuuid"]

  private func refuseScopes(_ arguments: Arguments) throws(APIError) {
    let given = Self.scopes.filter { arguments.text($0) != nil }
    guard given.isEmpty else {
      throw APIError(
        .parameter,
        given.count > 1
          ? "cannot handle multiple IDs, provide only one ID corresponding to the scope"
          : "Configurations are global here: leave \(given[0]) out", .invalidParameterValue)
    }
  }

  func configurations(_ call: Call) async throws(APIError) -> Answer {
    let arguments = call.arguments
    try refuseScopes(arguments)
    let wanted = Self.known.filter { configuration in
      if let name = arguments.text("name"), !configuration.name.contains(name) { return false }
      if let category = arguments.text("category"), category.lowercased() != configuration.category.lowercased() { return false }
      return Self.has(arguments.text("keyword"), configuration.name)
    }
    var rows: [ResponseObject] = []
    for configuration in wanted {
      guard configuration.name == Self.deadlineName else {
        rows.append(Self.row(configuration, value: configuration.standard))
        continue
      }
      let hosts = try await keeper.inventory().hosts.filter { !$0.isDown }
      rows.append(Self.deadline(hosts.map { ($0.name, $0.told.settings.deadlineSeconds.value) }))
    }
    return try arguments.answer(rows)
  }

  func configure(_ call: Call) async throws(APIError) -> Answer {
    let arguments = call.arguments
    try refuseScopes(arguments)
    let name = try arguments.required("name")
    guard let configuration = Self.known.first(where: { $0.name == name }) else {
      throw APIError(.parameter, "Config parameter with name \(name) doesn't exist", .invalidParameterValue)
    }
    guard configuration.isDynamic else {
      throw APIError(.parameter, "Config parameter \(name) cannot be changed here", .invalidParameterValue)
    }
    let value = try arguments.required("value")
    guard let seconds = Int64(value), Request.deadlineRange.contains(seconds) else {
      throw APIError(
        .parameter, "Please enter a valid integer value for the config \(name): 1 to \(Request.deadlineRange.upperBound) seconds",
        .invalidParameterValue)
    }
    let hosts = try await keeper.inventory().hosts.map(\.name)
    var told: [(NodeName, Int64)] = []
    var refused: [String] = []
    for answer in await configure(hosts, HostSettingsChange(deadlineSeconds: seconds)) {
      switch answer.result {
      case .success(.configured(let settings, _)): told.append((answer.host, settings.deadlineSeconds.value))
      case .success(.rejected(let reasons)): refused.append("\(answer.host): \(reasons.map(\.message).joined(separator: "; "))")
      case .success: refused.append("\(answer.host): an answer of another kind")
      case .failure(let error): refused.append("\(answer.host): \(error.message)")
      }
    }
    guard !told.isEmpty, refused.isEmpty else {
      let changed = told.map(\.0.text).sorted().joined(separator: ", ")
      throw APIError(
        .internalError,
        "\(name) is not changed at all hosts. Changed: \(changed.isEmpty ? "none" : changed). Not changed: \(refused.sorted().joined(separator: "; "))",
        .cloudRuntime)
    }
    logger.notice(
      "The deadline of migrations is changed", metadata: ["seconds": .stringConvertible(seconds), "key": .string(call.key.name)])
    await keeper.forget()
    var content = ResponseObject()
    content.add("configuration", Self.deadline(told))
    return Answer(to: arguments.command.name, content)
  }

  /// What a host has answered to an order.
  private struct HostAnswer: Sendable {
    let host: NodeName
    let result: Result<Reply.Body, LinkError>
  }

  /// Changes settings of hosts, of each for itself: an order goes to one host.
  private func configure(_ hosts: [NodeName], _ change: HostSettingsChange) async -> [HostAnswer] {
    await withTaskGroup(of: HostAnswer.self) { group in
      for host in hosts { group.addTask { await configure(host, change) } }
      return await group.reduce(into: []) { $0.append($1) }.sorted { $0.host.text < $1.host.text }
    }
  }

  private func configure(_ host: NodeName, _ change: HostSettingsChange) async -> HostAnswer {
    do throws(LinkError) {
      let reply = try await bus.ask(.configure(change), of: host, within: times.order)
      return HostAnswer(host: host, result: .success(reply.body))
    } catch {
      return HostAnswer(host: host, result: .failure(error))
    }
  }

  /// The row of the deadline: the value that most hosts have, and in the description those that have another.
  private static func deadline(_ values: [(NodeName, Int64)]) -> ResponseObject {
    guard let configuration = known.first(where: { $0.name == deadlineName }) else { return ResponseObject() }
    var counts: [Int64: Int] = [:]
    for (_, value) in values { counts[value, default: 0] += 1 }
    let value = counts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
    var configured = configuration
    let others = values.filter { $0.1 != value }.sorted { $0.0.text < $1.0.text }.map { "\($0.0): \($0.1)" }
    if !others.isEmpty { configured.text += ". Hosts that have another value: \(others.joined(separator: ", "))" }
    return row(configured, value: value.map { String($0) } ?? configuration.standard)
  }

  private static func row(_ configuration: Configuration, value: String) -> ResponseObject {
    var row = ResponseObject()
    row.add("category", configuration.category)
    row.add("name", configuration.name)
    row.add("value", value)
    row.add("defaultvalue", configuration.standard)
    row.add("description", configuration.text)
    row.add("displaytext", configuration.name)
    row.add("component", "longshore")
    row.add("group", "Storage")
    row.add("type", "Number")
    row.add("scope", "Global")
    row.add("isdynamic", configuration.isDynamic)
    return row
  }
}

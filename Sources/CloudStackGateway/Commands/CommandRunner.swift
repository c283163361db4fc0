import FoundationEssentials
import Logging
import LongshoreClient
import LongshoreMessages

/// Does what commands ask.
struct CommandRunner: Sendable {
  /// A command of somebody.
  struct Call: Sendable {
    /// The parameters.
    var arguments: Arguments
    /// Whose it is.
    var caller: Verifier.Caller
    /// The trace that it belongs to, and with it what it orders; nil where it is in none.
    var trace: TraceContext?

    /// Whose key it is.
    var key: AccessKey { caller.key }
  }

  /// Times. A client of CloudStack waits 10 seconds for an answer.
  struct Times: Sendable {
    /// How long a host may take to take an order.
    var order = Duration.seconds(8)
    /// How long the dry runs of a command may take together.
    var check = Duration.seconds(7)
    /// How long hosts are asked for a job that nobody knows here.
    var search = Duration.seconds(2)
  }

  /// How many dry runs are made at once for a request.
  static let checksAtOnce = 8

  let cluster: NodeName
  let state: ClusterState
  let bus: any ClusterBus
  let keeper: InventoryKeeper
  var times = Times()
  let logger: Logger

  /// Does what a command asks.
  @concurrent func run(_ call: Call) async throws(APIError) -> Answer {
    let arguments = call.arguments
    switch arguments.command.name {
    case "listApis": return try Self.apis(arguments)
    case "listCapabilities": return capabilities(arguments)
    case "listZones": return try zones(arguments)
    case "getUser": return try user(call)
    case "queryAsyncJobResult": return try await job(call)
    case "listAsyncJobs": return try await jobs(call)
    case "listEvents": return try await events(call)
    case "listHosts": return try hosts(call, try await rows())
    case "listVirtualMachines": return try machines(call, try await rows())
    case "listVolumes": return try volumes(call, try await rows())
    case "listStoragePools": return try pools(call, try await rows())
    case "findHostsForMigration": return try await hostsForMigration(call)
    case "findStoragePoolsForMigration": return try await poolsForMigration(call)
    case "migrateVirtualMachineWithVolume": return try await migrateWithVolume(call)
    case "migrateVirtualMachine": return try await migrate(call)
    case "migrateVolume": return try await migrateVolume(call)
    case "cancelAsyncJob": return try await cancel(call)
    case "listConfigurations": return try await configurations(call)
    case "updateConfiguration": return try await configure(call)
    default: throw .unsupported(arguments.command.name)
    }
  }

  /// What is known now.
  func rows() async throws(APIError) -> Rows {
    let inventory = try await keeper.inventory()
    return Rows(inventory, jobs: await state.model.records.map { Job($0) })
  }

  /// Whether a text has a keyword in it, in any case.
  static func has(_ keyword: String?, _ texts: String?...) -> Bool {
    guard let keyword = keyword?.lowercased() else { return true }
    return texts.contains { $0?.lowercased().contains(keyword) == true }
  }

  // MARK: What is always the same

  /// The answer of `listApis`.
  static func apis(_ arguments: Arguments) throws(APIError) -> Answer {
    let name = arguments.text("name")
    if let name, CommandTable.byName[name] == nil { throw .unsupported(name) }
    return try arguments.answer(
      CommandTable.all.filter { name == nil || $0.name == name }.map { spec in
        var row = ResponseObject()
        row.add("name", spec.name)
        row.add("description", spec.text)
        row.add("isasync", spec.isAsync)
        row.add("related", spec.parameters.compactMap(\.related).joined(separator: ","))
        row.add(
          "params",
          spec.parameters.map { parameter in
            var row = ResponseObject()
            row.add("name", parameter.name)
            row.add("description", parameter.text)
            row.add("type", parameter.kind.rawValue)
            row.add("length", parameter.length)
            row.add("required", parameter.isRequired)
            row.add("related", parameter.related)
            return row
          })
        row.add(
          "response",
          spec.response.fields.map { field in
            var row = ResponseObject()
            row.add("name", field.name)
            row.add("description", field.name)
            row.add("type", field.kind.rawValue)
            return row
          })
        row.add("httprequesttype", spec.isRead ? "GET" : "POST")
        return row
      })
  }

  private func capabilities(_ arguments: Arguments) -> Answer {
    var row = ResponseObject()
    row.add("securitygroupsenabled", false)
    row.add("dynamicrolesenabled", false)
    row.add("cloudstackversion", CloudStackVersion.text)
    row.add("apilimitinterval", 0)
    var content = ResponseObject()
    content.add("capability", row)
    return Answer(to: arguments.command.name, content)
  }

  private func zones(_ arguments: Arguments) throws(APIError) -> Answer {
    let place = Place(cluster)
    if let id = arguments.text("id"), id.lowercased() != place.zoneID { throw arguments.invalid("id") }
    let isNamed = arguments.text("name").map { $0 == cluster.text } ?? true
    return try arguments.answer(isNamed && Self.has(arguments.text("keyword"), cluster.text) ? [place.zone] : [])
  }

  private func user(_ call: Call) throws(APIError) -> Answer {
    guard call.arguments.text("userapikey") == call.key.key else { throw call.arguments.invalid("userapikey") }
    var row = ResponseObject()
    row.add("id", StableID.make("user", call.key.name))
    row.add("username", call.key.name)
    row.add("firstname", call.key.name)
    row.add("lastname", "")
    row.add("state", "enabled")
    row.add("account", Place.account)
    row.add("accountid", Place.accountID)
    row.add("accounttype", 1)
    row.add("domainid", Place.domainID)
    row.add("domain", Place.domain)
    row.add("roletype", "Admin")
    row.add("rolename", call.key.role.rawValue)
    var content = ResponseObject()
    content.add("user", row)
    return Answer(to: call.arguments.command.name, content)
  }
}

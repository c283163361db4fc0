import Logging
import LongshoreClient
import LongshoreMessages

extension CommandRunner {
  /// The job of an id, as it is known here or at a host; nil where none is.
  /// - Throws: ``APIError`` with 503 where it is not known here and hosts cannot be asked, so that there may be one.
  func find(_ id: MigrationID) async throws(APIError) -> Job? {
    if let job = await state.job(id) { return job }
    let hosts = Set(await state.model.hosts.keys)
    let replies: [Reply]
    do {
      replies = try await bus.askAll(.status(migration: id), within: times.search) { replies in
        replies.contains { if case .status = $0.body { true } else { false } }
          || !hosts.isEmpty && hosts.isSubset(of: replies.map(\.from.host))
      }
    } catch {
      throw APIError(any: error)
    }
    for reply in replies {
      guard case .status(let status) = reply.body else { continue }
      // What has long ended is not kept, it is asked for again.
      if !status.phase.isEnd { await state.apply(.status(status)) }
      return Job(MigrationRecord(status, now: status.updatedAt))
    }
    guard !replies.isEmpty else {
      throw APIError(.serviceUnavailable, "The job is not known here, and no host answers; ask again", .agentUnavailable)
    }
    guard await state.model.broker.isReplayed else { throw .historyIsRead }
    return nil
  }

  /// The job that a parameter names, of a guest that the key is for.
  func job(_ name: String, _ call: Call) async throws(APIError) -> Job {
    let text = try call.arguments.required(name)
    guard let id = MigrationID(text), let job = try await find(id), call.key.covers(job.guest) else { throw call.arguments.invalid(name) }
    return job
  }

  /// The row of a job, with its guest where it has succeeded.
  func row(_ job: Job) async throws(APIError) -> ResponseObject {
    guard job.status == .succeeded, let end = job.completedAt else { return job.row(machine: nil) }
    // The hosts' clocks may differ from this one: what is told a moment later is of after the end.
    let inventory = try? await keeper.inventory(notBefore: end)
    let rows = Rows(inventory ?? Inventory(cluster, hosts: []), jobs: [job])
    let host = job.runsAt ?? job.destination
    guard let guest = rows.inventory.guest(id: job.guest.uuid) else { return job.row(machine: rows.unknownMachine(job.guest, at: host)) }
    return job.row(machine: rows.virtualMachine(guest, runsAt: job.hasGuestEnded ? nil : rows.inventory.host(named: host)))
  }

  func job(_ call: Call) async throws(APIError) -> Answer {
    let arguments = call.arguments
    if arguments.text("jobid") != nil { return Answer(to: arguments.command.name, try await row(try await job("jobid", call))) }
    guard let resource = arguments.text("resourceid") else { throw .missing("jobid", of: arguments.command.name) }
    guard (arguments.text("resourcetype") ?? "VirtualMachine").lowercased() == "virtualmachine" else {
      throw arguments.invalid("resourcetype")
    }
    let jobs = await state.model.records.lazy.filter { $0.guest.uuid == resource.lowercased() }.map { Job($0) }
      .filter { call.key.covers($0.guest) }
    guard let last = jobs.max(by: { ($0.isPending ? 1 : 0, $0.createdAt) < ($1.isPending ? 1 : 0, $1.createdAt) }) else {
      throw arguments.invalid("resourceid")
    }
    return Answer(to: arguments.command.name, try await row(last))
  }

  func jobs(_ call: Call) async throws(APIError) -> Answer {
    let arguments = call.arguments
    let model = await state.model
    guard model.broker.awayBecause == nil || model.broker.wasConnected else {
      throw APIError(.serviceUnavailable, "The broker is away: nothing is known of jobs", .agentUnavailable)
    }
    let start = arguments.date("startdate")
    let isOfMachines = (arguments.text("resourcetype") ?? "VirtualMachine").lowercased() == "virtualmachine"
    let pending = (model.running + model.queue).map { Job($0) }.filter { job in
      isOfMachines && call.key.covers(job.guest) && start.map { job.createdAt >= $0 } ?? true
        && arguments.text("resourceid").map { $0.lowercased() == job.guest.uuid } ?? true
        && Self.has(arguments.text("keyword"), Job.command, job.guest.name)
    }.sorted { ($0.createdAt, $0.id.text) < ($1.createdAt, $1.id.text) }
    return try arguments.answer(pending.map { $0.row(machine: nil) })
  }

  func events(_ call: Call) async throws(APIError) -> Answer {
    let arguments = call.arguments
    let records = await state.model.records
    let (start, end) = (arguments.date("startdate"), arguments.date("enddate"))
    let wanted = records.filter { call.key.covers($0.guest) }.flatMap { record in
      record.events.compactMap { CloudStackEvent($0) }
    }.filter { event in
      if let id = arguments.text("id"), id.lowercased() != event.id { return false }
      if let type = arguments.text("type"), type.uppercased() != CloudStackEvent.type { return false }
      if let level = arguments.text("level"), level.uppercased() != event.level { return false }
      if let state = arguments.text("state"), state.lowercased() != event.status.rawValue.lowercased() { return false }
      if let id = arguments.text("resourceid"), id.lowercased() != event.guest.uuid { return false }
      if let type = arguments.text("resourcetype"), type.lowercased() != "virtualmachine" { return false }
      if let start, event.time < start { return false }
      if let end, event.time > end { return false }
      return Self.has(arguments.text("keyword"), event.description, CloudStackEvent.type)
    }.sorted { ($0.time, $0.id) > ($1.time, $1.id) }
    let place = Place(cluster)
    return try arguments.answer(wanted.map { $0.row(place) })
  }

  func cancel(_ call: Call) async throws(APIError) -> Answer {
    let job = try await job("jobid", call)
    guard job.isPending else {
      throw APIError(.parameter, "The job \(job.id) has ended already", .invalidParameterValue)
    }
    let reply: Reply
    do {
      reply = try await bus.ask(.cancel(migration: job.id), of: job.source, within: times.order)
    } catch {
      throw APIError(error)
    }
    if case .rejected(let reasons) = reply.body { throw APIError(refusal: reasons) }
    logger.notice(
      "A migration is cancelled", metadata: ["migration.id": .string(job.id.text), "key": .string(call.key.name)])
    var content = ResponseObject()
    content.add("success", true)
    content.add(
      "displaytext", "The migration is being cancelled; the job ends with status 2 once the Instance is known to be where it was.")
    return Answer(to: call.arguments.command.name, content)
  }
}

extension ClusterState {
  /// The job of an id; nil where none is known here.
  func job(_ id: MigrationID) -> Job? {
    let known = migration(id)
    return known.record.map { Job($0) } ?? known.row.map { Job($0) }
  }
}

extension APIError {
  /// It is not known yet which jobs there are.
  static let historyIsRead = APIError(.serviceUnavailable, "The history of jobs is being read; ask again", .agentUnavailable)
}
